"""The index as an editor shows and steers it: commands, progress, and what a status bar is told."""

import asyncio
import shutil
import time
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pytest_lsp import client_capabilities

from semls.engine.models.download import bundled_model
from tests.conftest import HANG, Terminal
from tests.lsp.editors import as_range, editing, execute, request, symbols, text_at
from tests.lsp.raw import Raw
from tests.support.hub import COMMIT, serve_hub


@pytest.fixture
def many(place):
    """A folder that takes a while."""
    directory, _ = place
    folder = directory / "many"
    folder.mkdir()
    for number in range(600):
        (folder / f"m{number}.py").write_text(f"def number_{number}(x):\n    return x + {time.time_ns()}\n")
    yield folder
    shutil.rmtree(folder)


def capable(**experimental):
    capabilities = client_capabilities("visual_studio_code")
    capabilities.experimental = {"semls": experimental}
    return capabilities


def reports(client, kind):
    return [one for token in client.progress_reports.values() for one in token if type(one) is kind]


async def phase(client):
    (folder,) = (await request(client, "semls/status", None))["folders"]
    return folder["phase"]


async def until(condition):
    deadline = time.monotonic() + HANG
    while not await condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def until_ready(client):
    async def is_ready():
        return await phase(client) == "ready"

    await until(is_ready)


async def test_cancelling_progress_pauses_indexing(place, many):
    async with editing(place, many.name) as client:

        async def is_shown():
            return reports(client, types.WorkDoneProgressReport)

        async def is_paused():
            return await phase(client) == "paused"

        await until(is_shown)
        (begin,) = reports(client, types.WorkDoneProgressBegin)
        assert begin.cancellable
        assert begin.percentage == 0
        token = next(iter(client.progress_reports))
        client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token))
        await until(is_paused)
        assert (await symbols(client, "number_7"))[0].name == "number_7"
        await execute(client, "semls.resume")
        await until_ready(client)
        counted = [one for one in reports(client, types.WorkDoneProgressReport) if "chunks" in one.message]
        assert counted
        assert any(one.percentage for one in counted)


async def test_progress_while_model_downloads_shows_percentage(request, tmp_path, workspace):
    workspace("shop")
    model = bundled_model()
    assert model
    assert model.folder
    terminal = Terminal(tmp_path / "semls", model=model.name)
    request.addfinalizer(terminal.stop)
    files = {path.name: path.read_bytes() for path in model.folder.iterdir() if path.is_file()}
    with serve_hub(files) as hub:
        hub.gate.clear()
        terminal.environment |= {"HF_ENDPOINT": hub.endpoint, "SEMLS_REVISION": COMMIT}
        async with editing(
            (tmp_path, terminal), "shop", capabilities=capable(didChangeStatus=True)
        ) as client:
            told = list[Any]()

            @client.feature("semls/didChangeStatus")
            def did_change_status(state):
                told.append(state)

            # The status and the progress are two notifications: either may come first.
            async def is_shown_and_told():
                shown = reports(client, types.WorkDoneProgressReport)
                return any(
                    one.percentage and "Downloading the model" in one.message for one in shown
                ) and any(0 < one.downloaded < one.download for one in told)

            await until(is_shown_and_told)
            hub.gate.set()
            await until_ready(client)
            for token in client.progress_reports.values():
                steps = [one.percentage for one in token if getattr(one, "percentage", None) is not None]
                assert steps == sorted(steps)


async def test_pause_and_resume_commands_change_phase(place):
    async with editing(place, "shop") as client:
        await until_ready(client)
        await execute(client, "semls.pause")
        await execute(client, "semls.clear")

        async def is_paused():
            return await phase(client) == "paused"

        await until(is_paused)
        await execute(client, "semls.resume", {})
        await until_ready(client)


async def test_clear_of_open_folder_reindexes_it(place):
    async with editing(place, "shop") as client:
        await until_ready(client)
        await execute(client, "semls.pause")
        before = (await request(client, "semls/status", None))["folders"][0]["embedded"]
        await execute(client, "semls.clear")
        assert (await symbols(client, "evict_expired"))[0].name == "evict_expired"
        cleared = (await request(client, "semls/status", None))["folders"][0]["embedded"]
        await execute(client, "semls.resume")
        assert before > cleared == 0


async def test_reindex_command_returns_and_status_has_chunks(place):
    async with editing(place, "shop") as client:
        assert await execute(client, "semls.reindex") is None
        state = await execute(client, "semls.status")
        (folder,) = state["folders"] if isinstance(state, dict) else state.folders
        assert (folder if isinstance(folder, dict) else folder._asdict())["chunks"] > 0


async def test_open_best_with_match_opens_it(place):
    async with editing(place, "shop") as client:
        found = await execute(client, "semls.openBest", {"query": "name:evict_expired"})
        (document,) = client.shown_documents
        assert document.take_focus
        assert text_at(types.Location(document.uri, document.selection)) == "evict_expired"
        assert as_range(found["range"] if isinstance(found, dict) else found.range) == document.selection
        assert await execute(client, "semls.openBest", {"query": "name:there_is_none"}) is None


async def test_open_best_without_show_document_is_refused(place):
    capabilities = client_capabilities("visual_studio_code")
    assert capabilities.window
    capabilities.window.show_document = None
    async with editing(place, "shop", capabilities=capabilities) as client:
        with pytest.raises(JsonRpcException, match=r"semls\.search"):
            await execute(client, "semls.openBest", {"query": "evict_expired"})


@pytest.mark.parametrize("name", ["status", "reindex", "clear", "pause", "resume"])
async def test_command_without_parameters_refuses_arguments(place, name):
    async with editing(place, "shop") as client:
        with pytest.raises(JsonRpcException) as raised:
            await execute(client, f"semls.{name}", {"folder": "shop"})
        assert raised.value.code == -32602


@pytest.mark.parametrize("able", [True, False])
async def test_did_change_status_is_sent_only_to_capable_client(place, many, able):
    capabilities = capable(didChangeStatus=able)
    async with editing(place, workspace_folders=[], capabilities=capabilities) as client:
        states: list[Any] = []

        @client.feature("semls/didChangeStatus")
        def did_change_status(params):
            states.append(params)

        folder = types.WorkspaceFolder(many.as_uri(), many.name)
        change = types.WorkspaceFoldersChangeEvent(added=[folder], removed=[])
        client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(change))

        await until_ready(client)
        await symbols(client, "number_7")
        if not able:
            assert states == []
            return

        async def is_told():
            return states and states[-1].phase == "ready"

        await until(is_told)
        assert {state.uri for state in states} == {many.as_uri()}
        assert states[-1].chunks == states[-1].embedded == 600
        assert len({state.embedded for state in states}) > 2


async def test_progress_without_capability_is_not_sent(place, many):
    capabilities = client_capabilities("visual_studio_code")
    assert capabilities.window
    capabilities.window.work_done_progress = False
    async with editing(place, many.name, capabilities=capabilities) as client:
        await until_ready(client)
        assert not client.progress_reports


def test_progress_refused_by_client_is_requested_once(place, many):
    _, terminal = place
    client = Raw(terminal.environment)
    client.unheard = {"window/workDoneProgress/create"}
    client.start(rootUri=many.as_uri(), capabilities={"window": {"workDoneProgress": True}})
    deadline = time.monotonic() + HANG
    while client.ask("semls/status")["result"]["folders"][0]["phase"] != "ready":
        assert time.monotonic() < deadline
    assert [one["method"] for one in client.asked] == ["window/workDoneProgress/create"]
    client.process.kill()
    client.end()
