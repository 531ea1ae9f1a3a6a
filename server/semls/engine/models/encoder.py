"""Encoders: text → embedding. The protocol, the text that is embedded of a chunk, and a fake for tests."""

import hashlib
import re
import zlib
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from semls.engine.models.presets import HASHING, Model

Float32: TypeAlias = NDArray[np.float32]
Preempt: TypeAlias = Callable[[], object]

CACHED_QUERIES = 256  # embeddings of queries that are kept: a picker repeats its query with every key
_MAX_CHARACTERS_PER_TOKEN = 50  # code has about four characters per token
_CHARACTER_WEIGHT = 0.5  # of a character at its position in a word, relative to the whole word


def never_preempt() -> None:
    """Run no other task. The default of `Encoder.encode_documents`."""


class Encoder(Protocol):
    """Computes embeddings. Not thread-safe: one thread at a time may call it."""

    model: Model
    fingerprint: str  # 16 hex digits; equal fingerprints mean equal embeddings, except for rounding

    @property
    def device(self) -> str:
        """The device and the dtype that it computes with, such as "cpu, bfloat16"."""

    def encode_documents(self, texts: Sequence[str], preempt: Preempt = ...) -> Float32:
        """Return the embeddings of texts from the workspace, in the order of `texts`.

        The shape is `(len(texts), model.dimension)`; rows are L2-normalised. A text that is longer than
        `model.max_tokens` tokens is encoded in up to `model.windows` windows, each with the first line of the
        text in front; its embedding is the mean of theirs. `preempt` is called between the layers of the
        network and may call `encode_query`, so that a search need not wait for a batch.
        """

    def encode_query(self, text: str) -> Float32:
        """Return the embedding of a search query: shape `(model.dimension,)`, L2-normalised."""


def embedded_text(qualified_name: str, text: str) -> str:
    """Return the text that is embedded for a chunk.

    It does not contain the path, so that a renamed file keeps its vectors.
    """
    return f"{qualified_name}\n{text}" if qualified_name else text


def tokenizable(text: str, max_tokens: int) -> str:
    """Return the beginning of a text that `max_tokens` tokens may need, in valid Unicode.

    Tokenizing megabytes would take seconds.
    """
    return text[: _MAX_CHARACTERS_PER_TOKEN * max_tokens].encode("utf-8", "replace").decode()


class HashingEncoder:
    """A fake encoder for tests: texts that share words have similar embeddings.

    It needs neither torch nor weights.
    """

    model = HASHING
    device = "cpu"
    fingerprint = hashlib.sha256(f"{HASHING!r}, words and letters".encode()).hexdigest()[:16]

    def encode_documents(self, texts: Sequence[str], preempt: Preempt = never_preempt) -> Float32:
        """Return the embeddings of `texts`: shape `(len(texts), model.dimension)`, L2-normalised."""
        preempt()
        rows = [self.encode_query(text) for text in texts]
        return np.array(rows, np.float32).reshape(-1, HASHING.dimension)

    def encode_query(self, text: str) -> Float32:
        """Return the L2-normalised counts of hashed words, and of hashed characters at their positions.

        With words alone, all texts that differ in one word are equally far from each other, and HNSW does
        not find some of them.
        """
        vector = np.zeros(HASHING.dimension, np.float32)
        for word in re.findall(r"[^\W_]+", text.lower()) or [""]:
            vector[_bucket(word)] += 1
            for position, character in enumerate(word):
                vector[_bucket(f"{position}{character}")] += _CHARACTER_WEIGHT
        vector /= np.linalg.norm(vector)
        return vector


def _bucket(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "replace")) % HASHING.dimension
