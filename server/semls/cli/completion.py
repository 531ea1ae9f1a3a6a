"""Complete commands, options, languages and kinds in the shell."""

import os

import click
from click.shell_completion import (
    CompletionItem,
    ShellComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from semls.cli import terminal

_POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($word, $command, $position)
    $env:%(complete_var)s = "powershell_complete"
    $env:COMP_LINE = $command.ToString()
    $env:COMP_WORD = $word
    %(prog_name)s | ForEach-Object {
        $value, $help = $_ -split "`t", 2
        if (-not $help) { $help = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, "ParameterValue", $help)
    }
    Remove-Item Env:%(complete_var)s, Env:COMP_LINE, Env:COMP_WORD
}
"""
_WHERE = {
    "bash": "~/.bashrc",
    "zsh": "~/.zshrc",
    "fish": "~/.config/fish/completions/semls.fish",
    "powershell": "$PROFILE",
}


@add_completion_class
class _PowerShellComplete(ShellComplete):
    name = "powershell"
    source_template = _POWERSHELL

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the complete arguments before the cursor, and the one that is completed."""
        words = split_arg_string(os.environ["COMP_LINE"])[1:]
        incomplete = os.environ["COMP_WORD"]
        return (words[:-1] if incomplete and words else words), incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """Return a line with the value and its help."""
        return f"{item.value}\t{item.help or ''}"


@click.command(epilog="".join(f"\b\n{shell}: {place}\n\n" for shell, place in _WHERE.items()))
@click.argument("shell", type=click.Choice(list(_WHERE)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script for completion.

    It completes commands, options, languages and kinds. Append it to the file that your shell reads when it
    starts:
    """
    complete = get_completion_class(shell)
    if complete is None:
        raise RuntimeError(f"click does not complete in {shell}.")
    script = complete(context.find_root().command, {}, "semls", "_SEMLS_COMPLETE").source()
    terminal.write(script.rstrip("\n"))
