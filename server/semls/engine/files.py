"""Which files of a workspace belong to the index, and their bytes.

Rules are asked from the strongest to the weakest, and the first that has an opinion decides:
.semlsignore files (the nearest first), .gitignore files (likewise), the repository's info/exclude,
the user's global git ignore file, and a short list of our own. Inside one file the last line wins.
"""

import codecs
import os
import re
import stat
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path, PurePath

from semls.errors import UsageError

MAX_BYTES = 1 << 20

BY_DEFAULT = "ignored by default"
BINARY = "binary"
MINIFIED = "minified"
GENERATED = "generated"
LOCK_FILE = "lock file"
NOT_REGULAR = "not a regular file"
NOT_UNICODE = "name is not valid Unicode"
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


def scan(root: Path, max_bytes: int = MAX_BYTES) -> Iterator[Found | Skipped]:
    """All files below a folder, lazily, sorted by path; what cannot be listed is skipped, never raised."""
    if not os.path.isdir(root):
        raise UsageError(f"There is no folder {root}: name one that exists.")
    return _Walk(Path(os.path.abspath(root)), max_bytes).run()


def read(root: Path, path: str, max_bytes: int = MAX_BYTES) -> bytes | Skipped:
    """The bytes of a file that was found, unless its name, its content or its state now rules it out."""
    try:
        content = _content(root, path, max_bytes)
    except OSError as error:
        content = _unreadable(error)
    except ValueError:
        content = NOT_UNICODE
    return Skipped(_printable(path), content) if isinstance(content, str) else content


# -- The walk


@dataclass(frozen=True, slots=True)
class _Folder:
    path: str
    ignores: "_Ignores"
    wanted: bool


@dataclass(frozen=True, slots=True)
class _Walk:
    root: Path
    max_bytes: int

    def run(self) -> Iterator[Found | Skipped]:
        # A stack of half-read folders: trees may be deeper than Python's recursion goes.
        stack = [self._visit(_Folder("", _above(self.root), wanted=True))]
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
        if "pyvenv.cfg" in names and not folder.wanted:
            yield Skipped(folder.path, BY_DEFAULT)
            return
        ignores = folder.ignores.inside(place, names)
        start = _with_slash(place)
        for entry in entries:
            path = folder.path + _sort_key(entry)
            try:
                yield self._judge(path, start + entry.name, entry, ignores)
            except OSError as error:
                yield Skipped(path, _unreadable(error))

    def _judge(
        self, path: str, absolute: str, entry: os.DirEntry[str], ignores: "_Ignores"
    ) -> Found | Skipped | _Folder:
        if (printable := _printable(path)) != path:
            return Skipped(printable, NOT_UNICODE)
        if entry.name in _NEVER:
            return Skipped(path, BY_DEFAULT)
        is_folder = path.endswith("/")
        wanted, reason = ignores.verdict(absolute, entry.name, is_folder)
        if wanted is False:
            return Skipped(path, reason)
        if entry.is_symlink() or _is_junction(entry):
            return Skipped(path, _link_reason(self.root, entry.path))
        if is_folder:
            return _Folder(path, ignores, wanted is True)
        if by_name := _reason_by_name(entry.name):
            return Skipped(path, by_name)
        status = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            return Skipped(path, NOT_REGULAR)
        if status.st_size > self.max_bytes:
            return Skipped(path, _too_large(self.max_bytes))
        return Found(path, status.st_size, status.st_mtime_ns)


def _sort_key(entry: os.DirEntry[str]) -> str:
    """A name that sorts a folder's entries so that whole paths come out sorted."""
    return entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name


