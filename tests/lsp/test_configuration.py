"""Where settings come from, and what becomes of wrong ones."""

import time

import pytest
from lsprotocol import types
from pytest_lsp import client_capabilities

from tests.conftest import HANG
from tests.lsp.editors import editing, request

BUNDLED = "sentence-transformers/all-MiniLM-L6-v2"


async def models(client):
    """The model of each folder, once all are ready."""
    deadline = time.monotonic() + HANG
    while time.monotonic() < deadline:
        folders = (await request(client, "semls/status", None))["folders"]
        if all(folder["phase"] == "ready" for folder in folders):
            return [folder["model"] for folder in folders]
    raise AssertionError(folders)


async def until(client, expected):
    deadline = time.monotonic() + HANG
    while await models(client) != expected:
        assert time.monotonic() < deadline


@pytest.mark.parametrize("editor", ["visual_studio_code", "neovim", "emacs"])
async def test_each_folder_may_have_settings_of_its_own(place, editor):
    own = {"shop": {"model": "hashing"}}
    async with editing(place, "shop", "gpt", editor=editor, of_folders=own) as client:
        assert await models(client) == ["hashing", BUNDLED]
        answer = await request(client, "semls/search", {"query": "evict_expired"})
        assert answer["hits"][0]["name"] == "evict_expired"


async def test_what_the_client_is_asked_for_counts_more_than_what_it_sent_first(place):
    options = {"model": "hashing"}
    async with editing(place, "shop", initialization_options=options) as client:
        assert await models(client) == ["hashing"]
    for same in ({"model": BUNDLED}, {"model": BUNDLED, "revision": "", "store": {"url": "", "headers": {}}}):
        async with editing(place, "shop", initialization_options=options, configuration=same) as client:
            assert await models(client) == [BUNDLED]


async def test_changed_settings_are_taken_up(place):
    async with editing(place, "shop") as client:
        assert await models(client) == [BUNDLED]
        client.set_configuration({"semls": {"model": "hashing"}})
        client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
        await until(client, ["hashing"])
        client.set_configuration({})
        client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
        await until(client, [BUNDLED])


async def test_a_client_that_cannot_be_asked_sends_its_settings(place):
    capabilities = client_capabilities("visual_studio_code")
    assert capabilities.workspace
    capabilities.workspace.configuration = False
    async with editing(place, "shop", capabilities=capabilities) as client:
        pushed = types.DidChangeConfigurationParams({"semls": {"model": "hashing"}})
        client.workspace_did_change_configuration(pushed)
        await until(client, ["hashing"])


async def test_what_is_pushed_by_a_client_that_can_be_asked_does_not_count(place):
    """VS Code pushes what its extension itself has in the same section, too."""
    async with editing(place, "shop", configuration={"model": "hashing"}) as client:
        pushed = types.DidChangeConfigurationParams({"semls": {"path": "/usr/bin/semls", "model": BUNDLED}})
        client.workspace_did_change_configuration(pushed)
        client.set_configuration({"semls": {"revision": ""}})
        client.workspace_did_change_configuration(pushed)
        await until(client, [BUNDLED])
        assert not any("setting" in message.message for message in client.messages)


async def test_settings_that_are_an_empty_list_are_empty(place):
    """As Neovim sends an empty table."""
    async with editing(place, "shop", initialization_options=[], configuration=[]) as client:
        assert await models(client) == [BUNDLED]
        assert not any("settings" in message.message for message in client.messages)


async def test_a_wrong_setting_keeps_its_default_and_is_told_once(place):
    wrong = {"model": 5, "colour": "red", "store": {"url": "chroma"}}
    async with editing(place, "shop", "gpt", configuration=wrong) as client:
        assert await models(client) == [BUNDLED, BUNDLED]
        client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
        assert await models(client) == [BUNDLED, BUNDLED]
        told = [message.message for message in client.messages if "setting" in message.message]
        assert sorted(told) == sorted(set(told))
        assert len(told) == 3
        for key in ("'model'", "'colour'", "'store.url'"):
            assert any(key in message for message in told)


def test_a_client_that_never_answers_is_served_with_the_defaults(raw, workspace):
    client, shop = raw(), workspace("shop")
    client.unheard = {"workspace/configuration", "client/registerCapability"}
    changing = {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}}
    client.start(rootUri=shop.as_uri(), capabilities={"workspace": changing})
    hits = client.ask("semls/search", {"query": "evict_expired"})["result"]["hits"]
    assert hits[0]["name"] == "evict_expired"
    assert {one["method"] for one in client.asked} == client.unheard
