"""The speed of the encoder, compared with sentence-transformers and with what the machine can compute."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from semls.engine.files.scan import Found, read_file, scan
from semls.engine.indexing import read_pipeline
from semls.engine.models.download import locate
from semls.engine.models.encoder import HashingEncoder, embedded_text
from semls.engine.models.presets import Model
from semls.engine.models.registry import cache_file_name
from semls.engine.models.transformers_encoder import TransformersEncoder
from semls.engine.storage.embedding_cache import EmbeddingCache
from semls.engine.storage.schema import File
from semls.engine.syntax.languages import detect
from semls.engine.syntax.parser_process import ParserProcess
from tests.bench.figures import Figure, queries, timed

_TEXTS = 256  # chunks that are embedded to measure the encoder
_CACHE_BYTES = 8 << 30


def encoder_figures(root: Path, encoder: TransformersEncoder) -> Iterator[Figure]:
    """Measure how fast the chunks of a folder are encoded, and compare the vectors with the reference."""
    texts = [text for _, text in itertools.islice(_chunk_texts(root), _TEXTS)]
    model = encoder.model
    gpu = not encoder.device.startswith("cpu")
    encoder.encode_documents(texts if gpu else texts[:8])  # the first call with a shape compiles kernels
    inputs = [model.document_prefix + text for text in texts]
    tokens = sum(map(len, itertools.chain.from_iterable(encoder._windows(inputs))))
    seconds, _ = timed(lambda: encoder.encode_documents(texts))
    encoder.model = replace(model, windows=1)  # the reference encodes one
    one_window_seconds, vectors = timed(lambda: encoder.encode_documents(texts))
    encoder.model = model
    reference_seconds, reference = _sentence_transformers(inputs, model, inputs if gpu else inputs[:8])
    cosine = float(np.min((vectors * reference).sum(1))) if model.pooling == "mean" else float("nan")
    device, dtype = encoder.device.split(", ")
    peak, rate = _peak(device, dtype), _operations_per_token(encoder) * tokens / seconds / 1e9
    query_seconds = [timed(partial(encoder.encode_query, text))[0] for text in queries()]
    yield Figure(root.name, "embedding", tokens / seconds, "tokens/s", encoder.device)
    yield Figure(root.name, "embedding", len(texts) / seconds, "chunks/s", f"lowest cosine {cosine:.5f}")
    relative = reference_seconds / one_window_seconds
    yield Figure(root.name, "embedding", relative, "times", "as fast as sentence-transformers")
    yield Figure(root.name, "arithmetic", rate, "GFLOP/s")
    yield Figure(root.name, "arithmetic", rate / peak, "times", f"the {dtype} peak of {peak:.0f} GFLOP/s")
    yield Figure(
        root.name, "query vector", 1000 * median(query_seconds), "ms", f"of {len(query_seconds)} queries"
    )


def _chunk_texts(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the content hash of each chunk in a folder, and the text that is embedded for it."""
    parser = ParserProcess()
    for item in scan(root):
        content = read_file(root, item.path) if isinstance(item, Found) else None
        if isinstance(content, bytes):
            file = File(item.path, language=detect(item.path, content).name)
            for _, entries in read_pipeline.chunk_files(parser, [(file, content)]):
                yield from (
                    (entry.content_hash, embedded_text(entry.qualified_name, text)) for entry, text in entries
                )
    parser.close()


def _sentence_transformers(
    texts: Sequence[str], model: Model, warm_up: Sequence[str]
) -> tuple[float, np.ndarray[Any, Any]]:
    """Return how many seconds sentence-transformers takes with its defaults, and its vectors."""
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(locate(model)))
    reference.max_seq_length = model.max_tokens  # the only setting, so that the work is the same
    reference.encode(list(warm_up))
    return timed(lambda: reference.encode(list(texts), normalize_embeddings=True, show_progress_bar=False))


def _peak(device: str, dtype: str) -> float:
    """Return the GFLOP/s of a plain multiplication of matrices."""
    import torch

    size = 2048 if device == "cpu" else 8192
    matrix = torch.rand(size, size).to(device, getattr(torch, dtype))
    if dtype == "int8":
        activations = matrix.byte()
        weights = torch.ops.onednn.qlinear_prepack(matrix, None)
        scales = (torch.ones(size), torch.zeros(size, dtype=torch.int64))
    product = torch.empty_like(matrix)

    def multiply() -> float:
        if dtype == "int8":
            torch.ops.onednn.qlinear_pointwise(
                *(activations, 1.0, 128),
                *(weights, *scales, None),
                *(1.0, 0, torch.float32, "none", [], ""),
            )
        else:
            torch.matmul(matrix, matrix, out=product)
        return float(product[0, 0])  # waits for the device

    multiply()
    seconds = min(timed(multiply)[0] for _ in range(10))
    return float(2 * size**3 / seconds / 1e9)


def _operations_per_token(encoder: TransformersEncoder) -> float:
    """Return two operations for each weight of a layer."""
    network = encoder._network.module
    weights = (*network.named_parameters(), *network.named_buffers())
    return float(2 * sum(weight.numel() for name, weight in weights if "embeddings" not in name))


def fill_cache(root: Path, directory: Path, encoder: TransformersEncoder) -> None:
    """Fill the embedding cache with fake vectors, which are near each other if their texts share words."""
    cache = EmbeddingCache(directory / cache_file_name(encoder), encoder.fingerprint, _CACHE_BYTES)
    size = (HashingEncoder.model.dimension, encoder.model.dimension)
    projection = np.random.default_rng(0).normal(size=size).astype(np.float32)
    texts = _chunk_texts(root)
    while batch := dict(itertools.islice(texts, 1000)):
        vectors = HashingEncoder().encode_documents(list(batch.values())) @ projection
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        cache.put(dict(zip(batch, vectors, strict=True)))
    cache.close()
