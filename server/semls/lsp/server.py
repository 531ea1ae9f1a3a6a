"""The language server's handlers of requests, commands and notifications.

Synchronous handlers change the session's state; asynchronous ones wait for the engine.
"""

import asyncio
import contextlib
import importlib
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from semls import answer_text
from semls.ask.citations import Citation
from semls.escaping import LogFormatter, escape_line
from semls.limits import EMBEDDING_TIMEOUT
from semls.lsp import convert, documents, editor, stdio
from semls.lsp.asking import ask
from semls.lsp.params import (
    check_no_arguments,
    parse_context,
    parse_duplicates,
    parse_query,
    parse_search,
    parse_similar,
)
from semls.lsp.repairs import HeaderStream
from semls.lsp.session import Session
from semls.service.messages import ChunkMessage, ContextMessage, SimilarMessage
from semls.settings import EngineSettings, Settings

_MAX_SYMBOLS = 50
_EDITOR_CHECK_INTERVAL = 2.0  # seconds between checks that the editor's process exists


def serve(settings: Settings, engine: EngineSettings) -> None:
    """Serve one editor on standard input and output, then exit with the code that LSP specifies."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogFormatter(logging.BASIC_FORMAT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # it logs a traceback for each refused request
    stdin, stdout = stdio.claim()
    session = _create_session(settings, engine)
    session.start_io(cast(BinaryIO, HeaderStream(stdin)), stdout)
    sys.exit(0 if session.shutdown_requested else 1)  # pygls itself always exits with 0 (no public issue)


def _create_session(settings: Settings, engine: EngineSettings) -> Session:
    session = Session(settings, engine)
    for method, handler in _FEATURES.items():
        session.feature(method)(handler)
    session.feature(types.TEXT_DOCUMENT_DID_SAVE, types.SaveOptions(include_text=False))(_did_save)
    for name, command in _COMMANDS.items():
        session.command(name)(command)
    return session


# Lifecycle, folders and documents


def _initialize(ls: Session, params: types.InitializeParams) -> None:
    ls.capabilities = editor.Capabilities.from_params(params)
    ls.set_initialization_options(params.initialization_options)
    if ls.shows_lenses:
        ls.feature(types.TEXT_DOCUMENT_CODE_LENS)(_code_lens)


def _initialized(ls: Session, params: types.InitializedParams) -> None:  # noqa: ARG001
    folders = [(folder.uri, folder.name) for folder in ls.workspace.folders.values()]
    if not folders and ls.workspace.root_uri:
        folders = [(ls.workspace.root_uri, "")]  # pygls has no folder for a client that sends only `rootUri`
    ls.add_folders(convert.to_folders(folders))
    if ls.capabilities.registers_configuration:
        options = {"section": "semls"}
        ls.run_in_background(
            editor.register_capability(ls, types.WORKSPACE_DID_CHANGE_CONFIGURATION, options)
        )
    if ls.process_id and os.name == "posix":
        ls.run_in_background(_exit_with_editor(ls.process_id))
    ls.run_in_background(_preload())


def _did_change_configuration(ls: Session, params: types.DidChangeConfigurationParams) -> None:
    ls.change_configuration(params.settings)


def _did_change_folders(ls: Session, params: types.DidChangeWorkspaceFoldersParams) -> None:
    for folder in params.event.removed:
        ls.remove_folder(folder.uri)
    ls.add_folders(convert.to_folders([(folder.uri, folder.name) for folder in params.event.added]))


def _did_open(ls: Session, params: types.DidOpenTextDocumentParams) -> None:
    ls.buffers.open(params.text_document.uri, params.text_document.text)


def _did_change(ls: Session, params: types.DidChangeTextDocumentParams) -> None:
    ls.buffers.change(params.text_document.uri, params.content_changes, ls.encoding)


def _did_close(ls: Session, params: types.DidCloseTextDocumentParams) -> None:
    ls.buffers.close(params.text_document.uri)


def _did_save(ls: Session, params: types.DidSaveTextDocumentParams) -> None:
    saved = convert.uri_to_path(params.text_document.uri)
    for folder in ls.searched_paths:
        if saved and Path(saved).is_relative_to(folder):
            ls.request_in_background(ls.engine.report_saved(folder, [saved]))


def _shutdown(ls: Session, *_: object) -> None:
    ls.request_shutdown()


async def _exit_with_editor(pid: int) -> None:
    """Exit when the editor's process has ended, even if another process holds our stdin open."""
    with contextlib.suppress(PermissionError):
        while True:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                os._exit(1)
            await asyncio.sleep(_EDITOR_CHECK_INTERVAL)


