"""Which files of a workspace belong to the index, and their bytes."""

import logging
import os
import re
import stat
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from semls.engine.files.ignore import BY_DEFAULT, RULES, Ignores, above, takes_back, with_slash
from semls.engine.files.sensitive import MAY_HOLD_SECRETS, holds_private_key
from semls.errors import UsageError
from semls.limits import MAX_FILE_BYTES
from semls.reading import read_inside

log = logging.getLogger(__name__)

BINARY = "binary"
MINIFIED = "minified"
GENERATED = "generated"
LOCK_FILE = "lock file"
NOT_REGULAR = "not a regular file"
NOT_TEXT = "name that is not text"
OUTSIDE = "outside the workspace"
LINK_OUTSIDE = "link that leaves the workspace"
LINK_TO_FOLDER = "link to a folder"
LINK_TO_FILE = "link to another file of the workspace"
LINK_BROKEN = "broken link"


@dataclass(frozen=True, slots=True)
class Found:
    """A file to index; its path is relative to the workspace, with "/"."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """What is left out, and why. A folder ends with "/" and stands for all that is in it."""

    path: str
    reason: str


def scan(
    root: Path, places: Collection[str] = ("",), max_bytes: int = MAX_FILE_BYTES
) -> Iterator[Found | Skipped]:
    """The files at and below some places, lazily, sorted by path; what cannot be listed is skipped.

    A place is a path relative to the root without a "/" at its end. There may be nothing any more; where a
    folder on the way is left out or is a file now, that is what is found. Raises UsageError without the root.
    """
    if not os.path.isdir(root):
        raise UsageError(f"There is no folder {root}: name one that exists.")
    on_the_way = {folder for place in places for folder in _folders_above(place)}
    return _Walk(Path(os.path.abspath(root)), max_bytes, frozenset(places), frozenset(on_the_way)).run()


def concerns(path: str) -> str | None:
    """The place to scan when a path has changed, None for nothing."""
    *folders, name = parts = path.split("/")
    if ".git" in parts:
        folders, inside = parts[: parts.index(".git")], parts[parts.index(".git") + 1 :]
        return "/".join(folders) if inside in _TELLING_OF_GIT else None
    if not _NEVER.isdisjoint(parts):
        return None
    return "/".join(folders) if name in _TELLING else path


def is_folder(root: Path, path: str) -> bool:
    """Whether something is a folder itself, not a link to one."""
    try:
        return stat.S_ISDIR(os.lstat(root / path).st_mode)
    except (OSError, ValueError):
        return False


def look(root: Path, path: str) -> Found | None:
    """How a file that was found stands now; None when it is gone."""
    try:
        status = os.lstat(root / path)
    except (OSError, ValueError):
        return None
    return Found(path, status.st_size, _mtime(status)) if stat.S_ISREG(status.st_mode) else None


def read(root: Path, path: str, max_bytes: int = MAX_FILE_BYTES) -> bytes | Skipped:
    """The bytes of a file that was found, unless its name, its content or its state now rules it out."""
    try:
        content = _content(root, path, max_bytes)
    except OSError as error:
        content = _unreadable(error)
    except ValueError:
        content = NOT_TEXT
    return Skipped(printable(path), content) if isinstance(content, str) else content


def _folders_above(path: str) -> Iterator[str]:
    while path:
        path = path.rpartition("/")[0]
        yield path


@dataclass(frozen=True, slots=True)
class _Folder:
    path: str
    ignores: Ignores
    wanted: bool
    whole: bool


@dataclass(frozen=True, slots=True)
class _Walk:
    root: Path
    max_bytes: int
    places: frozenset[str]
    on_the_way: frozenset[str]

    def run(self) -> Iterator[Found | Skipped]:
        # A stack of half-read folders: trees may be deeper than Python's recursion goes.
        stack = [self._visit(_Folder("", above(self.root), wanted=True, whole="" in self.places))]
        while stack:
            item = next(stack[-1], None)
            if item is None:
                stack.pop()
            elif isinstance(item, _Folder):
                stack.append(self._visit(item))
            else:
                yield item

    def _visit(self, folder: _Folder) -> Iterator[Found | Skipped | _Folder]:
        place = self.root / folder.path
        try:
            with os.scandir(place) as listing:
                entries = sorted(listing, key=_sort_key)
        except OSError as error:
            yield Skipped(folder.path or "./", _unreadable(error))
            return
        names = {entry.name for entry in entries}
        if _VIRTUAL_ENVIRONMENT in names and not folder.wanted:
            yield Skipped(folder.path, BY_DEFAULT)
            return
        ignores = folder.ignores.inside(place, names)
        start = with_slash(place)
        for entry in entries:
            whole = folder.whole or folder.path + entry.name in self.places
            if not whole and folder.path + entry.name not in self.on_the_way:
                continue
            path = folder.path + _sort_key(entry)
            try:
                yield self._judge(path, start + entry.name, entry, ignores, whole)
            except OSError as error:
                yield Skipped(path, _unreadable(error))
            except Exception as error:
                log.exception("Looking at %s in %s failed", ascii(path), self.root)
                yield Skipped(printable(path), internal_error(error))

    def _judge(
        self, path: str, absolute: str, entry: os.DirEntry[str], ignores: Ignores, whole: bool
    ) -> Found | Skipped | _Folder:
        if (shown := printable(path)) != path:
            return Skipped(shown, NOT_TEXT)
        if entry.name in _NEVER:
            return Skipped(path, BY_DEFAULT)
        is_folder = path.endswith("/")
        wanted, reason = ignores.verdict(absolute, entry.name, is_folder)
        if wanted is False:
            return Skipped(path, reason)
        if entry.is_symlink() or _is_junction(entry):
            return Skipped(path, _link_reason(self.root, entry.path))
        if is_folder:
            return _Folder(path, ignores.below(wanted, reason), wanted is True, whole)
        if by_name := _reason_by_name(entry.name):
            return Skipped(path, by_name)
        status = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            return Skipped(path, NOT_REGULAR)
        if status.st_size > self.max_bytes:
            return Skipped(path, _too_large(self.max_bytes))
        return Found(path, status.st_size, _mtime(status))


def _sort_key(entry: os.DirEntry[str]) -> str:
    """A name that sorts a folder's entries so that whole paths come out sorted."""
    return entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name


