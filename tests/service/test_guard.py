"""Attacks on the engine by other programs, by web pages and by the files of a workspace."""

import contextlib
import json
import os
import secrets
import socket
import sqlite3
import stat
import subprocess
import sys
import threading

import httpx
import pytest

from semls.engine.engine import Engine
from semls.service.routes import App
from tests.conftest import HANG
from tests.support.engines import received
from tests.support.raw_client import RawClient

COMMAND = os.path.join(os.path.dirname(sys.executable), "semls")  # the installed script


@pytest.fixture
def shop(workspace):
    return workspace("shop")


@pytest.fixture
def state(shared_state):
    return shared_state


def post(state, path="/", body=None, **headers):
    url = f"http://127.0.0.1:{state['port']}{path}"
    headers = {"Authorization": f"Bearer {state['token']}", **headers}
    return httpx.post(url, json=body or {}, headers=headers, trust_env=False, timeout=HANG)


@contextlib.contextmanager
def connection(state, *lines, token=None):
    """Open a connection and send the head of a request."""
    authorization = f"Authorization: Bearer {token or state['token']}"
    head = [f"POST /search HTTP/1.1\r\nHost: 127.0.0.1:{state['port']}", authorization, *lines]
    with socket.create_connection(("127.0.0.1", state["port"]), timeout=HANG) as opened:
        opened.sendall("\r\n".join([*head, "", ""]).encode())
        yield opened


# Files on disk


