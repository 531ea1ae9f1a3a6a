"""Commands that control indexing, its progress in the editor, and notifications for a status bar."""

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pytest_lsp import client_capabilities

from semls.engine.models.presets import FALLBACK
from tests.conftest import HANG, Terminal
from tests.support.hub import COMMIT, serve_hub
from tests.support.language_clients import as_range, editing, execute, request, symbols, text_at
from tests.support.models import installed_folder
from tests.support.raw_client import RawClient
from tests.support.waiting import wait_until_async

CHUNKS = 200  # of a workspace that takes seconds to embed


@pytest.fixture
def large_folder(offline):
    """Return a workspace that takes seconds to embed."""
    directory, _ = offline
    folder = Path(tempfile.mkdtemp(dir=directory))  # a new one: the engine keeps workspaces open
    for number in range(CHUNKS):
        (folder / f"m{number}.py").write_text(f"def number_{number}(x):\n    return x + {time.time_ns()}\n")
    yield folder
    shutil.rmtree(folder)


def with_experimental(**experimental):
    capabilities = client_capabilities("visual_studio_code")
    capabilities.experimental = {"semls": experimental}
    return capabilities


def reports(client, kind):
    return [one for token in client.progress_reports.values() for one in token if type(one) is kind]


async def phase(client):
    (folder,) = (await request(client, "semls/status", None))["folders"]
    return folder["phase"]


async def until_ready(client):
    async def is_ready():
        return await phase(client) == "ready"

    await wait_until_async(is_ready)


async def test_cancelling_progress_pauses_indexing(offline, large_folder):
    async with editing(offline, large_folder.name) as client:

        async def is_shown():
            return reports(client, types.WorkDoneProgressReport)

        async def is_paused():
            return await phase(client) == "paused"

        await wait_until_async(is_shown)
        (begin,) = reports(client, types.WorkDoneProgressBegin)
        assert begin.cancellable
        assert begin.percentage == 0
        token = next(iter(client.progress_reports))
        client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token))
        await wait_until_async(is_paused)
        assert (await symbols(client, "number_7"))[0].name == "number_7"
        await execute(client, "semls.resume")
        await until_ready(client)
        embedding = [
            report for report in reports(client, types.WorkDoneProgressReport) if "chunks" in report.message
        ]
        assert any(report.percentage for report in embedding)


async def test_progress_while_model_downloads_shows_percentage(request, tmp_path, workspace):
    workspace("shop")
    terminal = Terminal(tmp_path / "semls", model=FALLBACK.name)
    request.addfinalizer(terminal.stop)
    files = {path.name: path.read_bytes() for path in installed_folder().iterdir() if path.is_file()}
    with serve_hub(files) as hub:
        hub.gate.clear()
        terminal.environment |= {"HF_ENDPOINT": hub.endpoint, "SEMLS_REVISION": COMMIT}
        async with editing(
            (tmp_path, terminal), "shop", capabilities=with_experimental(didChangeStatus=True)
        ) as client:
            states = list[Any]()

            @client.feature("semls/didChangeStatus")
            def did_change_status(state):
                states.append(state)

            # The status and the progress are two notifications: either may come first.
            async def is_shown_and_notified():
                shown = reports(client, types.WorkDoneProgressReport)
                return any(
                    one.percentage and "Downloading the model" in one.message for one in shown
                ) and any(0 < one.downloaded < one.download for one in states)

            await wait_until_async(is_shown_and_notified)
            hub.gate.set()
            await until_ready(client)
            for token in client.progress_reports.values():
                percentages = [
                    one.percentage for one in token if getattr(one, "percentage", None) is not None
                ]
                assert percentages == sorted(percentages)


async def test_pause_and_resume_commands_change_phase(offline):
    async with editing(offline, "shop") as client:
        await until_ready(client)
        await execute(client, "semls.pause")
        await execute(client, "semls.clear")

        async def is_paused():
            return await phase(client) == "paused"

        await wait_until_async(is_paused)
        await execute(client, "semls.resume", {})
        await until_ready(client)