async def _preload() -> None:
    """Import the modules that the first request needs."""
    await asyncio.to_thread(importlib.import_module, "semls.service.schemas")


# Search


async def _workspace_symbol(ls: Session, params: types.WorkspaceSymbolParams) -> list[types.WorkspaceSymbol]:
    if not params.query.strip() or not ls.folders:
        return []
    try:
        query = parse_search([{"query": params.query, "limit": _MAX_SYMBOLS}])
        hits = (await ls.search_latest(**query))["hits"]
    except JsonRpcInvalidParams as error:  # for example `lang:p`, while the user is typing `lang:py`
        editor.log_message(ls, error.message)
        return []
    on_disk, folders = await _read_documents(ls, _uris(hits)), ls.searched_folders
    symbols = [convert.to_symbol(hit, on_disk[hit["uri"]].to_buffer, ls.encoding, folders) for hit in hits]
    if ls.capabilities.filters_by_name:
        for rank, symbol in enumerate(symbols, 1):
            symbol.name = f"{params.query} → {rank:02} {symbol.name}"
    return symbols


async def _search_command(ls: Session, *arguments: object) -> list[types.Location]:
    answer = await ls.search(**parse_search(arguments))
    return await _to_locations(ls, answer["hits"])


async def _search_request(ls: Session, params: object) -> Mapping[str, object]:
    answer = await ls.search(**parse_search([params]))
    hits = await _to_hits(ls, answer["hits"])
    return {**answer, "notice": escape_line(answer["notice"]), "hits": hits}


async def _search_text_request(ls: Session, params: object) -> Mapping[str, str]:
    """Return the text that the tool `search` of `semls mcp` returns."""
    defaults = {"limit": answer_text.DEFAULT_LIMIT, "embedding_timeout": EMBEDDING_TIMEOUT}
    message = await ls.search(**{**defaults, **parse_search([params])})
    if message["hits"]:
        folders = convert.Folders(ls.searched_folders)
        return {"text": answer_text.render_answer(message, folders, answer_text.DEFAULT_LINES)}
    statuses = await ls.status()
    return {"text": answer_text.render_no_hits(message["notice"], message["complete"], statuses)}


async def _open_best_command(ls: Session, *arguments: object) -> types.Location | None:
    query = parse_query(arguments)
    if not ls.capabilities.show_document:
        raise JsonRpcException(
            "This editor does not support `window/showDocument`. Use `semls.search` and open the first "
            "location.",
            types.LSPErrorCodes.RequestFailed,
        )
    answer = await ls.search(**query, limit=1, embedding_timeout=EMBEDDING_TIMEOUT)
    locations = await _to_locations(ls, answer["hits"])
    if not locations:
        return None
    await editor.show_document(ls, locations[0])
    return locations[0]


async def _similar_command(ls: Session, *arguments: object) -> list[types.Location]:
    message = await _similar(ls, arguments)
    return await _to_locations(ls, message["hits"])


async def _similar_request(ls: Session, params: object) -> Mapping[str, object]:
    message = await _similar(ls, [params])
    (chunk,) = await _to_hits(ls, [message])
    copies, hits = await _to_hits(ls, message["copies"]), await _to_hits(ls, message["hits"])
    return {**chunk, "copies": copies, "hits": hits}


async def _similar(ls: Session, arguments: Sequence[object]) -> SimilarMessage:
    """Return code that is similar to the code at a position in a buffer."""
    file, row, limit = parse_similar(arguments)
    folder = convert.containing_folder(file, ls.searched_paths)
    if folder is None:
        raise JsonRpcInvalidParams(f"{escape_line(file)} is in none of the open folders. Open its folder.")
    uri = Path(file).as_uri()
    snapshots = {uri: ls.buffers.snapshot(uri)}
    read = await asyncio.to_thread(documents.read_documents, snapshots, [folder])
    return await ls.similar(folder, file, read[uri].to_disk(row), limit)


async def _duplicates_request(ls: Session, params: object) -> Mapping[str, object]:
    """Return the clusters of all folders, or of a file, copies first."""
    uri, options = parse_duplicates([params])
    messages = await (ls.duplicates(**options) if uri is None else ls.duplicates_in(uri))
    clusters = [
        {**cluster, "hits": await _to_hits(ls, cluster["hits"])}
        for message in messages
        for cluster in message["clusters"]
    ]
    return {
        "model": next((message["model"] for message in messages if message["model"]), ""),
        "coverage": {
            "chunks": sum(message["coverage"]["chunks"] for message in messages),
            "embedded": sum(message["coverage"]["embedded"] for message in messages),
        },
        "functions": sum(message["functions"] for message in messages),
        "compared": sum(message["compared"] for message in messages),
        "total": sum(message["total"] for message in messages),
        "clusters": sorted(clusters, key=lambda cluster: not cluster["copies"]),
    }