@pytest.mark.skipif(os.name != "posix", reason="Windows has no file modes")
def test_written_files_are_readable_only_by_their_user(terminal, shop):
    former = os.umask(0)
    try:
        terminal.json("index", shop)
    finally:
        os.umask(former)
    written = [
        terminal.cache,
        terminal.state,
        *terminal.cache.rglob("*"),
        *terminal.state.rglob("*"),
    ]
    assert len(written) > 10
    assert [path for path in written if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


# Authorization


def test_request_with_similar_token_is_refused(state):
    token = state["token"]
    longer, shorter, other = token + "x", token[:-1], token[:-1] + ("x" if token[-1] != "x" else "y")
    for guess in (longer, shorter, other, token.swapcase(), "é" * 20, "x" * 10_000):
        assert post(state, Authorization=f"Bearer {guess}".encode()).status_code == 401
    for value in (token, f"Basic {token}", f"Bearer{token}"):
        assert post(state, Authorization=value).status_code == 401
    assert post(state).status_code == 200


async def test_token_is_compared_in_constant_time(tmp_path, monkeypatch):
    compared = []

    def compare(one, other):
        compared.append(one)
        return one == other

    monkeypatch.setattr(secrets, "compare_digest", compare)
    transport = httpx.ASGITransport(App(Engine(tmp_path), 8080, "token"))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as http:
        for token, status in (("guess", 401), ("tokem", 401), ("token", 200)):
            answer = await http.post("/", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == status
    assert compared == [b"Bearer guess", b"Bearer tokem", b"Bearer token"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:PORT.evil.example"},
        {"Host": "evil.example:PORT"},
        {"Host": "0.0.0.0:PORT"},
        {"Host": "[::1]:PORT"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:PORT"},
        {"Origin": ""},
    ],
)
def test_request_of_web_page_with_token_is_refused(state, headers):
    headers = {key: value.replace("PORT", str(state["port"])) for key, value in headers.items()}
    assert post(state, **headers).status_code == 403


def test_preflight_request_is_refused(state):
    url = f"http://127.0.0.1:{state['port']}/search"
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for method in ("OPTIONS", "GET", "HEAD", "PUT"):
        answer = httpx.request(method, url, headers=headers, trust_env=False)
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_engine_is_not_reachable_at_other_addresses(state):
    others = {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None)}
    for address in {*others, "::1", "127.0.0.2"} - {"127.0.0.1"}:
        with pytest.raises(OSError), socket.create_connection((address, state["port"]), 5):  # noqa: PT011
            pass


# Request bodies


@pytest.mark.parametrize("token", [None, "guess"])
@pytest.mark.parametrize("length", ["Transfer-Encoding: chunked", "Content-Length: 1000000000000"])
def test_endless_request_is_cut_off(state, length, token):
    with connection(state, length, token=token) as opened:

        def send_endlessly():
            with contextlib.suppress(OSError):
                while True:
                    opened.sendall(b"1000\r\n" + b" " * 0x1000 + b"\r\n")

        sender = threading.Thread(target=send_endlessly, daemon=True)
        sender.start()
        answer = received(opened)
        assert answer.startswith(b"HTTP/1.1 401" if token else b"HTTP/1.1 400") or not answer
        sender.join(HANG)
        assert not sender.is_alive()
    assert post(state).status_code == 200


def test_slow_request_is_refused(state):
    with connection(state, "Content-Length: 1000") as opened:
        opened.sendall(b"{")
        answer = received(opened)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"did not end" in answer


def test_deep_or_invalid_json_is_refused(state):
    for body in (b"[" * 100_000, b'{"query": "\xff"}', b'{"query": "\\ud800"}', b'{"a":' * 50_000, b"NaN"):
        url = f"http://127.0.0.1:{state['port']}/search"
        headers = {"Authorization": f"Bearer {state['token']}"}
        assert httpx.post(url, content=body, headers=headers, trust_env=False).status_code == 400
    assert post(state).status_code == 200


def test_request_with_invalid_field_names_the_problem(state):
    url = f"http://127.0.0.1:{state['port']}"
    headers = {"Authorization": f"Bearer {state['token']}"}
    for path, body, sentence in (
        ("/search", {"query": "x"}, "'workspaces' is missing; required: query, workspaces."),
        ("/search", {"query": "x", "workspaces": 5}, "'workspaces' must be a list of objects, not a number."),
        ("/search", {"query": ["x"], "workspaces": []}, "'query' must be a string, not a list."),
        ("/search", {"query": "x", "workspaces": [{}]}, "'workspaces[0].workspace' is missing."),
        ("/context", {"query": "x", "workspaces": [], "tokens": 0}, "'tokens' must be at least 1."),
        ("/why", {"workspace": "/", "file": None}, "'file' must be a string that is a path."),
        (
            "/cache/export",
            {"file": "x", "colour": 1},
            "'colour' is unknown; expected one of: file, settings.",
        ),
        ("/doctor", [], "The request must be an object, not a list."),
    ):
        answer = httpx.post(url + path, json=body, headers=headers, trust_env=False)
        assert (answer.status_code, answer.json()["message"]) == (400, sentence)


# Files outside the workspace


@pytest.fixture
def secret(shop):
    """A file outside the workspace, and links in the workspace that lead to it."""
    folder = shop.with_name("shop-secret")
    folder.mkdir()
    (folder / "secret.py").write_text("def the_secret_recipe():\n    return 'salt'\n")
    (shop / "link.py").symlink_to(folder / "secret.py")
    (shop / "linked").symlink_to(folder, target_is_directory=True)
    (shop / "up").symlink_to("..", target_is_directory=True)
    return folder / "secret.py"


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_files_outside_the_workspace_are_not_read(shared_terminal, shop, secret, state):
    shared_terminal.json("index", shop)
    root = str(shop)
    paths = ["../shop-secret/secret.py", "link.py", "linked/secret.py", "up/shop-secret/secret.py"]
    for file in [*(f"{root}/{path}" for path in paths), str(secret), "/etc/hosts"]:
        for path, more in (("/why", {"file": file}), ("/similar", {"file": file, "row": 0})):
            answer = post(state, path, {"workspace": root, "settings": {"model": "hashing"}, **more})
            if (path, file) == ("/why", f"{root}/link.py"):
                assert answer.json()["skipped"] == "link that leaves the workspace"
                continue
            assert answer.status_code == 400
            assert "outside the workspace" in answer.json()["message"]
        changed = {"workspace": root, "files": [file], "settings": {"model": "hashing"}}
        assert post(state, "/changed", changed).status_code == 400
    for command in ("search", "context"):
        assert "salt" not in shared_terminal.run(command, "the_secret_recipe", cwd=shop).stdout
    reasons = {file["path"]: file["reason"] for file in shared_terminal.json("status", shop)["skipped_files"]}
    assert {"link.py", "linked", "up"} <= {path.rstrip("/") for path in reasons}


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_file_replaced_by_outside_link_is_not_read(shared_terminal, shop, secret, state):
    shared_terminal.json("index", shop)
    (shop / "worker/thumbnails.py").unlink()
    (shop / "worker/thumbnails.py").symlink_to(secret)
    (shop / "store").rename(shop.with_name("store"))
    (shop / "store").symlink_to(shop.with_name("store"), target_is_directory=True)
    body = {"workspaces": [{"workspace": str(shop), "settings": {"model": "hashing"}}]}
    for query in ("fit_into thumbnails", "the_secret_recipe", "evict_expired"):
        answer = post(state, "/context", {**body, "query": query}).json()
        assert not {"worker/thumbnails.py", "store/session.rs"} & {one["path"] for one in answer["sections"]}
        assert "salt" not in answer["markdown"]


# Imported caches


@pytest.fixture
def importing(terminal, shop):
    """A separate engine, because imported vectors would change the answers of a shared one."""
    terminal.json("index", shop)
    return json.loads(terminal.state_file.read_text())


def export(terminal, directory):
    """Return a valid export, which the tests corrupt."""
    file = directory / "exported.semls"
    assert terminal.run("cache", "export", file).returncode == 0
    return file


FIRST = "hash IN (SELECT hash FROM embeddings LIMIT 1)"
ENDLESS = "WITH RECURSIVE more(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more) SELECT"


ATTACKS = [
    f"DROP TABLE embeddings; CREATE VIEW embeddings AS {ENDLESS} n AS hash, 0 AS hour, x'' AS vector"
    " FROM more WHERE n < 0;",
    f"DROP TABLE about; CREATE VIEW about AS {ENDLESS} n AS fingerprint FROM more;",
    "DROP TABLE embeddings; CREATE TABLE embeddings (hash, hour,"
    " vector AS (hex(zeroblob(400000000))) VIRTUAL); INSERT INTO embeddings VALUES ('a', 1);",
    "UPDATE embeddings SET vector = 'a text';",
    "UPDATE embeddings SET vector = 3;",
    f"UPDATE embeddings SET vector = zeroblob(100000000) WHERE {FIRST};",
    "UPDATE embeddings SET vector = zeroblob(127);",
    f"UPDATE embeddings SET hash = CAST(x'ff' AS TEXT) WHERE {FIRST};",
    "CREATE TRIGGER more AFTER INSERT ON embeddings BEGIN DELETE FROM about; END;",
    "UPDATE about SET fingerprint = fingerprint || 'x';",
    "INSERT INTO about SELECT * FROM about;",
]


@pytest.mark.slow
def test_hostile_cache_file_is_not_imported(terminal, shop, tmp_path, importing):
    valid = export(terminal, tmp_path).read_bytes()
    for attack in ATTACKS:
        (tmp_path / "hostile").write_bytes(valid)
        with contextlib.closing(sqlite3.connect(tmp_path / "hostile")) as db:
            db.executescript(attack)
        check_import_is_refused(terminal, importing, shop, tmp_path / "hostile")


def test_corrupted_cache_file_is_refused_or_harmless(terminal, shop, tmp_path, importing):
    valid = export(terminal, tmp_path).read_bytes()
    for at in range(0, len(valid), 3000):
        (tmp_path / "corrupted").write_bytes(valid[:at] + b"\xa5" * 3000 + valid[at + 3000 :])
        body = {"file": str(tmp_path / "corrupted"), "settings": {"model": "hashing"}}
        answer = post(importing, "/cache/import", body)
        assert (answer.status_code, answer.json().get("error")) in [(200, None), (400, "usage")]
    assert first_hit(importing, shop) == "evict_expired"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes")
def test_path_that_is_not_a_cache_file_is_not_imported(terminal, shop, tmp_path, importing):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, "/dev/zero", "/etc/hosts"):
        check_import_is_refused(terminal, importing, shop, path)


