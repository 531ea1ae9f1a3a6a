"""Repairs of pygls 2.1.1, each to be deleted when its issue is closed upstream."""

from collections.abc import Generator
from enum import Enum
from typing import Any, TypeAlias

from cattrs import Converter
from lsprotocol import converters, types
from pygls import protocol
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcServerNotInitialized,
)
from pygls.protocol import LanguageServerProtocol
from pygls.protocol.language_server import lsp_method

_Steps: TypeAlias = Generator[Any, Any, None]


def converter() -> Converter:
    """As `pygls.protocol.default_converter`, but a number or name that is not known yet stays what it is.

    The library fails at it, so that a newer client's `initialize` is never answered (no public issue).
    """
    lenient = Converter()
    for kind in vars(types).values():
        if isinstance(kind, type) and issubclass(kind, Enum):  # before other hooks are made of it
            lenient.register_structure_hook(kind, _known_or_as_sent)
    converters.get_converter(lenient)
    lenient.register_structure_hook(protocol.JsonRPCRequestMessage, protocol._params_field_structure_hook)
    lenient.register_structure_hook(protocol.JsonRPCResponseMessage, protocol._result_field_structure_hook)
    lenient.register_structure_hook(protocol.JsonRPCNotification, protocol._params_field_structure_hook)
    return lenient


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

    def structure_message(self, data: dict[str, Any]) -> Any:  # noqa: ANN401
        """Answer a request whose parameters do not decode; pygls leaves it unanswered (no public issue)."""
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if "id" in data and "method" in data:
                self._send_response(data["id"], error=error.to_response_error())
            raise

    def handle_message(self, message: Any) -> None:  # noqa: ANN401
        """Refuse what comes before `initialize` or after `shutdown`.

        pygls fails at the one and never answers the other (openlawlibrary/pygls#605).
        """
        method = getattr(message, "method", "")
        refusal = self._refusal(method) if method and method != types.EXIT else None
        if refusal is None:
            super().handle_message(message)
        elif hasattr(message, "id"):
            self._send_response(message.id, error=refusal.to_response_error())

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
