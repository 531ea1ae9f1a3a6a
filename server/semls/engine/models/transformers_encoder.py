"""The encoder for models in transformers: tokenization, batching, preemption and fallback to the CPU."""

import logging
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from semls.engine.models import memory
from semls.engine.models.autotune import PROBE, fastest_network, tuned_network
from semls.engine.models.download import fingerprint
from semls.engine.models.encoder import CACHED_QUERIES, Float32, Preempt, never_preempt, tokenizable
from semls.engine.models.network import (
    Network,
    best_device,
    import_torch,
    limit_threads,
    load_module,
)
from semls.engine.models.presets import Model
from semls.engine.models.tuned_variants import TunedVariants
from semls.errors import ModelError, reason

log = logging.getLogger(__name__)

# The most tokens of a batch, padding included. On a CPU, larger batches leave the cache. On a GPU, Python
# launches each operation, and smaller batches would leave the GPU idle.
_CPU_BATCH_TOKENS = 2048
_GPU_BATCH_TOKENS = 8192
_MAX_HEAD_SHARE = 4  # the first line fills at most a quarter of a window


class TransformersEncoder:
    """An encoder that computes with a network in transformers.

    Not thread-safe. While `encode_documents` runs, its `preempt` callback may call `encode_query`.
    """

    def __init__(self, model: Model, folder: Path, variants: TunedVariants | None = None) -> None:
        """Load the model from a folder, in the variant that `variants` remember. Raises ModelError."""
        self.model = model
        self._folder, self._variants = folder, variants
        self.encode_query = lru_cache(CACHED_QUERIES)(self._encode_query)
        self._preempt: Preempt = never_preempt
        try:
            # Before the imports: hashing leaves the GIL to the thread that builds the lexical index.
            self.fingerprint = fingerprint(model, folder)
            import_torch()
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._tokenizer.no_padding()
            limit_threads()
            self._network, dimension = self._load()
        except Exception as error:  # transformers and its dependencies raise anything for bad files
            raise ModelError(f"Cannot load the model in {folder}: {reason(error)}.") from error
        if dimension != model.dimension:
            raise ModelError(
                f"The embeddings of the model in {folder} have {dimension} dimensions instead of "
                f"{model.dimension}: it is not {model.name}. Replace its files."
            )

    @property
    def device(self) -> str:
        """The device and the dtype that it computes with, such as "cpu, bfloat16"."""
        return str(self._network)

    def encode_documents(self, texts: Sequence[str], preempt: Preempt = never_preempt) -> Float32:
        """Return the embeddings of `texts`: shape `(len(texts), model.dimension)`, L2-normalised."""
        windows = self._windows([self.model.document_prefix + text for text in texts])
        vectors = self._encode(list(chain.from_iterable(windows)), preempt)
        return vectors if len(vectors) == len(texts) else _means(vectors, list(map(len, windows)))

    def _encode_query(self, text: str) -> Float32:
        vector: Float32 = self._encode(
            self._tokenize([self.model.query_prefix + text], self.model.max_tokens), never_preempt
        )[0]
        return vector

    def _encode(self, token_ids: Sequence[list[int]], preempt: Preempt) -> Float32:
        vectors = np.empty((len(token_ids), self.model.dimension), np.float32)
        outer, self._preempt = self._preempt, preempt
        try:
            for batch in _batches([len(ids) for ids in token_ids], self._max_batch_tokens):
                vectors[batch] = self._embed([token_ids[index] for index in batch])
        finally:
            self._preempt = outer
        return vectors

    @property
    def _max_batch_tokens(self) -> int:
        return _CPU_BATCH_TOKENS if self._network.device == "cpu" else _GPU_BATCH_TOKENS

    def _windows(self, texts: Sequence[str]) -> list[list[list[int]]]:
        """Return the token ids of each text, in windows of at most `model.max_tokens`."""
        size, count = self.model.max_tokens, self.model.windows
        if count == 1:
            return [[ids] for ids in self._tokenize(texts, size)]
        first_lines = [text.partition("\n")[0] for text in texts]
        heads = self._tokenize(first_lines, size // _MAX_HEAD_SHARE)
        return [
            list(islice(_split(ids, head, size), count))
            for ids, head in zip(self._tokenize(texts, size * count), heads, strict=True)
        ]

    def _tokenize(self, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
        """Return the token ids of texts, truncated to `max_tokens` with the special tokens."""
        if not texts:
            return []
        cut = [tokenizable(text, max_tokens) for text in texts]
        self._tokenizer.enable_truncation(max_tokens)
        return [encoding.ids or [0] for encoding in self._tokenizer.encode_batch(cut)]

    def _embed(self, token_ids: list[list[int]]) -> Float32:
        try:
            return self._network.embed(token_ids)
        except RuntimeError as error:
            if self._network.device == "cpu":
                raise
            self._network, _ = self._load_on_cpu(self._network.device, error)
            return self._network.embed(token_ids)

    def _load(self) -> tuple[Network, int]:
        """Return the network on the best device, and the dimension of its embeddings."""
        device = best_device()
        try:
            return self._load_on(device)
        except RuntimeError as error:
            if device == "cpu":
                raise
            return self._load_on_cpu(device, error)

    def _load_on_cpu(self, device: str, error: RuntimeError) -> tuple[Network, int]:
        """Load the network on the CPU after the GPU has failed, for example for lack of memory."""
        log.warning("%s failed (%s); falling back to the CPU.", device, reason(error))
        return self._load_on("cpu")

    def _load_on(self, device: str) -> tuple[Network, int]:
        def load(dtype: str) -> Network:
            return Network(load_module(self._folder, dtype, device), device, dtype, self.model)

        variants = self._variants if device == "cpu" else None
        probe = self._tokenize(PROBE, self.model.max_tokens)
        network = None
        if variants and (tuned := variants.read(self.fingerprint)):
            network, dimension = tuned_network(load, probe, tuned), tuned.expected.shape[1]
        if network is None:
            network, tuned = fastest_network(self.model.name, load, probe)
            longest = self._tokenize(["a " * self.model.max_tokens], self.model.max_tokens)
            dimension = network.embed(longest).shape[1]
            if variants:
                variants.write(self.fingerprint, tuned)
        memory.release_freed()
        network.call_before_layers(self._call_preempt)
        return network, dimension

    def _call_preempt(self) -> None:
        self._preempt()


def _split(ids: list[int], head: list[int], size: int) -> Iterator[list[int]]:
    """Yield windows of at most `size` token ids. All but the first have the tokens of `head` in front.

    `ids` and `head` begin and end with a special token, and so do the windows.
    """
    if len(ids) <= size:
        yield ids
        return
    start, *content, end = ids
    yield [start, *content[: size - 2], end]
    room = size - len(head)
    for position in range(size - 2, len(content), room):
        yield [*head[:-1], *content[position : position + room], end]


def _means(vectors: Float32, counts: Sequence[int]) -> Float32:
    """Return the L2-normalised means of runs of so many vectors each."""
    starts = np.cumsum([0, *counts[:-1]])
    sums: Float32 = np.add.reduceat(vectors, starts)
    sums /= np.linalg.norm(sums, axis=1, keepdims=True)
    return sums


def _batches(lengths: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
    """Yield batches of indices of texts of similar lengths, each of at most `max_tokens` when padded."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[index] > max_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
