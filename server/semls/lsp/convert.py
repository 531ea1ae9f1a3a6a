"""Converts the engine's messages, in rows and byte columns, to objects of LSP in the client's encoding.

Texts that come from files or file names are escaped here.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast
from urllib.parse import unquote_to_bytes, urlsplit

from lsprotocol import types

from semls.ask.citations import Citation, Place
from semls.ask.notice import Notice
from semls.escaping import escape_line, escape_text
from semls.service.messages import (
    ChunkMessage,
    ClusterMessage,
    ContextMessage,
    FileReasonMessage,
    HitMessage,
    Position,
    Range,
    SectionMessage,
    StateMessage,
    StatusMessage,
)

Encoding: TypeAlias = types.PositionEncodingKind | str

# Maps a row and a byte column on disk to a row in the client's buffer and the text before that position.
BufferMapping: TypeAlias = Callable[[int, int], tuple[int, str]]

_DRIVE = re.compile("/([A-Za-z]):")


@dataclass(frozen=True, slots=True)
class Folder:
    """A workspace folder of the client."""

    uri: str  # as the client wrote it
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders that a request searches."""

    folders: Sequence[Folder]

    def relative(self, path: str) -> str:
        """Return a path relative to its folder, whose name precedes it if there are several. Escaped."""
        folder = containing_folder(path, [folder.path for folder in self.folders])
        relative = Path(path).relative_to(folder).as_posix() if folder else path
        names = {folder.path: folder.name for folder in self.folders}
        return escape_line(f"{names[folder]}/{relative}" if folder and len(names) > 1 else relative)


def to_folders(uris_and_names: Iterable[tuple[str, str]]) -> list[Folder]:
    """Return the workspace folders that are on this machine."""
    folders = []
    for uri, name in uris_and_names:
        path = uri_to_path(uri)
        if path:
            folders.append(Folder(uri, name or Path(path).name, path))
    return folders


def uri_to_path(uri: str) -> str | None:
    """Return the absolute path of a file URI on this machine, or None for any other URI.

    `pygls.uris.to_fs_path` replaces bytes that are not UTF-8 and takes `localhost` for a folder (no public
    issue).
    """
    try:
        scheme, host, quoted_path, _, _ = urlsplit(uri)
        path = unquote_to_bytes(quoted_path).decode("utf-8", "surrogateescape")
    except ValueError:  # such as file://[
        return None
    host = host.lower().removeprefix("localhost")
    if os.name == "nt":
        drive = _DRIVE.match(path)
        if drive:
            path = f"{drive[1].lower()}{path[2:]}"
        elif host:
            path = f"//{host}{path}"
    elif host:
        return None
    is_file = scheme == "file" and "\0" not in path and os.path.isabs(path)
    return os.path.normpath(path) if is_file else None


def containing_folder(path: str, folders: Iterable[str]) -> str | None:
    """Return the innermost folder that contains a path, or None."""
    containing = [folder for folder in folders if Path(path).is_relative_to(folder)]
    return max(containing, key=len, default=None)


def to_location(chunk: ChunkMessage, mapping: BufferMapping, encoding: Encoding) -> types.Location:
    """Return the location of a chunk's name, or of the chunk if the name lies outside it."""
    return types.Location(chunk["uri"], to_range(chunk["selectionRange"], mapping, encoding))


def to_symbol(
    chunk: ChunkMessage, mapping: BufferMapping, encoding: Encoding, folders: Sequence[Folder]
) -> types.WorkspaceSymbol:
    """Return a chunk as a workspace symbol. Its container starts with the folder if there are several."""
    container = chunk["container"] or chunk["path"]
    if len(folders) > 1:
        container = f"{_folder_name(chunk, folders)}: {container}"
    return types.WorkspaceSymbol(
        name=escape_line(chunk["name"]),
        kind=getattr(types.SymbolKind, chunk["kind"], types.SymbolKind.Module),
        location=to_location(chunk, mapping, encoding),
        container_name=escape_line(container),
    )


def to_hit(
    chunk: ChunkMessage, mapping: BufferMapping, encoding: Encoding, folders: Sequence[Folder]
) -> Mapping[str, object]:
    """Return a chunk or hit with ranges in the client's encoding and the name of its folder.

    Of the line `best`, only the text is kept: its numbers count in the file on disk.
    """
    hit: dict[str, object] = {
        **{key: value for key, value in chunk.items() if key != "best"},
        "path": escape_line(chunk["path"]),
        "name": escape_line(chunk["name"]),
        "container": escape_line(chunk["container"]),
        "folder": escape_line(_folder_name(chunk, folders)),
        "range": to_range(chunk["range"], mapping, encoding),
        "selectionRange": to_range(chunk["selectionRange"], mapping, encoding),
    }
    if "snippet" in hit:
        hit["snippet"] = escape_text(str(hit["snippet"]))
    if "best" in chunk:
        hit["best"] = {"text": escape_line(cast(HitMessage, chunk)["best"]["text"])}
    return hit


def to_lens(uri: str, cluster: ClusterMessage, mapping: BufferMapping, encoding: Encoding) -> types.CodeLens:
    """Return the lens above the first function of a cluster. Its command finds code similar to it."""
    name_range = to_range(cluster["hits"][0]["selectionRange"], mapping, encoding)
    count = len(cluster["hits"]) - 1
    unit = "copy" if cluster["copies"] else "near copy"
    title = f"1 {unit}" if count == 1 else f"{count} {unit.replace('copy', 'copies')}"
    arguments = {"uri": uri, "position": name_range.start}
    return types.CodeLens(name_range, types.Command(title, "semls.similar", arguments=[arguments]))


