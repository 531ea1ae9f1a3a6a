"""A collection on a Chroma server, over Chroma's HTTP API.

Nothing that a server sends is trusted: each response is bounded in size and in time, and validated before it
is used. Chroma's own client does neither, and builds objects from what it receives.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Annotated, TypeVar
from urllib.parse import quote, urlsplit
from uuid import UUID

import anyio
import httpx
import numpy as np
import orjson
from anyio.from_thread import start_blocking_portal
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from semls.errors import StoreError
from semls.settings import Server

_SILENT = 20.0  # seconds that a server may send nothing
_SLOW = 60.0  # seconds for a request and its whole response
_ROOM = 1 << 20  # bytes of a response, besides its rows
_ROW = 256  # bytes of a row, besides its vector
_NUMBER = 32  # bytes of a number in JSON
_ROUNDING = 1e-3  # in the length of a vector, and in a distance
_LONGEST_TEXT = 200  # characters of what a server says
_API = "/api/v2"

Float32 = NDArray[np.float32]
_T = TypeVar("_T")


class _Violation(Exception):
    """A response that is not what was asked for; the message completes "The vectors cannot be used"."""


class _Response(BaseModel):
    model_config = ConfigDict(strict=True)


class Description(_Response):
    """What a server says of a collection."""

    id: UUID
    name: str
    metadata: dict[str, JsonValue] | None = None
    configuration: dict[str, JsonValue] = Field(alias="configuration_json")
    schema_: JsonValue = Field(None, alias="schema")
    dimension: int | None = None


_Component = Annotated[float, Field(ge=-1 - _ROUNDING, le=1 + _ROUNDING, allow_inf_nan=False)]
_Distance = Annotated[float, Field(ge=-_ROUNDING, le=2 + _ROUNDING, allow_inf_nan=False)]
_Ids = Annotated[list[str], Field(fail_fast=True)]


class _Rows(_Response):
    ids: _Ids
    embeddings: (
        Annotated[list[Annotated[list[_Component], Field(fail_fast=True)]], Field(fail_fast=True)] | None
    ) = None


class _Nearest(_Response):
    ids: Annotated[list[_Ids], Field(min_length=1, max_length=1)]
    distances: Annotated[
        list[Annotated[list[_Distance], Field(fail_fast=True)]], Field(min_length=1, max_length=1)
    ]


class _Failure(_Response):
    message: str


_VERSION: TypeAdapter[str] = TypeAdapter(Annotated[str, Field(pattern=r"^[0-9A-Za-z.+-]{1,40}$")])
_DESCRIPTION = TypeAdapter(Description)
_ROWS = TypeAdapter(_Rows)
_NEAREST = TypeAdapter(_Nearest)
_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


class ChromaServer:
    """One server. Used by several threads at a time; every method raises StoreError.

    Requests run in an event loop of their own: only there a deadline holds for the whole of a request.
    """

    def __init__(self, server: Server) -> None:
        self._url, self._token, self._closed = server.url, server.token, False
        parts = urlsplit(server.url)
        path = parts.path.rstrip("/").removesuffix(_API)
        self._address = f"{parts.scheme}://{parts.netloc}{path}{_API}"
        self._database = (
            f"/tenants/{quote(server.tenant, safe='')}/databases/{quote(server.database, safe='')}"
        )
        with self._explained():
            self._http = _client(server)
        self._resources = ExitStack()
        self._portal = self._resources.enter_context(start_blocking_portal())

    def version(self) -> str:
        """Return the version of the server's Chroma."""
        return self._ask("GET", "/version", None, _VERSION)

    def collection(self, name: str, metadata: Mapping[str, object], space: str) -> Description:
        """Return the collection with this name; the server creates it if there is none."""
        wanted = {
            "name": name,
            "metadata": metadata,
            "configuration": {"hnsw": {"space": space}},
            "get_or_create": True,
        }
        found = self._ask("POST", f"{self._database}/collections", wanted, _DESCRIPTION)
        if found.name != name:
            raise self.error(f"it has sent the collection {found.name} instead of {name}")
        return found

    def known(self, collection: UUID, ids: Collection[str]) -> set[str]:
        """Return those of the ids that the collection has."""
        rows = self._rows(collection, {"ids": list(ids), "include": []}, len(ids) * _ROW)
        return set(self._checked(rows.ids, ids))

    def vectors(self, collection: UUID, ids: Collection[str], dimension: int) -> dict[str, Float32]:
        """Return the vectors of those of the ids that the collection has, `(dimension,)` each."""
        wanted = {"ids": list(ids), "include": ["embeddings"]}
        rows = self._rows(collection, wanted, len(ids) * (_ROW + dimension * _NUMBER))
        found = rows.embeddings or []
        if len(found) != len(rows.ids) or any(len(one) != dimension for one in found):
            raise self.error(f"it has not sent a vector of {dimension} numbers for each id")
        vectors = np.array(found, np.float32).reshape(-1, dimension)
        if np.any(np.abs(np.linalg.norm(vectors, axis=1) - 1) > _ROUNDING):
            raise self.error("it has sent a vector whose length is not 1")
        return dict(zip(self._checked(rows.ids, ids), vectors, strict=True))

    def upsert(self, collection: UUID, vectors: Mapping[str, Float32]) -> None:
        """Add or replace vectors."""
        body = {"ids": list(vectors), "embeddings": np.stack(list(vectors.values()))}
        self._ask("POST", f"{self._database}/collections/{collection}/upsert", body, _JSON)

    def nearest(
        self, collection: UUID, vector: Float32, limit: int, ids: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        """Return the nearest ids with their cosine similarity; with `ids`, of these only."""
        wanted = {
            "query_embeddings": vector.reshape(1, -1),
            "n_results": limit,
            "include": ["distances"],
            "ids": ids,
        }
        path = f"{self._database}/collections/{collection}/query"
        found = self._ask("POST", path, wanted, _NEAREST, limit * _ROW)
        keys, distances = self._checked(found.ids[0], ids), found.distances[0]
        if len(keys) != len(distances) or len(keys) > limit:
            raise self.error(f"it has sent {len(keys)} ids with {len(distances)} distances")
        return [(key, min(1.0, max(-1.0, 1 - far))) for key, far in zip(keys, distances, strict=True)]

    def close(self) -> None:
        """Cancel what runs and close the connections."""
        if not self._closed:
            self._closed = True
            self._portal.call(self._http.aclose)
            self._portal.call(self._portal.stop, True)
            self._resources.close()

    def error(self, what: str) -> StoreError:
        """Return an error that says what is wrong with the server, and what to do."""
        said = _printable(what.replace(self._token, "…") if self._token else what)
        advice = "see that the server runs, and that the settings of the store are right"
        return StoreError(f"The vectors in {self._url} cannot be used ({said}): {advice}.")

    def _rows(self, collection: UUID, wanted: Mapping[str, object], size: int) -> _Rows:
        return self._ask("POST", f"{self._database}/collections/{collection}/get", wanted, _ROWS, size)

    def _checked(self, found: Sequence[str], asked: Collection[str] | None) -> Sequence[str]:
        if len(set(found)) != len(found):
            raise self.error("it has sent an id twice")
        if asked is not None and not set(found).issubset(asked):
            raise self.error("it has sent an id that was not asked for")
        return found

    def _ask(self, method: str, path: str, body: object, response: TypeAdapter[_T], size: int = 0) -> _T:
        content = None if body is None else orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
        with self._explained():
            return response.validate_json(
                self._portal.call(self._exchange, method, path, content, _ROOM + size)
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise a StoreError for everything that may come of a request."""
        try:
            yield
        except _Violation as violation:
            raise self.error(str(violation)) from violation
        except ValidationError as error:
            raise self.error(f"its response is not one of Chroma's: {_first(error)}") from error
        except TimeoutError as error:
            raise self.error(f"it has not answered within {_SLOW:.0f} s") from error
        except (UnicodeError, httpx.LocalProtocolError):  # which would show the token
            raise self.error("its token or a header has characters that HTTP does not allow") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise self.error(str(error) or type(error).__name__) from error
        except (RuntimeError, CancelledError) as error:
            if not self._closed:
                raise
            raise self.error("the connection was closed") from error

    async def _exchange(self, method: str, path: str, content: bytes | None, limit: int) -> bytes:
        with anyio.fail_after(_SLOW):
            async with self._http.stream(method, self._address + path, content=content) as response:
                received = await _read(response, limit)
                if response.is_redirect:
                    elsewhere = response.headers.get("location", "another address")
                    raise _Violation(f"it redirects to {elsewhere}: set that address instead")
                if not response.is_success:
                    raise _Violation(f"status {response.status_code}: {_message(received)}")
                return received


def _client(server: Server) -> httpx.AsyncClient:
    headers = httpx.Headers(
        {"Authorization": f"Bearer {server.token}", "X-Chroma-Token": server.token} if server.token else {}
    )
    headers.update(server.headers)
    # A compressed response could be a thousand times larger than what is received.
    headers.update({"Content-Type": "application/json", "Accept-Encoding": "identity"})
    cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # which would grow with each response
    return httpx.AsyncClient(headers=headers, cookies=cookies, timeout=_SILENT, follow_redirects=False)


async def _read(response: httpx.Response, limit: int) -> bytes:
    encoding = response.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise _Violation(f"its response is compressed ({encoding}), which was not asked for")
    received = bytearray()
    async for part in response.aiter_raw():
        received += part
        if len(received) > limit:
            raise _Violation(f"its response is longer than {limit:,} bytes")
    return bytes(received)


def _message(received: bytes) -> str:
    """Return what a failure says: Chroma's message, or the text of what stands before it."""
    try:
        return _Failure.model_validate_json(received).message
    except ValidationError:
        return received[:_LONGEST_TEXT].decode("utf-8", "replace")


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, found['loc']))} {found['msg']}".strip()


def _printable(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: 2 * _LONGEST_TEXT])
    return " ".join(shown.split())[:_LONGEST_TEXT]
