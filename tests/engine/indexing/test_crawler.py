import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from semls.engine.indexing import read_pipeline
from semls.engine.indexing.crawler import Crawler
from semls.engine.scheduler import Priority, PriorityExecutor
from semls.engine.syntax.languages.associations import Associations
from semls.engine.syntax.parser_process import ParserProcess

OLD, NEW = "def old(): pass\n", "def new(): pass\n"


class WatchedParser(ParserProcess):
    """A parser that calls `on_parsed` in its thread when it has parsed the first files."""

    on_parsed: Callable[[], None] | None = None

    def chunk_all(self, sources):
        results = super().chunk_all(sources)
        on_parsed, self.on_parsed = self.on_parsed, None
        if on_parsed:
            on_parsed()
        return results


async def test_scan_of_file_that_changes_while_it_is_parsed_stores_the_new_version(tmp_path):
    root, parser, executor = tmp_path / "root", WatchedParser(), PriorityExecutor()
    root.mkdir()
    (root / "a.py").write_text(OLD)
    catalog = await executor.run(Priority.LEXICAL, read_pipeline.open_catalog, tmp_path)

    async def on_stored():
        pass

    services = SimpleNamespace(executor=executor, parser=parser)
    context: Any = SimpleNamespace(root=root, catalog=catalog, services=services)
    crawler = Crawler(context, Associations({}), on_stored)
    loop = asyncio.get_running_loop()

    def change():
        (root / "a.py").write_text(NEW)
        loop.call_soon_threadsafe(crawler.request, ["a.py"])

    parser.on_parsed = change
    crawler.request_scan()
    await crawler.run()
    (entry,) = await executor.run(Priority.LEXICAL, catalog.entries_of_file, "a.py")
    await executor.close(catalog.close)
    parser.close()
    assert entry.name == "new"