async def _code_lens(ls: Session, params: types.CodeLensParams) -> list[types.CodeLens]:
    """Return a lens for each function of a document that has copies, or near ones."""
    uri = params.text_document.uri
    try:
        messages = await ls.duplicates_in(uri)
    except JsonRpcInvalidParams:  # the file is not on the disk, because it is new or was deleted
        return []
    clusters = [cluster for message in messages for cluster in message["clusters"]]
    document = (await _read_documents(ls, [uri]))[uri]
    return [convert.to_lens(uri, cluster, document.to_buffer, ls.encoding) for cluster in clusters]


async def _context_command(ls: Session, *arguments: object) -> str:
    return (await ls.context(**parse_context(arguments)))["markdown"]


async def _context_request(ls: Session, params: object) -> ContextMessage:
    return convert.to_context(await ls.context(**parse_context([params])))


async def _ask_command(ls: Session, *arguments: object) -> Mapping[str, object]:
    pieces = await ask(ls, parse_context(arguments))
    places = {piece.text: piece.place for piece in pieces if isinstance(piece, Citation) and piece.place}
    on_disk = await _read_documents(ls, {place.uri for place in places.values()})
    citations = [
        convert.to_citation(text, place, on_disk[place.uri].to_buffer, ls.encoding)
        for text, place in places.items()
    ]
    return {"answer": convert.to_answer(pieces), "citations": citations}


async def _to_locations(ls: Session, chunks: Sequence[ChunkMessage]) -> list[types.Location]:
    on_disk = await _read_documents(ls, _uris(chunks))
    return [convert.to_location(chunk, on_disk[chunk["uri"]].to_buffer, ls.encoding) for chunk in chunks]


async def _to_hits(ls: Session, chunks: Sequence[ChunkMessage]) -> list[Mapping[str, object]]:
    on_disk, folders = await _read_documents(ls, _uris(chunks)), ls.searched_folders
    return [convert.to_hit(chunk, on_disk[chunk["uri"]].to_buffer, ls.encoding, folders) for chunk in chunks]


def _uris(chunks: Sequence[ChunkMessage]) -> set[str]:
    return {chunk["uri"] for chunk in chunks}


async def _read_documents(ls: Session, uris: Iterable[str]) -> dict[str, documents.Document]:
    """Return documents by URI."""
    snapshots = {uri: ls.buffers.snapshot(uri) for uri in uris}
    return await asyncio.to_thread(documents.read_documents, snapshots, ls.searched_paths)


# The index


async def _status(ls: Session) -> Mapping[str, object]:
    return {"folders": await ls.status()}


def _without_arguments(handler: Callable[[Session], Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    """Return a handler that refuses arguments."""

    async def checked(ls: Session, *arguments: object) -> object:
        check_no_arguments(arguments)
        return await handler(ls)

    return checked


_FEATURES: dict[str, Any] = {
    types.INITIALIZE: _initialize,
    types.INITIALIZED: _initialized,
    types.SHUTDOWN: _shutdown,
    types.TEXT_DOCUMENT_DID_OPEN: _did_open,
    types.TEXT_DOCUMENT_DID_CHANGE: _did_change,
    types.TEXT_DOCUMENT_DID_CLOSE: _did_close,
    types.WORKSPACE_DID_CHANGE_CONFIGURATION: _did_change_configuration,
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: _did_change_folders,
    types.WORKSPACE_SYMBOL: _workspace_symbol,
    "semls/search": _search_request,
    "semls/searchText": _search_text_request,
    "semls/similar": _similar_request,
    "semls/context": _context_request,
    "semls/duplicates": _duplicates_request,
    "semls/status": _without_arguments(_status),
}

_COMMANDS: dict[str, Any] = {
    "semls.search": _search_command,
    "semls.openBest": _open_best_command,
    "semls.similar": _similar_command,
    "semls.context": _context_command,
    "semls.ask": _ask_command,
    "semls.status": _without_arguments(_status),
    "semls.reindex": _without_arguments(Session.reindex),
    "semls.clear": _without_arguments(Session.clear),
    "semls.pause": _without_arguments(Session.pause),
    "semls.resume": _without_arguments(Session.resume),
}
