"""Build benchmarks for tests.bench.quality from public repositories and data sets.

python -m tests.bench.build definitions|commits|cosqa|files OUT ...

CONTRIBUTING.md shows how to run all of them.
"""

from pathlib import Path
from typing import Annotated

import typer

from tests.bench.build import commits as commits_builder
from tests.bench.build import cosqa as cosqa_builder
from tests.bench.build import definitions as definitions_builder
from tests.bench.build import files as files_builder
from tests.bench.build.layout import Source, parse_source

Out = Annotated[
    Path, typer.Argument(metavar="OUT", help="Folder of the benchmark. Its name identifies the benchmark.")
]
Repositories = Annotated[
    list[Source],
    typer.Argument(
        metavar="NAME=SOURCE...",
        parser=parse_source,
        help="Names of repositories, and their git directories.",
    ),
]
Functions = Annotated[Path, typer.Argument(metavar="FUNCTIONS.json", exists=True, dir_okay=False)]
Questions = Annotated[Path, typer.Argument(metavar="QUESTIONS.json", exists=True, dir_okay=False)]
Annotations = Annotated[
    Path,
    typer.Argument(
        metavar="QUESTIONS", exists=True, file_okay=False, help="Folder with repos.json and annotations."
    ),
]
Sources = Annotated[Path, typer.Argument(metavar="SOURCES", exists=True, file_okay=False)]

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command()
def definitions(out: Out, repositories: Repositories) -> None:
    """Ask with sentences from documentation. A SOURCE may also be a folder without git."""
    definitions_builder.build(out, repositories)


@app.command()
def commits(out: Out, repositories: Repositories) -> None:
    """Ask with subjects of commits for the files that they changed."""
    commits_builder.build(out, repositories)


@app.command()
def cosqa(out: Out, functions: Functions, questions: Questions) -> None:
    """Ask with the web queries of CoSQA for Python functions."""
    cosqa_builder.build(out, functions, questions)


@app.command()
def files(out: Out, questions: Annotations, sources: Sources) -> None:
    """Check out the pinned revisions that the questions are about, from git directories SOURCES/NAME."""
    files_builder.build(out, questions, sources)


if __name__ == "__main__":
    app()
