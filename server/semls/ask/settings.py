"""The language model that the user has configured in the environment."""

import shlex
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from semls.errors import UsageError
from semls.settings import environment_variable, is_http_url, is_printable

_NO_LANGUAGE_MODEL = (
    "No language model is configured. Set SEMLS_ASK_COMMAND to a command that reads a prompt on standard "
    "input, such as 'claude -p' or 'llm', or set SEMLS_ASK_URL and SEMLS_ASK_MODEL to a server with OpenAI's "
    "API and its model, such as http://127.0.0.1:11434/v1 and qwen3."
)


@dataclass(frozen=True)
class AskSettings:
    """The language model that answers questions: a command, or a server with OpenAI's API.

    Only the environment sets it, because the model receives code: neither a file in a workspace nor an option
    that an editor may have read there does.
    """

    command: tuple[str, ...] = ()
    url: str = ""  # of the chat completions; "" if there is a command
    model: str = ""
    key: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """The program or the model, for the user."""
        return self.command[0] if self.command else self.model

    @classmethod
    def from_environment(cls) -> "AskSettings":
        """Return the model of `SEMLS_ASK_COMMAND`, or of `SEMLS_ASK_URL`, `…_MODEL` and `…_KEY`.

        Raises UsageError if none is set, or if a variable is invalid.
        """
        names = ("COMMAND", "URL", "MODEL", "KEY")
        values = {name: (environment_variable(f"SEMLS_ASK_{name}") or "").strip() for name in names}
        for name, value in values.items():
            if not is_printable(value):
                raise UsageError(f"SEMLS_ASK_{name} is too long or contains unprintable characters.")
        if values["COMMAND"] and values["URL"]:
            raise UsageError("SEMLS_ASK_COMMAND and SEMLS_ASK_URL are both set: unset one of them.")
        if values["COMMAND"]:
            return cls(command=_parse_command(values["COMMAND"]))
        if not values["URL"]:
            raise UsageError(_NO_LANGUAGE_MODEL)
        if not values["MODEL"]:
            raise UsageError("SEMLS_ASK_MODEL is not set: set it to the name of a model of the server.")
        if not values["KEY"].isascii():
            raise UsageError("SEMLS_ASK_KEY contains characters that HTTP does not allow.")
        return cls(url=_completions_url(values["URL"]), model=values["MODEL"], key=values["KEY"])


def _parse_command(command: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise UsageError(f"SEMLS_ASK_COMMAND cannot be parsed ({error}): {command}") from error


def _completions_url(url: str) -> str:
    """Return the address of the chat completions of a server. Raises UsageError."""
    if not is_http_url(url):
        raise UsageError(
            "SEMLS_ASK_URL must be a URL like http://127.0.0.1:11434/v1 without a password: use "
            "SEMLS_ASK_KEY for that."
        )
    parts = urlsplit(url)
    path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    return parts._replace(path=f"{path}/chat/completions", fragment="").geturl()
