"""Select a hit in fzf, which searches on every key."""

import asyncio
import os
import shlex
import shutil
import sys
from pathlib import Path

import click

from semls.cli import picker_client
from semls.cli.editor import Location
from semls.cli.picker_server import VARIABLE, PickerServer
from semls.errors import SemlsError, UsageError
from semls.locations import path_of_uri
from semls.programs import find_program
from semls.service.client import Client
from semls.settings import EngineSettings

# Debounce: fzf kills the command on the next key, before it has sent a request.
_DEBOUNCE = "" if os.name == "nt" else "sleep 0.05; "
# fzf gives its own standard output, a pipe, to the commands that it executes, and then clears the screen.
_IN_TERMINAL = (
    "{command}"
    if os.name == "nt"
    else "{{ {command} || {{ printf 'Press Enter. '; read -r _; }}; }} < /dev/tty > /dev/tty 2>&1"
)
_WIDE = 110  # columns from which the preview stands beside the list
_HISTORY = "pick-history"  # of queries, in the state directory
_FZF_STATUSES = (0, 1)  # selected, no match
_FZF_ABORTED = 130  # by Escape or Ctrl-C


async def select_hit(client: Client, query: str, workspace: str) -> Location | None:
    """Return the location that the user selects in fzf, or None. Raises SemlsError, or Abort after Escape.

    On every key fzf asks the server for rows, whose records have three fields: line, displayed text, URI.
    """
    fzf = find_program("fzf")
    if fzf is None:
        raise UsageError("fzf is not installed: install it, or use `semls search`.")
    async with PickerServer(client, workspace).serving() as address:
        process = await asyncio.create_subprocess_exec(
            fzf,
            *_fzf_options(query),
            env={
                **os.environ,
                VARIABLE: address,
                "FZF_DEFAULT_COMMAND": f"{_request('rows')} {_quote(query)}",
            },
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(sys.executable).parent,  # `python -m` would import modules from a workspace
        )
        output, _ = await process.communicate()
    if process.returncode == _FZF_ABORTED:
        raise click.Abort
    if process.returncode not in _FZF_STATUSES:
        raise SemlsError(
            f"fzf failed with status {process.returncode}: see its message, or use `semls search`."
        )
    fields = output.rstrip(b"\0").decode("ascii", "replace").split("\t")
    if len(fields) != 3 or not fields[0]:  # nothing was selected, or the row with an error
        return None
    return Location(int(fields[0]), path_of_uri(fields[-1]))


def _fzf_options(query: str) -> list[str]:
    edit = _IN_TERMINAL.format(command=f"{_semls_command('edit')} {{1}} {{3}}")
    history = EngineSettings.from_environment().state_directory / _HISTORY
    return [
        "--disabled",
        "--ansi",
        "--read0",
        "--print0",
        "--no-sort",
        "--layout=reverse",
        "--delimiter=\t",
        "--with-nth=2",
        "--prompt=semls> ",
        f"--query={query}",
        "--header=^O open ^Y copy ^P recall",
        f"--history={history}",
        f"--bind=change:top+reload:{_DEBOUNCE}{_request('rows')} {{q}}",
        f"--bind=ctrl-o:execute:{edit}",
        f"--bind=ctrl-y:preview:{_semls_command('copy')} {{1}} {{3}}",  # shows its message
        f"--preview={_preview_command()}",
        f"--preview-window={'right' if shutil.get_terminal_size().columns >= _WIDE else 'down'},+{{1}}/3",
    ]


def _preview_command() -> str:
    """Return the shell command that prints the preview, with bat's highlighting where bat is installed.

    bat does not escape control characters, so the server does.
    """
    preview = f"{_request('preview')} {{1}} {{3}}"
    bat = find_program("bat") or find_program("batcat")
    if bat is None:
        return preview
    options = "--color=always --style=numbers --paging=never --highlight-line={1} --file-name={3}"
    return f"{preview} plain | {_quote(bat)} {options}"


def _request(kind: str) -> str:
    """Return the shell command that sends a request to the server. `-I -S` halves the time of its start."""
    return _quote(sys.executable, "-I", "-S", picker_client.__file__, kind)


def _semls_command(command: str) -> str:
    return _quote(sys.executable, "-m", "semls", command)


def _quote(*arguments: str) -> str:
    """Quote arguments for the shell that fzf uses. cmd.exe takes `&` and `|` literally only in quotes."""
    if os.name == "nt":
        return " ".join('"' + argument.replace('"', "") + '"' for argument in arguments)
    return shlex.join(arguments)
