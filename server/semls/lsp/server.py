"""The language server. Synchronous handlers change state, asynchronous ones wait for the engine."""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Coroutine, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer

from semls import __version__
from semls.errors import SemlsError, UsageError
from semls.lsp import client as editor
from semls.lsp import convert, stdio
from semls.lsp.repairs import Protocol
from semls.service.client import Client
from semls.service.messages import (
    AnswerMessage,
    ContextMessage,
    PlaceMessage,
    ProgressMessage,
    SimilarMessage,
    StatusMessage,
)
from semls.settings import EngineSettings, Settings

log = logging.getLogger(__name__)

_SYMBOLS = 50
_AGAIN = 1.0  # seconds until an engine that has gone away is followed again
_PARENT = 2.0  # seconds between two looks at whether the editor lives
_FILTERS = ("languages", "paths", "kinds")

T = TypeVar("T")


class Server(LanguageServer):
    """What is known of the client, and the way to the engine."""

    def __init__(self, settings: Settings, engine: EngineSettings) -> None:
        super().__init__(
            "semls",
            __version__,
            text_document_sync_kind=types.TextDocumentSyncKind.None_,
            protocol_cls=Protocol,
        )
        self.settings, self._engine_settings = settings, engine
        self.engine = Client(settings, engine)
        self.abilities = editor.Abilities(progress=False)
        self.roots: dict[str, str] = {}  # URI as the client wrote it → path
        self._following: dict[str, asyncio.Task[None]] = {}  # path → what follows its index
        self.leaving = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._told: set[str] = set()

    def configure(self, options: object) -> list[str]:
        """Take the options of `initialize`; gives back what is wrong with them."""
        if not isinstance(options, Mapping):
            return []
        given = {key: value for key, value in asdict(self.settings).items() if value} | dict(options)
        self.settings, problems = Settings.read(given)
        self.engine = Client(self.settings, self._engine_settings)
        return problems

    @property
    def encoding(self) -> convert.Encoding:
        """What the client counts columns in."""
        return self.workspace.position_encoding or types.PositionEncodingKind.Utf16

    @property
    def folders(self) -> list[str]:
        """The open folders; one may be gone by now, which must not silence the others."""
        return [root for root in self.roots.values() if os.path.isdir(root)]

    def open(self, folders: Mapping[str, str]) -> None:
        """Take up folders and follow their indexes."""
        self.roots.update(folders)
        for root in folders.values():
            if root not in self._following:
                self._following[root] = self.spawn(self.follow(root))

    def let_go(self, uri: str) -> None:
        """Follow a folder no more."""
        root = self.roots.pop(uri, None)
        if root and root not in self.roots.values():
            self._following.pop(root).cancel()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let something run beside the protocol."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def stop(self) -> None:
        """Let go of all that runs."""
        self.leaving = True
        for task in self._tasks:
            task.cancel()

    async def follow(self, root: str) -> None:
        """Keep a folder's index up to date; show its progress, and say once what is worth knowing."""
        while True:
            try:
                await editor.show(self, self.abilities, self._states(root))
            except SemlsError as error:
                self.say_once(str(error), types.MessageType.Error)
            await asyncio.sleep(_AGAIN)

    async def _states(self, root: str) -> AsyncGenerator[ProgressMessage, None]:
        async for state in self.engine.follow(root):
            self.say_once(state["notice"], types.MessageType.Info)
            self.say_once(state["error"], types.MessageType.Error)
            yield state

    async def changed(self, root: str, saved: str) -> None:
        """A file was saved: look at it now, before the system says that it has changed."""
        with contextlib.suppress(SemlsError):  # whoever follows the folder says it
            await self.engine.changed(root, [saved])

    def say_once(self, text: str, kind: types.MessageType) -> None:
        """Tell the user, unless that has been told before."""
        if text and text not in self._told:
            self._told.add(text)
            editor.tell(self, text, kind)

    async def search(self, arguments: Mapping[str, Any]) -> AnswerMessage:
        """The best hits. Raises JsonRpcException with a sentence for a person, as the next ones do."""
        given = _checked(arguments, ("query",), ("limit", *_FILTERS))
        return await _explained(self.engine.search(self.folders, **given))

    async def similar(self, arguments: Mapping[str, Any]) -> SimilarMessage:
        """What is like the code at a position."""
        given = _checked(arguments, ("uri", "position"), ("limit",))
        file, row = _place(given.pop("uri"), given.pop("position"))
        around = [root for root in self.folders if Path(file).is_relative_to(root)]
        if not around:
            raise JsonRpcInvalidParams(f"{file} lies in none of the open folders.")
        return await _explained(self.engine.similar(max(around, key=len), file, row, **given))

    async def context(self, arguments: Mapping[str, Any]) -> ContextMessage:
        """What a language model should read to answer."""
        given = _checked(arguments, ("query",), ("tokens", *_FILTERS))
        return await _explained(self.engine.context(self.folders, **given))

    async def status(self) -> Sequence[StatusMessage]:
        """The state of each folder."""
        return await _explained(asyncio.gather(*map(self.engine.status, self.folders)))

    def report_server_error(self, error: Exception, source: Any) -> None:  # noqa: ANN401
        """Log instead of a message in the user's face."""
        log.error("%s: %s", getattr(source, "__name__", source), error)


