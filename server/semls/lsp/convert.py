"""The border: what the engine says in rows and byte columns, in the words and units of the protocol."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar, cast
from urllib.parse import unquote_to_bytes, urlsplit

from lsprotocol import types

from semls.escaping import escape_line, escape_text
from semls.service.messages import (
    ChunkMessage,
    ContextMessage,
    FileReasonMessage,
    Position,
    Range,
    SectionMessage,
    StateMessage,
    StatusMessage,
)

Encoding = types.PositionEncodingKind | str
Place: TypeAlias = Callable[[int, int], tuple[int, str]]  # row and column → row, and what is before it there
_State = TypeVar("_State", bound=StateMessage)
_DRIVE = re.compile("/([A-Za-z]):")
_SHOWN = {"path": escape_line, "name": escape_line, "container": escape_line, "snippet": escape_text}


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
    """Return the absolute path of a file URI on this machine; None for any other URI.

    `pygls.uris.to_fs_path` replaces bytes that are not UTF-8 and takes `localhost` for a folder (no public
    issue).
    """
    try:
        scheme, host, quoted, _, _ = urlsplit(uri)
        found = unquote_to_bytes(quoted).decode("utf-8", "surrogateescape")
    except ValueError:  # such as file://[
        return None
    host = host.lower().removeprefix("localhost")
    if os.name == "nt":
        drive = _DRIVE.match(found)
        found = f"{drive[1].lower()}{found[2:]}" if drive else f"//{host}{found}" if host else found
    elif host:
        return None
    is_file = scheme == "file" and "\0" not in found and os.path.isabs(found)
    return os.path.normpath(found) if is_file else None


def folder_of(path: str, folders: Iterable[str]) -> str | None:
    """The innermost of the folders that a path begins with; None if there is none."""
    return max((folder for folder in folders if Path(path).is_relative_to(folder)), key=len, default=None)


def location(hit: ChunkMessage, place: Place, encoding: Encoding) -> types.Location:
    """Where a reader wants to land: at the hit's name, or at the chunk of a long definition."""
    return types.Location(hit["uri"], to_range(hit["selectionRange"], place, encoding))


def symbol(
    hit: ChunkMessage, place: Place, encoding: Encoding, folders: Sequence[Folder]
) -> types.WorkspaceSymbol:
    """A hit as a workspace symbol, which tells its folder where there are several."""
    container = hit["container"] or hit["path"]
    return types.WorkspaceSymbol(
        name=escape_line(hit["name"]),
        kind=getattr(types.SymbolKind, hit["kind"], types.SymbolKind.Module),
        location=location(hit, place, encoding),
        container_name=escape_line(f"{_name(hit, folders)}: {container}" if len(folders) > 1 else container),
    )


def message(
    hit: ChunkMessage, place: Place, encoding: Encoding, folders: Sequence[Folder]
) -> Mapping[str, object]:
    """A hit with the client's columns, the name of its folder, and texts that can be shown."""
    shown = {key: escape(str(dict(hit)[key])) for key, escape in _SHOWN.items() if key in hit}
    return {
        **hit,
        **shown,
        "folder": escape_line(_name(hit, folders)),
        "range": to_range(hit["range"], place, encoding),
        "selectionRange": to_range(hit["selectionRange"], place, encoding),
    }


def state(message: _State) -> _State:
    """A workspace's state with texts that can be shown."""
    texts = {key: escape_line(text) for key, text in message.items() if isinstance(text, str)}
    return cast(_State, {**message, **texts})


def status(message: StatusMessage) -> StatusMessage:
    """A workspace's status with texts that can be shown."""
    skipped_files, by_lines = _files(message["skipped_files"]), _files(message["by_lines"])
    skipped = {escape_line(reason): count for reason, count in message["skipped"].items()}
    workspaces = list(map(escape_line, message["workspaces"]))
    return {
        **state(message),
        "workspaces": workspaces,
        "skipped": skipped,
        "skipped_files": skipped_files,
        "by_lines": by_lines,
    }


def _files(files: Iterable[FileReasonMessage]) -> list[FileReasonMessage]:
    return [{"path": escape_line(file["path"]), "reason": escape_line(file["reason"])} for file in files]


def context(message: ContextMessage) -> ContextMessage:
    """A context with texts that can be shown; the engine has escaped its Markdown."""
    sections: list[SectionMessage] = [
        {
            **section,
            "path": escape_line(section["path"]),
            "parts": [{**part, "text": escape_text(part["text"])} for part in section["parts"]],
        }
        for section in message["sections"]
    ]
    return {**message, "notice": escape_line(message["notice"]), "sections": sections}


def _name(hit: ChunkMessage, folders: Sequence[Folder]) -> str:
    """The name of the folder that the hit's path begins in."""
    ends = f"/{hit['path']}"
    place = Path(path(hit["uri"]) or "").as_posix().removesuffix(ends)
    return next((folder.name for folder in folders if Path(folder.path).as_posix() == place), "")


def to_range(where: Range, place: Place, encoding: Encoding) -> types.Range:
    """A range with the client's columns."""
    start, end = _place(where["start"], place), _place(where["end"], place)
    if where["start"]["line"] == where["end"]["line"]:
        start, end = ((end[0], start[1]), end) if end[1] else (start, start)
    elif end < start:
        end = start
    return types.Range(_position(*start, encoding), _position(*end, encoding))


def _place(where: Position, place: Place) -> tuple[int, str]:
    return place(where["line"], where["character"])


def _position(row: int, before: str, encoding: Encoding) -> types.Position:
    return types.Position(row, _units(before, encoding))


def _units(text: str, encoding: Encoding) -> int:
    if text.isascii() or encoding == types.PositionEncodingKind.Utf32:
        return len(text)
    if encoding == types.PositionEncodingKind.Utf8:
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def index(line: str, column: int, encoding: Encoding) -> int:
    """Where in a line a column of the client is; its end for one behind that."""
    if line.isascii() or encoding == types.PositionEncodingKind.Utf32:
        return min(column, len(line))
    codec, size = ("utf-8", 1) if encoding == types.PositionEncodingKind.Utf8 else ("utf-16-le", 2)
    before = line.encode(codec, "surrogatepass")[: size * column]
    return len(before.decode(codec, "ignore"))
