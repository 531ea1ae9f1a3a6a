"""Decide by name and content whether a file is indexed, and give the reason if it is not."""

import os
import re
from pathlib import Path

BINARY = "binary"
MINIFIED = "minified"
GENERATED = "generated"
LOCK_FILE = "lock file"
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
_OFTEN_MINIFIED = frozenset({".js", ".mjs", ".cjs", ".css", ".html", ".htm", ".json", ".svg", ".xml"})
_LONG_LINE = 2000  # bytes

_BINARY_BYTES = 8192  # at the start of a file that are searched for a NUL
_HEADER_BYTES = 2048  # at the start of a file that are searched for a marker of generated code

# The comments at the start of a file, and a docstring of Python. Directives of a preprocessor count as
# comments, because a marker may follow an include guard. An inclusion does not: code begins with it.
_HEADER = re.compile(
    rb"""(?:\xef\xbb\xbf)?(?:
        \s | (?: \#(?!\s*(?:include|import)\s*[<"]) | // | -- | ; | % | @?rem\s | <[?!][a-z] ) [^\n]*
      | /\*(?:.*?\*/|.*) | <!--(?:.*?-->|.*) | \(\*(?:.*?\*\)|.*) | \{-(?:.*?-\}|.*)
      | "{3}(?:.*?"{3}|.*) | '{3}(?:.*?'{3}|.*)
    )*""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_SAYS_GENERATED = rb"""(?:(?:this|the|it)\s(?:[\w./'"-]+\s+){0,3}?(?:is|was|are|were|been)\s+(?:an?\s+)?)?
        (?:auto(?:matically)?[\s-]*|machine[\s-]*)?generated(?![\w-])"""
_SAYS_DO_NOT_EDIT = rb"(?:do\ not|don't)\s+(?:edit|modify|change)\b"
# The marker must begin a comment line. A file that only mentions generated code does so inside a sentence,
# in quotes, or with a comment inside a comment as an example.
_GENERATED_MARKER = re.compile(
    rb"""^(?![^\w\n]*[ \t](?:\#|//))(?:"{3}|'{3})?[^\w\n`'"]*?(?:(?:rem|warning:|note:)\s+)?(?:
        (?:this\s+file\s+is\s+(?:auto(?:matically)?[\s-]*)?)?@generated(?![\w-])
      | <auto-?generated
      | code\s+generated\s[^\n]*do\ not\ edit
      | %(generated)s (?:.{0,300}?[.!,;:)\n-]|\s+(?:file|code|content))\W*(?:please\s+)?%(do_not_edit)s
      | %(do_not_edit)s [^\n]{0,60}?[.!,;:)\n-]\W*%(generated)s
    )"""
    % {b"generated": _SAYS_GENERATED, b"do_not_edit": _SAYS_DO_NOT_EDIT},
    re.DOTALL | re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)


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
    if os.path.splitext(name)[1].lower() in _OFTEN_MINIFIED and _consists_of_long_lines(content):
        return MINIFIED
    return GENERATED if _is_generated(content[:_HEADER_BYTES]) else None


def reason_for_link(root: Path, link: str | Path) -> str:
    """Return why a symbolic link or Windows junction is not indexed, which depends on its target."""
    target = Path(os.path.realpath(link))
    if not target.is_relative_to(os.path.realpath(root)):
        return LINK_OUTSIDE
    if target.is_dir():
        return LINK_TO_FOLDER
    return LINK_TO_FILE if target.exists() else LINK_BROKEN


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


def _consists_of_long_lines(content: bytes) -> bool:
    """Return whether lines that are too long to be hand-written make up more than half of a file."""
    long_lines = (len(line) for line in content.split(b"\n") if len(line) > _LONG_LINE)
    return 2 * sum(long_lines) > len(content)


def _is_generated(start: bytes) -> bool:
    """Return whether the comments at the start of a file say that a program generated it."""
    header = _HEADER.match(start)
    return bool(header and _GENERATED_MARKER.search(header[0]))
