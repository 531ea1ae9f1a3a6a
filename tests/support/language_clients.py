"""Starts language servers with the clients of pytest-lsp, and reads their answers."""

import sys
from contextlib import asynccontextmanager
from pathlib import Path

from lsprotocol import types
from pygls.uris import to_fs_path
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

EDITORS = ["visual_studio_code", "neovim", "emacs"]


@asynccontextmanager
async def editing(
    setup, *folders, editor="visual_studio_code", configuration=None, folder_configuration=None, **initialize
):
    """Start a client with open folders; `initialize` replaces parameters of `initialize`."""
    directory, terminal = setup
    command = [sys.executable, "-m", "semls", "lsp", "--stdio"]
    client = await ClientServerConfig(server_command=command, server_env=terminal.environment).start()
    assert isinstance(client, LanguageClient)
    client.feature(types.CLIENT_REGISTER_CAPABILITY)(lambda *_: None)
    client.feature(types.WORKSPACE_CODE_LENS_REFRESH)(lambda *_: None)
    workspace_folders = [types.WorkspaceFolder((directory / name).as_uri(), name) for name in folders]
    if configuration is not None:
        client.set_configuration({"semls": configuration})
    for folder, options in (folder_configuration or {}).items():
        client.set_configuration({"semls": options}, scope_uri=(directory / folder).as_uri())
    await client.initialize_session(
        types.InitializeParams(
            **{
                "capabilities": client_capabilities(editor),
                "process_id": None,
                "workspace_folders": workspace_folders,
            }
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


async def search_command(client, *arguments):
    return await execute(client, "semls.search", *arguments)


def text_at(location, encoding="utf-16"):
    """Return the text that the editor would select."""
    path = to_fs_path(location.uri)
    assert path
    line = Path(path).read_bytes().decode().split("\n")[location.range.start.line]
    size = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]
    name = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[encoding]
    start, end = location.range.start.character * size, location.range.end.character * size
    return line.encode(name)[start:end].decode(name)


def as_dict(location):
    if isinstance(location, dict):
        return location
    return {"uri": location.uri, "range": location.range}


def position_params(directory, path, line):
    return {"uri": (directory / path).as_uri(), "position": {"line": line, "character": 3}}


async def execute(client, name, *arguments):
    return await client.workspace_execute_command_async(types.ExecuteCommandParams(name, list(arguments)))


async def request(client, method, params):
    return to_json(await client.protocol.send_request_async(method, params))


def to_json(value):
    """Convert the named tuples of pygls back to dictionaries."""
    if isinstance(value, list):
        return [to_json(item) for item in value]
    value = value._asdict() if hasattr(value, "_asdict") else value
    return {key: to_json(item) for key, item in value.items()} if isinstance(value, dict) else value


def as_range(value):
    if isinstance(value, types.Range):
        return value
    start, end = value["start"], value["end"]
    return types.Range(types.Position(**start), types.Position(**end))