def to_state(message: StateMessage) -> StateMessage:
    """Return a workspace's state with its texts escaped."""
    return {
        **message,
        "workspace": escape_line(message["workspace"]),
        "model": escape_line(message["model"]),
        "device": escape_line(message["device"]),
        "store": escape_line(message["store"]),
        "notice": escape_line(message["notice"]),
        "error": escape_line(message["error"]),
    }


def failed_state(folder: Folder, error: Exception) -> StateMessage:
    """Return the state of a workspace whose engine cannot be reached."""
    return {
        "workspace": escape_line(folder.path),
        "phase": "reading",
        "indexed": False,
        "files": 0,
        "chunks": 0,
        "embedded": 0,
        "encoded": 0,
        "rate": 0.0,
        "downloaded": 0,
        "download": 0,
        "model": "",
        "device": "",
        "store": "",
        "notice": "",
        "error": escape_line(str(error)),
    }


def to_status(message: StatusMessage) -> StatusMessage:
    """Return a workspace's status with its texts escaped."""
    return {
        **message,
        **to_state(message),
        "workspaces": [escape_line(workspace) for workspace in message["workspaces"]],
        "skipped": {escape_line(reason): count for reason, count in message["skipped"].items()},
        "skipped_files": _to_file_reasons(message["skipped_files"]),
        "by_lines": _to_file_reasons(message["by_lines"]),
        "partial": _to_file_reasons(message["partial"]),
    }


def _to_file_reasons(files: Iterable[FileReasonMessage]) -> list[FileReasonMessage]:
    return [{"path": escape_line(file["path"]), "reason": escape_line(file["reason"])} for file in files]


def to_context(message: ContextMessage) -> ContextMessage:
    """Return a context with its texts escaped, except the Markdown, which the engine has escaped.

    Its ranges consist of whole lines, which need no conversion.
    """
    sections: list[SectionMessage] = [
        {
            **section,
            "path": escape_line(section["path"]),
            "name": escape_line(section["name"]),
            "parts": [{**part, "text": escape_text(part["text"])} for part in section["parts"]],
        }
        for section in message["sections"]
    ]
    return {**message, "notice": escape_line(message["notice"]), "sections": sections}


def to_answer(pieces: Iterable[str | Citation | Notice]) -> str:
    """Return the answer of a language model as Markdown, with marks at the citations that are wrong.

    What the user should know about the answer stands below it.
    """
    return escape_text("".join(map(_to_markdown, pieces)))


def _to_markdown(piece: str | Citation | Notice) -> str:
    match piece:
        case Citation():
            return piece.marked
        case Notice():
            return f"\n\n({piece.text})"
    return piece


def to_citation(text: str, place: Place, mapping: BufferMapping, encoding: Encoding) -> Mapping[str, object]:
    """Return a citation: its text in the answer, and the lines that it means."""
    lines: Range = {
        "start": {"line": place.first - 1, "character": 0},
        "end": {"line": place.last, "character": 0},
    }
    return {
        "text": escape_line(text),
        "path": place.path,
        "uri": place.uri,
        "range": to_range(lines, mapping, encoding),
        "code": escape_line(place.code),
    }


def _folder_name(chunk: ChunkMessage, folders: Sequence[Folder]) -> str:
    """Return the name of the folder that a chunk's path is relative to."""
    suffix = f"/{chunk['path']}"
    folder_path = Path(uri_to_path(chunk["uri"]) or "").as_posix().removesuffix(suffix)
    return next((folder.name for folder in folders if Path(folder.path).as_posix() == folder_path), "")


def to_range(disk_range: Range, mapping: BufferMapping, encoding: Encoding) -> types.Range:
    """Return a range in the client's buffer and encoding."""
    start, end = _map(disk_range["start"], mapping), _map(disk_range["end"], mapping)
    if disk_range["start"]["line"] == disk_range["end"]["line"]:
        if end[1]:
            start = (end[0], start[1])
        else:  # the line has changed
            end = start
    elif end < start:
        end = start
    return types.Range(_to_position(*start, encoding), _to_position(*end, encoding))


def _map(position: Position, mapping: BufferMapping) -> tuple[int, str]:
    return mapping(position["line"], position["character"])


def _to_position(row: int, text_before: str, encoding: Encoding) -> types.Position:
    return types.Position(row, _code_units(text_before, encoding))


def _code_units(text: str, encoding: Encoding) -> int:
    """Return the length of a text in code units of an encoding."""
    if text.isascii() or encoding == types.PositionEncodingKind.Utf32:
        return len(text)
    if encoding == types.PositionEncodingKind.Utf8:
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def to_index(line: str, character: int, encoding: Encoding) -> int:
    """Return the index in a line of a position's `character`, which may lie past the end of the line."""
    if line.isascii() or encoding == types.PositionEncodingKind.Utf32:
        return min(character, len(line))
    codec, unit_size = ("utf-8", 1) if encoding == types.PositionEncodingKind.Utf8 else ("utf-16-le", 2)
    prefix = line.encode(codec, "surrogatepass")[: unit_size * character]
    return len(prefix.decode(codec, "ignore"))
