"""The border: what the engine says in rows and byte columns, in the words and units of the protocol."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsprotocol import types
from pygls.uris import to_fs_path

from semls.service.messages import PlaceMessage, Position, Range

Encoding = types.PositionEncodingKind | str


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that the client has open."""

    uri: str  # as the client wrote it
    name: str
    path: str


def folders(given: Iterable[tuple[str, str]]) -> list[Folder]:
    """From URIs and names, those that are folders on this machine."""
    found = ((uri, name, path(uri)) for uri, name in given)
    return [Folder(uri, name or Path(there).name, there) for uri, name, there in found if there]


def path(uri: str) -> str | None:
    """The path of a file URI; None for any other kind."""
    return to_fs_path(uri) if uri.startswith("file:") else None


def lines(hits: Sequence[PlaceMessage]) -> dict[str, list[bytes]]:
    """By URI, the lines of the files that the hits lie in, none for an unreadable one. Reads the disk."""
    found = {}
    for uri in {hit["uri"] for hit in hits}:
        try:
            found[uri] = split(Path(path(uri) or "").read_bytes())
        except OSError:
            found[uri] = []
    return found


def split(source: bytes) -> list[bytes]:
    """Lines as the protocol counts them: LF, CRLF and CR end them. A byte order mark does not count."""
    text = source.removeprefix(b"\xef\xbb\xbf")
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")


def location(hit: PlaceMessage, source: Sequence[bytes], encoding: Encoding) -> types.Location:
    """Where the name of the hit stands: there a reader wants to land."""
    return types.Location(hit["uri"], to_range(hit["selectionRange"], source, encoding))


def symbol(
    hit: PlaceMessage, source: Sequence[bytes], encoding: Encoding, folders: Sequence[Folder]
) -> types.WorkspaceSymbol:
    """A hit as a workspace symbol, which tells its folder where there are several."""
    container = hit["container"] or hit["path"]
    return types.WorkspaceSymbol(
        name=hit["name"],
        kind=getattr(types.SymbolKind, hit["kind"], types.SymbolKind.Module),
        location=location(hit, source, encoding),
        container_name=f"{_name(hit, folders)}: {container}" if len(folders) > 1 else container,
    )


def message(
    hit: PlaceMessage, source: Sequence[bytes], encoding: Encoding, folders: Sequence[Folder]
) -> Mapping[str, object]:
    """A hit as the engine sent it, with the client's columns and the name of its folder."""
    return {
        **hit,
        "folder": _name(hit, folders),
        "range": to_range(hit["range"], source, encoding),
        "selectionRange": to_range(hit["selectionRange"], source, encoding),
    }


def _name(hit: PlaceMessage, folders: Sequence[Folder]) -> str:
    """The name of the folder that the hit's path begins in."""
    ends = f"/{hit['path']}"
    place = Path(path(hit["uri"]) or "").as_posix().removesuffix(ends)
    return next((folder.name for folder in folders if Path(folder.path).as_posix() == place), "")


def to_range(where: Range, source: Sequence[bytes], encoding: Encoding) -> types.Range:
    """A range with the client's columns."""
    return types.Range(_position(where["start"], source, encoding), _position(where["end"], source, encoding))


def _position(where: Position, source: Sequence[bytes], encoding: Encoding) -> types.Position:
    row, column = where["line"], where["character"]
    line = source[row] if row < len(source) else b""
    return types.Position(row, column if line.isascii() else _units(line[:column], encoding))


def _units(prefix: bytes, encoding: Encoding) -> int:
    try:
        text = prefix.decode()
    except UnicodeDecodeError:
        text = prefix.decode("latin-1")
    if encoding == types.PositionEncodingKind.Utf8:
        return len(text.encode())
    if encoding == types.PositionEncodingKind.Utf32:
        return len(text)
    return len(text.encode("utf-16-le")) // 2
