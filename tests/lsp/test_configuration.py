"""The sources of settings, their precedence, and invalid settings."""

import time

import pytest
from lsprotocol import types
from pytest_lsp import client_capabilities

from tests.conftest import HANG
from tests.support.language_clients import editing, request

BUNDLED = "sentence-transformers/all-MiniLM-L6-v2"


async def models(client):
    """Return the model of each folder, once all are ready."""
    deadline = time.monotonic() + HANG
    while time.monotonic() < deadline:
        folders = (await request(client, "semls/status", None))["folders"]
        if all(folder["phase"] == "ready" for folder in folders):
            return [folder["model"] for folder in folders]
    raise AssertionError(folders)


async def wait_for_models(client, expected):
    deadline = time.monotonic() + HANG
    while await models(client) != expected:
        assert time.monotonic() < deadline


@pytest.mark.parametrize("editor", ["visual_studio_code", "neovim", "emacs"])
async def test_configuration_per_folder_selects_model_per_folder(offline, editor):
    own = {"shop": {"model": "hashing"}}
    async with editing(offline, "shop", "gpt", editor=editor, folder_configuration=own) as client:
        assert await models(client) == ["hashing", BUNDLED]
        answer = await request(client, "semls/search", {"query": "evict_expired"})
        assert answer["hits"][0]["name"] == "evict_expired"


async def test_fetched_configuration_overrides_initialization_options(offline):
    options = {"model": "hashing"}
    async with editing(offline, "shop", initialization_options=options) as client:
        assert await models(client) == ["hashing"]
    for same in ({"model": BUNDLED}, {"model": BUNDLED, "revision": "", "store": {"url": "", "headers": {}}}):
        async with editing(offline, "shop", initialization_options=options, configuration=same) as client:
            assert await models(client) == [BUNDLED]


async def test_did_change_configuration_applies_new_languages(offline):
    directory, _ = offline
    (directory / "included").mkdir()
    (directory / "included" / "a.inc").write_text("def python_name(): pass\n")
    async with editing(offline, "included") as client:

        async def wait_for_names(expected):
            deadline = time.monotonic() + HANG
            while True:
                answer = await request(client, "semls/search", {"query": "lang:python name:python_name"})
                if [hit["name"] for hit in answer["hits"]] == expected:
                    return
                assert time.monotonic() < deadline

        await models(client)
        await wait_for_names([])
        for settings, expected in (({"languages": {"*.inc": "python"}}, ["python_name"]), ({}, [])):
            client.set_configuration({"semls": settings})
            client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
            await wait_for_names(expected)


async def test_did_change_configuration_applies_new_settings(offline):
    async with editing(offline, "shop") as client:
        assert await models(client) == [BUNDLED]
        client.set_configuration({"semls": {"model": "hashing"}})
        client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
        await wait_for_models(client, ["hashing"])
        client.set_configuration({})
        client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
        await wait_for_models(client, [BUNDLED])


async def test_pushed_configuration_without_configuration_capability_is_applied(offline):
    capabilities = client_capabilities("visual_studio_code")
    assert capabilities.workspace
    capabilities.workspace.configuration = False
    async with editing(offline, "shop", capabilities=capabilities) as client:
        pushed = types.DidChangeConfigurationParams({"semls": {"model": "hashing"}})
        client.workspace_did_change_configuration(pushed)
        await wait_for_models(client, ["hashing"])


async def test_pushed_configuration_with_configuration_capability_is_ignored(offline):
    """VS Code also pushes the settings of its extension, which are in the same section."""
    async with editing(offline, "shop", configuration={"model": "hashing"}) as client:
        pushed = types.DidChangeConfigurationParams({"semls": {"path": "/usr/bin/semls", "model": BUNDLED}})
        client.workspace_did_change_configuration(pushed)
        client.set_configuration({"semls": {"revision": ""}})
        client.workspace_did_change_configuration(pushed)
        await wait_for_models(client, [BUNDLED])
        assert not any("setting" in message.message for message in client.messages)


async def test_configuration_that_is_empty_list_counts_as_empty_object(offline):
    """Neovim sends an empty table as a list."""
    async with editing(offline, "shop", initialization_options=[], configuration=[]) as client:
        assert await models(client) == [BUNDLED]
        assert not any("settings" in message.message for message in client.messages)


async def test_invalid_setting_keeps_default_and_is_reported_once(offline):
    wrong = {"model": 5, "colour": "red", "store": {"url": "chroma"}}
    async with editing(offline, "shop", "gpt", configuration=wrong) as client:
        assert await models(client) == [BUNDLED, BUNDLED]
        client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
        assert await models(client) == [BUNDLED, BUNDLED]
        messages = [message.message for message in client.messages if "setting" in message.message]
        assert sorted(messages) == sorted(set(messages))
        assert len(messages) == 3
        for key in ("'model'", "'colour'", "'store.url'"):
            assert any(key in message for message in messages)


def test_configuration_request_without_response_uses_defaults(raw, workspace):
    client, shop = raw(), workspace("shop")
    client.unanswered_methods = {"workspace/configuration", "client/registerCapability"}
    changing = {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}}
    client.start(rootUri=shop.as_uri(), capabilities={"workspace": changing})
    hits = client.search("evict_expired")
    assert hits[0]["name"] == "evict_expired"
    assert {one["method"] for one in client.server_requests} == client.unanswered_methods
