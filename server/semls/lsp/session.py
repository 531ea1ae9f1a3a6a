"""The session of one editor: its folders, settings and buffers, and its requests to the engine."""

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
from semls.limits import MAX_HITS
from semls.lsp import convert, editor
from semls.lsp.documents import Buffers
from semls.lsp.repairs import Protocol, converter
from semls.service.client import Client
from semls.service.messages import (
    AnswerMessage,
    ContextMessage,
    DuplicatesMessage,
    ProgressMessage,
    SimilarMessage,
    StateMessage,
    StatusMessage,
)
from semls.settings import EngineSettings, Settings, json_type, merge_options

log = logging.getLogger(__name__)

_RETRY_DELAY = 1.0  # seconds until a workspace is followed again after its engine has stopped

T = TypeVar("T")


class Session(LanguageServer):
    """A language server with its folders, their settings and the client of the engine.

    Its requests raise JsonRpcException with a message for the user. Lives on one event loop.
    """

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
        self.state_directory = engine.state_directory
        self.capabilities = editor.Capabilities()
        self.buffers = Buffers()
        self.folders: dict[str, convert.Folder] = {}  # URI as the client wrote it → folder
        self.shutdown_requested = False
        self.shows_lenses = False
        self._duplicates: dict[str, DuplicatesMessage] = {}  # by path, until the index changes
        self._environment_options = asdict(settings)
        self._initialization_options: Mapping[str, Any] = {}
        self._pushed_options: Mapping[str, Any] = {}
        self._settings: dict[str, Settings] = {}  # path → effective settings
        self._failed: set[str] = set()  # paths of folders whose engine cannot be reached
        self._followers: dict[str, asyncio.Task[None]] = {}  # path → task that follows the index
        self._opened: dict[str, asyncio.Event] = {}  # path → set once the engine has opened or refused it
        self._too_broad: set[str] = set()  # paths that the engine has refused to index
        self._configuration: asyncio.Task[None] | None = None  # fetches the settings
        self._latest_search: asyncio.Task[AnswerMessage] | None = None
        self._background_tasks: set[asyncio.Task[None]] = set()
        self._shown_messages: set[str] = set()

    @property
    def encoding(self) -> convert.Encoding:
        """The encoding in which the client counts columns."""
        return self.workspace.position_encoding or types.PositionEncodingKind.Utf16

    @property
    def searched_folders(self) -> list[convert.Folder]:
        """The open folders that exist and are not too broad; one that is missing must not fail a search."""
        return [
            folder
            for folder in self.folders.values()
            if folder.path not in self._too_broad and os.path.isdir(folder.path)
        ]

    @property
    def searched_paths(self) -> list[str]:
        """The paths of `searched_folders`, without duplicates."""
        return list(dict.fromkeys(folder.path for folder in self.searched_folders))

    # Folders and their settings

    def set_initialization_options(self, options: object) -> None:
        """Use the options of `initialize`."""
        checked = dict(self._checked(options))
        self.shows_lenses = checked.pop("codeLens", False) is True
        self._initialization_options = checked

    def change_configuration(self, settings: object) -> None:
        """Use the settings that a client has pushed, or fetch them if the client supports that."""
        pushed = settings.get("semls") if isinstance(settings, Mapping) else None
        if pushed is not None and not self.capabilities.configuration:
            self._pushed_options = self._checked(pushed)
        self._reload_settings()

    def _checked(self, options: object) -> Mapping[str, Any]:
        """Return the options if they are an object; otherwise tell the user and return {}.

        An empty list counts as an empty object, since Lua, and so Neovim, does not distinguish them.
        """
        if isinstance(options, Mapping):
            return options
        if options not in (None, []):
            text = f"The settings of semls must be an object, not {json_type(options)}. Using the defaults."
            self._show_message_once(text, types.MessageType.Warning)
        return {}

    def add_folders(self, folders: Sequence[convert.Folder]) -> None:
        """Index folders and follow their state."""
        self.folders.update({folder.uri: folder for folder in folders})
        self._reload_settings()

    def remove_folder(self, uri: str) -> None:
        """Stop following a folder."""
        folder = self.folders.pop(uri, None)
        if folder and folder.path not in {other.path for other in self.folders.values()}:
            self._settings.pop(folder.path, None)
            if folder.path in self._followers:
                self._followers.pop(folder.path).cancel()
                self._opened.pop(folder.path).set()

    def _reload_settings(self) -> None:
        """Fetch the settings of all folders, and follow the folders whose settings are new."""
        if self._configuration:
            self._configuration.cancel()
        self._configuration = self.run_in_background(self._apply_settings())

    async def _apply_settings(self) -> None:
        folders = list(self.folders.values())
        fetched = await editor.fetch_settings(self, self.capabilities, [folder.uri for folder in folders])
        for folder, folder_options in zip(folders, fetched, strict=True):
            options = merge_options(
                self._environment_options,
                self._initialization_options,
                self._pushed_options,
                self._checked(folder_options),
            )
            settings, problems = Settings.parse(options)
            for problem in problems:
                self._show_message_once(problem, types.MessageType.Warning)
            self._configure(folder, settings)

    def _configure(self, folder: convert.Folder, settings: Settings) -> None:
        """Follow a folder with new settings, unless it was removed or they are the same."""
        if folder.uri not in self.folders or self._settings.get(folder.path) == settings:
            return
        self._settings[folder.path] = settings
        self.engine.configure(folder.path, settings)
        if folder.path in self._followers:
            self._followers[folder.path].cancel()
        self._opened.setdefault(folder.path, asyncio.Event())
        self._followers[folder.path] = self.run_in_background(self._follow(folder))

    # Background tasks

    def run_in_background(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine as a task that is cancelled at shutdown."""
        task = asyncio.create_task(coroutine)
        self._background_tasks.add(task)
        task.add_done_callback(self._background_tasks.discard)
        return task

    def request_in_background(self, request: Awaitable[object]) -> None:
        """Wait for a request to the engine in the background; its errors are shown by `_follow`."""
        self.run_in_background(_ignore_errors(request))

    def request_shutdown(self) -> None:
        """Cancel all background tasks."""
        self.shutdown_requested = True
        for task in self._background_tasks:
            task.cancel()

    async def _follow(self, folder: convert.Folder) -> None:
        """Keep a folder's index up to date; show its progress, notices and errors."""
        while True:
            try:
                await editor.show_progress(self, self.capabilities, self._states(folder), self._on_cancel)
            except BroadWorkspaceError as error:
                self._too_broad.add(folder.path)
                self._show_message_once(str(error), types.MessageType.Warning)
                return
            except SemlsError as error:
                self._show_message_once(str(error), types.MessageType.Error)
                if folder.path not in self._failed:
                    self._failed.add(folder.path)
                    self._notify_state(folder, convert.failed_state(folder, error))
            finally:
                self._mark_opened(folder)
            await asyncio.sleep(_RETRY_DELAY)

    async def _states(self, folder: convert.Folder) -> AsyncGenerator[ProgressMessage, None]:
        async for state in self.engine.follow(folder.path):
            self._mark_opened(folder)
            self._failed.discard(folder.path)
            self._show_message_once(state["notice"], types.MessageType.Info)
            self._show_message_once(state["error"], types.MessageType.Error)
            self._notify_state(folder, convert.to_state(state))
            self._renew_lenses(state)
            yield state

    def _notify_state(self, folder: convert.Folder, state: StateMessage) -> None:
        if self.capabilities.status:
            self.protocol.notify("semls/didChangeStatus", {"uri": folder.uri, **state})

    def _renew_lenses(self, state: ProgressMessage) -> None:
        """Compute the lenses again when the editor requests them: once the index is complete."""
        self._duplicates = {}
        if self.shows_lenses and self.capabilities.refreshes_lenses and state["phase"] == "ready":
            self.run_in_background(editor.refresh_lenses(self))

    def _mark_opened(self, folder: convert.Folder) -> None:
        if folder.path in self._opened:
            self._opened[folder.path].set()

    def _on_cancel(self) -> None:
        """Pause embedding: the user has cancelled its progress."""
        self.request_in_background(self.engine.pause())

    def _show_message_once(self, text: str, kind: types.MessageType) -> None:
        """Show a message to the user, unless it is empty or was shown before."""
        if text and text not in self._shown_messages:
            self._shown_messages.add(text)
            editor.show_message(self, text, kind)

    def report_server_error(self, error: Exception, source: Any) -> None:  # noqa: ANN401
        """Log a defect, where pygls would show it to the user; a refused request is not a defect."""
        if source is JsonRpcException and isinstance(error, (ValueError, RecursionError)):
            self.protocol.refuse_unreadable()
            return
        if isinstance(error, JsonRpcInternalError) or not isinstance(error, JsonRpcException):
            log.error("%s: %s %s", getattr(source, "__name__", source), error, getattr(error, "data", ""))

    # Requests

    async def search(self, **params: Any) -> AnswerMessage:  # noqa: ANN401
        """Return the best hits in all folders."""
        await self._folders_opened()
        return await translate_errors(self.engine.search(self.searched_paths, **params))

    async def search_latest(self, **params: Any) -> AnswerMessage:  # noqa: ANN401
        """Search, and cancel the previous call: a symbol picker searches at every key."""
        previous, search = self._latest_search, asyncio.ensure_future(self.search(**params))
        self._latest_search = search
        if previous:
            previous.cancel()
        try:
            await asyncio.wait({search})
        finally:
            search.cancel()  # if the client has cancelled the request
        if search.cancelled():
            raise JsonRpcContentModified("The search was superseded by a newer one.")
        return search.result()

    async def similar(self, folder: str, file: str, row: int, limit: int) -> SimilarMessage:
        """Return code that is similar to the code at a row of a file in an open folder."""
        await self._configured()
        return await translate_errors(self.engine.similar(folder, file, row, limit=limit))

    async def duplicates(self, **params: Any) -> Sequence[DuplicatesMessage]:  # noqa: ANN401
        """Return clusters of functions that are copies of one another, or nearly, for each open folder."""
        await self._folders_opened()
        requests = (self.engine.duplicates(path, **params) for path in self.searched_paths)
        return await translate_errors(asyncio.gather(*requests))

    async def duplicates_in(self, uri: str) -> Sequence[DuplicatesMessage]:
        """Return a cluster for each function of a file that has copies, or near ones."""
        await self._configured()
        file = convert.uri_to_path(uri) or ""
        folder = convert.containing_folder(file, self.searched_paths)
        known = self._duplicates  # an answer that is late is stored where no request finds it
        if folder and file not in known:
            known[file] = await translate_errors(self.engine.duplicates(folder, file=file, limit=MAX_HITS))
        return [known[file]] if folder else []

    async def context(self, **params: Any) -> ContextMessage:  # noqa: ANN401
        """Return the code that a language model needs to answer a question."""
        await self._folders_opened()
        return await translate_errors(self.engine.context(self.searched_paths, **params))

    async def status(self) -> Sequence[StatusMessage]:
        """Return the status of each folder."""
        await self._configured()
        requests = [self.engine.status(path) for path in self.searched_paths]
        messages = await translate_errors(asyncio.gather(*requests))
        return [convert.to_status(message) for message in messages]

    async def reindex(self) -> None:
        """Start to scan all files again; returns before that has finished."""
        await self._configured()
        for path in self.searched_paths:
            self.request_in_background(_exhaust(self.engine.index(path)))

    async def clear(self) -> None:
        """Delete the index of each folder. As the folders are open, they are indexed again."""
        await self._configured()
        requests = [self.engine.clear(path) for path in self.searched_paths]
        await translate_errors(asyncio.gather(*requests))

    async def pause(self) -> None:
        """Pause embedding."""
        await translate_errors(self.engine.pause())

    async def resume(self) -> None:
        """Resume embedding."""
        await translate_errors(self.engine.resume())

    async def _configured(self) -> None:
        """Wait for the client's settings."""
        while self._configuration and not self._configuration.done():
            await asyncio.wait({self._configuration})

    async def _folders_opened(self) -> None:
        """Wait until the engine has opened or refused each folder: a refused one must not fail a search."""
        await self._configured()
        for opened in list(self._opened.values()):
            await opened.wait()


async def _exhaust(messages: AsyncGenerator[object, None]) -> None:
    async for _ in messages:
        pass


async def _ignore_errors(request: Awaitable[object]) -> None:
    with contextlib.suppress(SemlsError):
        await request


async def translate_errors(request: Awaitable[T]) -> T:
    """Return the answer to a request. Raises JsonRpcException for SemlsError."""
    try:
        return await request
    except UsageError as error:
        raise JsonRpcInvalidParams(escape_line(str(error))) from error
    except SemlsError as error:
        raise JsonRpcException(escape_line(str(error)), types.LSPErrorCodes.RequestFailed) from error
