"""The language server: synchronous handlers change state, asynchronous ones wait for the engine."""

import asyncio
import contextlib
import importlib
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from semls.escaping import LogFormatter, escape_line
from semls.lsp import convert, documents, editor, stdio
from semls.lsp import params as arguments
from semls.lsp.repairs import Headers
from semls.lsp.session import Session
from semls.service.messages import ChunkMessage, ContextMessage, SimilarMessage
from semls.settings import EngineSettings, Settings

_SYMBOLS = 50
_PARENT = 2.0  # seconds between two looks at whether the editor lives


def serve(settings: Settings, engine: EngineSettings) -> None:
    """Serve one editor on standard input and output, then leave with the exit code of the specification."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogFormatter(logging.BASIC_FORMAT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # it logs a traceback for each refused request
    stdin, stdout = stdio.claim()
    session = _session(settings, engine)
    session.start_io(cast(BinaryIO, Headers(stdin)), stdout)
    sys.exit(0 if session.leaving else 1)  # pygls itself always leaves with 0 (no public issue)


def _session(settings: Settings, engine: EngineSettings) -> Session:
    session = Session(settings, engine)
    for method, handler in _FEATURES.items():
        session.feature(method)(handler)
    session.feature(types.TEXT_DOCUMENT_DID_SAVE, types.SaveOptions(include_text=False))(_did_save)
    for name, command in _COMMANDS.items():
        session.command(name)(command)
    return session


# The session's life


def _initialize(ls: Session, params: types.InitializeParams) -> None:
    ls.abilities = editor.Abilities.of(params)
    ls.take_options(params.initialization_options)


def _initialized(ls: Session, params: types.InitializedParams) -> None:  # noqa: ARG001
    folders = [(folder.uri, folder.name) for folder in ls.workspace.folders.values()]
    if not folders and ls.workspace.root_uri:
        folders = [(ls.workspace.root_uri, "")]  # pygls gives no folder to a client that knows only roots
    ls.open(convert.folders(folders))
    if ls.abilities.registers_configuration:
        ls.spawn(editor.register(ls, types.WORKSPACE_DID_CHANGE_CONFIGURATION, {"section": "semls"}))
    if ls.process_id and os.name == "posix":
        ls.spawn(_watch(ls.process_id))
    ls.spawn(_prepare())


def _did_change_configuration(ls: Session, params: types.DidChangeConfigurationParams) -> None:
    ls.take_pushed(params.settings)


def _did_change_folders(ls: Session, params: types.DidChangeWorkspaceFoldersParams) -> None:
    for folder in params.event.removed:
        ls.let_go(folder.uri)
    ls.open(convert.folders([(folder.uri, folder.name) for folder in params.event.added]))


def _did_open(ls: Session, params: types.DidOpenTextDocumentParams) -> None:
    ls.buffers.open(params.text_document.uri, params.text_document.text)


def _did_change(ls: Session, params: types.DidChangeTextDocumentParams) -> None:
    ls.buffers.change(params.text_document.uri, params.content_changes, ls.encoding)


def _did_close(ls: Session, params: types.DidCloseTextDocumentParams) -> None:
    ls.buffers.close(params.text_document.uri)


def _did_save(ls: Session, params: types.DidSaveTextDocumentParams) -> None:
    saved = convert.path(params.text_document.uri)
    for path in ls.paths:
        if saved and Path(saved).is_relative_to(path):
            ls.spawn(ls.in_the_background(ls.engine.report_saved(path, [saved])))


def _shutdown(ls: Session, *_: object) -> None:
    ls.stop()


async def _watch(pid: int) -> None:
    """Leave when the editor is gone, even while another process holds our input open."""
    with contextlib.suppress(PermissionError):
        while True:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                os._exit(1)
            await asyncio.sleep(_PARENT)


async def _prepare() -> None:
    """Import what the first request needs."""
    await asyncio.to_thread(importlib.import_module, "semls.service.schemas")


# Searching


async def _workspace_symbol(ls: Session, params: types.WorkspaceSymbolParams) -> list[types.WorkspaceSymbol]:
    if not params.query.strip() or not ls.folders:
        return []
    try:
        asked = arguments.search([{"query": params.query, "limit": _SYMBOLS}])
        hits = (await ls.search_for_picker(**asked))["hits"]
    except JsonRpcInvalidParams as error:  # whoever types `lang:py` has typed `lang:p` before
        editor.note(ls, error.message)
        return []
    read, folders = await _read(ls, hits), ls.open_folders
    symbols = [convert.symbol(hit, read[hit["uri"]].place, ls.encoding, folders) for hit in hits]
    if ls.abilities.filters_by_name:
        for rank, symbol in enumerate(symbols, 1):
            symbol.name = f"{params.query} → {rank:02} {symbol.name}"
    return symbols


async def _search_command(ls: Session, *given: Any) -> list[types.Location]:  # noqa: ANN401
    return await _locations(ls, (await ls.search(**arguments.search(given)))["hits"])


async def _search_request(ls: Session, params: Any) -> Mapping[str, object]:  # noqa: ANN401
    answer = await ls.search(**arguments.search((params,)))
    notice, hits = escape_line(answer["notice"]), await _messages(ls, answer["hits"])
    return {**answer, "notice": notice, "hits": hits}


async def _open_best_command(ls: Session, *given: Any) -> types.Location | None:  # noqa: ANN401
    asked = arguments.best(given)
    if not ls.abilities.shows_documents:
        raise JsonRpcException(
            "This editor cannot be told to open a file: use `semls.search`, and open the first location.",
            types.LSPErrorCodes.RequestFailed,
        )
    found = await _locations(ls, (await ls.search(**asked, limit=1))["hits"])
    for best in found:
        await editor.open_document(ls, best)
        return best
    return None


async def _similar_command(ls: Session, *given: Any) -> list[types.Location]:  # noqa: ANN401
    return await _locations(ls, (await _similar(ls, given))["hits"])


async def _similar_request(ls: Session, params: Any) -> Mapping[str, object]:  # noqa: ANN401
    answer = await _similar(ls, (params,))
    (asked,) = await _messages(ls, [answer])
    copies, hits = await _messages(ls, answer["copies"]), await _messages(ls, answer["hits"])
    return {**asked, "copies": copies, "hits": hits}


async def _similar(ls: Session, given: Sequence[Any]) -> SimilarMessage:
    """The position is one in the buffer, if there is one: the index knows the file on the disk."""
    file, row, options = arguments.similar(given)
    folder = convert.folder_of(file, ls.paths)
    if folder is None:
        raise JsonRpcInvalidParams(f"{escape_line(file)} lies in none of the open folders: open its folder.")
    uri = Path(file).as_uri()
    (document,) = (
        await asyncio.to_thread(documents.read, {uri: ls.buffers.snapshot(uri)}, [folder])
    ).values()
    return await ls.similar(folder, file, document.on_disk(row), **options)


async def _context_command(ls: Session, *given: Any) -> str:  # noqa: ANN401
    return (await ls.context(**arguments.context(given)))["markdown"]


async def _context_request(ls: Session, params: Any) -> ContextMessage:  # noqa: ANN401
    return convert.context(await ls.context(**arguments.context((params,))))  # its ranges are of whole lines


async def _locations(ls: Session, places: Sequence[ChunkMessage]) -> list[types.Location]:
    read = await _read(ls, places)
    return [convert.location(place, read[place["uri"]].place, ls.encoding) for place in places]


async def _messages(ls: Session, places: Sequence[ChunkMessage]) -> list[Mapping[str, object]]:
    read, folders = await _read(ls, places), ls.open_folders
    return [convert.message(place, read[place["uri"]].place, ls.encoding, folders) for place in places]


async def _read(ls: Session, places: Sequence[ChunkMessage]) -> dict[str, documents.Document]:
    buffers = {uri: ls.buffers.snapshot(uri) for uri in {place["uri"] for place in places}}
    return await asyncio.to_thread(documents.read, buffers, ls.paths)


# The index


async def _status(ls: Session, *_: object) -> Mapping[str, object]:
    return {"folders": await ls.status()}


def _plain(work: Callable[[Session], Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    """A command that is given nothing."""

    async def command(ls: Session, *given: object) -> object:
        arguments.nothing(given)
        return await work(ls)

    return command


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
    "semls/similar": _similar_request,
    "semls/context": _context_request,
    "semls/status": _plain(_status),
}

_COMMANDS: dict[str, Any] = {
    "semls.search": _search_command,
    "semls.openBest": _open_best_command,
    "semls.similar": _similar_command,
    "semls.context": _context_command,
    "semls.status": _plain(_status),
    "semls.reindex": _plain(Session.reindex),
    "semls.clear": _plain(Session.clear),
    "semls.pause": _plain(Session.pause),
    "semls.resume": _plain(Session.resume),
}
