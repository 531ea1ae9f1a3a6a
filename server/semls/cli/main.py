"""The entry point of the command line, which turns exceptions into messages and exit statuses."""

import os
import sys
from collections.abc import Callable
from importlib import import_module

import click

from semls import __version__
from semls.cli import streams, terminal
from semls.errors import BroadWorkspaceError, OutputClosed, OutputError, SemlsError, UsageError, suggestion

_COMMANDS = {  # the modules and the functions of the commands, in the order of `semls --help`
    "search": "search.search",
    "pick": "pick.pick",
    "open": "search.open_hit",
    "similar": "search.similar",
    "duplicates": "duplicates.duplicates",
    "context": "search.context",
    "ask": "ask.ask",
    "index": "index.index",
    "status": "index.status",
    "files": "index.files",
    "why": "index.why",
    "pause": "index.pause",
    "resume": "index.resume",
    "clear": "index.clear",
    "cache": "index.cache",
    "doctor": "engine.doctor",
    "engine": "engine.engine",
    "lsp": "engine.lsp",
    "mcp": "engine.mcp",
    "agent": "agent.agent",
    "completion": "completion.completion",
    "edit": "pick.edit",
    "copy": "pick.copy",
}
_COMPLETE_VARIABLE = "_SEMLS_COMPLETE"  # is set by click's scripts
_INTERRUPTED = 130  # exit status after Ctrl-C, as in a shell
_FORMER_NAMES = {"words": "lexical"}  # of options, for scripts that use them


class _Commands(click.Group):
    """Imports the module of a command only when the command is called or listed."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command."""
        if cmd_name == "help":
            return click.Command("help", callback=lambda: click.echo(_ctx.get_help()))
        if cmd_name not in _COMMANDS:
            hint = suggestion(cmd_name, self.list_commands(_ctx))
            raise UsageError(f"There is no command {cmd_name!r}. {hint or 'Try `semls --help`.'}")
        module, function = _COMMANDS[cmd_name].split(".")
        command: click.Command = getattr(import_module(f"semls.cli.{module}"), function)
        return command


def _current_name(option: str) -> str:
    return _FORMER_NAMES.get(option, option)


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "token_normalize_func": _current_name},
)
@click.version_option(__version__, message="semls %(version)s")
def commands() -> None:
    """Search code by meaning."""


def main() -> int:
    """Run the command that `sys.argv` names and return its exit status.

    0: success or hits. 1: no hits. 2: usage error. 3: failure. 130: Ctrl-C. 141: the reader of the output
    closed it.
    """
    streams.repair()
    if _COMPLETE_VARIABLE in os.environ:
        import_module("semls.cli.completion")  # defines the class for PowerShell
    status = _run_reporting_errors(lambda: commands.main(prog_name="semls", standalone_mode=False))
    return _run_reporting_errors(sys.stdout.flush) or status


def _run_reporting_errors(action: Callable[[], int | None]) -> int:
    """Run `action`, print the error that it raises, and return the exit status."""
    try:
        return action() or 0
    except click.exceptions.NoArgsIsHelpError as error:
        terminal.write_error(error.format_message())
        return UsageError.exit_status
    except click.UsageError as error:
        terminal.print_usage_error(error.format_message(), error.ctx.command_path if error.ctx else "semls")
        return UsageError.exit_status
    except click.Abort:
        return _INTERRUPTED
    except OutputError as error:
        streams.discard_output()
        if not isinstance(error, OutputClosed):
            terminal.print_error(str(error))
        return error.exit_status
    except BroadWorkspaceError as error:
        terminal.print_error(f"{error} To search it nevertheless, pass --force.")
        return error.exit_status
    except SemlsError as error:
        terminal.print_error(str(error))
        return error.exit_status
    except Exception:  # noqa: BLE001 - a bug. Python's own exit status 1 would mean "no hits"
        sys.excepthook(*sys.exc_info())
        return SemlsError.exit_status
