import socket
import sys
from pathlib import Path

import pytest

from semls.engine.models.download import bundled
from semls.errors import ModelError, ModelUnavailable
from semls.settings import DEFAULT_MODEL
from tests.support.hub import COMMIT, TOKENIZER, run, served

NAME = DEFAULT_MODEL
FILES = ("config.json", "model.safetensors", *TOKENIZER)
CONTENT = b"of the model" * 100_000
LOCATE = f"print(download.locate(presets.resolve({NAME!r})))"


def test_without_the_extra_nothing_is_bundled(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    assert bundled() is None


def cached(hub, *missing):
    """A snapshot as the hub's own client caches it."""
    repository = hub / ("models--" + NAME.replace("/", "--"))
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    for name in FILES:
        if name not in missing:
            (snapshot / name).write_bytes(CONTENT)
    return snapshot


@pytest.mark.parametrize("environment", [{}, {"HF_HUB_OFFLINE": "1"}], ids=["unreachable", "offline"])
def test_a_model_that_cannot_be_had(tmp_path, environment):
    told = run(LOCATE, HF_HUB_CACHE=str(tmp_path), **environment)
    assert told.startswith(ModelUnavailable.__name__)
    assert "\n" not in told


def test_a_cached_model_needs_no_network(tmp_path):
    snapshot = cached(tmp_path)
    assert run(LOCATE, HF_HUB_CACHE=str(tmp_path)) == str(snapshot)
    pinned = f"print(download.locate(presets.resolve({NAME!r}, {COMMIT!r})))"
    assert run(pinned, HF_HUB_CACHE=str(tmp_path), HF_HUB_OFFLINE="1") == str(snapshot)


@pytest.mark.parametrize("missing", ["model.safetensors", "tokenizer.json"])
def test_what_an_interrupted_download_left_is_not_taken_for_a_model(tmp_path, missing):
    cached(tmp_path, missing)
    assert run(LOCATE, HF_HUB_CACHE=str(tmp_path)).startswith(ModelUnavailable.__name__)


def test_a_silent_hub_is_not_waited_for(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        told = run(f"download._PATIENCE = 0.1; {LOCATE}", HF_ENDPOINT=endpoint, HF_HUB_CACHE=str(tmp_path))
    assert told.startswith(ModelUnavailable.__name__)


@pytest.fixture
def hub():
    files = {
        **dict.fromkeys(FILES, CONTENT),
        "hostile.py": b"raise SystemExit",
        "pytorch_model.bin": b"pickle",
        "1_Pooling/model.safetensors": b"",
    }
    with served(files) as hub:
        yield hub


def test_a_download_brings_neither_code_nor_pickles_and_happens_once(tmp_path, hub):
    cache = {"HF_HUB_CACHE": str(tmp_path / "cache")}
    folder = Path(run(LOCATE, HF_ENDPOINT=hub.endpoint, **cache))
    assert {path.name for path in folder.iterdir()} == set(FILES)
    assert not [path for path in hub.asked if path.endswith((".py", ".bin"))]
    assert run(LOCATE, **cache) == str(folder)


def test_a_download_is_counted(tmp_path, hub):
    counted = run(
        "download.locate(presets.resolve('nomic-ai/nomic-embed-text-v1'), lambda *counts: print(*counts))",
        HF_ENDPOINT=hub.endpoint,
        HF_HUB_CACHE=str(tmp_path / "cache"),
    )
    steps = [tuple(map(int, line.split())) for line in counted.splitlines()]
    assert max(steps) == (len(FILES) * len(CONTENT),) * 2
    assert all(0 < done <= size for done, size in steps)
    assert len({size for _, size in steps}) == 1  # else the percentage would fall


@pytest.mark.parametrize("error", ["RepoNotFound", "RevisionNotFound", "GatedRepo"])
def test_what_the_hub_refuses_is_not_a_matter_of_connecting(tmp_path, hub, error):
    hub.error = error
    told = run(LOCATE, HF_ENDPOINT=hub.endpoint, HF_HUB_CACHE=str(tmp_path / "cache"))
    assert told.startswith(f"{ModelError.__name__} The hub does not give out {NAME}")
    assert "\n" not in told
