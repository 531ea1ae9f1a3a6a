"""The front-ends' way to the engine: finds it, starts it, asks it, and asks again when it died meanwhile."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, TypeVar, cast

import httpx
from filelock import Timeout

from semls import __version__
from semls.errors import EngineError, SemlsError
from semls.service.messages import (
    AnswerMessage,
    ContextMessage,
    FindingMessage,
    ProgressMessage,
    SimilarMessage,
    StateMessage,
    StatusMessage,
    WhyMessage,
)
from semls.service.process import State, Whereabouts, spawn, usable
from semls.settings import EngineSettings, Settings

T = TypeVar("T")

_START = 60.0  # seconds that an engine may take to come up on a slow disk
_LEAVE = 4.0  # seconds that an engine of another version may take to leave
_GREETING = 3.0  # seconds that an engine may take to greet, which it does at once unless it is stuck
_PATIENCE = 1.0  # seconds without an answer after which an engine is greeted
_LONGEST = 120.0  # seconds after which a request is given up although the engine greets
_LONGEST_COPY = 3600.0  # seconds for an export or import of the cache, which may have gigabytes
_POLL = 0.02
_TRIES = 3
_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # to read whom to trust takes 15 ms, and HTTP asks nobody


class Client:
    """Speaks with the engine on behalf of one front-end. Every method raises SemlsError."""

    def __init__(
        self,
        settings: Settings,
        engine: EngineSettings,
        *,
        force: bool = False,
        waiting: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Connect to nothing yet; `waiting` is called with what the engine does while a request waits."""
        self._settings, self._of_workspaces = settings, dict[str, Settings]()
        self._force = force  # index even the home folder
        self._waiting = waiting
        self._places = Whereabouts(engine)
        self._connecting = asyncio.Lock()
        self._connection: _Connection | None = None
        self._greeting: asyncio.Task[str] | None = None

    def configure(self, workspace: str, settings: Settings) -> None:
        """From now on a workspace has settings of its own."""
        self._of_workspaces[workspace] = settings

    async def search(
        self,
        workspaces: Sequence[str],
        query: str,
        *,
        limit: int = 10,
        languages: Sequence[str] = (),
        paths: Sequence[str] = (),
        kinds: Sequence[str] = (),
        lexical_only: bool = False,
    ) -> AnswerMessage:
        """The best hits; waits for the words of a workspace, never for its vectors."""
        asked = {
            "workspaces": list(map(self._about, workspaces)),
            "query": query,
            "limit": limit,
            "languages": list(languages),
            "paths": list(paths),
            "kinds": list(kinds),
            "lexical_only": lexical_only,
        }
        return cast(AnswerMessage, await self._ask("/search", asked))

    async def similar(self, workspace: str, file: str, row: int, **options: object) -> SimilarMessage:
        """What is like the code at a row; the options are `limit` and `lexical_only`."""
        asked = {**self._about(workspace), "file": file, "row": row, **options}
        return cast(SimilarMessage, await self._ask("/similar", asked))

    async def context(self, workspaces: Sequence[str], query: str, **options: object) -> ContextMessage:
        """What to read to answer; the options are `tokens` and those of a search but its limit."""
        asked = {"workspaces": list(map(self._about, workspaces)), "query": query, **options}
        return cast(ContextMessage, await self._ask("/context", asked))

    async def index(
        self, workspace: str, *, lexical_only: bool = False
    ) -> AsyncGenerator[ProgressMessage, None]:
        """Bring the index up to the files, with progress; the last one tells the end state."""
        asked = {**self._about(workspace), "lexical_only": lexical_only}
        messages = self._stream("/index", asked)
        longest: float | None = _LONGEST
        try:
            while message := await self._bounded(anext(messages, None), longest):
                yield cast(ProgressMessage, message)
                longest = None  # it tells its progress by now, and a large folder takes hours
        finally:
            await messages.aclose()

    async def follow(self, workspace: str) -> AsyncGenerator[StateMessage, None]:
        """The workspace's state whenever it changes; while this goes on, the index is kept up to date."""
        async for message in self._stream("/follow", self._about(workspace)):
            yield cast(StateMessage, message)

    async def changed(self, workspace: str, files: Sequence[str]) -> None:
        """Say that files were saved just now."""
        await self._ask("/changed", {**self._about(workspace), "files": list(files)})

    async def status(self, workspace: str) -> StatusMessage:
        """The workspace's state."""
        return cast(StatusMessage, await self._ask("/status", self._about(workspace)))

    async def why(self, workspace: str, file: str) -> WhyMessage:
        """Whether and how a file is indexed."""
        return cast(WhyMessage, await self._ask("/why", {**self._about(workspace), "file": file}))

    async def pause(self) -> None:
        """Let the engine embed nothing until told to go on."""
        await self._ask("/pause", {})

    async def resume(self) -> None:
        """Let it go on."""
        await self._ask("/resume", {})

    async def export_cache(self, file: str) -> None:
        """Write all that the model has embedded to a file."""
        asked = {"file": file, "settings": asdict(self._settings)}
        await self._ask("/cache/export", asked, _LONGEST_COPY)

    async def import_cache(self, file: str) -> int:
        """Take up such a file; gives back how many vectors it has."""
        asked = {"file": file, "settings": asdict(self._settings)}
        return cast(dict[str, int], await self._ask("/cache/import", asked, _LONGEST_COPY))["vectors"]

    async def clear(self, workspace: str) -> None:
        """Delete the workspace's index."""
        await self._ask("/clear", self._about(workspace))

    async def doctor(self) -> list[FindingMessage]:
        """What the engine finds when it examines the machine."""
        return cast(list[FindingMessage], await self._ask("/doctor", {"settings": asdict(self._settings)}))

    async def close(self) -> None:
        """Let go of the connection; the engine stays."""
        connection, self._connection = self._connection, None
        if connection:
            await connection.retire()

    def _about(self, workspace: str) -> dict[str, object]:
        settings = self._of_workspaces.get(workspace, self._settings)
        return {"workspace": workspace, "settings": asdict(settings), "force": self._force}

    async def _ask(self, path: str, asked: Mapping[str, object], longest: float | None = None) -> object:
        return await self._bounded(self._answer(path, asked), longest or _LONGEST)

    async def _bounded(self, answer: Awaitable[T], longest: float | None) -> T:
        """Return the answer; while it does not come, greet the engine and show what it does.

        Raises EngineError when the engine does not even greet, or when the answer takes too long.
        """
        began, task, shown = time.monotonic(), asyncio.ensure_future(answer), ""
        try:
            while not (await asyncio.wait({task}, timeout=_PATIENCE))[0]:
                doing = await self._greet()
                if longest is not None and time.monotonic() - began > longest:
                    raise EngineError(
                        f"The engine has not answered for {longest:.0f} s ({doing}). Try again later; "
                        "if that does not help, run `semls engine stop` and try again."
                    )
                if doing != shown:
                    shown = doing
                    self._waiting(doing)
            return await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _greet(self) -> str:
        """Return what the engine does; one greeting serves all requests that wait at that time."""
        if self._greeting is None or self._greeting.done():
            self._greeting = asyncio.create_task(_doing(self._places))
            self._greeting.add_done_callback(_seen)
        return await asyncio.shield(self._greeting)

    async def _answer(self, path: str, asked: Mapping[str, object]) -> object:
        for last in _tries():
            connection = await self._connected()
            try:
                async with connection.used() as http:
                    return _check(await http.post(path, content=_body(asked)))
            except httpx.TransportError as error:
                await self._lost(connection, error, last)
        raise AssertionError

    async def _stream(self, path: str, asked: Mapping[str, object]) -> AsyncGenerator[object, None]:
        for last in _tries():
            connection = await self._connected()
            try:
                async with (
                    connection.used() as http,
                    http.stream("POST", path, content=_body(asked)) as response,
                ):
                    if response.is_error:
                        await response.aread()
                    _check(response)
                    async for line in response.aiter_lines():
                        yield _message(json.loads(line))
                return
            except httpx.TransportError as error:
                await self._lost(connection, error, last)

    async def _connected(self) -> "_Connection":
        async with self._connecting:
            last = self._connection
            if last and not (self._places.owned() and self._places.read() == last.state):
                await self.close()  # it is gone, and another program may have its port
            if self._connection is None:
                self._connection = _Connection(await _ensure(self._places))
            return self._connection

    async def _lost(self, connection: "_Connection", error: httpx.TransportError, last: bool) -> None:
        """The engine died: forget it, unless another request has done so and found or started one anew."""
        if self._connection is connection:
            await self.close()
        if last:
            raise EngineError(
                f"The engine does not answer ({error}): its log is {self._places.log}"
            ) from error


