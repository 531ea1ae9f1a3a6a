"""The front-ends' client of the engine: sends requests, and starts the engine again if it has died."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal, TypeVar

from semls.errors import EngineError
from semls.limits import DEFAULT_CLUSTERS, DEFAULT_HITS, DEFAULT_TOKENS, EMBEDDING_TIMEOUT
from semls.service import launcher, messages
from semls.service.http_client import (
    TRANSPORT_ERRORS,
    encode,
    is_stream,
    post,
    read_answer,
    read_messages,
)
from semls.service.messages import (
    AnswerMessage,
    ContextMessage,
    DuplicatesMessage,
    Endpoint,
    ExplanationMessage,
    FilesMessage,
    FindingMessage,
    Message,
    ProgressMessage,
    SimilarMessage,
    StateMessage,
    StatusMessage,
)
from semls.service.state import EnginePaths, EngineState
from semls.settings import EngineSettings, Settings

T = TypeVar("T")

_REPORT_DELAY = 2.5  # seconds; the engine itself waits up to two until files are read
_PING_INTERVAL = 1.0  # seconds without an answer after which the engine is pinged
_REQUEST_TIMEOUT = 120.0  # seconds, although the engine answers pings
_LONG_TIMEOUT = 3600.0  # seconds for exports, imports and the duplicates of a workspace, which may be large
_ATTEMPTS = 3  # of one request; before each, an engine has answered a ping


class Client:
    """Sends the requests of one front-end to the engine. Every method raises SemlsError."""

    def __init__(
        self,
        settings: Settings,
        engine: EngineSettings,
        *,
        force: bool = False,
        on_wait: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Create a client; its first request finds or starts the engine.

        `force` indexes even the home folder. While a request waits for the engine, `on_wait` is called with
        what the engine is doing, each time that changes.
        """
        self._settings = settings
        self._workspace_settings: dict[str, Settings] = {}
        self._force = force
        self._on_wait = on_wait
        self._paths = EnginePaths(engine)
        self._finding = asyncio.Lock()
        self._state: EngineState | None = None
        self._ping: asyncio.Task[str] | None = None

    def configure(self, workspace: str, settings: Settings) -> None:
        """Use `settings` in later requests about a workspace."""
        self._workspace_settings[workspace] = settings

    async def search(
        self,
        workspaces: Sequence[str],
        query: str,
        *,
        limit: int = DEFAULT_HITS,
        languages: Sequence[str] = (),
        paths: Sequence[str] = (),
        excluded: Sequence[str] = (),
        kinds: Sequence[str] = (),
        tests: bool = True,
        lexical_only: bool = False,
        group: Literal["file"] | None = None,
        embedding_timeout: float = 0.0,
    ) -> AnswerMessage:
        """Return the best hits, with `group` grouped by file.

        Waits for the full-text index of a workspace, but not for its embeddings, except for those of what the
        query has found, at most `embedding_timeout` seconds.
        """
        body = {
            **self._question(workspaces, query, languages, paths, excluded, kinds, tests, lexical_only),
            "limit": limit,
            "group": group,
            "embedding_timeout": embedding_timeout,
        }
        return await self._request(messages.SEARCH, body)

    async def similar(
        self,
        workspace: str,
        file: str,
        row: int,
        *,
        limit: int = DEFAULT_HITS,
        lexical_only: bool = False,
    ) -> SimilarMessage:
        """Return code that is similar to the chunk at a zero-based row of a file."""
        body = {
            **self._workspace(workspace),
            "file": file,
            "row": row,
            "limit": limit,
            "lexical_only": lexical_only,
        }
        return await self._request(messages.SIMILAR, body)

    async def duplicates(
        self,
        workspace: str,
        *,
        file: str | None = None,
        limit: int = DEFAULT_CLUSTERS,
        tests: bool = True,
        lexical_only: bool = False,
    ) -> DuplicatesMessage:
        """Return clusters of functions that are copies of one another, or nearly; with `file`, of its own."""
        options = {"file": file, "limit": limit, "tests": tests, "lexical_only": lexical_only}
        body = {**self._workspace(workspace), **options}
        return await self._request(messages.DUPLICATES, body, None if file else _LONG_TIMEOUT)

    async def context(
        self,
        workspaces: Sequence[str],
        query: str,
        *,
        tokens: int = DEFAULT_TOKENS,
        languages: Sequence[str] = (),
        paths: Sequence[str] = (),
        excluded: Sequence[str] = (),
        kinds: Sequence[str] = (),
        tests: bool = True,
        lexical_only: bool = False,
    ) -> ContextMessage:
        """Return the code that a language model needs to answer a question, within a budget of tokens."""
        body = {
            **self._question(workspaces, query, languages, paths, excluded, kinds, tests, lexical_only),
            "tokens": tokens,
            "embedding_timeout": EMBEDDING_TIMEOUT,
        }
        return await self._request(messages.CONTEXT, body)

    def index(self, workspace: str, *, lexical_only: bool = False) -> AsyncGenerator[ProgressMessage, None]:
        """Sync the index with the files; yield the progress, and the final progress last."""
        body = {**self._workspace(workspace), "lexical_only": lexical_only}
        return self._long_stream(messages.INDEX, body)

    async def follow(self, workspace: str) -> AsyncGenerator[StateMessage, None]:
        """Keep the index of a workspace up to date, and yield its state whenever that changes."""
        async for message in self._stream(messages.FOLLOW, self._workspace(workspace)):
            yield message

    async def report_saved(self, workspace: str, files: Sequence[str]) -> None:
        """Tell the engine that files were saved, so that it re-reads them at once."""
        await self._request(messages.CHANGED, {**self._workspace(workspace), "files": list(files)})

    async def status(self, workspace: str) -> StatusMessage:
        """Return the state of a workspace and of the engine."""
        return await self._request(messages.STATUS, self._workspace(workspace))

    async def explain(self, workspace: str, file: str) -> ExplanationMessage:
        """Return whether and how a file is indexed."""
        return await self._request(messages.EXPLAIN, {**self._workspace(workspace), "file": file})

    def files(self, workspace: str, *, skipped: bool) -> AsyncGenerator[FilesMessage, None]:
        """Yield the files of a workspace that are indexed, or the skipped ones, ordered by path."""
        return self._long_stream(messages.FILES, {**self._workspace(workspace), "skipped": skipped})

    async def pause(self) -> None:
        """Pause embedding in all workspaces."""
        await self._request(messages.PAUSE, {})

    async def resume(self) -> None:
        """Resume embedding in all workspaces."""
        await self._request(messages.RESUME, {})

    async def export_cache(self, file: str) -> None:
        """Export the embedding cache of the model to a file."""
        body = {"file": file, "settings": asdict(self._settings)}
        await self._request(messages.EXPORT_CACHE, body, _LONG_TIMEOUT)

    async def import_cache(self, file: str) -> int:
        """Import an exported embedding cache and return how many vectors it has."""
        body = {"file": file, "settings": asdict(self._settings)}
        return (await self._request(messages.IMPORT_CACHE, body, _LONG_TIMEOUT))["vectors"]

    async def clear(self, workspace: str) -> None:
        """Delete the index of a workspace."""
        await self._request(messages.CLEAR, self._workspace(workspace))

    async def doctor(self) -> list[FindingMessage]:
        """Check the installation. Checks that take longer than about a second are returned as pending."""
        return await self._request(messages.DOCTOR, {"settings": asdict(self._settings)})

    def _workspace(self, workspace: str) -> dict[str, object]:
        """Return the part of a request that names a workspace and its settings."""
        settings = self._workspace_settings.get(workspace, self._settings)
        return {"workspace": workspace, "settings": asdict(settings), "force": self._force}

    def _question(
        self,
        workspaces: Sequence[str],
        query: str,
        languages: Sequence[str],
        paths: Sequence[str],
        excluded: Sequence[str],
        kinds: Sequence[str],
        tests: bool,
        lexical_only: bool,
    ) -> dict[str, object]:
        """Return the part that the requests of `search` and `context` share."""
        return {
            "workspaces": [self._workspace(workspace) for workspace in workspaces],
            "query": query,
            "languages": list(languages),
            "paths": list(paths),
            "excluded": list(excluded),
            "kinds": list(kinds),
            "tests": tests,
            "lexical_only": lexical_only,
        }

    async def _request(
        self, endpoint: Endpoint[Message], body: Mapping[str, object], timeout: float | None = None
    ) -> Message:
        """Send a request and return the answer."""
        return await self._wait_for(self._post(endpoint, body), timeout or _REQUEST_TIMEOUT)

    async def _post(self, endpoint: Endpoint[Message], body: Mapping[str, object]) -> Message:
        attempt = 0
        while True:
            attempt += 1
            state = await self._engine()
            try:
                async with post(state, endpoint.path, encode(body)) as response:
                    message: Message = await read_answer(response)
                    return message
            except TRANSPORT_ERRORS as error:
                self._handle_lost_engine(state, error, attempt)

    async def _stream(
        self, endpoint: Endpoint[Message], body: Mapping[str, object]
    ) -> AsyncGenerator[Message, None]:
        attempt = 0
        while True:
            attempt += 1
            state = await self._engine()
            try:
                async with post(state, endpoint.path, encode(body)) as response:
                    if not is_stream(response):
                        await read_answer(response)  # raises what the engine answers instead of a stream
                    async for message in read_messages(response):
                        yield message
                return
            except TRANSPORT_ERRORS as error:
                self._handle_lost_engine(state, error, attempt)

    async def _long_stream(
        self, endpoint: Endpoint[Message], body: Mapping[str, object]
    ) -> AsyncGenerator[Message, None]:
        """Yield the messages of a stream that may take hours, but whose first message must come soon."""
        stream = self._stream(endpoint, body)
        timeout: float | None = _REQUEST_TIMEOUT
        try:
            while (message := await self._wait_for(anext(stream, None), timeout)) is not None:
                yield message
                timeout = None
        finally:
            await stream.aclose()

    async def _wait_for(self, answer: Awaitable[T], timeout: float | None) -> T:
        """Return the answer; while it is outstanding, ping the engine and report what it is doing.

        Without `timeout`, nothing is reported: progress messages do that. Raises EngineError when the engine
        does not answer a ping, or after `timeout` seconds.
        """
        task = asyncio.ensure_future(answer)
        began = time.monotonic()
        reported = ""
        try:
            while True:
                done, _ = await asyncio.wait({task}, timeout=_PING_INTERVAL)
                if done:
                    return task.result()
                activity = await self._activity()
                waited = time.monotonic() - began
                if timeout is not None and waited > timeout:
                    raise EngineError(
                        f"The engine has not answered for {timeout:.0f} s ({activity}). Try again later; "
                        "if that does not help, run `semls engine stop` and try again."
                    )
                if timeout is not None and waited > _REPORT_DELAY and activity != reported:
                    reported = activity
                    self._on_wait(activity)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _activity(self) -> str:
        """Return what the engine is doing; concurrent requests share one ping."""
        if self._ping is None or self._ping.done():
            self._ping = asyncio.create_task(launcher.activity(self._paths))
            self._ping.add_done_callback(_retrieve_exception)
        return await asyncio.shield(self._ping)

    async def _engine(self) -> EngineState:
        """Return the state of the running engine; find or start it first if necessary."""
        async with self._finding:
            if self._state is None or not self._is_current(self._state):
                # It is unknown, or it has stopped, and another program may have its port.
                self._state = None
                self._state = await launcher.ensure_running(self._paths)
            return self._state

    def _is_current(self, state: EngineState) -> bool:
        return self._paths.is_locked() and self._paths.read_state() == state

    def _handle_lost_engine(self, state: EngineState, error: Exception, attempt: int) -> None:
        """Forget an engine that has died, unless another request has found another one already.

        Raises EngineError after the last attempt.
        """
        if self._state is state:
            self._state = None
        if attempt == _ATTEMPTS:
            raise EngineError(
                f"The engine does not answer ({error}). Try again; its log is {self._paths.log}."
            ) from error


def _retrieve_exception(task: "asyncio.Task[Any]") -> None:
    """Retrieve the exception of a task, which asyncio logs if all callers that await it were cancelled."""
    if not task.cancelled():
        task.exception()