def serve(settings: Settings, engine: EngineSettings) -> None:
    """Serve one editor on standard input and output, then leave with the exit code of the specification."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    stdin, stdout = stdio.claim()
    server = _server(settings, engine)
    server.start_io(stdin, stdout)
    sys.exit(0 if server.leaving else 1)  # pygls itself always leaves with 0 (no public issue)


def _server(settings: Settings, engine: EngineSettings) -> Server:
    server = Server(settings, engine)
    for method, handler in _FEATURES.items():
        server.feature(method)(handler)
    server.feature(types.TEXT_DOCUMENT_DID_SAVE, types.SaveOptions(include_text=False))(_did_save)
    for name, command in _COMMANDS.items():
        server.command(name)(command)
    return server


def _initialize(ls: Server, params: types.InitializeParams) -> None:
    ls.abilities = editor.Abilities.of(params.capabilities)
    for problem in ls.configure(params.initialization_options):
        ls.say_once(problem, types.MessageType.Warning)


def _initialized(ls: Server, params: types.InitializedParams) -> None:  # noqa: ARG001
    folders = [folder.uri for folder in ls.workspace.folders.values()]
    if not folders and ls.workspace.root_uri:
        folders = [ls.workspace.root_uri]  # pygls gives no folder to a client that knows only roots
    ls.open(_paths(folders))
    if ls.process_id and os.name == "posix":
        ls.spawn(_watch(ls.process_id))


def _did_change_folders(ls: Server, params: types.DidChangeWorkspaceFoldersParams) -> None:
    for folder in params.event.removed:
        ls.let_go(folder.uri)
    ls.open(_paths([folder.uri for folder in params.event.added]))


def _did_save(ls: Server, params: types.DidSaveTextDocumentParams) -> None:
    saved = convert.path(params.text_document.uri)
    for root in ls.roots.values():
        if saved and Path(saved).is_relative_to(root):
            ls.spawn(ls.changed(root, saved))


def _shutdown(ls: Server, *_: object) -> None:
    ls.stop()


async def _workspace_symbol(ls: Server, params: types.WorkspaceSymbolParams) -> list[types.WorkspaceSymbol]:
    if not params.query.strip() or not ls.roots:
        return []
    try:
        hits = (await ls.search({"query": params.query, "limit": _SYMBOLS}))["hits"]
    except JsonRpcInvalidParams as error:  # whoever types `lang:py` has typed `lang:p` before
        editor.note(ls, error.message)
        return []
    source = await asyncio.to_thread(convert.lines, hits)
    return [convert.symbol(hit, source[hit["uri"]], ls.encoding) for hit in hits]


async def _search_command(ls: Server, *arguments: Any) -> list[types.Location]:  # noqa: ANN401
    return await _locations(ls, (await ls.search(_only(arguments)))["hits"])


async def _search_request(ls: Server, params: Any) -> Mapping[str, object]:  # noqa: ANN401
    answer = await ls.search(_only((params,)))
    return {**answer, "hits": await _messages(ls, answer["hits"])}


async def _similar_command(ls: Server, *arguments: Any) -> list[types.Location]:  # noqa: ANN401
    return await _locations(ls, (await ls.similar(_only(arguments)))["hits"])


async def _similar_request(ls: Server, params: Any) -> Mapping[str, object]:  # noqa: ANN401
    answer = await ls.similar(_only((params,)))
    (asked,) = await _messages(ls, [answer])
    copies, hits = await _messages(ls, answer["copies"]), await _messages(ls, answer["hits"])
    return {**asked, "copies": copies, "hits": hits}


async def _context_command(ls: Server, *arguments: Any) -> str:  # noqa: ANN401
    return (await ls.context(_only(arguments)))["markdown"]


async def _context_request(ls: Server, params: Any) -> ContextMessage:  # noqa: ANN401
    return await ls.context(_only((params,)))  # its ranges are of whole lines


async def _status_request(ls: Server, params: object) -> Mapping[str, object]:  # noqa: ARG001
    return {"folders": await ls.status()}


async def _locations(ls: Server, places: Sequence[PlaceMessage]) -> list[types.Location]:
    source = await asyncio.to_thread(convert.lines, places)
    return [convert.location(place, source[place["uri"]], ls.encoding) for place in places]


async def _messages(ls: Server, places: Sequence[PlaceMessage]) -> list[Mapping[str, object]]:
    source = await asyncio.to_thread(convert.lines, places)
    return [convert.message(place, source[place["uri"]], ls.encoding) for place in places]


_FEATURES: dict[str, Any] = {
    types.INITIALIZE: _initialize,
    types.INITIALIZED: _initialized,
    types.SHUTDOWN: _shutdown,
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: _did_change_folders,
    types.WORKSPACE_SYMBOL: _workspace_symbol,
    "semls/search": _search_request,
    "semls/similar": _similar_request,
    "semls/context": _context_request,
    "semls/status": _status_request,
}

_COMMANDS: dict[str, Any] = {
    "semls.search": _search_command,
    "semls.similar": _similar_command,
    "semls.context": _context_command,
}


def _only(arguments: tuple[Any, ...]) -> Mapping[str, Any]:
    """The one object among the arguments. Raises JsonRpcInvalidParams."""
    if len(arguments) == 1:
        given = _plain(arguments[0])
        if isinstance(given, Mapping):
            return given
    raise JsonRpcInvalidParams("Give one object as the argument, such as {query: 'where are files read'}.")


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Mappings for the named tuples that pygls makes of objects."""
    given = value._asdict() if hasattr(value, "_asdict") else value
    return {key: _plain(one) for key, one in given.items()} if isinstance(given, Mapping) else given


