"""Build a benchmark of web queries: questions typed into a search engine, answered by one Python function.

The questions and functions are those of CoSQA (J. Huang et al., ACL 2021). Its licence, the Computational Use
of Data Agreement, permits measuring with them; they must not become part of this repository.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from tests.bench.build.layout import BenchmarkWriter, Item

NAME = "cosqa"
FILES_OF_FOLDER = 100


def build(folder: Path, functions: Path, questions: Path) -> None:
    """Write the benchmark from the functions by number, and from questions with their function's number."""
    writer = BenchmarkWriter(folder)
    checkout = writer.new_checkout(NAME)
    sources = json.loads(functions.read_text("utf-8"))
    for number, code in sources.items():
        path = checkout / path_of(int(number))
        path.parent.mkdir(exist_ok=True)
        path.write_text(code.rstrip() + "\n", "utf-8")
    items = make_items(json.loads(questions.read_text("utf-8")))
    writer.add({"name": NAME, "language": "python"}, items)
    print(f"{NAME}: {len(items)} questions, {len(sources)} functions")


def path_of(number: int) -> str:
    """Return the path of a function's file. It contains no words that a search could find."""
    return f"m{number // FILES_OF_FOLDER:02}/c{number}.py"


def make_items(questions: Iterable[Item]) -> list[Item]:
    """Return the questions with the file of their function as target."""
    return [
        {
            "query": question["query"],
            "category": "web",
            "relevant": [path_of(question["function"])],
            "secondary": [],
        }
        for question in questions
    ]
