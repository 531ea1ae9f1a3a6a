"""Measure what a coding agent must read until it has the right definition, with semls and with grep.

python -m tests.bench.agents BENCHMARK..., with the folders that `python -m tests.bench.build` makes. The
strategies are compared at equal recall: the table has the characters and the calls within which a share of
the questions is answered.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from semls.answer_text import DEFAULT_LIMIT, DEFAULT_LINES, render_answer
from semls.engine.models.presets import FALLBACK
from semls.engine.results import Answer, SearchResult
from semls.engine.search.query import parse_query
from semls.errors import SemlsError
from semls.mcp.scope import parse_scope
from semls.service.serializers import answer_message
from tests.bench.indexes import Bench, Index, Repository, read_repositories
from tests.bench.metrics import Row, group_by
from tests.bench.strategies import (
    Cost,
    cost,
    grep_definitions,
    grep_files,
    grep_lines,
    read_files,
    search,
)

_FILE_WIDTH = 140  # of a table that is written to a file or pipe
_SHARES = (25, 50, 75)  # per cent of the questions
# An agent that finds no answer with semls goes on with grep for files, which answers most questions.
SEMLS, DEFINITIONS, LINES, FILES = "semls", "grep, definitions", "grep, lines", "grep, files"


def main(
    benchmarks: Annotated[
        list[Path], typer.Argument(metavar="BENCHMARK...", exists=True, help="Folders with repos.json.")
    ],
    only: Annotated[list[str] | None, typer.Option(help="A repository or language; repeatable.")] = None,
    lexical_only: Annotated[bool, typer.Option("--lexical", help="Search without a model.")] = False,
    model: Annotated[str, typer.Option(help="Embedding model.")] = FALLBACK.name,
    cache: Annotated[Path, typer.Option(help="Folder of the indexes.")] = Path("bench-cache"),
) -> None:
    """Index repositories, answer all questions with each strategy, and print what an agent reads."""
    console = Console(width=None if sys.stdout.isatty() else _FILE_WIDTH)
    try:
        repositories = read_repositories(benchmarks, only or ())
        rows = asyncio.run(_run(repositories, "" if lexical_only else model, cache.absolute(), console))
    except (SemlsError, OSError) as error:
        sys.exit(str(error))
    console.print(_table(rows))


async def _run(repositories: Sequence[Repository], model: str, cache: Path, console: Console) -> list[Row]:
    """Return the costs of each question by strategy."""
    rows: list[Row] = []
    async with aclosing(Bench(cache, model)) as bench:
        for repository in repositories:
            async with bench.index(repository) as index:
                rows += [row async for row in _answer(repository, index)]
            console.print(" ".join(f"{key} {value}" for key, value in index.summary.items()))
    return rows


async def _answer(repository: Repository, index: Index) -> AsyncIterator[Row]:
    """Yield the costs of each question of a repository."""
    language = repository.language
    files = read_files(repository.checkout / repository.root)
    for item in repository.items:
        question = item["query"]
        query = parse_query(question, DEFAULT_LIMIT, lexical_only=index.sync.index is None)
        result = await index.workspace.search(query, index.sync)
        text = _rendered(question, result, index.workspace.root)
        steps = {
            SEMLS: chain(search(text, result.hits, files), grep_files(question, files, language)),
            DEFINITIONS: grep_definitions(question, files, language),
            LINES: grep_lines(question, files, language),
            FILES: grep_files(question, files, language),
        }
        yield {
            "group": f"{repository.benchmark}, {item['category']}",
            "costs": {name: cost(series, item) for name, series in steps.items()},
        }


def _rendered(question: str, result: SearchResult, root: Path) -> str:
    """Return hits as the tool `search` of `semls mcp` does."""
    answer = Answer(
        question,
        result.confidence,
        result.model,
        result.coverage,
        result.complete,
        result.notice,
        tuple((root, hit) for hit in result.hits),
    )
    return render_answer(answer_message(answer), parse_scope(str(root)), DEFAULT_LINES)


def _table(rows: Sequence[Row]) -> Table:
    shares = [f"{what} for {share} %" for what in ("chars", "calls") for share in _SHARES]
    names = ["questions", "answered", "cheapest", *shares]
    labels = [Column(name, no_wrap=True) for name in ("benchmark", "strategy")]
    table = Table(*labels, *(Column(name, justify="right") for name in names))
    for group, questions in group_by(rows, itemgetter("group")).items():
        for number, name in enumerate(
            (
                SEMLS,
                DEFINITIONS,
                LINES,
                FILES,
            )
        ):
            found: list[Cost] = [row["costs"][name] for row in questions if row["costs"][name].found]
            cheapest = sum(name in _cheapest(row["costs"]) for row in questions)
            amounts = [one.characters for one in found], [one.calls for one in found]
            table.add_row(
                "" if number else group,
                name,
                str(len(questions)),
                f"{len(found) / len(questions):.0%}",
                f"{cheapest / len(questions):.0%}",
                *(within(each, share, len(questions)) for each in amounts for share in _SHARES),
            )
        table.add_section()
    return table


def _cheapest(costs: dict[str, Cost]) -> list[str]:
    """Return the strategies that answer a question with the fewest characters."""
    found = {name: one.characters for name, one in costs.items() if one.found}
    return [name for name, characters in found.items() if characters == min(found.values())]


def within(amounts: Sequence[int], share: int, questions: int) -> str:
    """Return the amount within which a share of all questions is answered; "-" if it never is."""
    needed = -(-share * questions // 100)
    return f"{sorted(amounts)[needed - 1]:,}" if needed <= len(amounts) else "-"


if __name__ == "__main__":
    typer.run(main)
