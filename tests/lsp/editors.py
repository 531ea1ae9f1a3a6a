"""Editors of few words, which speak with the real server over stdio."""

import sys
from contextlib import asynccontextmanager
from pathlib import Path

from lsprotocol import types
from pygls.uris import to_fs_path
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

EDITORS = ["visual_studio_code", "neovim", "emacs"]


@asynccontextmanager
async def editing(
    place, *folders, editor="visual_studio_code", configuration=None, of_folders=None, **initialize
):
    """An editor that has opened folders; `initialize` replaces parts of its first message."""
    directory, terminal = place
    command = [sys.executable, "-m", "semls", "lsp", "--stdio"]
    client = await ClientServerConfig(server_command=command, server_env=terminal.environment).start()
    assert isinstance(client, LanguageClient)
    client.feature(types.CLIENT_REGISTER_CAPABILITY)(lambda *_: None)
    opened = [types.WorkspaceFolder((directory / name).as_uri(), name) for name in folders]
    if configuration is not None:
        client.set_configuration({"semls": configuration})
    for folder, options in (of_folders or {}).items():
        client.set_configuration({"semls": options}, scope_uri=(directory / folder).as_uri())
    await client.initialize_session(
        types.InitializeParams(
            **{"capabilities": client_capabilities(editor), "process_id": None, "workspace_folders": opened}
            | initialize
        )
    )
    try:
        yield client
    finally:
        await client.shutdown_session()
        await client.stop()


async def symbols(client, query):
    return await client.workspace_symbol_async(types.WorkspaceSymbolParams(query))


async def command(client, *arguments):
    params = types.ExecuteCommandParams("semls.search", list(arguments))
    return await client.workspace_execute_command_async(params)


def text_at(location, encoding="utf-16"):
    """What the editor would select."""
    path = to_fs_path(location.uri)
    assert path
    line = Path(path).read_bytes().decode().split("\n")[location.range.start.line]
    size = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]
    name = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[encoding]
    start, end = location.range.start.character * size, location.range.end.character * size
    return line.encode(name)[start:end].decode(name)


def as_dict(thing):
    return thing if isinstance(thing, dict) else {"uri": thing.uri, "range": thing.range}


def at(directory, path, line):
    return {"uri": (directory / path).as_uri(), "position": {"line": line, "character": 3}}


async def execute(client, name, *arguments):
    return await client.workspace_execute_command_async(types.ExecuteCommandParams(name, list(arguments)))


async def request(client, method, params):
    return plain(await client.protocol.send_request_async(method, params))


def plain(thing):
    """What pygls made named tuples of, as it was sent."""
    if isinstance(thing, list):
        return [plain(one) for one in thing]
    thing = thing._asdict() if hasattr(thing, "_asdict") else thing
    return {key: plain(one) for key, one in thing.items()} if isinstance(thing, dict) else thing


def as_range(given):
    if isinstance(given, types.Range):
        return given
    start, end = given["start"], given["end"]
    return types.Range(types.Position(**start), types.Position(**end))