def _checked(arguments: Mapping[str, Any], needed: Sequence[str], others: Sequence[str]) -> dict[str, Any]:
    """The arguments that are given. Raises JsonRpcInvalidParams."""
    given = {key: value for key, value in arguments.items() if value is not None}
    if not set(needed) <= given.keys() <= {*needed, *others} or not isinstance(given[needed[0]], str):
        names, more = " and ".join(needed), ", ".join(others)
        raise JsonRpcInvalidParams(f"Give one object with {names} and, if you like, {more}.")
    return given


def _place(uri: str, position: object) -> tuple[str, int]:
    """The file and the row that are meant. Raises JsonRpcInvalidParams."""
    file = convert.path(uri)
    row = position.get("line") if isinstance(position, Mapping) else None
    if not file or not isinstance(row, int):
        raise JsonRpcInvalidParams("Give the `uri` of a file and a `position` in it: {line, character}.")
    return file, row


async def _explained(answer: Awaitable[T]) -> T:
    """What the engine answers. Raises JsonRpcException with a sentence for a person."""
    try:
        return await answer
    except UsageError as error:
        raise JsonRpcInvalidParams(str(error)) from error
    except SemlsError as error:
        raise JsonRpcException(str(error), types.LSPErrorCodes.RequestFailed) from error


def _paths(uris: list[str]) -> dict[str, str]:
    paths = {uri: convert.path(uri) for uri in uris}
    return {uri: path for uri, path in paths.items() if path}


async def _watch(pid: int) -> None:
    """Leave when the editor is gone, even while another process holds our input open."""
    with contextlib.suppress(PermissionError):
        while True:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                os._exit(1)
            await asyncio.sleep(_PARENT)
