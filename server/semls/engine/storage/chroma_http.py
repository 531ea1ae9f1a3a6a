"""A client of Chroma's HTTP API that does not trust the server.

Each response is bounded in size and in time, and validated before it is used. Chroma's own client does
neither, and builds objects from what it receives.
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
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from semls.engine.storage.vectors import Float32
from semls.errors import StoreError
from semls.settings import Server

_READ_TIMEOUT = 20.0  # seconds in which the server sends nothing
_REQUEST_TIMEOUT = 60.0  # seconds for a request and its whole response
_MAX_BYTES = 1 << 20  # of a response, in addition to its rows
_ROW_BYTES = 256  # of a row, in addition to its vector
_NUMBER_BYTES = 32  # of a number in JSON
_TOLERANCE = 1e-3  # for rounding, in the length of a vector and in a distance
_MAX_MESSAGE = 200  # characters of a server's message
_API = "/api/v2"

_T = TypeVar("_T")


class _InvalidResponseError(Exception):
    """A response that cannot be used; the message completes "The vectors cannot be used"."""


class _Response(BaseModel):
    model_config = ConfigDict(strict=True)


class CollectionDescription(_Response):
    """A collection as the server describes it."""

    id: UUID
    name: str
    metadata: dict[str, JsonValue] | None = None
    configuration: dict[str, JsonValue] = Field(alias="configuration_json")
    schema_: JsonValue = Field(None, alias="schema")
    dimension: int | None = None


_Component = Annotated[float, Field(ge=-1 - _TOLERANCE, le=1 + _TOLERANCE, allow_inf_nan=False)]
_Distance = Annotated[float, Field(ge=-_TOLERANCE, le=2 + _TOLERANCE, allow_inf_nan=False)]
_Ids = Annotated[list[str], Field(fail_fast=True)]
_Vector = Annotated[list[_Component], Field(fail_fast=True)]
_Distances = Annotated[list[_Distance], Field(fail_fast=True)]


class _Rows(_Response):
    ids: _Ids
    embeddings: Annotated[list[_Vector], Field(fail_fast=True)] | None = None


class _QueryResult(_Response):
    """One list of hits for each query vector; semls sends one vector."""

    ids: Annotated[list[_Ids], Field(min_length=1, max_length=1)]
    distances: Annotated[list[_Distances], Field(min_length=1, max_length=1)]


class _Failure(_Response):
    message: str


_VERSION: TypeAdapter[str] = TypeAdapter(Annotated[str, Field(pattern=r"^[0-9A-Za-z.+-]{1,40}$")])
_DESCRIPTION = TypeAdapter(CollectionDescription)
_ROWS = TypeAdapter(_Rows)
_QUERY_RESULT = TypeAdapter(_QueryResult)
_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


class ChromaServer:
    """Connections to one server. Used by several threads at a time; all methods raise StoreError.

    Requests run in a separate event loop, because only asyncio can limit the time of a whole request.
    """

    def __init__(self, server: Server) -> None:
        self._url, self._token, self._closed = server.url, server.token, False
        parts = urlsplit(server.url)
        path = parts.path.rstrip("/").removesuffix(_API)
        self._address = f"{parts.scheme}://{parts.netloc}{path}{_API}"
        tenant, database = quote(server.tenant, safe=""), quote(server.database, safe="")
        self._collections = f"/tenants/{tenant}/databases/{database}/collections"
        with self._translate_errors():
            self._http = _http_client(server)
        self._resources = ExitStack()
        self._portal = self._resources.enter_context(start_blocking_portal())

    def version(self) -> str:
        """Return the version of the server's Chroma."""
        return self._request("GET", "/version", None, _VERSION)

    def get_or_create_collection(
        self, name: str, metadata: Mapping[str, object], space: str
    ) -> CollectionDescription:
        """Return the collection with this name; the server creates it if there is none."""
        body = {
            "name": name,
            "metadata": metadata,
            "configuration": {"hnsw": {"space": space}},
            "get_or_create": True,
        }
        found = self._request("POST", self._collections, body, _DESCRIPTION)
        if found.name != name:
            raise self.error(f"it has sent the collection {found.name} instead of {name}")
        return found

    def existing(self, collection: UUID, ids: Collection[str]) -> set[str]:
        """Return those of the ids that the collection contains."""
        body = {"ids": list(ids), "include": []}
        rows = self._get(collection, body, len(ids) * _ROW_BYTES)
        return set(self._validated_ids(rows.ids, ids))

    def get(self, collection: UUID, ids: Collection[str], dimension: int) -> dict[str, Float32]:
        """Return the vectors of those of the ids that the collection contains, `(dimension,)` each."""
        body = {"ids": list(ids), "include": ["embeddings"]}
        rows = self._get(collection, body, len(ids) * (_ROW_BYTES + dimension * _NUMBER_BYTES))
        embeddings = rows.embeddings or []
        if len(embeddings) != len(rows.ids) or any(len(vector) != dimension for vector in embeddings):
            raise self.error(f"it has not sent a vector of {dimension} numbers for each id")
        matrix = np.array(embeddings, np.float32).reshape(-1, dimension)
        if np.any(np.abs(np.linalg.norm(matrix, axis=1) - 1) > _TOLERANCE):
            raise self.error("it has sent a vector whose length is not 1")
        return dict(zip(self._validated_ids(rows.ids, ids), matrix, strict=True))

    def upsert(self, collection: UUID, vectors: Mapping[str, Float32]) -> None:
        """Add or replace vectors."""
        body = {"ids": list(vectors), "embeddings": np.stack(list(vectors.values()))}
        self._request("POST", f"{self._collections}/{collection}/upsert", body, _JSON)

    def query(
        self, collection: UUID, vector: Float32, limit: int, among: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        """Return the ids of the nearest vectors, all or `among` these, with their cosine similarity."""
        body = {
            "query_embeddings": vector.reshape(1, -1),
            "n_results": limit,
            "include": ["distances"],
            "ids": among,
        }
        path = f"{self._collections}/{collection}/query"
        result = self._request("POST", path, body, _QUERY_RESULT, limit * _ROW_BYTES)
        ids, distances = self._validated_ids(result.ids[0], among), result.distances[0]
        if len(ids) != len(distances) or len(ids) > limit:
            raise self.error(f"it has sent {len(ids)} ids with {len(distances)} distances")
        cosines = (min(1.0, max(-1.0, 1 - distance)) for distance in distances)
        return list(zip(ids, cosines, strict=True))

    def close(self) -> None:
        """Cancel running requests and close the connections. Closing again does nothing."""
        if not self._closed:
            self._closed = True
            self._portal.call(self._http.aclose)
            self._portal.call(self._portal.stop, True)
            self._resources.close()

    def error(self, reason: str) -> StoreError:
        """Return an error that says why the server cannot be used, and what to do."""
        shown = _printable(reason.replace(self._token, "…") if self._token else reason)
        advice = "check that the server runs, and the settings of the store"
        return StoreError(f"The vectors in {self._url} cannot be used ({shown}): {advice}.")

    def _get(self, collection: UUID, body: Mapping[str, object], size: int) -> _Rows:
        return self._request("POST", f"{self._collections}/{collection}/get", body, _ROWS, size)

    def _validated_ids(self, received: Sequence[str], sent: Collection[str] | None) -> Sequence[str]:
        if len(set(received)) != len(received):
            raise self.error("it has sent an id twice")
        if sent is not None and not set(received).issubset(sent):
            raise self.error("it has sent an id that was not asked for")
        return received

    def _request(
        self, method: str, path: str, body: object, response: TypeAdapter[_T], rows_size: int = 0
    ) -> _T:
        """Send a request and validate its response, whose rows take at most `rows_size` bytes."""
        content = None if body is None else orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
        with self._translate_errors():
            received = self._portal.call(self._send, method, path, content, _MAX_BYTES + rows_size)
            return response.validate_json(received)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Raise StoreError for every error of a request."""
        try:
            yield
        except _InvalidResponseError as error:
            raise self.error(str(error)) from error
        except ValidationError as error:
            raise self.error(f"its response is not one of Chroma's: {_first_error(error)}") from error
        except TimeoutError as error:
            raise self.error(f"it has not answered within {_REQUEST_TIMEOUT:.0f} s") from error
        except (UnicodeError, httpx.LocalProtocolError):  # their messages would show the token
            raise self.error("its token or a header has characters that HTTP does not allow") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise self.error(str(error) or type(error).__name__) from error
        except (RuntimeError, CancelledError) as error:
            if not self._closed:
                raise
            raise self.error("the connection was closed") from error

    async def _send(self, method: str, path: str, content: bytes | None, limit: int) -> bytes:
        with anyio.fail_after(_REQUEST_TIMEOUT):
            try:
                return await self._exchange(method, path, content, limit)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                # The server may have closed an idle connection at this moment. Every request may be repeated.
                return await self._exchange(method, path, content, limit)

    async def _exchange(self, method: str, path: str, content: bytes | None, limit: int) -> bytes:
        async with self._http.stream(method, self._address + path, content=content) as response:
            received = await _read(response, limit)
            if response.is_redirect:
                location = response.headers.get("location", "another address")
                raise _InvalidResponseError(f"it redirects to {location}: set that address instead")
            if not response.is_success:
                raise _InvalidResponseError(f"status {response.status_code}: {_message(received)}")
            return received


def _http_client(server: Server) -> httpx.AsyncClient:
    headers = httpx.Headers(
        {"Authorization": f"Bearer {server.token}", "X-Chroma-Token": server.token} if server.token else {}
    )
    headers.update(server.headers)
    # A compressed response could expand to a thousand times the bytes that are received.
    headers.update({"Content-Type": "application/json", "Accept-Encoding": "identity"})
    cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # which would grow with each response
    return httpx.AsyncClient(headers=headers, cookies=cookies, timeout=_READ_TIMEOUT, follow_redirects=False)


async def _read(response: httpx.Response, limit: int) -> bytes:
    encoding = response.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise _InvalidResponseError(f"its response is compressed ({encoding}), which was not asked for")
    received = bytearray()
    async for part in response.aiter_raw():
        received += part
        if len(received) > limit:
            raise _InvalidResponseError(f"its response is longer than {limit:,} bytes")
    return bytes(received)


def _message(received: bytes) -> str:
    """Return the message of a failure: Chroma's, or the text of a proxy in front of it."""
    try:
        return _Failure.model_validate_json(received).message
    except ValidationError:
        return received[:_MAX_MESSAGE].decode("utf-8", "replace")


def _first_error(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, found['loc']))} {found['msg']}".strip()


def _printable(text: str) -> str:
    shown = "".join(character if character.isprintable() else " " for character in text[: 2 * _MAX_MESSAGE])
    return " ".join(shown.split())[:_MAX_MESSAGE]
