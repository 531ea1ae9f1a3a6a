"""The command line: unpack, call, print."""

import os
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar, cast

import typer

from semls import __version__
from semls.cli import streams, terminal
from semls.errors import OutputClosed, OutputError, SemlsError, UsageError, reason
from semls.escaping import escape_line
from semls.limits import MAX_FILE_BYTES
from semls.reading import read_regular
from semls.service.messages import AnswerMessage, ContextMessage
from semls.settings import EngineSettings, Settings

if TYPE_CHECKING:
    from semls.service.client import Client

T = TypeVar("T")

_PLACE = re.compile(r"(?P<file>.+?):0*(?P<line>[1-9][0-9]{0,8})(?::[0-9]*)?:?", re.DOTALL)

_ROWS = 50  # of the picker
_EXAMINATION = 60.0  # seconds after which the doctor waits no more for what it examines
_MAX_QUESTIONS = 1 << 20  # bytes of a file of questions

# click's UsageError, of which typer has its own copy since 0.26
_WrongUse = cast(type[typer.BadParameter], typer.BadParameter.__bases__[0])

app = typer.Typer(
    help="Search code by meaning.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
engine = typer.Typer(help="The background process that keeps the index.", no_args_is_help=True)
app.add_typer(engine, name="engine")
cache = typer.Typer(
    help="What was ever embedded, kept so that nothing is embedded twice.", no_args_is_help=True
)
app.add_typer(cache, name="cache")


def _decoded(argument: str) -> str:
    """An argument as text: where the locale is not UTF-8, Python has decoded it as something else."""
    try:
        return os.fsencode(argument).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"The argument '{argument}' is not valid UTF-8: write it as UTF-8.") from error