def _is_junction(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a Windows junction: a link to a folder that `is_symlink` does not report.

    By its tag, since `DirEntry.is_junction` exists from Python 3.12 on.
    """
    if sys.platform == "win32":
        return entry.stat(follow_symlinks=False).st_reparse_tag == stat.IO_REPARSE_TAG_MOUNT_POINT
    return False


def _link_reason(root: Path, link: str | Path) -> str:
    target = Path(os.path.realpath(link))
    if not target.is_relative_to(os.path.realpath(root)):
        return LINK_OUTSIDE
    if target.is_dir():
        return LINK_TO_FOLDER
    return LINK_TO_FILE if target.exists() else LINK_BROKEN


def printable(path: str) -> str:
    """Return the path with an escape sequence for each byte that is not UTF-8, as the catalog has it."""
    return path if path.isascii() else os.fsencode(path).decode("utf-8", "backslashreplace")


def _unreadable(error: OSError) -> str:
    return f"{_UNREADABLE}{error.strerror}"


def is_unreadable(reason: str) -> bool:
    """Whether a file is skipped because of an error of the system, which may pass without a change."""
    return reason.startswith(_UNREADABLE)


def internal_error(error: Exception) -> str:
    """Return the reason to skip a file that semls fails to read because of an error of its own."""
    return f"internal error ({type(error).__name__}), which the engine's log describes"


def _mtime(status: os.stat_result) -> int:
    """Return the time of a change in nanoseconds, as far as SQLite can store it (until the year 2262)."""
    return min(status.st_mtime_ns, (1 << 63) - 1)


def _too_large(max_bytes: int) -> str:
    return f"larger than {max_bytes / (1 << 20):g} MiB"


_UNREADABLE = "unreadable: "
_VIRTUAL_ENVIRONMENT = "pyvenv.cfg"
_NEVER = frozenset({".git", ".hg", ".svn", ".jj"})
_TELLING = frozenset({*RULES, _VIRTUAL_ENVIRONMENT})  # of what else their folder has
_TELLING_OF_GIT: tuple[list[str], ...] = ([], ["HEAD"], ["config"], ["info", "exclude"])
_LOCK_FILES = frozenset(
    """
    package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock deno.lock cargo.lock poetry.lock
    pdm.lock uv.lock pipfile.lock gemfile.lock composer.lock mix.lock pubspec.lock podfile.lock
    package.resolved packages.lock.json flake.lock go.sum gradle.lockfile .terraform.lock.hcl
    """.split()
)
_BINARY = frozenset(
    """
    .png .jpg .jpeg .gif .bmp .ico .icns .webp .avif .heic .tif .tiff .psd .xcf .eps
    .mp3 .mp4 .m4a .m4v .wav .ogg .opus .flac .aac .avi .mov .mkv .webm .wmv
    .pdf .doc .docx .xls .xlsx .ppt .pptx .odt .ods .odp .epub
    .zip .gz .tgz .bz2 .tbz .xz .txz .zst .lz4 .br .7z .rar .tar .jar .war .ear .whl .egg .deb .rpm .dmg .iso
    .apk .exe .dll .so .dylib .a .lib .o .ko .pdb .wasm .class .dex .pyc .pyo .pyd .rlib .rmeta .node
    .bin .elf .woff .woff2 .ttf .otf .eot .ttc
    .db .sqlite .sqlite3 .mdb .parquet .arrow .feather .npy .npz .pkl .pickle .h5 .hdf5 .onnx .pt .pth
    .safetensors .gguf .tflite .blend .fbx .glb .swf .ds_store
    """.split()
)
_MINIFIED_NAMES = (".min.js", ".min.mjs", ".min.css", ".min.html")
_ONE_LINERS = frozenset({".js", ".mjs", ".cjs", ".css", ".html", ".htm", ".json", ".svg", ".xml"})
_LONG_LINE = 2000

# The comments before the first line of code, and Python's word before it.
_HEADER = re.compile(
    rb"""(?:\xef\xbb\xbf)?(?:
        \s | (?: \# | // | -- | ; | % | @?rem\s | <[?!][a-z] ) [^\n]*
      | /\*(?:.*?\*/|.*) | <!--(?:.*?-->|.*) | \(\*(?:.*?\*\)|.*) | \{-(?:.*?-\}|.*)
      | "{3}(?:.*?"{3}|.*) | '{3}(?:.*?'{3}|.*)
    )*""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
