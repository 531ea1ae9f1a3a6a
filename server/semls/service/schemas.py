"""The schemas of requests to the engine, and of the language server's requests with the same parameters."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from semls.errors import UsageError
from semls.limits import DEFAULT_CLUSTERS, DEFAULT_HITS, DEFAULT_TOKENS, MAX_HITS, MAX_QUERY_LENGTH
from semls.settings import Settings, json_type

_MAX_VALUES = 100  # of one filter
_MAX_VALUE_LENGTH = 1_000
_MAX_URI_LENGTH = 100_000
_MAX_ROW = 2**31 - 1  # the largest number of LSP

Values = Annotated[list[Annotated[str, Field(max_length=_MAX_VALUE_LENGTH)]], Field(max_length=_MAX_VALUES)]
Row = Annotated[int, Field(ge=0, le=_MAX_ROW)]
Limit = Annotated[int, Field(ge=1, le=MAX_HITS)]


def _validate_path(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("a path is a string without NUL characters")
    value.encode("utf-8", "surrogateescape")  # raises UnicodeEncodeError, a ValueError, for other surrogates
    return value


# Bytes of a path that are not UTF-8 are lone surrogates (PEP 383), which pydantic rejects in a `str`.
FilePath = Annotated[str, PlainValidator(_validate_path)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


# Parameters of the language server


class QueryParams(_Model):
    """A query and its filters."""

    query: str = Field(max_length=MAX_QUERY_LENGTH)
    languages: Values = []
    paths: Values = []
    excluded: Values = []
    kinds: Values = []
    tests: bool = True


class SearchParams(QueryParams):
    """A query, how many hits to return, whether to group them by file, and whether to wait for embeddings."""

    limit: Limit = DEFAULT_HITS
    group: Literal["file"] | None = None
    wait: bool = False


class ContextParams(QueryParams):
    """A query, and how many tokens of code to return."""

    tokens: int = Field(default=DEFAULT_TOKENS, ge=1, le=_MAX_ROW)


class Position(_Model):
    """A position as in LSP."""

    line: Row
    character: Row = 0


class SimilarParams(_Model):
    """A position in a file, and how many hits to return."""

    uri: str = Field(max_length=_MAX_URI_LENGTH)
    position: Position
    limit: Limit = DEFAULT_HITS


class DuplicatesParams(_Model):
    """How many clusters to return, and whether tests count; or the file whose functions are compared."""

    uri: str | None = Field(default=None, max_length=_MAX_URI_LENGTH)
    limit: Limit = DEFAULT_CLUSTERS
    tests: bool = True


# Bodies of requests to the engine


class StoreOptions(_Model):
    """A Chroma server that stores vectors."""

    url: str
    token: str
    headers: dict[str, str]
    tenant: str
    database: str


class Options(_Model):
    """The settings of a workspace."""

    model: str | None = None
    revision: str | None = None
    store: StoreOptions | None = None
    languages: dict[str, str] = {}

    def to_settings(self) -> Settings:
        """Return the same settings as `Settings`. Raises UsageError if a value is invalid."""
        settings, problems = Settings.parse(self.model_dump())
        if problems:
            raise UsageError(problems[0])
        return settings


class RequestBody(_Model):
    """The body of a request to the engine."""

    def unforced_workspaces(self) -> list[str]:
        """Return the workspaces that the request indexes, and that are refused if they are too broad."""
        return []


class WorkspaceBody(RequestBody):
    """A workspace and its settings. `force` allows one that is as broad as the home folder."""

    workspace: FilePath
    settings: Options = Options()
    force: bool = False

    def unforced_workspaces(self) -> list[str]:
        """Return the workspace unless `force` is set: most requests index their workspace first."""
        return [] if self.force else [self.workspace]


class ClearBody(WorkspaceBody):
    """A workspace whose index is deleted, however broad it is."""

    def unforced_workspaces(self) -> list[str]:
        """Return [], because the request indexes nothing."""
        return []


class IndexBody(WorkspaceBody):
    """A workspace whose index is updated."""

    lexical_only: bool = False


class ChangedBody(WorkspaceBody):
    """Files of a workspace that were saved."""

    files: list[FilePath]


class ExplainBody(WorkspaceBody):
    """A file of a workspace."""

    file: FilePath


class FilesBody(WorkspaceBody):
    """A workspace whose indexed or skipped files are listed."""

    skipped: bool = False


class SimilarBody(WorkspaceBody):
    """A row of a file of a workspace."""

    file: FilePath
    row: Row
    limit: Limit = DEFAULT_HITS
    lexical_only: bool = False


class DuplicatesBody(WorkspaceBody):
    """A workspace whose duplicates are listed, or only those of the functions of a file."""

    file: FilePath | None = None
    limit: Limit = DEFAULT_CLUSTERS
    tests: bool = True
    lexical_only: bool = False


class QueryBody(QueryParams, RequestBody):
    """A query in some workspaces.

    `embedding_timeout` is how many seconds the engine may take to embed what the query finds.
    """

    workspaces: list[WorkspaceBody]
    lexical_only: bool = False
    embedding_timeout: Annotated[float, Field(ge=0, le=60)] = 0.0

    def settings_by_workspace(self) -> dict[str, Settings]:
        """Return the settings of each workspace. Raises UsageError if a value is invalid."""
        return {body.workspace: body.settings.to_settings() for body in self.workspaces}

    def unforced_workspaces(self) -> list[str]:
        """Return the workspaces without `force`."""
        return [workspace for body in self.workspaces for workspace in body.unforced_workspaces()]


class SearchBody(QueryBody, SearchParams):
    """A query, how many hits to return, and whether to group them by file."""


class ContextBody(QueryBody, ContextParams):
    """A query, and how many tokens of code to return."""


class CacheBody(RequestBody):
    """A file that the embedding cache is exported to or imported from."""

    file: FilePath
    settings: Options = Options()


class DoctorBody(RequestBody):
    """Settings that are checked together with the installation."""

    settings: Options = Options()


# Error messages


def error_message(error: ValidationError, schema: type[BaseModel]) -> str:
    """Return a sentence that describes the first problem."""
    first = error.errors(include_url=False)[0]
    kind, location = first["type"], first["loc"]
    expected = _EXPECTED.get(kind)
    if location == ("workspaces",) and kind == "list_type":
        expected = "a list of objects"
    if expected:
        problem = f"must be {expected}, not {json_type(first['input'])}."
    else:
        problem = _PROBLEMS.get(kind, "is invalid.").format(**first.get("ctx", {}))
    fields = schema.model_fields
    if kind == "extra_forbidden" and len(location) == 1:
        problem = f"is unknown; expected one of: {', '.join(fields)}."
    if kind == "missing" and len(location) == 1:
        problem = f"is missing; required: {', '.join(name for name in fields if fields[name].is_required())}."
    return f"{_field_name(location)} {problem}"


_EXPECTED = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "bool_type": "true or false",
    "list_type": "a list of strings",
    "dict_type": "an object",
    "model_type": "an object",
}
_PROBLEMS = {
    "missing": "is missing.",
    "literal_error": "must be {expected}.",
    "extra_forbidden": "is unknown.",
    "value_error": "must be a string that is a path.",
    "string_unicode": "contains half of a surrogate pair, which is not a character.",
    "int_parsing_size": "is too large.",
    "string_too_long": "must have at most {max_length:,} characters.",
    "too_long": "must have at most {max_length:,} items.",
    "greater_than_equal": "must be at least {ge:,}.",
    "less_than_equal": "must be at most {le:,}.",
}


def _field_name(location: tuple[str | int, ...]) -> str:
    """Return the quoted path of a field, such as `'languages[0]'` or `'position.line'`."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return repr(name.removeprefix(".")[:100]) if name else "The request"
