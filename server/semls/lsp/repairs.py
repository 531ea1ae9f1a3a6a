"""Workarounds for defects of pygls 2.1.1. Delete each one when its issue is closed upstream."""

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

_HandlerCalls: TypeAlias = Generator[Any, Any, None]


def converter() -> Converter:
    """Return pygls's default converter, changed to keep unknown values of enumerations as they are.

    lsprotocol fails at them, so that the `initialize` of a newer client is never answered (no public issue).
    """
    lenient = Converter(detailed_validation=False)  # True collects an error for each item of a list
    for kind in vars(types).values():
        if isinstance(kind, type) and issubclass(kind, Enum):  # first: other hooks are derived from these
            lenient.register_structure_hook(kind, _structure_enum)
    converters.get_converter(lenient)
    for message in (
        protocol.JsonRPCRequestMessage,
        protocol.JsonRPCResponseMessage,
        protocol.JsonRPCNotification,
    ):
        lenient.register_structure_hook(message, _structure_message)
    lenient.register_structure_hook(int | str, _structure_key)  # ids and tokens
    lenient.register_structure_hook(types.WorkspaceSymbolParams, _structure_symbol_params)
    return lenient


def _structure_message(message: Any, kind: Any) -> Any:  # noqa: ANN401
    """Return a message whose method LSP does not specify, with its parameters unchanged.

    pygls converts them to named tuples, fails if there are none, and uses a member `type_name` as the name of
    the tuple (no public issue).
    """
    return kind(**{field.name: message.get(field.name) for field in attrs.fields(kind)})


def _structure_key(value: Any, _: Any) -> int | str:  # noqa: ANN401
    if not isinstance(value, int | str):
        raise TypeError("neither a number nor a string")
    return value


def _structure_symbol_params(params: Any, _: Any) -> types.WorkspaceSymbolParams:  # noqa: ANN401
    """Require a query that is a string; cattrs converts any value to one."""
    if not isinstance(params["query"], str):
        raise TypeError("not a string")
    return types.WorkspaceSymbolParams(params["query"])


def _structure_enum(value: Any, kind: Any) -> Any:  # noqa: ANN401
    try:
        return kind(value)
    except ValueError:
        return value


class Protocol(LanguageServerProtocol):
    """The protocol of pygls, with workarounds."""

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    async def lsp_workspace__execute_command(  # type: ignore[override]
        self, params: types.ExecuteCommandParams
    ) -> Any:  # noqa: ANN401
        """Run a command as a coroutine, which ends when the request is cancelled.

        In pygls the command keeps running, and a `shutdown` at that time fails (openlawlibrary/pygls#606).
        """
        handler = self.fm.commands.get(params.command)
        if handler is None:
            raise JsonRpcInvalidParams(f"Unknown command {params.command!r}.")
        return await handler(*(params.arguments or ()))

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: Any) -> _HandlerCalls:  # noqa: ANN401
        """Bypass the documents of pygls, which splits lines at form feeds (openlawlibrary/pygls#550)."""
        yield self.fm.features[types.TEXT_DOCUMENT_DID_OPEN], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: Any) -> _HandlerCalls:  # noqa: ANN401
        """Bypass the documents of pygls."""
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: Any) -> _HandlerCalls:  # noqa: ANN401
        """Bypass the documents of pygls."""
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CLOSE], (params,), None

    def structure_message(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the object unchanged: `handle_message` converts messages, pygls objects inside them, too."""
        return data

    def handle_message(self, message: Any) -> None:  # noqa: ANN401
        """Handle a message; respond to a malformed request with an error.

        pygls does not respond to it (no public issue), and fails at requests before `initialize` or does not
        respond to those after `shutdown` (openlawlibrary/pygls#605).
        """
        try:
            super().handle_message(self._structured(message))
        except JsonRpcException as error:
            if not isinstance(message, dict) or "id" in message:
                self._respond_with_error(_request_id(message), error)

    def refuse_unreadable(self) -> None:
        """Respond to a message that is not JSON or nested too deeply; pygls only logs it.

        There is no public issue.
        """
        error = JsonRpcParseError("The message is not valid JSON in UTF-8, or is nested too deeply.")
        self._respond_with_error(None, error)

    def _respond_with_error(self, request_id: int | str | None, error: JsonRpcException) -> None:
        self._send_response(request_id, error=error.to_response_error())  # type: ignore[arg-type]

    def _structured(self, message: Any) -> Any:  # noqa: ANN401
        """Return the message as an object of pygls or lsprotocol. Raises JsonRpcException."""
        if not isinstance(message, dict) or message.get("jsonrpc") != self.VERSION:
            raise JsonRpcInvalidRequest('Expected an object with "jsonrpc": "2.0".')
        if "id" in message and _request_id(message) is None:
            raise JsonRpcInvalidRequest("The 'id' of a request must be a string or an integer.")
        method = message.get("method")
        if method is not None and not isinstance(method, str):
            raise JsonRpcInvalidRequest("The 'method' must be a string.")
        if method and method != types.EXIT:
            self._check_lifecycle(method)
        kind = self._message_type(message, method)
        if "id" in message and not hasattr(kind, "id") and method:
            raise JsonRpcInvalidRequest(f"{method!r} is a notification, which has no 'id'.")
        try:
            return self._converter.structure(message, kind)
        except Exception as error:  # cattrs and its hooks raise errors of any type
            raise JsonRpcInvalidParams(_describe(method, error)) from error

    def _message_type(self, message: dict[str, Any], method: str | None) -> Any:  # noqa: ANN401
        """Return the type that a message is converted to."""
        if method:
            fallback = protocol.JsonRPCRequestMessage if "id" in message else protocol.JsonRPCNotification
            return self.get_message_type(method) or fallback
        if "error" in message:
            return types.ResponseErrorMessage
        return self._result_types.pop(message.get("id", ""), None) or protocol.JsonRPCResponseMessage

    def _check_lifecycle(self, method: str) -> None:
        """Raise JsonRpcException unless a request with this method is allowed now."""
        if self._shutdown:
            raise JsonRpcInvalidRequest("The server is shutting down.")
        if self._workspace is not None and method == types.INITIALIZE:
            raise JsonRpcInvalidRequest("The server is already initialized.")
        if self._workspace is None and method != types.INITIALIZE:
            raise JsonRpcServerNotInitialized("The server is not initialized. Send `initialize` first.")


def _request_id(message: Any) -> int | str | None:  # noqa: ANN401
    """Return the id of a request, or None if it has no valid id."""
    request_id = message.get("id") if isinstance(message, dict) else None
    return request_id if isinstance(request_id, int | str) and not isinstance(request_id, bool) else None


def _describe(method: str | None, error: Exception) -> str:
    """Return what is wrong with the parameters, as far as cattrs reports it."""
    problem = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else "a value has the wrong type"
    return f"The parameters of {method!r} are invalid: {problem}."


class HeaderStream:
    """A stream that normalises the spelling of header fields to `Content-Length`.

    pygls accepts only this spelling (no public issue), although names of header fields are case-insensitive.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.read = stream.read
        self._stream = stream

    def readline(self) -> bytes:
        """Return the next line, normalised."""
        line = self._stream.readline()
        length = _LENGTH.fullmatch(line)
        return b"Content-Length: %b\r\n" % length[1] if length else line
