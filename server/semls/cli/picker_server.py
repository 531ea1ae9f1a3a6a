"""Answer what fzf asks for while `semls pick` runs: the hits for a query, and the preview of a file.

One process serves a whole session. fzf only starts `picker_client.py` on every key, which sends its arguments
to a port of the loopback interface, with a token.
"""

import asyncio
import contextlib
import hmac
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from semls.cli import answers
from semls.decoding import to_utf8
from semls.errors import SemlsError, UsageError, reason
from semls.escaping import escape_line
from semls.limits import MAX_FILE_BYTES
from semls.locations import path_of_uri
from semls.reading import read_regular
from semls.service.client import Client

VARIABLE = "SEMLS_PICKER"  # the environment variable with the port and the token
_HITS = 50
_MAX_REQUEST_BYTES = 1 << 16


class PickerServer:
    """Answers the requests of one fzf about one workspace."""

    def __init__(self, client: Client, workspace: str) -> None:
        self._client, self._workspace = client, workspace
        self._token = secrets.token_hex()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Answer requests until the end of the block; yield the value of the environment variable."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield f"{server.sockets[0].getsockname()[1]}:{self._token}"
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            size = int.from_bytes(await reader.readexactly(4), "big")
            if size > _MAX_REQUEST_BYTES:
                return
            token, *arguments = (await reader.readexactly(size)).split(b"\0")
            if not hmac.compare_digest(token, self._token.encode()):
                return
            response = asyncio.create_task(self._answer(*map(os.fsdecode, arguments)))
            killed = asyncio.create_task(reader.read())  # on the next key, by fzf
            await asyncio.wait({response, killed}, return_when=asyncio.FIRST_COMPLETED)
            killed.cancel()
            if response.done():
                writer.write(response.result().encode(sys.stdout.encoding, "backslashreplace"))
                await writer.drain()
            response.cancel()

    async def _answer(self, kind: str, *arguments: str) -> str:
        return await (self._rows(*arguments) if kind == "rows" else self._preview(*arguments))

    async def _rows(self, query: str) -> str:
        if not query.strip():
            return ""
        try:
            return answers.picker_rows(await self._client.search([self._workspace], query, limit=_HITS))
        except SemlsError as error:
            return answers.picker_error(str(error))

    async def _preview(self, line: str, uri: str, *plain: str) -> str:
        """Return a file with styles, or without them for bat; "" for the row with an error."""
        if not line:
            return ""
        try:
            text = await asyncio.to_thread(_read, path_of_uri(uri))
        except UsageError as error:
            return escape_line(str(error))
        return answers.file_text(text, None if plain else int(line))


def _read(path: str) -> str:
    """Return the text of a file. Raises UsageError."""
    try:
        content = read_regular(Path(path), MAX_FILE_BYTES)
    except (OSError, ValueError) as error:
        raise UsageError(f"The file {path} cannot be read: {reason(error)}.") from error
    if content is None:
        raise UsageError(f"{path} is not a regular file.")
    return to_utf8(Path(path), content[:MAX_FILE_BYTES]).decode("utf-8-sig", "replace")
