"""Requests to the engine and parameters of the language server, as their JSON must be."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from semls.errors import UsageError
from semls.limits import MAX_HITS, MAX_QUESTION_LENGTH
from semls.settings import Settings, kind_of

_MAX_VALUES = 100  # of one filter
_MAX_VALUE_LENGTH = 1_000
_MAX_ROW = 2**31 - 1  # the protocol's largest number

Values = Annotated[list[Annotated[str, Field(max_length=_MAX_VALUE_LENGTH)]], Field(max_length=_MAX_VALUES)]
Row = Annotated[int, Field(ge=0, le=_MAX_ROW)]
Limit = Annotated[int, Field(ge=1, le=MAX_HITS)]


def _checked_path(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("a path is a string without NUL characters")
    value.encode("utf-8", "surrogateescape")  # raises UnicodeEncodeError, a ValueError, for other surrogates
    return value


# Bytes that are not UTF-8 are lone surrogates (PEP 383), which pydantic refuses in other strings.
FilePath = Annotated[str, PlainValidator(_checked_path)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    def narrow(self) -> list[str]:
        """Return the folders that are indexed only if they are not too broad."""
        return []


class Terms(_Request):
    """What to look for."""

    query: str = Field(max_length=MAX_QUESTION_LENGTH)
    languages: Values = []
    paths: Values = []
    kinds: Values = []


class SearchTerms(Terms):
    """What to look for, and how many hits to return."""

    limit: Limit = 10


class ContextTerms(Terms):
    """What to look for, and how many tokens to pack."""

    tokens: int = Field(default=4000, ge=1, le=_MAX_ROW)


class Position(_Request):
    """A position as the Language Server Protocol has it."""

    line: Row
    character: Row = 0


class SimilarTerms(_Request):
    """Code to compare with, as an editor names it."""

    uri: str = Field(max_length=100_000)
    position: Position
    limit: Limit = 10


class Store(_Request):
    """A Chroma server that keeps the vectors of a team."""

    url: str
    token: str
    headers: dict[str, str]
    tenant: str
    database: str


class Options(_Request):
    """The settings of a workspace."""

    model: str | None = None
    revision: str | None = None
    store: Store | None = None

    def read(self) -> Settings:
        """As settings. Raises UsageError."""
        settings, problems = Settings.read(self.model_dump())
        if problems:
            raise UsageError(problems[0])
        return settings


class Clear(_Request):
    """Delete a workspace's index."""

    workspace: FilePath
    settings: Options = Options()
    force: bool = False


class Workspace(Clear):
    """A workspace and its settings. `force` admits one as broad as the home folder."""

    def narrow(self) -> list[str]:
        """Return the workspace unless `force` is set: each question indexes its workspace first."""
        return [] if self.force else [self.workspace]


class Doctor(_Request):
    """Examine this machine."""

    settings: Options = Options()


class Index(Workspace):
    """Bring an index up to date."""

    lexical_only: bool = False


class Question(Terms):
    """What a search and a context share."""

    workspaces: list[Workspace]
    lexical_only: bool = False

    def settings(self) -> dict[str, Settings]:
        """By workspace."""
        return {one.workspace: one.settings.read() for one in self.workspaces}

    def narrow(self) -> list[str]:
        """Return the workspaces without `force`."""
        return [folder for one in self.workspaces for folder in one.narrow()]


class Search(Question, SearchTerms):
    """Search workspaces."""


class Context(Question, ContextTerms):
    """Pack code for a language model."""


class Changed(Workspace):
    """Files of a workspace were saved."""

    files: list[FilePath]


class Why(Workspace):
    """Explain whether and how a file is indexed."""

    file: FilePath


class Cache(_Request):
    """Export or import the embedding cache."""

    file: FilePath
    settings: Options = Options()


class Similar(Workspace):
    """Find code that is like the code at a row."""

    file: FilePath
    row: Row
    limit: Limit = 10
    lexical_only: bool = False


def sentence(error: ValidationError, schema: type[BaseModel]) -> str:
    """Say in one sentence what is wrong first."""
    first = error.errors(include_url=False)[0]
    kind, location = first["type"], first["loc"]
    expected = _EXPECTED.get(kind)
    if location == ("workspaces",) and kind == "list_type":
        expected = "a list of objects"
    if expected:
        problem = f"must be {expected}, not {kind_of(first['input'])}."
    else:
        problem = _PROBLEMS.get(kind, "is not valid.").format(**first.get("ctx", {}))
    fields = schema.model_fields
    if kind == "extra_forbidden" and len(location) == 1:
        problem = f"is unknown: use {', '.join(fields)}."
    if kind == "missing" and len(location) == 1:
        problem = f"is missing: give {', '.join(name for name in fields if fields[name].is_required())}."
    return f"{_name(location)} {problem}"


_EXPECTED = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list of strings",
    "dict_type": "an object",
    "model_type": "an object",
}
_PROBLEMS = {
    "missing": "is missing.",
    "extra_forbidden": "is unknown.",
    "value_error": "must be a string that names a path.",
    "json_invalid": "is not JSON in UTF-8, or it is nested too deeply.",
    "string_unicode": "holds half of a surrogate pair, which is no character.",
    "int_parsing_size": "is too large a number.",
    "string_too_long": "must have at most {max_length:,} characters.",
    "too_long": "must have at most {max_length:,} items.",
    "greater_than_equal": "must be at least {ge:,}.",
    "less_than_equal": "must be at most {le:,}.",
}


def _name(location: tuple[str | int, ...]) -> str:
    """`'languages[0]'`, `'position.line'`."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return repr(name.removeprefix(".")[:100]) if name else "The request"
