"""The border: what the engine says in rows and byte columns, in the words and units of the protocol."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lsprotocol import types
from pygls.uris import to_fs_path

from semls.service.messages import PlaceMessage, Position, Range

Encoding = types.PositionEncodingKind | str


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


def symbol(hit: PlaceMessage, source: Sequence[bytes], encoding: Encoding) -> types.WorkspaceSymbol:
    """A hit as a workspace symbol."""
    return types.WorkspaceSymbol(
        name=hit["name"],
        kind=getattr(types.SymbolKind, hit["kind"], types.SymbolKind.Module),
        location=location(hit, source, encoding),
        container_name=hit["container"] or hit["path"],
    )


def message(hit: PlaceMessage, source: Sequence[bytes], encoding: Encoding) -> Mapping[str, object]:
    """A hit as the engine sent it, with the client's columns."""
    return {
        **hit,
        "range": to_range(hit["range"], source, encoding),
        "selectionRange": to_range(hit["selectionRange"], source, encoding),
    }


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
