"""The Typer application and its entry point, which turns exceptions into messages and exit statuses."""

import sys
from collections.abc import Callable
from typing import Annotated, cast

import typer

from semls import __version__
from semls.cli import engine, index, search, streams, terminal
from semls.errors import OutputClosed, OutputError, SemlsError, UsageError

# click's UsageError. It is not imported from click, because typer has its own copy of click since 0.26.
_ClickUsageError = cast(type[typer.BadParameter], typer.BadParameter.__bases__[0])

_FORMER_NAMES = {"words": "lexical"}  # of options, for scripts that use them


def _current_name(option: str) -> str:
    return _FORMER_NAMES.get(option, option)


app = typer.Typer(
    help="Search code by meaning.",
    context_settings={"token_normalize_func": _current_name},
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for commands in (search.commands, index.commands, engine.commands):  # in the order of `semls --help`
    app.add_typer(commands)


@app.callback(invoke_without_command=True)
def global_options(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Search code by meaning."""
    if version:
        terminal.print_line(f"semls {__version__}")
        raise typer.Exit


def main() -> int:
    """Run the command that `sys.argv` names and return its exit status.

    0: success or hits. 1: no hits. 2: usage error. 3: failure. 141: the reader of the output closed it.
    """
    streams.repair()
    status = _run_reporting_errors(lambda: app(standalone_mode=False))
    return _run_reporting_errors(sys.stdout.flush) or status


def _run_reporting_errors(action: Callable[[], int | None]) -> int:
    """Run `action`, print the error that it raises, and return the exit status."""
    try:
        return action() or 0
    except _ClickUsageError as error:
        terminal.print_usage_error(error.format_message(), error.ctx.command_path if error.ctx else "semls")
        return UsageError.exit_status
    except OutputError as error:
        streams.discard_output()
        if not isinstance(error, OutputClosed):
            terminal.print_error(str(error))
        return error.exit_status
    except SemlsError as error:
        terminal.print_error(str(error))
        return error.exit_status
    except Exception:  # noqa: BLE001 - a bug. Python's own exit status 1 would mean "no hits"
        sys.excepthook(*sys.exc_info())
        return SemlsError.exit_status