# A marker opens its comment: a file that talks about generated code says so further on in a sentence.
_MARKER = re.compile(
    rb"""^[^\w\n]*?(?:(?:rem|warning:|note:)\s+)?(?:
        (?:this\s+file\s+is\s+(?:auto(?:matically)?[\s-]*)?)?@generated(?![\w-])
      | <auto-?generated
      | code\s+generated\s[^\n]*do\ not\ edit
      | SAYS_GENERATED (?:.{0,300}?[.!,;:)\n-]|\s+(?:file|code|content))\W*(?:please\s+)?SAYS_HANDS_OFF
      | SAYS_HANDS_OFF [^\n]{0,60}?[.!,;:)\n-]\W*SAYS_GENERATED
    )""".replace(
        b"SAYS_GENERATED",
        rb"""(?:(?:this|the|it)\s(?:[\w./'"-]+\s+){0,3}?(?:is|was|are|were|been)\s+(?:an?\s+)?)?
        (?:auto(?:matically)?[\s-]*|machine[\s-]*)?generated(?![\w-])""",
    ).replace(b"SAYS_HANDS_OFF", rb"(?:do\ not|don't)\s+(?:edit|modify|change)\b"),
    re.DOTALL | re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)


def _content(root: Path, path: str, max_bytes: int) -> bytes | str:
    """The bytes of a file, or the reason to skip it."""
    parts = PurePath(path)
    file = root / parts
    if parts.anchor or ".." in parts.parts:
        return OUTSIDE
    if os.path.islink(file):
        return _link_reason(root, file)
    if by_name := _reason_by_name(file.name):
        return by_name
    try:
        content = read_inside(root, parts, max_bytes)
    except OSError:
        if Path(os.path.realpath(file.parent)).is_relative_to(os.path.realpath(root)):
            raise
        return LINK_OUTSIDE
    if content is None:
        return NOT_REGULAR
    if len(content) > max_bytes:
        return _too_large(max_bytes)
    if holds_private_key(file.name, content) and not takes_back(Path(os.path.abspath(root)), path):
        return MAY_HOLD_SECRETS
    return _reason_by_content(file.name, content) or content


def _reason_by_name(name: str) -> str | None:
    name = name.lower()
    suffix = os.path.splitext(name)[1] or name
    if suffix in _BINARY:
        return BINARY
    if name in _LOCK_FILES:
        return LOCK_FILE
    if suffix == ".map":
        return GENERATED
    return MINIFIED if name.endswith(_MINIFIED_NAMES) else None


def _reason_by_content(name: str, content: bytes) -> str | None:
    if b"\0" in content[:8192]:
        return BINARY
    if os.path.splitext(name)[1].lower() in _ONE_LINERS and _has_long_lines(content):
        return MINIFIED
    return GENERATED if _is_generated(content[:2048]) else None


def _has_long_lines(content: bytes) -> bool:
    """Whether lines that no person wrote make up most of a file."""
    return 2 * sum(len(line) for line in content.split(b"\n") if len(line) > _LONG_LINE) > len(content)


def _is_generated(start: bytes) -> bool:
    header = _HEADER.match(start)
    return bool(header and _MARKER.search(header[0]))
