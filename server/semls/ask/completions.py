"""Asks a language model over OpenAI's API for chat completions, which most servers of models implement.

The server is not trusted: each line that it sends is bounded, and no redirect is followed.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx

from semls.ask.notice import Notice
from semls.ask.settings import AskSettings
from semls.errors import AskError

_CONNECT_TIMEOUT = 10.0  # seconds
_MAX_LINE_BYTES = 1 << 20  # of an event, or of a response that is no stream
_MAX_MESSAGE = 300  # characters of a server's message
_EVENT = b"data:"
_END = b"[DONE]"
_LIMIT = "length"  # the reason if an answer ends at the limit of tokens
_TEMPORARY = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY, httpx.codes.TOO_MANY_REQUESTS)


async def stream(settings: AskSettings, prompt: str, timeout: float) -> AsyncGenerator[str | Notice, None]:
    """Send a prompt, and yield the parts of the answer as they arrive.

    Raises AskError if the server cannot be reached, refuses, sends no data for `timeout` seconds, or ends
    before the answer does.
    """
    body = {"model": settings.model, "messages": [{"role": "user", "content": prompt}], "stream": True}
    finish_reason = ""
    with _translating_errors(settings, timeout):
        async with (
            _client(settings, timeout) as http,
            http.stream("POST", settings.url, json=body) as response,
        ):
            if not response.is_success:
                raise await _refusal(settings, response)
            async with aclosing(_parts(settings, response, timeout)) as parts:
                async for text, reason in parts:
                    finish_reason = finish_reason or reason
                    if text:
                        yield text
    if not finish_reason:
        raise _broken_off(settings)
    if finish_reason == _LIMIT:
        yield Notice(f"The answer is incomplete: the model {settings.model} has reached its limit of tokens.")


def _client(settings: AskSettings, timeout: float) -> httpx.AsyncClient:
    # A compressed response could expand to a thousand times the bytes that are received.
    headers = {"Accept-Encoding": "identity"}
    if settings.key:
        headers["Authorization"] = f"Bearer {settings.key}"
    return httpx.AsyncClient(
        headers=headers,
        timeout=httpx.Timeout(timeout, connect=_CONNECT_TIMEOUT),
        follow_redirects=False,  # the code and the key are for this server only
        trust_env=not _is_on_this_machine(settings.url),  # a proxy cannot reach a server on this machine
    )


def _is_on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _parts(
    settings: AskSettings, response: httpx.Response, timeout: float
) -> AsyncGenerator[tuple[str, str], None]:
    """Yield the texts of an answer, each with the reason why the answer ends with it, "" if it does not.

    Raises AskError, and TimeoutError if no event arrives for `timeout` seconds: a server may send comments.
    """
    has_begun, is_foreign = False, False
    async with aclosing(_events(response)) as events:
        while (event := await asyncio.wait_for(anext(events, None), timeout)) is not None:
            if event == _END:
                yield "", "stop"
                return
            part = _parse(settings, event)
            if part:
                has_begun = True
                yield part
            else:
                is_foreign = True
    if is_foreign and not has_begun:
        raise _no_completions(settings)


async def _events(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """Yield the data of each event; the whole body if the server has not streamed it."""
    is_stream = response.headers.get("content-type", "").startswith("text/event-stream")
    async with aclosing(_lines(response)) as lines:
        if is_stream:
            async for line in lines:
                if data := line.removeprefix(_EVENT).strip() if line.startswith(_EVENT) else b"":
                    yield data
        else:
            yield await _body(lines)


async def _lines(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    pending = b""
    async for part in response.aiter_raw():
        *lines, pending = (pending + part).split(b"\n")
        for line in lines:
            yield line
        if len(pending) > _MAX_LINE_BYTES:
            raise httpx.RemoteProtocolError("it has sent a line of more than 1 MiB")
    yield pending


async def _body(lines: AsyncIterator[bytes]) -> bytes:
    body = bytearray()
    async for line in lines:
        body += line
        if len(body) > _MAX_LINE_BYTES:
            raise httpx.RemoteProtocolError("it has sent more than 1 MiB")
    return bytes(body)


def _parse(settings: AskSettings, event: bytes) -> tuple[str, str] | None:
    """Return the text that an event adds to the answer, and why the answer ends with it, if it does.

    Returns None for an event that is not of the API.
    """
    try:
        message = json.loads(event)
    except (ValueError, RecursionError) as error:
        raise _no_completions(settings) from error
    match message:
        case {"error": {"message": str(text)}} | {"error": str(text)}:
            raise AskError(f"The model {settings.model} failed ({_shown(settings, text)}). Try again.")
        case {"choices": [{"message": {"content": str(text)}, **choice}, *_]}:
            return text, _finish_reason(choice) or "stop"
        case {"choices": [{"delta": {"content": str(text)}, **choice}, *_]}:
            return text, _finish_reason(choice)
        case {"choices": [{**choice}, *_]}:
            return "", _finish_reason(choice)
        case {"choices": []}:  # such as the number of tokens
            return "", ""
    return None


def _finish_reason(choice: Mapping[object, object]) -> str:
    reason = choice.get("finish_reason")
    return reason if isinstance(reason, str) else ""


async def _refusal(settings: AskSettings, response: httpx.Response) -> AskError:
    """Return why the server has refused the request."""
    server, status = _server(settings), response.status_code
    if response.is_redirect:
        address = _shown(settings, response.headers.get("location", "another address"))
        return AskError(
            f"The server {server} redirects to {address}: set SEMLS_ASK_URL to the right address."
        )
    async with aclosing(_lines(response)) as lines:
        body = await _body(lines)
    detail = f"status {status}: {_shown(settings, _failure_message(body))}".rstrip(": ")
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return AskError(f"The server {server} requires a valid key ({detail}): set SEMLS_ASK_KEY.")
    if status in _TEMPORARY or response.is_server_error:
        return AskError(f"The server {server} is overloaded or fails ({detail}). Try again later.")
    return AskError(
        f"The server {server} has refused the question ({detail}): check SEMLS_ASK_URL and SEMLS_ASK_MODEL."
    )


def _failure_message(body: bytes) -> str:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return body[: 4 * _MAX_MESSAGE].decode("utf-8", "replace")
    match message:
        case {"error": {"message": str(text)}} | {"error": str(text)} | {"message": str(text)}:
            return text
    return ""


def _shown(settings: AskSettings, text: str) -> str:
    """Return a text of the server without the key, on one short line."""
    shown = text.replace(settings.key, "…") if settings.key else text
    return " ".join(shown[: 2 * _MAX_MESSAGE].split())[:_MAX_MESSAGE]


def _server(settings: AskSettings) -> str:
    return urlsplit(settings.url).netloc


@contextmanager
def _translating_errors(settings: AskSettings, timeout: float) -> Iterator[None]:
    """Raise AskError for every error of a request."""
    server = _server(settings)
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
        detail = _shown(settings, str(error)) or "no answer"
        raise AskError(
            f"The server {server} cannot be reached ({detail}): start it, or correct SEMLS_ASK_URL."
        ) from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        detail = _shown(settings, str(error))
        raise AskError(f"SEMLS_ASK_URL is no valid address ({detail}): correct it.") from error
    except (httpx.TimeoutException, asyncio.TimeoutError) as error:
        raise AskError(
            f"The server {server} has sent no part of the answer for {timeout:.0f} s. Try again."
        ) from error
    except httpx.HTTPError as error:
        raise _broken_off(settings, _shown(settings, str(error))) from error


def _no_completions(settings: AskSettings) -> AskError:
    return AskError(
        f"The server {_server(settings)} has answered with something else than chat completions: set "
        "SEMLS_ASK_URL to the address of OpenAI's API, which often ends with /v1."
    )


def _broken_off(settings: AskSettings, detail: str = "") -> AskError:
    reason = f" ({detail})" if detail else ""
    return AskError(f"The answer of the server {_server(settings)} broke off{reason}. Try again.")