def _is_junction(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a Windows junction, a folder to all but its own question (Python 3.12)."""
    return bool(getattr(entry, "is_junction", bool)())


def _link_reason(root: Path, link: str | Path) -> str:
    target = Path(os.path.realpath(link))
    if not target.is_relative_to(os.path.realpath(root)):
        return LINK_OUTSIDE
    if target.is_dir():
        return LINK_TO_FOLDER
    return LINK_TO_FILE if target.exists() else LINK_BROKEN


def _printable(path: str) -> str:
    return path if path.isascii() else path.encode("utf-8", "backslashreplace").decode()


def _unreadable(error: OSError) -> str:
    return f"unreadable: {error.strerror}"


def _too_large(max_bytes: int) -> str:
    return f"larger than {max_bytes / (1 << 20):g} MiB"


# -- Ignore rules

_TELLING = (".git", ".gitignore", ".semlsignore")
_NEVER = frozenset({".git", ".hg", ".svn", ".jj"})

_DEFAULTS = """
node_modules/ bower_components/ .pnpm-store/ .next/ .nuxt/ .svelte-kit/ .parcel-cache/ .turbo/ elm-stuff/
__pycache__/ .venv/ .tox/ .nox/ .eggs/ *.egg-info/ .mypy_cache/ .pytest_cache/ .ruff_cache/ .hypothesis/
.ipynb_checkpoints/ .direnv/ .idea/ .vs/ .gradle/ .bloop/ .metals/ .terraform/ .dart_tool/ .stack-work/
""".split()


@dataclass(frozen=True, slots=True)
class _Rule:
    """A line of an ignore file; `order` is its place, `keeps` is "!"."""

    order: int
    keeps: bool
    anchored: bool
    regex: str


class _Rules:
    """One ignore file.

    Its rules are joined into one expression for names and one for paths, the last line first, so
    that the first alternative that matches is the one that counts: an entry costs two matches here,
    however many lines there are. A folder is written with a NUL behind it, which no name contains.
    """

    def __init__(self, reason: str, folder: Path, lines: list[str]) -> None:
        rules = [rule for order, line in enumerate(lines) if (rule := _rule(order, line))][::-1]
        self.reason = reason
        self._start = len(_with_slash(folder))
        self._by_name = [rule for rule in rules if not rule.anchored]
        self._by_path = [rule for rule in rules if rule.anchored]
        self._names = _joined(self._by_name)
        self._paths = _joined(self._by_path)

    def verdict(self, path: str, name: str) -> bool | None:
        """Whether a path is kept; None when no line says anything."""
        by_name = self._names.fullmatch(name)
        by_path = self._paths.fullmatch(path, self._start)
        found = [self._by_name[by_name.lastindex - 1]] if by_name and by_name.lastindex else []
        found += [self._by_path[by_path.lastindex - 1]] if by_path and by_path.lastindex else []
        return max(found, key=lambda rule: rule.order).keeps if found else None


def _joined(rules: list[_Rule]) -> re.Pattern[str]:
    return re.compile("|".join(f"({rule.regex})" for rule in rules) or "(?!)", re.DOTALL)


def _with_slash(folder: Path) -> str:
    return folder.as_posix().rstrip("/") + "/"


@dataclass(frozen=True, slots=True)
class _Ignores:
    """The rules that hold in one folder, each group from the strongest to the weakest."""

    root: Path
    own: tuple[_Rules, ...]
    git: tuple[_Rules, ...]
    ours: tuple[_Rules, ...]

    def verdict(self, path: str, name: str, is_folder: bool) -> tuple[bool | None, str]:
        """Whether an absolute path is kept (None: nobody says), and the reason when it is not."""
        if is_folder:
            path, name = path + "\0", name + "\0"
        for group in (self.own, self.git, self.ours):
            for rules in group:
                if (kept := rules.verdict(path, name)) is not None:
                    return kept, rules.reason
        return None, ""

    def inside(self, folder: Path, names: Collection[str]) -> "_Ignores":
        """The rules that hold in a folder below, which has entries of these names."""
        own, git = self.own, self.git
        if ".git" in names:
            # A repository knows nothing of the rules of the one around it.
            git = (self._load(folder, ".git/info/exclude", _exclude_file(folder / ".git")), _global(folder))
        if ".gitignore" in names:
            git = (self._load(folder, ".gitignore"), *git)
        if ".semlsignore" in names:
            own = (self._load(folder, ".semlsignore"), *own)
        return self if own is self.own and git is self.git else replace(self, own=own, git=git)

    def _load(self, folder: Path, name: str, file: Path | None = None) -> _Rules:
        label = Path(os.path.relpath(folder / name, self.root)).as_posix()
        # Like git: a link is followed under .git, never in the work tree.
        content = _lines(folder / name, _NO_LINKS) if file is None else _lines(file)
        return _Rules(f"ignored by {label}", folder, content)


def _above(root: Path) -> _Ignores:
    """The rules that a workspace finds: ours, and those of the repository that it is a part of."""
    plain = _Ignores(root, (), (_global(root),), (_Rules(BY_DEFAULT, root, _DEFAULTS),))
    lineage = [root, *root.parents]
    depth = next((depth for depth, folder in enumerate(lineage) if os.path.exists(folder / ".git")), 0)
    ignores = plain
    for folder, child in pairwise(lineage[depth::-1]):
        ignores = ignores.inside(folder, [name for name in _TELLING if os.path.exists(folder / name)])
        if ignores.verdict(child.as_posix(), child.name, is_folder=True)[0] is False:
            # Whoever opens a folder that the repository around it ignores wants it all the same.
            return plain
    return ignores


def _global(top: Path) -> _Rules:
    """The user's own rules for every repository, at git's default place."""
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return _Rules("ignored by git's global ignore file", top, _lines(Path(config, "git", "ignore")))


def _exclude_file(git: Path) -> Path:
    """Where the repository keeps info/exclude: `.git` is a folder, or a file that names one."""
    if os.path.isfile(git):
        git = git.parent / "".join(_lines(git)[:1]).removeprefix("gitdir:").strip()
        git = git / "".join(_lines(git / "commondir")[:1]).strip()
    return git / "info" / "exclude"


def _lines(file: Path, flags: int = 0) -> list[str]:
    """The lines of a small text file; none when it cannot be read."""
    try:
        content = _regular(file, MAX_BYTES, flags) or b""
    except (OSError, ValueError):
        return []
    text = content.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    return [line.removesuffix("\r") for line in text.split("\n")]


def _rule(order: int, line: str) -> _Rule | None:
    """A line of an ignore file; None for one that says nothing or, to git too, makes no sense."""
    if line.startswith("#"):
        return None
    glob = _without_spaces(line).removeprefix("!")
    body = glob.removesuffix("/")
    try:
        regex = _regex(body.removeprefix("/"))
    except (ValueError, KeyError):
        return None
    end = "\0" if body != glob else "\0?"
    return _Rule(order, line.startswith("!"), "/" in body, regex + end) if body else None


def _without_spaces(line: str) -> str:
    """A line without the spaces at its end, unless a backslash keeps the first of them."""
    kept = line.rstrip(" ")
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return line[: len(kept) + backslashes % 2]


_IN_SET = r"(?:\[:[^\]]*:\]|\\.|(?!\[:[^\]]*:\])[^\\])"
_TOKEN = re.compile(
    r"(?P<deep>(?:(?<=/)|^)\*\*+/)"
    r"|(?P<all>(?:(?<=/)|^)\*\*+$)"
    r"|(?P<star>\*+)"
    r"|(?P<one>\?)"
    r"|\[(?P<set>(?:[!^]|(?![!^]))" + _IN_SET + r"(?:(?!\])" + _IN_SET + r")*)\]"
    r"|\\(?P<escaped>.)"
    r"|(?P<text>[^*?\[\\]+)",
    re.DOTALL,
)
_PLAIN_THEN_REST = re.compile(r"([^*?\[\\]*)(.*)", re.DOTALL)
_MEMBER = re.compile(r"\[:([^\]]*):\]|(\\.|.)(?:-(\\.|.))?", re.DOTALL)
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "cntrl": r"\x01-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r" \t-\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
# Without atomic groups a hostile pattern can take for ever; before 3.11.5 they have bugs (gh-106052).
_ATOM = "(?>" if sys.version_info >= (3, 11, 5) else "(?:"


def _regex(glob: str) -> str:
    """A pattern of git's as a regular expression. ValueError or KeyError: it matches nothing."""
    # Like git, which sets the plain beginning aside first: the "**" of "a**/b" then begins the pattern.
    plain, glob = _PLAIN_THEN_REST.findall(glob)[0]
    parts = [[re.escape(plain)]]
    at = 0
    while at < len(glob):
        if not (token := _TOKEN.match(glob, at)):
            raise ValueError(glob)
        at = token.end()
        match token.lastgroup:
            case "deep":
                parts.append([""])
            case "star":
                parts[-1].append(r"[^/\0]*?")
            case "all":
                parts[-1][-1] += r"[^\0]*"
            case "one":
                parts[-1][-1] += r"[^/\0]"
            case "set":
                parts[-1][-1] += _set(token["set"])
            case _:
                parts[-1][-1] += re.escape(token["text"] or token["escaped"])
    first, *deeper = map(_in_turn, parts)
    return _in_turn([first, *(rf"(?:[^/\0]*/)*?{part}" for part in deeper)])


def _in_turn(pieces: list[str]) -> str:
    """Pieces each of which, but the last, may stay with its first match: a later one never helps."""
    *early, last = pieces
    return "".join(f"{_ATOM}{piece})" for piece in early if piece) + last


def _set(members: str) -> str:
    """What stands between brackets, as a regular expression for one character."""
    negated = members[0] in "!^"
    ranges = "".join(_range(*member.groups()) for member in _MEMBER.finditer(members, pos=int(negated)))
    return rf"(?![/\0])[{'^' * negated}\x00{ranges}]"


def _range(named: str | None, first: str, last: str | None) -> str:
    if named is not None:
        return _CLASSES[named]
    low = first[-1]
    high = max(low, (last or low)[-1])
    return f"{re.escape(low)}-{re.escape(high)}"


# -- Content

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
    .apk .exe .dll .so .dylib .a .lib .o .obj .ko .pdb .wasm .class .dex .pyc .pyo .pyd .rlib .rmeta .node
    .bin .elf .woff .woff2 .ttf .otf .eot .ttc
    .db .sqlite .sqlite3 .mdb .parquet .arrow .feather .npy .npz .pkl .pickle .h5 .hdf5 .onnx .pt .pth
    .safetensors .gguf .tflite .blend .fbx .glb .swf .mo .ds_store
    """.split()
)
_MINIFIED_NAMES = (".min.js", ".min.mjs", ".min.css", ".min.html")
_ONE_LINERS = frozenset({".js", ".mjs", ".cjs", ".css", ".html", ".htm", ".json", ".svg", ".xml"})
_LONG_LINE = 2000

# The comments before the first line of code.
_HEADER = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s|#[^\n]*|//[^\n]*|--[^\n]*|;[^\n]*|%[^\n]*|@?rem\s[^\n]*|<[?!][a-z][^\n]*"
    rb"|/\*(?:.*?\*/|.*)|<!--(?:.*?-->|.*)|\(\*(?:.*?\*\)|.*)|\{-(?:.*?-\}|.*))*",
    re.DOTALL | re.IGNORECASE,
)
# A marker opens its comment: a file that talks about generated code says so further on in a sentence.
_MARKER = re.compile(
    rb"""^[^\w\n@<]*(?:rem\s+)?(?:
        (?:this\s+file\s+is\s+(?:auto(?:matically)?[\s-]*)?)?@generated(?![\w-])
      | <auto-?generated
      | code\s+generated\s[^\n]*do\ not\ edit
      | (?:(?:this|the)\s[^.\n]{0,60}?\b(?:is|was|are|were|been)\s+)?
        (?:auto(?:matically)?[\s-]*|machine[\s-]*)?generated(?![\w-])
        (?:.{0,300}?[.!,;:)\n-]|\s+(?:file|code))\W*(?:please\s+)?(?:do\ not|don't)\s+(?:edit|modify|change)\b
      | (?:do\ not|don't)\s+(?:edit|modify|change)\b[^\n]{0,60}[\s\W]+
        (?:(?:this|the|it)\s[^.\n]{0,60}?\b(?:is|was|are|were|been)\s+)?
        (?:auto(?:matically)?[\s-]*|machine[\s-]*)?generated(?![\w-])
    )""",
    re.DOTALL | re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)

_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)
_NO_WAITING = getattr(os, "O_NONBLOCK", 0)


def _content(root: Path, path: str, max_bytes: int) -> bytes | str:
    """The bytes of a file, or the reason to skip it."""
    parts = PurePath(path)
    file = root / parts
    if parts.anchor or ".." in parts.parts:
        return OUTSIDE
    if os.path.islink(file):
        return _link_reason(root, file)
    if not Path(os.path.realpath(file.parent)).is_relative_to(os.path.realpath(root)):
        return LINK_OUTSIDE
    if by_name := _reason_by_name(file.name):
        return by_name
    content = _regular(file, max_bytes, _NO_LINKS)
    if content is None:
        return NOT_REGULAR
    return (
        _too_large(max_bytes)
        if len(content) > max_bytes
        else _reason_by_content(file.name, content) or content
    )


def _regular(file: Path, max_bytes: int, flags: int) -> bytes | None:
    """A regular file's bytes, one more than asked for if there are more; None for what is no file."""
    with open(file, "rb", opener=lambda name, mode: os.open(name, mode | flags | _NO_WAITING)) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            return None
        return stream.read(max_bytes + 1)


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