def _seen(task: "asyncio.Task[Any]") -> None:
    """Who waited may be gone by now; then nobody is to hear of an error."""
    if not task.cancelled():
        task.exception()


class _Connection:
    """To one engine. Its last user closes it: httpx would leave open what others are just opening."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._http = _http(state)
        self._users = 0
        self._retired = False

    @asynccontextmanager
    async def used(self) -> AsyncIterator[httpx.AsyncClient]:
        """Keep it open meanwhile."""
        self._users += 1
        try:
            yield self._http
        finally:
            self._users -= 1
            await self._close_unless_used()

    async def retire(self) -> None:
        """Close it as soon as nobody uses it."""
        self._retired = True
        await self._close_unless_used()

    async def _close_unless_used(self) -> None:
        if self._retired and not self._users:
            await self._http.aclose()


async def find(engine: EngineSettings) -> State | None:
    """The running engine, if there is one. Raises EngineError when it does not answer."""
    return await _found(Whereabouts(engine))


async def stop(engine: EngineSettings) -> bool:
    """Ask the running engine to leave and wait until it has left; False if there was none."""
    places = Whereabouts(engine)
    state = await _found(places)
    if state is None:
        return False
    await _dismiss(places, state)
    return True


async def _found(places: Whereabouts) -> State | None:
    """The running engine; waits a moment while one starts or stops. Raises EngineError."""
    deadline = time.monotonic() + _LEAVE
    while (state := await _running(places)) is None and places.owned():
        if time.monotonic() > deadline:
            raise EngineError(
                f"An engine holds {places.lock_file} but cannot be reached: it is starting or stopping. "
                "Try again in a moment, or end its process."
            )
        await asyncio.sleep(_POLL)
    return state


async def _ensure(places: Whereabouts) -> State:
    """A running engine of our version, started if need be."""
    state = await _running(places)
    if state and _is_ours(state):
        return state
    await asyncio.to_thread(places.prepare)
    lock = places.starting()
    try:
        with usable():
            await asyncio.to_thread(lock.acquire, _START)
    except Timeout:
        raise EngineError("Another program has been starting the engine for too long: try again.") from None
    try:
        return await _start(places)
    finally:
        lock.release()


async def _start(places: Whereabouts) -> State:
    """An engine of our version; one of another version, and one that is leaving, are waited for."""
    process = None
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        last = places.read()
        state = await _running(places)
        if state and _is_ours(state):
            return state
        if state:
            await _dismiss(places, state)
        elif not places.owned():
            if process and process.poll() is not None:
                break
            if process is None:
                with usable():
                    places.forget(last)  # or it is believed as soon as the engine to come has its lock
                process = spawn(places)
        await asyncio.sleep(_POLL)
    if places.owned():
        raise EngineError(
            f"An engine holds {places.lock_file} but cannot be reached: end its process and try again."
        )
    if said := places.last_output():
        raise EngineError(f"The engine did not start ({said}): {places.output} has all that it printed.")
    raise EngineError(f"The engine did not start: its log {places.log} says why.")


def _is_ours(state: State) -> bool:
    """Whether an engine is of our version. Raises EngineError when it is newer than we are."""
    if _is_newer(state.version):  # each would ask the other's engine to leave for ever
        raise EngineError(
            f"semls was updated to {state.version} and its engine runs: restart this program, "
            f"which still is semls {__version__}."
        )
    return state.version == __version__


def _is_newer(version: str) -> bool:
    if version == __version__:
        return False
    from packaging.version import InvalidVersion, Version  # most programs never need it

    try:
        return Version(version) > Version(__version__)
    except InvalidVersion:
        return False


async def _running(places: Whereabouts) -> State | None:
    """The engine that serves, of whatever version. Raises EngineError when it does not answer."""
    found = await _greeted(places)
    return found[0] if found else None


async def _doing(places: Whereabouts) -> str:
    """What the engine does, for a person who waits. Raises EngineError when it does not answer."""
    found = await _greeted(places)
    return str(found[1].get("doing") or "busy") if found else "starting"


async def _greeted(places: Whereabouts) -> tuple[State, dict[str, object]] | None:
    """The engine that serves and its greeting. Raises EngineError when it does not answer."""
    state = places.read()
    if state is None or not places.owned():  # what has its port now, or its number, is a stranger
        return None
    async with _http(state, timeout=_GREETING) as http:
        try:
            response = await http.post("/")
            greeting = response.json()
            return (state, greeting) if greeting.get("pid") == state.pid else None
        except httpx.TimeoutException as error:
            if places.read() == state and places.owned():
                raise _stuck(state, "does not answer") from error
        except (httpx.TransportError, ValueError, AttributeError):
            pass  # it is starting or leaving
    return None


async def _dismiss(places: Whereabouts, state: State) -> None:
    async with _http(state, timeout=_GREETING) as http:
        try:
            await http.post("/stop")
        except httpx.TransportError:
            return  # it is gone already
    try:
        lock = places.owning()
        await asyncio.to_thread(lock.acquire, _LEAVE)
        lock.release()
    except Timeout:
        raise _stuck(state, "does not leave") from None


def _stuck(state: State, what: str) -> EngineError:
    return EngineError(
        f"The engine (process {state.pid}) {what}: try again in a moment, or end that process."
    )


def _http(state: State, timeout: float | None = None) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{state.port}",
        headers={"Authorization": f"Bearer {state.token}"},
        timeout=httpx.Timeout(timeout, connect=5.0),
        trust_env=False,  # a proxy has no business between us and our own machine
        verify=_NOBODY,
    )


def _body(asked: Mapping[str, object]) -> str:
    """JSON in ASCII: UTF-8 has no lone surrogates, which stand for the bytes of a path that is not UTF-8."""
    return json.dumps(asked)


def _tries() -> list[bool]:
    """One item a try, True for the last."""
    return [False] * (_TRIES - 1) + [True]


def _check(response: httpx.Response) -> object:
    """The message, None for a stream. Raises SemlsError, and TransportError when it is not our engine."""
    if response.status_code in (401, 403):
        raise httpx.RemoteProtocolError("another engine has its port")
    if response.headers.get("content-type") == "application/x-ndjson":
        return None
    try:
        return _message(response.json())
    except ValueError as error:
        raise httpx.RemoteProtocolError("another program has its port") from error


def _message(message: Any) -> object:  # noqa: ANN401 - whatever JSON holds
    """The message, unless it is an error. Raises SemlsError."""
    if isinstance(message, dict) and "error" in message and "message" in message:
        raise _kinds().get(message["error"], EngineError)(message["message"])
    return message


def _kinds() -> dict[str, type[SemlsError]]:
    kinds, todo = {}, [SemlsError]
    while todo:
        kind = todo.pop()
        kinds[kind.code] = kind
        todo += kind.__subclasses__()
    return kinds
