"""One editor's session: its folders and their settings, what follows their indexes, the way to the engine."""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Coroutine, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from lsprotocol import types
from pygls.exceptions import (
    JsonRpcContentModified,
    JsonRpcException,
    JsonRpcInternalError,
    JsonRpcInvalidParams,
)
from pygls.lsp.server import LanguageServer

from semls import __version__
from semls.errors import BroadWorkspaceError, SemlsError, UsageError
from semls.escaping import escape_line
from semls.lsp import convert, editor
from semls.lsp.documents import Buffers
from semls.lsp.repairs import Protocol, converter
from semls.service.client import Client
from semls.service.messages import (
    AnswerMessage,
    ContextMessage,
    ProgressMessage,
    SimilarMessage,
    StatusMessage,
)
from semls.settings import EngineSettings, Settings, given, kind_of

log = logging.getLogger(__name__)

_AGAIN = 1.0  # seconds until an engine that has gone away is followed again

T = TypeVar("T")


class Session(LanguageServer):
    """What is known of the client. Its questions raise JsonRpcException with a sentence for a person."""

    protocol: Protocol

    def __init__(self, settings: Settings, engine: EngineSettings) -> None:
        super().__init__(
            "semls",
            __version__,
            text_document_sync_kind=types.TextDocumentSyncKind.Incremental,
            protocol_cls=Protocol,
            converter_factory=converter,
        )
        self.engine = Client(settings, engine)
        self.abilities = editor.Abilities()
        self.buffers = Buffers()
        self.folders: dict[str, convert.Folder] = {}  # by URI as the client wrote it
        self.leaving = False
        self._options: list[Mapping[str, Any]] = [asdict(settings), {}, {}]  # the later ones count more
        self._settings = dict[str, Settings]()  # path → as they are used
        self._following = dict[str, asyncio.Task[None]]()  # path → what follows its index
        self._answered = dict[str, asyncio.Event]()  # path → set once the engine has opened or refused it
        self._refused = set[str]()  # paths that are too broad to index
        self._configuring: asyncio.Task[None] | None = None
        self._newest: asyncio.Task[Any] | None = None
        self._tasks = set[asyncio.Task[None]]()
        self._told = set[str]()

    @property
    def encoding(self) -> convert.Encoding:
        """What the client counts columns in."""
        return self.workspace.position_encoding or types.PositionEncodingKind.Utf16

    @property
    def open_folders(self) -> list[convert.Folder]:
        """Those that are there and indexed; one may be gone by now, which must not silence the others."""
        there = [folder for folder in self.folders.values() if os.path.isdir(folder.path)]
        return [folder for folder in there if folder.path not in self._refused]

    @property
    def paths(self) -> list[str]:
        """Where they are, each once."""
        return list(dict.fromkeys(folder.path for folder in self.open_folders))

    # Folders and their settings

    def take_options(self, options: object) -> None:
        """Those of `initialize`."""
        self._options[1] = self._checked(options)

    def take_pushed(self, settings: object) -> None:
        """What a client sends when its settings change; one that can be asked is asked instead."""
        pushed = settings.get("semls") if isinstance(settings, Mapping) else None
        if pushed is not None and not self.abilities.configuration:
            self._options[2] = self._checked(pushed)
        self.configure()

    def _checked(self, options: object) -> Mapping[str, Any]:
        """The options if they are an object; else nothing, and the user is told.

        An empty list counts as an empty object: Lua, so Neovim, cannot tell them apart.
        """
        if isinstance(options, Mapping):
            return options
        if options not in (None, []):
            text = f"The settings of semls must be an object, not {kind_of(options)}: defaults are used."
            self.say_once(text, types.MessageType.Warning)
        return {}

    def open(self, folders: Sequence[convert.Folder]) -> None:
        """Take up folders and follow their indexes."""
        self.folders.update({folder.uri: folder for folder in folders})
        self.configure()

    def let_go(self, uri: str) -> None:
        """Follow a folder no more."""
        folder = self.folders.pop(uri, None)
        if folder and folder.path not in {other.path for other in self.folders.values()}:
            self._settings.pop(folder.path, None)
            if folder.path in self._following:
                self._following.pop(folder.path).cancel()
                self._answered.pop(folder.path).set()

    def configure(self) -> None:
        """Learn the settings of the folders, and follow those whose settings are new."""
        if self._configuring:
            self._configuring.cancel()
        self._configuring = self.spawn(self._configure())

    async def _configure(self) -> None:
        folders = list(self.folders.values())
        own = await editor.settings(self, self.abilities, [folder.uri for folder in folders])
        for folder, options in zip(folders, own, strict=True):
            settings, problems = Settings.read(given(*self._options, self._checked(options)))
            for problem in problems:
                self.say_once(problem, types.MessageType.Warning)
            self._use(folder, settings)

    def _use(self, folder: convert.Folder, settings: Settings) -> None:
        if folder.uri not in self.folders or self._settings.get(folder.path) == settings:
            return
        self._settings[folder.path] = settings
        self.engine.configure(folder.path, settings)
        if folder.path in self._following:
            self._following[folder.path].cancel()
        self._answered.setdefault(folder.path, asyncio.Event())
        self._following[folder.path] = self.spawn(self._follow(folder))

    # What runs beside the protocol

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

    async def _follow(self, folder: convert.Folder) -> None:
        """Keep a folder's index up to date; show its progress, and say once what is worth knowing."""
        while True:
            try:
                await editor.show(self, self.abilities, self._states(folder), self._pause)
            except BroadWorkspaceError as error:
                self._refused.add(folder.path)
                self.say_once(str(error), types.MessageType.Warning)
                return
            except SemlsError as error:
                self.say_once(str(error), types.MessageType.Error)
            finally:
                self._mark_answered(folder)
            await asyncio.sleep(_AGAIN)

    async def _states(self, folder: convert.Folder) -> AsyncGenerator[ProgressMessage, None]:
        async for state in self.engine.follow(folder.path):
            self._mark_answered(folder)
            self.say_once(state["notice"], types.MessageType.Info)
            self.say_once(state["error"], types.MessageType.Error)
            if self.abilities.status:
                self.protocol.notify("semls/didChangeStatus", {"uri": folder.uri, **convert.state(state)})
            yield state

    def _mark_answered(self, folder: convert.Folder) -> None:
        if folder.path in self._answered:
            self._answered[folder.path].set()

    def _pause(self) -> None:
        """Somebody has cancelled the progress of the indexing."""
        self.spawn(self.in_the_background(self.engine.pause()))

    async def in_the_background(self, work: Awaitable[object]) -> None:
        """What nobody waits for."""
        with contextlib.suppress(SemlsError):  # whoever follows the folder says it
            await work

    def say_once(self, text: str, kind: types.MessageType) -> None:
        """Tell the user, unless that has been told before."""
        if text and text not in self._told:
            self._told.add(text)
            editor.tell(self, text, kind)

    def report_server_error(self, error: Exception, source: Any) -> None:  # noqa: ANN401
        """Log what is a defect, instead of a message in the user's face; a refusal is none."""
        if source is JsonRpcException and isinstance(error, (ValueError, RecursionError)):
            self.protocol.refuse_unreadable()
            return
        if isinstance(error, JsonRpcInternalError) or not isinstance(error, JsonRpcException):
            log.error("%s: %s %s", getattr(source, "__name__", source), error, getattr(error, "data", ""))

    # What a client may ask

    async def search(self, **asked: Any) -> AnswerMessage:  # noqa: ANN401
        """The best hits."""
        await self._opened()
        return await _explained(self.engine.search(self.paths, **asked))

    async def search_for_picker(self, **asked: Any) -> AnswerMessage:  # noqa: ANN401
        """The same; only the newest of several at a time is answered, as a picker asks with every key."""
        before, newest = self._newest, asyncio.ensure_future(self.search(**asked))
        self._newest = newest
        if before:
            before.cancel()
        try:
            await asyncio.wait({newest})
        finally:
            newest.cancel()  # where the client has cancelled the request
        if newest.cancelled():
            raise JsonRpcContentModified("A newer search has taken the place of this one.")
        return newest.result()

    async def similar(self, folder: str, file: str, row: int, **options: Any) -> SimilarMessage:  # noqa: ANN401
        """What is like the code at a row of a file in an open folder."""
        await self._configured()
        return await _explained(self.engine.similar(folder, file, row, **options))

    async def context(self, **asked: Any) -> ContextMessage:  # noqa: ANN401
        """What a language model should read to answer."""
        await self._opened()
        return await _explained(self.engine.context(self.paths, **asked))

    async def status(self) -> Sequence[StatusMessage]:
        """The state of each folder."""
        await self._configured()
        found = await _explained(asyncio.gather(*map(self.engine.status, self.paths)))
        return list(map(convert.status, found))

    async def reindex(self) -> None:
        """Look at all files again, and embed what has no vector; returns before that is done."""
        await self._configured()
        for path in self.paths:
            self.spawn(self.in_the_background(_last(self.engine.index(path))))

    async def clear(self) -> None:
        """Throw the indexes of the folders away; as these are open, they are indexed anew."""
        await self._configured()
        await _explained(asyncio.gather(*map(self.engine.clear, self.paths)))

    async def pause(self) -> None:
        """Embed nothing until told to go on."""
        await _explained(self.engine.pause())

    async def resume(self) -> None:
        """Go on embedding."""
        await _explained(self.engine.resume())

    async def _configured(self) -> None:
        """Wait until the client has told its settings."""
        while self._configuring and not self._configuring.done():
            await asyncio.wait({self._configuring})

    async def _opened(self) -> None:
        """Wait until the engine has opened or refused each folder, so that a refused one spoils no answer."""
        await self._configured()
        for answered in list(self._answered.values()):
            await answered.wait()


async def _last(steps: AsyncGenerator[object, None]) -> None:
    async for _ in steps:
        pass


async def _explained(answer: Awaitable[T]) -> T:
    """What the engine answers."""
    try:
        return await answer
    except UsageError as error:
        raise JsonRpcInvalidParams(escape_line(str(error))) from error
    except SemlsError as error:
        raise JsonRpcException(escape_line(str(error)), types.LSPErrorCodes.RequestFailed) from error
