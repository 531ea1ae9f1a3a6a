"""Commands that run, inspect and stop processes: `lsp`, `doctor`, and `engine run`, `status` and `stop`."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from semls.cli import terminal
from semls.cli.requests import read_settings, run_coroutine, run_with_client
from semls.settings import EngineSettings

if TYPE_CHECKING:
    from semls.service.client import Client

_DOCTOR_TIMEOUT = 60.0  # seconds after which unfinished checks are reported as pending

commands = typer.Typer()
engine_group = typer.Typer(
    help="Manage the engine, the background process that owns the index and the model.",
    no_args_is_help=True,
)
commands.add_typer(engine_group, name="engine")


@commands.command()
def doctor() -> None:
    """Check the installation and print how to fix what does not work."""
    if not run_with_client(_run_checks):
        raise typer.Exit(3)


@commands.command(context_settings={"ignore_unknown_options": True})
def lsp(arguments: Annotated[list[str] | None, typer.Argument(hidden=True)] = None) -> None:
    """Run the language server on standard input and output."""
    from semls.lsp.server import serve  # lsprotocol takes half a second to import

    _ = arguments  # some editors add options such as --stdio and --clientProcessId
    serve(read_settings(), EngineSettings.from_environment())


@engine_group.command("run")
def run_engine() -> None:
    """Run the engine in the foreground. Other commands start it automatically."""
    from semls.service import process

    process.run(EngineSettings.from_environment())


@engine_group.command("status")
def engine_status() -> None:
    """Show whether the engine is running."""
    from semls.service import launcher

    state = run_coroutine(launcher.find(EngineSettings.from_environment()))
    if state is None:
        terminal.print_line("No engine is running.")
        raise typer.Exit(1)
    terminal.print_line(f"Engine {state.version} is running: process {state.pid}, port {state.port}.")


@engine_group.command("stop")
def stop_engine() -> None:
    """Stop the engine. The next command starts a new one."""
    from semls.service import launcher

    stopped = run_coroutine(launcher.stop(EngineSettings.from_environment()))
    terminal.print_line("Engine stopped." if stopped else "No engine is running.")


async def _run_checks(client: "Client") -> bool:
    """Print the finding of each check as soon as the engine has it. Return whether all checks passed.

    A check that has not finished after `_DOCTOR_TIMEOUT` is printed as pending.
    """
    deadline = time.monotonic() + _DOCTOR_TIMEOUT
    passed = True
    printed = set[str]()
    announced = list[str]()
    while True:
        findings = [finding for finding in await client.doctor() if finding["name"] not in printed]
        is_over = time.monotonic() > deadline
        finished = [finding for finding in findings if is_over or not finding["pending"]]
        terminal.print_findings(finished)
        passed = passed and all(finding["well"] for finding in finished)
        printed.update(finding["name"] for finding in finished)
        running = [finding["name"] for finding in findings if finding not in finished]
        if not running:
            return passed
        if running != announced:
            announced = running
            terminal.print_waiting(f"checking {', '.join(running)}")
