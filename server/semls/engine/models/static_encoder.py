"""The encoder for static models: the embedding of a text is the mean of the vectors of its tokens.

There is no network, so it needs no torch. The files are those of model2vec
(https://github.com/MinishLab/model2vec): a table of vectors, and in some models a weight and a row of the
table for each token.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from semls.engine.models.download import fingerprint
from semls.engine.models.encoder import CACHED_QUERIES, Float32, Preempt, never_preempt, tokenizable
from semls.engine.models.presets import Model
from semls.errors import ModelError, reason

_BATCH = 64  # texts between two calls of `preempt`


class StaticEncoder:
    """An encoder that adds up vectors of tokens. Not thread-safe."""

    device = "cpu, float32"

    def __init__(self, model: Model, folder: Path) -> None:
        """Load the model from a folder. Raises ModelError."""
        self.model = model
        self.encode_query = lru_cache(CACHED_QUERIES)(self._encode_query)
        try:
            self.fingerprint = fingerprint(model, folder)
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._tokenizer.no_padding()
            self._tokenizer.enable_truncation(model.max_tokens)
            self._unknown = _unknown_token(self._tokenizer)
            self._vectors = _token_vectors(folder)
        except Exception as error:  # tokenizers raises bare exceptions for bad files
            raise ModelError(f"Cannot load the model in {folder}: {reason(error)}.") from error
        count, dimension = self._vectors.shape
        if dimension != model.dimension or count < self._tokenizer.get_vocab_size():
            raise ModelError(
                f"The model in {folder} has {count:,} vectors of {dimension} numbers, for "
                f"{self._tokenizer.get_vocab_size():,} tokens and {model.dimension} numbers. Copy it again."
            )

    def encode_documents(self, texts: Sequence[str], preempt: Preempt = never_preempt) -> Float32:
        """Return the embeddings of `texts`: shape `(len(texts), model.dimension)`, L2-normalised."""
        embeddings = np.empty((len(texts), self.model.dimension), np.float32)
        for start in range(0, len(texts), _BATCH):
            preempt()
            embeddings[start : start + _BATCH] = self._embed(texts[start : start + _BATCH])
        return embeddings

    def _encode_query(self, text: str) -> Float32:
        vector: Float32 = self._embed([text])[0]
        return vector

    def _embed(self, texts: Sequence[str]) -> Float32:
        cut = [tokenizable(text, self.model.max_tokens) for text in texts]
        encodings = self._tokenizer.encode_batch_fast(cut, add_special_tokens=False)
        means = np.array([self._vectors[self._known(encoding.ids)].mean(0) for encoding in encodings])
        means[~means.any(axis=1)] = 1  # of padding only: any direction, because cosines need one
        normalised: Float32 = means / np.linalg.norm(means, axis=1, keepdims=True)
        return normalised

    def _known(self, ids: Sequence[int]) -> Sequence[int]:
        """Return the ids without that of unknown tokens; all if there are no others."""
        return [each for each in ids if each != self._unknown] or ids or [0]


def _token_vectors(folder: Path) -> Float32:
    """Return a vector for each token: shape `(tokens, dimension)`."""
    from safetensors.numpy import load_file

    tensors: dict[str, NDArray[np.generic]] = load_file(folder / "model.safetensors")
    vectors = tensors.pop("embeddings").astype(np.float32)
    if "mapping" in tensors:
        vectors = vectors[tensors.pop("mapping")]
    if "weights" in tensors:
        vectors = vectors * tensors.pop("weights").astype(np.float32)[:, None]
    if tensors:
        raise ValueError(f"its model.safetensors has an unknown tensor {min(tensors)!r}")
    if not np.isfinite(vectors).all():
        raise ValueError("its vectors contain numbers that are not finite")
    return vectors


def _unknown_token(tokenizer: Tokenizer) -> int | None:
    """Return the id of the token that stands for unknown ones."""
    model = json.loads(tokenizer.to_str())["model"]
    name = model.get("unk_token")
    return model.get("unk_id") if name is None else tokenizer.token_to_id(name)
