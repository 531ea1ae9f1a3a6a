"""Repairs of pygls 2.1.1, each to be deleted when its issue is closed upstream."""

from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams
from pygls.protocol import LanguageServerProtocol
from pygls.protocol.language_server import lsp_method


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

    def structure_message(self, data: dict[str, Any]) -> Any:  # noqa: ANN401
        """Answer a request whose parameters do not decode; pygls leaves it unanswered (no public issue)."""
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if "id" in data and "method" in data:
                self._send_response(data["id"], error=error.to_response_error())
            raise
