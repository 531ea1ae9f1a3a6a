"""Decide by name and content whether a file is indexed, and give the reason if it is not."""

import os
import re
from pathlib import Path

from semls.engine.files import machine_written
from semls.engine.files.generated import is_generated

BINARY = "binary"
MINIFIED = machine_written.MINIFIED
GENERATED = "generated"
LOCK_FILE = "lock file"
LINKED_WORKTREE = "linked worktree of the same repository"
NOT_REGULAR = "not a regular file"
NOT_UTF8 = "file name is not valid UTF-8"
OUTSIDE = "outside the workspace"
LINK_OUTSIDE = "link that leaves the workspace"
LINK_TO_FOLDER = "link to a folder"
LINK_TO_FILE = "link to another file of the workspace"
LINK_BROKEN = "broken link"
_UNREADABLE = "unreadable: "

_LOCK_FILES = frozenset(
    """
    package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock deno.lock cargo.lock poetry.lock
    pdm.lock uv.lock pipfile.lock gemfile.lock composer.lock mix.lock pubspec.lock podfile.lock
    package.resolved packages.lock.json flake.lock go.sum gradle.lockfile .terraform.lock.hcl
    """.split()
)
_BINARY_SUFFIXES = frozenset(
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
_MINIFIED_SUFFIXES = (".min.js", ".min.mjs", ".min.css", ".min.html")
_OFTEN_MINIFIED = frozenset(
    """
    .js .mjs .cjs .jsx .ts .mts .cts .tsx .vue .svelte .css .scss .less .html .htm .json .svg .xml
    """.split()
)
_COMMENT = re.compile(
    rb"(?<![\w\"'*])/\*.*?(?:\*/|\Z)|<!--.*?(?:-->|\Z)|^[ \t]*//[^\n]*", re.DOTALL | re.MULTILINE
)
_WORD = re.compile(rb"[A-Za-z]{2,}")
_MIN_WORDS = 10  # of code beside minified lines; fewer are a directive or an export
_MAX_LINE_OF_CODE = 200  # bytes
_NOTEBOOK_FACTOR = 16  # times the usual size

_BINARY_BYTES = 8192  # at the start of a file that are searched for a NUL


def reason_by_name(name: str) -> str | None:
    """Return why a file with this name is not indexed, or None if its name does not rule it out."""
    name = name.lower()
    suffix = os.path.splitext(name)[1] or name
    if suffix in _BINARY_SUFFIXES:
        return BINARY
    if name in _LOCK_FILES:
        return LOCK_FILE
    if suffix == ".map":
        return GENERATED
    return MINIFIED if name.endswith(_MINIFIED_SUFFIXES) else None


def reason_by_content(name: str, content: bytes) -> str | None:
    """Return why a file with this content is not indexed, or None if it is text that a person wrote."""
    if b"\0" in content[:_BINARY_BYTES]:
        return BINARY
    if os.path.splitext(name)[1].lower() in _OFTEN_MINIFIED and _is_minified(content):
        return MINIFIED
    return GENERATED if is_generated(name, content) else None


def reason_for_link(root: Path, link: str | Path) -> str:
    """Return why a symbolic link or Windows junction is not indexed, which depends on its target."""
    target = Path(os.path.realpath(link))
    if not target.is_relative_to(os.path.realpath(root)):
        return LINK_OUTSIDE
    if target.is_dir():
        return LINK_TO_FOLDER
    return LINK_TO_FILE if target.exists() else LINK_BROKEN


def max_bytes(name: str, usual: int) -> int:
    """Return the size up to which a file is indexed. Most of a notebook are pictures, which are left out."""
    return _NOTEBOOK_FACTOR * usual if name.lower().endswith(".ipynb") else usual


def reason_for_size(max_bytes: int) -> str:
    """Return the reason to skip a file that is larger than `max_bytes`."""
    return f"larger than {max_bytes / (1 << 20):g} MiB"


def reason_for_os_error(error: OSError) -> str:
    """Return the reason to skip a file that the operating system does not let semls read."""
    return f"{_UNREADABLE}{error.strerror}"


def is_os_error(reason: str) -> bool:
    """Return whether a reason is an OSError, which may disappear although the file does not change."""
    return reason.startswith(_UNREADABLE)


def reason_for_internal_error(error: Exception) -> str:
    """Return the reason to skip a file whose processing fails because of a bug in semls."""
    return f"internal error ({type(error).__name__}), which the engine's log describes"


def _is_minified(content: bytes) -> bool:
    """Return whether minified lines make up more than half of a file, and the rest is no code of a person."""
    sizes = {machine_written.MINIFIED: 0, machine_written.ENCODED: 0}
    for start, end, kind in machine_written.long_lines(content):
        sizes[kind] += end - start
    if 2 * sizes[machine_written.MINIFIED] <= len(content) - sizes[machine_written.ENCODED]:
        return False
    lines = [line for line in map(bytes.strip, _COMMENT.sub(b"", content).split(b"\n")) if line]
    if not lines or (lines[0].startswith(b"<") and len(lines[0]) > _MAX_LINE_OF_CODE):
        return True  # a page
    code = [line for line in lines if len(line) <= _MAX_LINE_OF_CODE]
    return len(_WORD.findall(b"\n".join(code))) < _MIN_WORDS
