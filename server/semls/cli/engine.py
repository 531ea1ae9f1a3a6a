"""Commands that run, inspect and stop processes: `lsp`, `mcp`, `doctor`, and those of `engine`."""

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from semls.cli import reports, terminal
from semls.cli.requests import read_settings, run_coroutine, run_with_client
from semls.cli.sdk import require_sdk
from semls.settings import EngineSettings

if TYPE_CHECKING:
    from semls.service.client import Client

_DOCTOR_TIMEOUT = 60.0  # seconds after which unfinished checks are reported as pending


@click.command()
def doctor() -> int:
    """Check the installation.

    Prints how to fix what does not work.
    """
    return 0 if run_with_client(_run_checks) else 3


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, metavar="")
def lsp(arguments: Sequence[str]) -> None:
    """Run the language server.

    It communicates on standard input and output.
    """
    from semls.lsp.server import serve  # lsprotocol takes half a second to import

    _ = arguments  # some editors add options such as --stdio and --clientProcessId
    serve(read_settings(), EngineSettings.from_environment())


@click.command()
@click.option("--http", "port", type=click.IntRange(0, 65535), metavar="PORT", help="Serve HTTP instead.")
def mcp(port: int | None) -> None:
    """Run the MCP server for coding agents.

    It communicates on standard input and output, or on a port of 127.0.0.1. Clients of the port need the
    token in SEMLS_MCP_TOKEN, or else the one that is printed.
    """
    require_sdk()
    from semls.mcp.start_folder import following

    settings, engine_settings = read_settings(), EngineSettings.from_environment()
    with following(settings, engine_settings):
        if port is None:
            if sys.stdin.isatty():
                terminal.write_error(
                    "This server waits for a coding agent on its standard input. `semls agent install`"
                    " configures agents to start it; Ctrl-C ends it."
                )
            from semls.mcp import server  # the SDK takes more than a second to import

            server.serve(settings, engine_settings)
        else:
            from semls.mcp import http

            http.serve(settings, engine_settings, port, _announce)


def _announce(url: str, token: str) -> None:
    """Print where the MCP server is, to stderr: stdout is not flushed while it runs."""
    terminal.write_error(f"Serving MCP at {url}")
    if token:
        terminal.write_error(f"Clients need the header `Authorization: Bearer {token}`")


@click.group()
def engine() -> None:
    """Run, show or stop the engine.

    The engine is the background process that owns the index and the model.
    """


@engine.command("run")
def run_engine() -> None:
    """Run the engine in the foreground. Other commands start it automatically."""
    from semls.service import process

    process.run(EngineSettings.from_environment())


@engine.command("status")
def engine_status() -> int:
    """Show whether the engine is running."""
    from semls.service import launcher

    state = run_coroutine(launcher.find(EngineSettings.from_environment()))
    if state is None:
        terminal.print_line("No engine is running.")
        return 1
    terminal.print_line(f"Engine {state.version} is running: process {state.pid}, port {state.port}.")
    return 0


@engine.command("stop")
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
        reports.print_findings(finished)
        passed = passed and all(finding["well"] for finding in finished)
        printed.update(finding["name"] for finding in finished)
        running = [finding["name"] for finding in findings if finding not in finished]
        if not running:
            return passed
        if running != announced:
            announced = running
            terminal.print_waiting(f"checking {', '.join(running)}")