def first_hit(state, shop):
    """Return the name of the first hit for `evict_expired`."""
    body = {"workspaces": [{"workspace": str(shop), "settings": {"model": "hashing"}}]}
    return post(state, "/search", {**body, "query": "evict_expired"}).json()["hits"][0]["name"]


def check_import_is_refused(terminal, state, shop, file):
    done = terminal.run("cache", "import", file)
    assert done.returncode == 2, done.stderr
    assert "cannot be imported" in done.stderr
    assert first_hit(state, shop) == "evict_expired"


# Files of a workspace


@pytest.fixture
def trap():
    """Return a port to which no connection may be made."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.fixture
def hostile(shop, trap, tmp_path):
    """A workspace whose files try to set a model, a store and a command, and to run code."""
    url, ran = f"http://127.0.0.1:{trap}", tmp_path / "ran"
    model = "sentence-transformers/all-MiniLM-L6-v2"
    settings = {"model": model, "store": {"url": url}, "command": f"touch {ran}"}
    for name in ("semls.json", ".semls.json", ".semls/settings.json", ".semls/config.json", ".semlsrc"):
        write(shop / name, json.dumps(settings))
    for_code = {f"semls.{key}": value for key, value in settings.items()}
    write(shop / ".vscode/settings.json", json.dumps(for_code))
    toml = f'model = "{settings["model"]}"\ncommand = "{settings["command"]}"\n'
    for name in ("semls.toml", ".semls.toml", ".config/semls/config.toml"):
        write(shop / name, f'{toml}[store]\nurl = "{url}"\n')
    write(shop / "pyproject.toml", f'[tool.semls]\n{toml}[tool.semls.store]\nurl = "{url}"\n')
    write(
        shop / ".env",
        f"SEMLS_MODEL={model}\nSEMLS_STORE_URL={url}\nHF_ENDPOINT={url}\nHTTP_PROXY={url}\n"
        "CHROMA_API_IMPL=chromadb.api.fastapi.FastAPI\nCHROMA_SERVER_HOST=127.0.0.1\n"
        f"CHROMA_SERVER_HTTP_PORT={trap}\nPYTHONPATH={shop}\n",
    )
    code = f"open({str(ran)!r}, 'w').close()\n"
    write(shop / "semls/__init__.py", code)
    for name in "sitecustomize usercustomize torch numpy chromadb typer httpx uvicorn json asyncio".split():
        write(shop / f"{name}.py", code)
    yield shop
    assert not ran.exists()


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def run(terminal, hostile, *arguments, **environment):
    """Run the installed script inside the workspace."""
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=hostile,
        env={**terminal.environment, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )


def test_settings_files_in_workspace_are_ignored(terminal, hostile):
    assert run(terminal, hostile, "index").returncode == 0
    assert json.loads(run(terminal, hostile, "status", "--json").stdout)["model"] == "hashing"
    server = RawClient(terminal.environment)
    server.start(rootUri=hostile.as_uri())
    (folder,) = server.ask("semls/status")["result"]["folders"]
    assert folder["model"] == "hashing"
    server.end()


@pytest.mark.slow
def test_code_in_workspace_is_not_run(terminal, hostile):
    bundled = {"SEMLS_MODEL": "sentence-transformers/all-MiniLM-L6-v2"}  # loads torch
    for arguments in (["search", "cart"], ["similar", "torch.py:1"], ["status"], ["doctor"], ["lsp"]):
        done = run(terminal, hostile, *arguments, **bundled)
        assert done.returncode in (0, 1), done.stderr
    assert terminal.json("status", hostile, **bundled)["model"].endswith("all-MiniLM-L6-v2")


def test_engine_run_inside_workspace_ignores_its_files(terminal, hostile):
    engine = subprocess.Popen([COMMAND, "engine", "run"], cwd=hostile, env=terminal.environment)
    try:
        while terminal.run("engine", "status").returncode:
            assert engine.poll() is None
        status = terminal.json("status", hostile)
        assert status["pid"] == engine.pid
        assert terminal.json("index", hostile)["embedded"] > 0
        assert (
            terminal.json("search", "evict_expired", "--path", hostile)["hits"][0]["name"] == "evict_expired"
        )
    finally:
        terminal.stop()
        assert engine.wait(HANG) == 0
