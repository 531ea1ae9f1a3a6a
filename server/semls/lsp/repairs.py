"""Repairs of pygls 2.1.1, each to be deleted when its issue is closed upstream."""

import re
from collections.abc import Generator
from enum import Enum
from typing import Any, BinaryIO, TypeAlias

import attrs
from cattrs import Converter
from lsprotocol import converters, types
from pygls import protocol
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcParseError,
    JsonRpcServerNotInitialized,
)
from pygls.protocol import LanguageServerProtocol
from pygls.protocol.language_server import lsp_method

_LENGTH = re.compile(rb"content-length[ \t]*:[ \t]*(\d+)[ \t]*\r?\n", re.IGNORECASE)

_Steps: TypeAlias = Generator[Any, Any, None]


def converter() -> Converter:
    """As `pygls.protocol.default_converter`, but a number or name that is not known yet stays what it is.

    The library fails at it, so that a newer client's `initialize` is never answered (no public issue).
    """
    lenient = Converter(detailed_validation=False)  # which collects an error for each item of a list
    for kind in vars(types).values():
        if isinstance(kind, type) and issubclass(kind, Enum):  # before other hooks are made of it
            lenient.register_structure_hook(kind, _known_or_as_sent)
    converters.get_converter(lenient)
    for message in (
        protocol.JsonRPCRequestMessage,
        protocol.JsonRPCResponseMessage,
        protocol.JsonRPCNotification,
    ):
        lenient.register_structure_hook(message, _as_sent)
    lenient.register_structure_hook(int | str, _number_or_text)  # ids and tokens, which are keys
    lenient.register_structure_hook(types.WorkspaceSymbolParams, _symbol_params)
    return lenient


def _as_sent(message: Any, kind: Any) -> Any:  # noqa: ANN401
    """A message that the specification does not have, with its parameters as they were sent.

    pygls makes named tuples of them, fails where there are none, and takes a member `type_name` for the
    tuple's name (no public issue).
    """
    return kind(**{field.name: message.get(field.name) for field in attrs.fields(kind)})


def _number_or_text(value: Any, _: Any) -> int | str:  # noqa: ANN401
    if not isinstance(value, int | str):
        raise TypeError("neither a number nor a string")
    return value


def _symbol_params(params: Any, _: Any) -> types.WorkspaceSymbolParams:  # noqa: ANN401
    """With a query that is a string: cattrs makes one of whatever was sent."""
    if not isinstance(params["query"], str):
        raise TypeError("not a string")
    return types.WorkspaceSymbolParams(params["query"])


def _known_or_as_sent(value: Any, kind: Any) -> Any:  # noqa: ANN401
    try:
        return kind(value)
    except ValueError:
        return value


class Protocol(LanguageServerProtocol):
    """The protocol with its defects repaired."""

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    async def lsp_workspace__execute_command(  # type: ignore[override]
        self, params: types.ExecuteCommandParams
    ) -> Any:  # noqa: ANN401
        """As a coroutine of its own, a command ends when it is cancelled.

        The built-in one runs on unseen, and fails a `shutdown` meanwhile (openlawlibrary/pygls#606).
        """
        handler = self.fm.commands.get(params.command)
        if handler is None:
            raise JsonRpcInvalidParams(f"There is no command {params.command!r}.")
        return await handler(*(params.arguments or ()))

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: Any) -> _Steps:  # noqa: ANN401
        """Leave documents to us: pygls takes form feeds for line ends (openlawlibrary/pygls#550)."""
        yield self.fm.features[types.TEXT_DOCUMENT_DID_OPEN], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: Any) -> _Steps:  # noqa: ANN401
        """The same."""
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: Any) -> _Steps:  # noqa: ANN401
        """The same."""
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CLOSE], (params,), None

    def structure_message(self, data: dict[str, Any]) -> dict[str, Any]:
        """Leave that to `handle_message`: pygls does it to every object inside a message, too."""
        return data

    def handle_message(self, message: Any) -> None:  # noqa: ANN401
        """Answer a request that is malformed, or whose parameters are; pygls does not (no public issue).

        Refuse what comes before `initialize` or after `shutdown`, at which pygls fails or which it does not
        answer (openlawlibrary/pygls#605).
        """
        try:
            super().handle_message(self._structured(message))
        except JsonRpcException as refusal:
            if not isinstance(message, dict) or "id" in message:
                self._answer(_number(message), refusal)

    def refuse_unreadable(self) -> None:
        """Answer a message that is not JSON, or nested too deeply; pygls only logs it (no public issue)."""
        self._answer(None, JsonRpcParseError("The message is not JSON in UTF-8, or it is nested too deeply."))

    def _answer(self, number: int | str | None, refusal: JsonRpcException) -> None:
        self._send_response(number, error=refusal.to_response_error())  # type: ignore[arg-type]

    def _structured(self, message: Any) -> Any:  # noqa: ANN401
        """The message as an object of pygls or lsprotocol. Raises JsonRpcException."""
        if not isinstance(message, dict) or message.get("jsonrpc") != self.VERSION:
            raise JsonRpcInvalidRequest('Send one object with "jsonrpc": "2.0".')
        if "id" in message and _number(message) is None:
            raise JsonRpcInvalidRequest("The 'id' of a request must be a string or a whole number.")
        method = message.get("method")
        if method is not None and not isinstance(method, str):
            raise JsonRpcInvalidRequest("The 'method' must be a string.")
        if refusal := self._refusal(method) if method and method != types.EXIT else None:
            raise refusal
        kind = self._kind(message, method)
        if "id" in message and not hasattr(kind, "id") and method:
            raise JsonRpcInvalidRequest(f"{method!r} is a notification: send it without an 'id'.")
        try:
            return self._converter.structure(message, kind)
        except Exception as error:  # cattrs and its hooks raise whatever the wrong value leads to
            raise JsonRpcInvalidParams(_sentence(method, error)) from error

    def _kind(self, message: dict[str, Any], method: str | None) -> Any:  # noqa: ANN401
        """The type that a message becomes."""
        if method:
            fallback = protocol.JsonRPCRequestMessage if "id" in message else protocol.JsonRPCNotification
            return self.get_message_type(method) or fallback
        if "error" in message:
            return types.ResponseErrorMessage
        return self._result_types.pop(message.get("id", ""), None) or protocol.JsonRPCResponseMessage

    def _refusal(self, method: str) -> JsonRpcException | None:
        if self._shutdown:
            return JsonRpcInvalidRequest("The server was told to shut down.")
        if (self._workspace is None) != (method == types.INITIALIZE):
            return (
                JsonRpcInvalidRequest("The server is initialized already.")
                if self._workspace
                else JsonRpcServerNotInitialized("Send `initialize` first.")
            )
        return None


def _number(message: Any) -> int | str | None:  # noqa: ANN401
    """The id of a request, None where it is none."""
    found = message.get("id") if isinstance(message, dict) else None
    return found if isinstance(found, int | str) and not isinstance(found, bool) else None


def _sentence(method: str | None, error: Exception) -> str:
    """Say what is wrong with the parameters, as far as cattrs tells it."""
    problem = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else "a value has the wrong type"
    return f"The parameters of {method!r} do not follow the protocol: {problem}."


class Headers:
    """Reads a client's messages and writes the names of header fields as pygls expects them.

    pygls knows `Content-Length` only in this spelling (no public issue), though case does not count in HTTP.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.read = stream.read
        self._stream = stream

    def readline(self) -> bytes:
        """Return the next line of a header."""
        line = self._stream.readline()
        length = _LENGTH.fullmatch(line)
        return b"Content-Length: %b\r\n" % length[1] if length else line
