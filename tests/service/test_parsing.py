"""Files that cannot be parsed, and a parser process that does not answer."""

import asyncio
import os
import signal
import sys
from dataclasses import replace

import pytest

from semls.engine.engine import Engine
from semls.engine.indexing import loop
from semls.engine.search.query import parse_query
from semls.engine.syntax.parser_process import ParserProcess
from semls.errors import EngineError
from semls.settings import Settings
from tests.support.parsers import parser_pid
from tests.support.waiting import wait_until_async

HASHING = Settings(model="hashing")


async def index(engine, root):
    async for _ in engine.index(str(root), HASHING, lexical_only=True):
        pass


async def test_file_with_parse_timeout_is_parsed_again_when_reopened(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    slow = root / "slow.py"
    slow.write_text("def first(): pass\nx = [" + "f(1), " * 60_000 + "]\n")
    (root / "quick.py").write_text("def second(): pass\n")
    engine = Engine(tmp_path / "cache")
    engine._services = replace(engine._services, parser=ParserProcess(cpu_limit=0.05))
    await index(engine, root)
    explanation = await engine.explain(str(root), HASHING, str(slow))
    assert (explanation.by_lines, explanation.definitions, explanation.skipped) == ("timeout", 1, "")
    _, usage = await engine.status(str(root), HASHING)
    assert [(file.path, file.failure) for file in usage.by_lines] == [("slow.py", "timeout")]
    await engine.close()

    engine = Engine(tmp_path / "cache")
    await index(engine, root)
    explanation = await engine.explain(str(root), HASHING, str(slow))
    assert (explanation.by_lines, explanation.definitions) == ("", 1)
    _, usage = await engine.status(str(root), HASHING)
    assert usage.by_lines == []
    await engine.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists processes in /proc")
async def test_search_while_parser_is_suspended_omits_changed_file(workspace, tmp_path):
    engine, root = Engine(tmp_path / "cache"), workspace("shop")
    await index(engine, root)
    settings_query = parse_query("read_settings", lexical_only=True)
    before = await engine.search({str(root): HASHING}, settings_query)
    _, hit = before.hits[0]
    suspended = parser_pid()
    os.kill(suspended, signal.SIGSTOP)
    try:
        with (root / hit.entry.path).open("a") as file:
            file.write("\n")
        answer = await asyncio.wait_for(engine.search({str(root): HASHING}, settings_query), 30)
        assert answer.hits[0][1].entry.name == hit.entry.name
    finally:
        os.kill(suspended, signal.SIGCONT)
    await engine.close()


@pytest.mark.parametrize("executable", ["false", "no-such-program"])
async def test_index_with_parser_that_does_not_start_reports_and_retries(
    workspace, tmp_path, monkeypatch, executable
):
    monkeypatch.setattr(loop, "_RETRY_DELAY", 0.1)
    engine, root = Engine(tmp_path / "cache"), workspace("shop")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", executable)
        with pytest.raises(EngineError, match="The parser process cannot be started"):
            await index(engine, root)

    async def is_recovered():
        return not (await engine.status(str(root), HASHING))[0].error

    await wait_until_async(is_recovered)
    assert (await engine.search({str(root): HASHING}, parse_query("settings", lexical_only=True))).hits
    await engine.close()


async def grammar_finding(engine):
    findings = await asyncio.wait_for(engine.examine(HASHING), 30)
    return next(finding for finding in findings if finding.name == "grammars")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists processes in /proc")
async def test_doctor_while_parser_is_suspended_answers(workspace, tmp_path):
    engine, root = Engine(tmp_path / "cache"), workspace("shop")
    await index(engine, root)
    suspended = parser_pid()
    os.kill(suspended, signal.SIGSTOP)
    try:
        (root / "new.py").write_text("def new(): pass\n")
        indexing = asyncio.create_task(index(engine, root))
        grammars = await grammar_finding(engine)
        while grammars.pending:  # on a busy machine
            grammars = await grammar_finding(engine)
        assert grammars.well
        assert not indexing.done()
    finally:
        os.kill(suspended, signal.SIGCONT)
    await indexing
    await engine.close()
