"""Write benchmarks in the layout that tests.bench.quality reads, and tell sources from other files.

A benchmark is a folder with repos.json, annotations/NAME.json and checkouts/NAME for each repository.
"""

import json
import re
import shutil
import subprocess
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from semls.engine.syntax import languages

# Languages whose files can be answers, by their names in semls' table.
PROGRAMMING_LANGUAGES = frozenset(
    """
    bash c cpp csharp dart elixir go haskell java javascript kotlin lua ocaml php python ruby rust scala swift
    tsx typescript zig
    """.split()
)
MAX_QUESTIONS = 40  # of a repository
MAX_QUESTIONS_OF_FILE = 2
MIN_QUESTIONS = 10  # repositories with fewer are left out

# Searches find nothing in pictures, and a partial clone may lack them.
_OMITTED = ("*.gif", "*.jpg", "*.jpeg", "*.png", "*.svg", "*.ico", "*.mp4", "*.pdf")
_SECONDARY_FOLDER = re.compile(
    r"(^|/)(tests?|testing|specs?|__tests__|fixtures?|examples?|docs?|bench(marks?)?"
    r"|vendor|third_party|node_modules|dist|build)/",
    re.IGNORECASE,
)
_TEST_FILE = re.compile(r"(^|/)(test_[^/]*|conftest\.\w+)$|(_test|\.test|\.spec|Tests?|Spec)\.\w+$")

Item = dict[str, Any]  # a query with its targets, as in annotations/NAME.json


@dataclass(frozen=True)
class Source:
    """The name of a repository in the benchmark, and where to take its files from."""

    name: str
    path: Path


def parse_source(argument: str) -> Source:
    """Return the source that an argument of the form NAME=SOURCE describes."""
    name, _, path = argument.partition("=")
    if not name or not path:
        raise typer.BadParameter(f"Expected NAME=SOURCE, got '{argument}'.")
    return Source(name, Path(path))


class BenchmarkWriter:
    """Writes the files of a benchmark, one repository after another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: list[Item] = []
        (folder / "annotations").mkdir(parents=True, exist_ok=True)

    def new_checkout(self, name: str) -> Path:
        """Return an empty folder for the files of a repository; remove those of an earlier build."""
        checkout = self._folder / "checkouts" / name
        shutil.rmtree(checkout, ignore_errors=True)
        checkout.mkdir(parents=True)
        return checkout

    def add(self, row: Item, items: Sequence[Item]) -> None:
        """Write the questions of a repository, and its row of repos.json."""
        annotations = self._folder / "annotations" / f"{row['name']}.json"
        annotations.write_text(json.dumps(items, indent=1), "utf-8")
        self._rows.append(row)
        (self._folder / "repos.json").write_text(json.dumps(self._rows, indent=1), "utf-8")


def add_each(folder: Path, sources: Iterable[Source], add: Callable[[BenchmarkWriter, Source], None]) -> None:
    """Write a benchmark with what `add` finds in each source; leave those out for which git fails."""
    writer = BenchmarkWriter(folder)
    for source in sources:
        try:
            add(writer, source)
        except subprocess.CalledProcessError as error:
            print(f"{source.name}: left out: {last_line(error)}")


def check_out(repository: Path, revision: str, folder: Path) -> None:
    """Write the files of a revision to a folder, without links and pictures.

    Raises:
        subprocess.CalledProcessError: git does not have the revision or some of its files.
    """
    excluded = [f":(exclude,icase){pattern}" for pattern in _OMITTED]
    command = ["git", "-C", str(repository), "archive", revision, "--", ".", *excluded]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as git:
        assert git.stdout
        assert git.stderr
        try:
            with tarfile.open(fileobj=git.stdout, mode="r|") as archive:
                archive.extractall(folder, _regular_files(archive), filter="data")
        except tarfile.ReadError:
            pass  # git's status says why the archive is incomplete
        error = git.stderr.read().decode(errors="replace")
    if git.returncode:
        raise subprocess.CalledProcessError(git.returncode, command, stderr=error)


def _regular_files(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    return (member for member in archive if member.isfile())


def run_git(repository: Path, *arguments: str) -> str:
    """Return the output of a git command."""
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode(errors="replace")


def last_line(error: subprocess.CalledProcessError) -> str:
    """Return the last line of what git says about an error."""
    output = error.stderr.decode(errors="replace") if isinstance(error.stderr, bytes) else error.stderr
    return next(reversed((output or str(error)).strip().splitlines()), "")


def is_source(path: str) -> bool:
    """Return whether a file can be an answer: source code that is no test, example or vendored copy."""
    language = languages.detect(path, b"").name
    is_secondary = _SECONDARY_FOLDER.search(path) or _TEST_FILE.search(path)
    return language in PROGRAMMING_LANGUAGES and not is_secondary


def main_language(items: Iterable[Item]) -> str:
    """Return the most frequent language of the answers."""
    targets = (target for item in items for target in item["relevant"])
    paths = (target if isinstance(target, str) else target["path"] for target in targets)
    return Counter(languages.detect(path, b"").name for path in paths).most_common(1)[0][0]