Workspace = Annotated[Path, typer.Argument(help="The folder to index.", show_default="the current folder")]
Folder = Annotated[Path, typer.Option(help="The folder to search.", show_default="the current folder")]
Number = Annotated[int, typer.Option("-k", help="The number of hits.")]
Languages = Annotated[
    list[str] | None,
    typer.Option(parser=_decoded, metavar="LANGUAGE", help="Only this language; may be repeated."),
]
Within = Annotated[
    list[str] | None,
    typer.Option("--in", parser=_decoded, metavar="GLOB", help="Only these files, such as 'src/**/*.py'."),
]
Kinds = Annotated[
    list[str] | None,
    typer.Option(parser=_decoded, metavar="KIND", help="Only this kind, such as class or function."),
]
Words = Annotated[bool, typer.Option("--lexical", help="Search by words alone, without the model.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Answer before all is embedded.")]
Force = Annotated[bool, typer.Option("--force", help="Index even the home folder, or the root of a drive.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def main() -> int:
    """Run a command.

    The exit status: 0 success or hits, 1 no hits, 2 wrong use, 3 failure, 141 when the reader of the output
    has closed it.
    """
    streams.repair()
    status = _reported(lambda: app(standalone_mode=False))
    return _reported(sys.stdout.flush) or status


def _reported(action: Callable[[], int | None]) -> int:
    """The exit status of an action, whose failure is reported."""
    try:
        return action() or 0
    except _WrongUse as error:
        terminal.wrong_use(error.format_message(), error.ctx.command_path if error.ctx else "semls")
        return UsageError.exit_status
    except OutputError as error:
        streams.discard_output()
        if not isinstance(error, OutputClosed):
            terminal.problem(str(error))
        return error.exit_status
    except SemlsError as error:
        terminal.problem(str(error))
        return error.exit_status
    except Exception:  # noqa: BLE001 - a defect, which is shown; Python's status for it would mean "no hits"
        sys.excepthook(*sys.exc_info())
        return SemlsError.exit_status


@app.command()
def index(path: Workspace = Path(), force: Force = False, as_json: Json = False) -> None:
    """Bring the index of a folder up to date. `search` does so by itself."""

    async def run(ask: "Client") -> None:
        began = time.monotonic()
        last, embedded = await terminal.progress(ask.index(_engine_path(path)))
        seconds = time.monotonic() - began
        if as_json:
            counts = {"files": last["files"], "chunks": last["chunks"], "embedded": embedded}
            terminal.data({**counts, "seconds": round(seconds, 3)})
        else:
            terminal.summary(last, embedded, seconds)
        terminal.notice((await ask.status(_engine_path(path)))["notice"])

    _run(run, force=force)


@app.command()
def search(
    query: Annotated[
        list[str] | None,
        typer.Argument(parser=_decoded, help="A question in plain words, or a name.", show_default=False),
    ] = None,
    path: Folder = Path(),
    k: Number = 5,
    lang: Languages = None,
    within: Within = None,
    kind: Kinds = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="Ask every line of a file, or of - for stdin."),
    ] = None,
    words: Words = False,
    no_wait: NoWait = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Search a folder by meaning. The first search indexes the folder."""
    questions = list(_questions(query or [], source))

    async def run(ask: "Client") -> bool:
        def answer(question: str, *workspaces: str) -> Awaitable[AnswerMessage]:
            return ask.search(
                workspaces,
                question,
                limit=k,
                languages=lang or (),
                paths=within or (),
                kinds=kind or (),
                lexical_only=words,
            )

        for question in questions:
            await answer(question)  # asks nobody, but says what is wrong before any waiting
        steps = ask.index(_engine_path(path), lexical_only=words or no_wait)
        _, embedded = await terminal.progress(steps)
        found = False
        for question in questions:
            message = await answer(question, _engine_path(path))
            found = found or bool(message["hits"])
            if as_json:
                terminal.data(message)
            else:
                terminal.answer(message)
        if embedded:
            terminal.notice((await ask.status(_engine_path(path)))["notice"])
        return found

    if not _run(run, force=force):
        raise typer.Exit(1)


@app.command()
def similar(
    place: Annotated[
        str, typer.Argument(metavar="FILE:LINE", help="The code to compare with; lines count from 1.")
    ],
    path: Folder = Path(),
    k: Number = 5,
    words: Words = False,
    no_wait: NoWait = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Find other code that does the same as the code at a line, and its exact copies."""
    file, row = _place(place)

    async def run(ask: "Client") -> bool:
        await _embed(ask, path, lexical_only=words or no_wait)
        message = await ask.similar(_engine_path(path), file, row, limit=k, lexical_only=words)
        if as_json:
            terminal.data(message)
        else:
            terminal.similar(message)
        return bool(message["hits"] or message["copies"])

    if not _run(run, force=force):
        raise typer.Exit(1)


@app.command()
def context(
    question: Annotated[
        list[str],
        typer.Argument(parser=_decoded, metavar="QUESTION", help="What is to be answered, in plain words."),
    ],
    tokens: Annotated[int, typer.Option(help="How much there may be, estimated from above.")] = 4000,
    path: Folder = Path(),
    lang: Languages = None,
    within: Within = None,
    kind: Kinds = None,
    words: Words = False,
    no_wait: NoWait = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Print the code that answers a question, for a language model to read, as Markdown."""

    async def run(ask: "Client") -> bool:
        async def answer(*workspaces: str) -> ContextMessage:
            return await ask.context(
                workspaces,
                " ".join(question),
                tokens=tokens,
                languages=lang or (),
                paths=within or (),
                kinds=kind or (),
                lexical_only=words,
            )

        await answer()  # asks nobody, but says what is wrong before any waiting
        await _embed(ask, path, lexical_only=words or no_wait)
        message = await answer(_engine_path(path))
        if as_json:
            terminal.data(message)
        else:
            terminal.context(message)
        return bool(message["sections"])

    if not _run(run, force=force):
        raise typer.Exit(1)


@app.command()
def pick(
    query: Annotated[
        list[str] | None, typer.Argument(parser=_decoded, help="What to begin with.", show_default=False)
    ] = None,
    path: Folder = Path(),
    force: Force = False,
) -> None:
    """Search while you type, in fzf, and open what you choose in $EDITOR. Into a pipe, print its place."""
    from semls.cli import picker  # only here: other commands start no programs

    _run(lambda ask: _embed(ask, path, lexical_only=True), force=force)
    place = picker.choose(" ".join(query or []), _absolute(path), force=force)
    if place is None:
        raise typer.Exit(1)
    if sys.stdout.isatty():
        picker.edit(place)
    else:
        terminal.place(place.path, place.line)


@app.command(hidden=True)
def rows(
    workspace: Path, query: Annotated[str, typer.Argument(parser=_decoded)], force: Force = False
) -> None:
    """What `pick` lists for a question."""
    if query.strip():
        _run(lambda ask: _rows(ask, _engine_path(workspace), query), force=force)


@app.command(hidden=True)
def preview(line: int, uri: str, plain: bool = False) -> None:
    """What `pick` shows of a file; with `--plain` for bat, which colours it."""
    from semls.cli import picker

    path = picker.path_of(uri)
    try:
        content = read_regular(Path(path), MAX_FILE_BYTES)
    except (OSError, ValueError) as error:
        raise UsageError(f"The file {path} cannot be read: {reason(error)}.") from error
    if content is None:
        raise UsageError(f"{path} is not a regular file: name one that is.")
    text = content[:MAX_FILE_BYTES].decode("utf-8-sig", "replace")
    if plain:
        terminal.plain(text)
    else:
        terminal.preview(text, line)


@app.command()
def status(path: Workspace = Path(), force: Force = False, as_json: Json = False) -> None:
    """Show what is indexed, and what is not and why."""

    async def run(ask: "Client") -> None:
        message = await ask.status(_engine_path(path))
        if as_json:
            terminal.data(message)
        else:
            terminal.status(message)
            terminal.notice(message["notice"])

    _run(run, force=force)


@app.command()
def why(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file that is or is not found.")],
    path: Folder = Path(),
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Tell whether and how a file is indexed, or why not."""
    absolute = _engine_path(file)

    async def run(ask: "Client") -> bool:
        message = await ask.explain(_engine_path(path), absolute)
        if as_json:
            terminal.data(message)
        else:
            terminal.why(message)
        return not message["skipped"]

    if not _run(run, force=force):
        raise typer.Exit(1)


@app.command()
def pause() -> None:
    """Stop embedding, for instance on battery. Words stay up to date."""
    _run(lambda ask: ask.pause())


@app.command()
def resume() -> None:
    """Go on embedding."""
    _run(lambda ask: ask.resume())


@cache.command("export")
def cache_export(file: Annotated[str, typer.Argument(metavar="FILE", help="The file to write.")]) -> None:
    """Write all that this machine has embedded to a file, for another machine."""
    _run(lambda ask: ask.export_cache(_engine_path(file)))
    print(f"Written: {escape_line(file)}")


@cache.command("import")
def cache_import(file: Annotated[str, typer.Argument(metavar="FILE", help="A file so written.")]) -> None:
    """Take up what another machine has embedded with the same model."""
    count = _run(lambda ask: ask.import_cache(_engine_path(file)))
    print(f"{count:,} vectors imported.")


@app.command()
def clear(path: Workspace = Path()) -> None:
    """Delete the index of a folder. The folder itself is not touched."""
    _run(lambda ask: ask.clear(_engine_path(path)))


@app.command()
def doctor() -> None:
    """Examine this machine: what works, and what to do where something does not."""
    if not _run(_examine):
        raise typer.Exit(3)


@app.command(context_settings={"ignore_unknown_options": True})
def lsp(arguments: Annotated[list[str] | None, typer.Argument(hidden=True)] = None) -> None:
    """Serve an editor over the Language Server Protocol, on standard input and output."""
    from semls.lsp.server import serve  # the protocol's types take half a second to import

    _ = arguments  # clients add their own, such as --stdio and --clientProcessId
    serve(_settings(), EngineSettings.from_environment())


@engine.command("run")
def engine_run() -> None:
    """Be the engine, in the foreground. Other commands start it by themselves."""
    from semls.service import process

    process.run(EngineSettings.from_environment())


@engine.command("status")
def engine_status() -> None:
    """Tell whether an engine is running."""
    from semls.service import launcher

    state = _complete(launcher.find(EngineSettings.from_environment()))
    if state is None:
        print("No engine is running.")
        raise typer.Exit(1)
    print(f"Engine {state.version} is running: process {state.pid}, port {state.port}.")


@engine.command("stop")
def engine_stop() -> None:
    """Ask the engine to leave. The next command starts another."""
    from semls.service import launcher

    stopped = _complete(launcher.stop(EngineSettings.from_environment()))
    print("The engine has left." if stopped else "No engine is running.")


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Show the version and leave.")] = False,
) -> None:
    """Search code by meaning."""
    if version:
        print(f"semls {__version__}")
        raise typer.Exit


def _run(work: "Callable[[Client], Awaitable[T]]", *, force: bool = False) -> T:
    async def run() -> T:
        async with _client(force=force) as ask:
            return await work(ask)

    return _complete(run())


def _complete(work: Coroutine[None, None, T]) -> T:
    import asyncio  # it and what else speaks with the engine take a tenth of a second to import

    return asyncio.run(work)


def _settings() -> Settings:
    settings, problems = Settings.from_environment()
    if problems:
        raise UsageError(f"The environment is wrong: {problems[0]}")
    return settings


@asynccontextmanager
async def _client(*, force: bool) -> "AsyncIterator[Client]":
    from semls.service.client import Client

    ask = Client(_settings(), EngineSettings.from_environment(), force=force, on_wait=terminal.waiting)
    try:
        yield ask
    finally:
        await ask.close()


async def _embed(ask: "Client", path: Path, *, lexical_only: bool) -> None:
    """Bring the index up to date, and say what is worth knowing when that took the model."""
    _, embedded = await terminal.progress(ask.index(_engine_path(path), lexical_only=lexical_only))
    if embedded:
        terminal.notice((await ask.status(_engine_path(path)))["notice"])


async def _examine(ask: "Client") -> bool:
    """Print each finding as soon as the engine has it; those that take too long are printed as pending."""
    deadline = time.monotonic() + _EXAMINATION
    well, printed, pending = True, set[str](), list[str]()
    while True:
        messages = [one for one in await ask.doctor() if one["name"] not in printed]
        known = [one for one in messages if not one["pending"] or time.monotonic() > deadline]
        terminal.findings(known)
        well = well and all(one["well"] for one in known)
        printed.update(one["name"] for one in known)
        before, pending = pending, [one["name"] for one in messages if one not in known]
        if not pending:
            return well
        if pending != before:
            terminal.waiting(f"examining {', '.join(pending)}")


async def _rows(ask: "Client", workspace: str, query: str) -> None:
    terminal.rows(await ask.search([workspace], query, limit=_ROWS))


def _place(place: str) -> tuple[str, int]:
    """The file and the row of FILE:LINE, or of FILE:LINE:COLUMN as other programs print it."""
    match = _PLACE.fullmatch(place)
    if match is None:
        raise UsageError(f"'{place}' names no line of a file: write, for example, src/http.py:42")
    return _engine_path(match["file"]), int(match["line"]) - 1


def _engine_path(path: str | Path) -> str:
    """The absolute path as the engine knows it: decoded from UTF-8, whatever the locale is."""
    return os.fsencode(_absolute(path)).decode("utf-8", "surrogateescape")


def _absolute(path: str | Path) -> str:
    try:
        return os.path.abspath(path)
    except FileNotFoundError as error:
        raise UsageError("The current folder was deleted: change to another one.") from error


def _questions(query: list[str], source: str | None) -> Iterator[str]:
    if bool(query) == bool(source):
        raise UsageError("Ask a question, or name a file of questions with --from.")
    if not source:
        yield " ".join(query)
        return
    name = "standard input" if source == "-" else source
    try:
        content = _beginning(source, _MAX_QUESTIONS + 1)
    except OSError as error:
        raise UsageError(f"The questions in {name} cannot be read: {error.strerror}.") from error
    if len(content) > _MAX_QUESTIONS:
        raise UsageError(f"The questions in {name} have more than 1 MiB: ask fewer of them at once.")
    try:
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"Line {line:,} of {name} is not valid UTF-8: save the file as UTF-8.") from error
    questions = [line.strip() for line in lines if line.strip()]
    if not questions:
        raise UsageError(f"There is no question in {name}: write one on each line.")
    yield from questions


def _beginning(source: str, size: int) -> bytes:
    """Return the first bytes of a file or of stdin. A pipe is allowed, as in `--from <(command)`."""
    if source == "-":
        return sys.stdin.buffer.read(size)
    with open(source, "rb") as stream:
        return stream.read(size)