async def test_clear_of_open_folder_reindexes_it(offline):
    async with editing(offline, "shop") as client:
        await until_ready(client)
        await execute(client, "semls.pause")
        before = (await request(client, "semls/status", None))["folders"][0]["embedded"]
        await execute(client, "semls.clear")
        assert (await symbols(client, "evict_expired"))[0].name == "evict_expired"
        cleared = (await request(client, "semls/status", None))["folders"][0]["embedded"]
        await execute(client, "semls.resume")
        assert before > cleared == 0


async def test_reindex_command_returns_and_status_has_chunks(offline):
    async with editing(offline, "shop") as client:
        assert await execute(client, "semls.reindex") is None
        state = await execute(client, "semls.status")
        (folder,) = state["folders"] if isinstance(state, dict) else state.folders
        assert (folder if isinstance(folder, dict) else folder._asdict())["chunks"] > 0


async def test_open_best_with_match_opens_it(offline):
    async with editing(offline, "shop") as client:
        found = await execute(client, "semls.openBest", {"query": "name:evict_expired"})
        (document,) = client.shown_documents
        assert document.take_focus
        assert text_at(types.Location(document.uri, document.selection)) == "evict_expired"
        assert as_range(found["range"] if isinstance(found, dict) else found.range) == document.selection
        assert await execute(client, "semls.openBest", {"query": "name:there_is_none"}) is None


async def test_open_best_without_show_document_is_refused(offline):
    capabilities = client_capabilities("visual_studio_code")
    assert capabilities.window
    capabilities.window.show_document = None
    async with editing(offline, "shop", capabilities=capabilities) as client:
        with pytest.raises(JsonRpcException, match=r"semls\.search"):
            await execute(client, "semls.openBest", {"query": "evict_expired"})


async def test_commands_without_parameters_refuse_arguments(offline):
    async with editing(offline, "shop") as client:
        for name in ("status", "reindex", "clear", "pause", "resume"):
            with pytest.raises(JsonRpcException) as raised:
                await execute(client, f"semls.{name}", {"folder": "shop"})
            assert raised.value.code == -32602


@pytest.mark.parametrize("capable_client", [True, False])
async def test_did_change_status_is_sent_only_to_capable_client(offline, large_folder, capable_client):
    capabilities = with_experimental(didChangeStatus=capable_client)
    async with editing(offline, workspace_folders=[], capabilities=capabilities) as client:
        states: list[Any] = []

        @client.feature("semls/didChangeStatus")
        def did_change_status(params):
            states.append(params)

        folder = types.WorkspaceFolder(large_folder.as_uri(), large_folder.name)
        change = types.WorkspaceFoldersChangeEvent(added=[folder], removed=[])
        client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(change))

        await until_ready(client)
        await symbols(client, "number_7")
        if not capable_client:
            assert states == []
            return

        async def is_notified():
            return states and states[-1].phase == "ready"

        await wait_until_async(is_notified)
        assert {state.uri for state in states} == {large_folder.as_uri()}
        assert states[-1].chunks == states[-1].embedded == CHUNKS
        assert len({state.embedded for state in states}) > 1  # before the end, too


async def test_progress_without_capability_is_not_sent(offline, large_folder):
    capabilities = client_capabilities("visual_studio_code")
    assert capabilities.window
    capabilities.window.work_done_progress = False
    async with editing(offline, large_folder.name, capabilities=capabilities) as client:
        await until_ready(client)
        assert not client.progress_reports


def test_progress_refused_by_client_is_requested_once(offline, large_folder):
    _, terminal = offline
    client = RawClient(terminal.environment)
    client.unanswered_methods = {"window/workDoneProgress/create"}
    client.start(rootUri=large_folder.as_uri(), capabilities={"window": {"workDoneProgress": True}})
    deadline = time.monotonic() + HANG
    current = ""
    while not client.server_requests or current != "ready":
        current = client.ask("semls/status")["result"]["folders"][0]["phase"]
        assert time.monotonic() < deadline
    assert [one["method"] for one in client.server_requests] == ["window/workDoneProgress/create"]
    client.process.kill()
    client.end()
