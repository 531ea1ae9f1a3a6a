"""Requests to the engine, as their JSON must be."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, model_validator

from semls.engine.roots import refuse_broad
from semls.errors import UsageError
from semls.limits import MAX_HITS
from semls.settings import Settings


def _checked_path(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("a path is a string without NUL characters")
    value.encode("utf-8", "surrogateescape")  # raises UnicodeEncodeError, a ValueError, for other surrogates
    return value


# Bytes that are not UTF-8 are lone surrogates (PEP 383), which pydantic refuses in other strings.
FilePath = Annotated[str, PlainValidator(_checked_path)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Store(_Request):
    """A Chroma server that keeps the vectors of a team."""

    url: str
    token: str
    headers: dict[str, str]
    tenant: str
    database: str


class Options(_Request):
    """The settings of a workspace."""

    model: str = Settings().model
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

    @model_validator(mode="after")
    def _refuse_broad(self) -> "Workspace":
        """Raise BroadWorkspaceError, whatever is asked: each question indexes its workspace first."""
        if not self.force:
            refuse_broad(Path(os.path.realpath(self.workspace)))
        return self


class Doctor(_Request):
    """Examine this machine."""

    settings: Options = Options()


class Index(Workspace):
    """Bring an index up to date."""

    words_only: bool = False


class Question(_Request):
    """What a search and a context share."""

    workspaces: list[Workspace]
    query: str
    languages: list[str] = []
    paths: list[str] = []
    kinds: list[str] = []
    words_only: bool = False

    def settings(self) -> dict[str, Settings]:
        """By workspace."""
        return {one.workspace: one.settings.read() for one in self.workspaces}


class Search(Question):
    """Search workspaces."""

    limit: int = 10


class Context(Question):
    """Pack code for a language model."""

    tokens: int = Field(default=4000, ge=1)


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
    row: int = Field(ge=0, lt=2**31)
    limit: int = Field(default=10, ge=1, le=MAX_HITS)
    words_only: bool = False
