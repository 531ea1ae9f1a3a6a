"""The ASGI application without a network."""

import asyncio
import json
import threading

from semls.engine.engine import Engine
from semls.engine.scheduler import Priority
from semls.service.routes import App
from semls.settings import Settings
from tests.conftest import HANG


async def test_search_of_disconnected_client_is_cancelled(tmp_path, workspace):
    shop, engine = workspace("shop"), Engine(tmp_path / "cache")
    async for _ in engine.index(str(shop), Settings(model="hashing")):
        pass
    app, gate, events = App(engine, 80, "token"), threading.Event(), asyncio.Queue[dict[str, object]]()
    body = {"workspaces": [{"workspace": str(shop), "settings": {"model": "hashing"}}], "query": "session"}
    headers = [(b"host", b"127.0.0.1:80"), (b"authorization", b"Bearer token")]
    scope = {"type": "http", "method": "POST", "path": "/search", "query_string": b"", "headers": headers}
    busy = asyncio.create_task(engine._services.executor.run(Priority.SEARCH, gate.wait))
    events.put_nowait({"type": "http.request", "body": json.dumps(body).encode()})

    async def send(_):
        pass

    request = asyncio.create_task(app(scope, events.get, send))
    while not events.empty():
        await asyncio.sleep(0)
    events.put_nowait({"type": "http.disconnect"})
    await asyncio.wait_for(request, HANG)  # while the executor is still busy
    assert app.active_requests == 0
    gate.set()
    await busy
    await engine.close()
