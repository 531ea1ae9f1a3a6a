"""Texts → vectors. No code that comes with a model is ever run, and no weights but safetensors are read."""

import hashlib
import json
import logging
import math
import os
import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from semls.engine.models import memory
from semls.engine.models.download import Fetched, fingerprint, locate
from semls.engine.models.presets import HASHING, Model
from semls.errors import ModelError, reason
from semls.limits import MAX_FILE_BYTES
from semls.reading import read_regular

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

log = logging.getLogger(__name__)

Float32 = NDArray[np.float32]

_BATCH = 2048  # tokens at once, the padding included; more of them leave the processor's cache
_BATCH_ON_GPU = 8192  # which is told each of its operations by Python, and would wait with less
_WIDTHS = 8  # a batch is padded to a multiple: for each new shape torch prepares something
_SHAPES = 16  # for which it keeps that, in hundreds of kilobytes each; there are thousands
_SPINS = 1000  # of a thread of torch's until it sleeps; at 300,000, any other busy program costs a time slice
_QUESTIONS = 256  # whose vectors are kept: a picker asks again with every key
_LIKE = 0.9995  # the cosine with exact vectors that other numbers must have on a few texts, for 0.999 on all
_ATTENTION = "semls"  # its name in transformers
# What faster computation may raise in a version of torch or transformers that changed what they call private.
_MOVED = (AttributeError, ImportError, TypeError, RuntimeError)
_PROBE = (  # what number types are tried on, about 200 tokens: prose, code and something longer
    "Removes the sessions that have expired, and says how many there were.",
    "def evict_expired(self, now: float) -> int:\n    return len([self.pop(key) for key in self.old(now)])",
    *("for (size_t i = 0; i < header->count; ++i) { total += checksum(header->entries[i]); } " * 3,) * 2,
)
# What nomic's files on the hub call differently from transformers, which ignores it and takes its defaults.
_NOMIC_NAMES = {
    "n_embd": "hidden_size",
    "n_layer": "num_hidden_layers",
    "n_head": "num_attention_heads",
    "n_inner": "intermediate_size",
    "layer_norm_epsilon": "layer_norm_eps",
    "vocab_size": "vocab_size",
    "type_vocab_size": "type_vocab_size",
}


class Encoder(Protocol):
    """Makes vectors of length 1; used by one thread at a time."""

    model: Model
    fingerprint: str  # 16 hex digits: encoders with the same one make the same vectors, but for rounding

    @property
    def device(self) -> str:
        """Where it computes, and with which numbers: "cpu, bfloat16"."""

    def documents(self, texts: Sequence[str], preempt: Callable[[], object] = ...) -> Float32:
        """A row of `model.dimension` for each text; others go first in the calls of `preempt`."""

    def query(self, text: str) -> Float32:
        """A vector of `model.dimension`."""


def embedded_text(qualified_name: str, text: str) -> str:
    """What is embedded of a chunk. Without the path, so that a renamed file costs nothing."""
    return f"{qualified_name}\n{text}" if qualified_name else text


def _to_nobody(*_: object) -> None:
    pass


class HashingEncoder:
    """The stand-in for tests: texts that share words are near each other. Needs no torch."""

    model = HASHING
    device = "cpu"
    fingerprint = hashlib.sha256(f"{HASHING!r}, words and letters".encode()).hexdigest()[:16]

    def documents(self, texts: Sequence[str], preempt: Callable[[], object] = _to_nobody) -> Float32:
        """A row for each text."""
        preempt()
        return np.array([self.query(text) for text in texts], np.float32).reshape(-1, HASHING.dimension)

    def query(self, text: str) -> Float32:
        """Counts of hashed words, and of letters in their places.

        With words alone, texts that differ in one are all equally far from each other, and HNSW loses them.
        """
        vector = np.zeros(HASHING.dimension, np.float32)
        for word in re.findall(r"[^\W_]+", text.lower()) or [""]:
            vector[_bucket(word)] += 1
            for place, letter in enumerate(word):
                vector[_bucket(f"{place}{letter}")] += 0.5
        vector /= np.linalg.norm(vector)
        return vector


def _bucket(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "replace")) % HASHING.dimension


class TransformersEncoder:
    """A model that transformers knows, from a folder. Raises ModelError."""

    def __init__(self, model: Model, folder: Path) -> None:
        self.model = model
        self._folder = folder
        self.query = lru_cache(_QUESTIONS)(self._query)
        self._preempt: Callable[[], object] = _to_nobody
        try:
            self.fingerprint = fingerprint(model, folder)  # first: meanwhile a folder's words can be read
            _prepare()
            self._tokenizer = _tokenizer(folder)
            _leave_a_core()
            width = self._load()
        except Exception as error:  # these libraries raise about anything for bad files
            raise ModelError(f"The model in {folder} cannot be loaded: {reason(error)}.") from error
        if width != model.dimension:
            raise ModelError(
                f"The model in {folder} makes vectors of {width} numbers instead of {model.dimension}: "
                f"it is not {model.name}."
            )

    def documents(self, texts: Sequence[str], preempt: Callable[[], object] = _to_nobody) -> Float32:
        """A row for each text. Who is given way to may ask for a query's vector meanwhile."""
        return self._encode([self.model.document_prefix + text for text in texts], preempt)

    @property
    def device(self) -> str:
        """Where it computes, and with which numbers."""
        return f"{self._device}, {self._numbers}"

    def _query(self, text: str) -> Float32:
        vector: Float32 = self._encode([self.model.query_prefix + text], _to_nobody)[0]
        return vector

    def _encode(self, texts: Sequence[str], preempt: Callable[[], object]) -> Float32:
        vectors = np.empty((len(texts), self.model.dimension), np.float32)
        ids = self._tokenize(texts)
        before, self._preempt = self._preempt, preempt
        try:
            for batch in _batches([len(one) for one in ids], self._most_tokens):
                vectors[batch] = self._forward([ids[number] for number in batch])
        finally:
            self._preempt = before
        return vectors

    def _tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        longest = self.model.longest_input
        # Cut first: tokenizing megabytes takes seconds, and code has about four characters to a token.
        cut = [text[: 50 * longest].encode("utf-8", "replace").decode() for text in texts]
        tokens = self._tokenizer(cut, truncation=True, max_length=longest)["input_ids"]
        return [ids or [self._padding] for ids in tokens]

    def _forward(self, ids: list[list[int]]) -> Float32:
        try:
            return self._compute(ids)
        except RuntimeError as error:
            self._leave_the_gpu(error)
            return self._compute(ids)

    def _compute(self, ids: list[list[int]]) -> Float32:
        import torch

        width = _WIDTHS * math.ceil(max(map(len, ids)) / _WIDTHS)
        padded = torch.tensor([[*one, *[self._padding] * (width - len(one))] for one in ids])
        lengths = torch.tensor([len(one) for one in ids])
        mask = (torch.arange(width) < lengths.unsqueeze(1)).long().to(self._device)
        with torch.inference_mode():
            found = self._network(input_ids=padded.to(self._device), attention_mask=mask)
            hidden = found.last_hidden_state.float()
            if self.model.pooling == "cls":
                pooled = hidden[:, 0]
            else:
                pooled = (hidden * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
            vectors: Float32 = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return vectors

    def _load(self) -> int:
        """Take up the weights; gives back how many numbers a vector has."""
        try:
            return self._load_on(_device())
        except RuntimeError as error:
            return self._leave_the_gpu(error)

    def _leave_the_gpu(self, error: RuntimeError) -> int:
        """A game takes its memory, a suspended laptop forgets what was in it: the processor goes on."""
        if self._device == "cpu":
            raise error
        log.warning("%s computes no more: %s.", self._device, reason(error))
        return self._load_on("cpu")

    def _load_on(self, device: str) -> int:
        self._device, self._numbers = device, "float32"
        self._network = _network(self._folder, "float32", device)
        self._take_fastest()
        memory.give_back()
        longest = self._compute(self._tokenize(["a " * self.model.longest_input]))
        self._pause_between_layers()
        return len(longest[0])

    def _take_fastest(self) -> None:
        """Compute with other numbers, or packed weights, where that is faster and changes nothing.

        Nothing tells reliably what is fast: processors and libraries emulate what they lack.
        """
        from semls.engine.models import cpu_kernels

        ids = self._tokenize(_PROBE)
        plain = self._network
        with cpu_kernels.largest_inputs(plain) as largest:
            exact = self._compute(ids)
        took = self._seconds(ids)
        failed: dict[str, str] = {}
        for numbers, prepare in self._ways(largest).items():
            # From the file again: a copy would take as much.
            self._network = _network(self._folder, numbers.replace("int8", "float32"), self._device)
            self._numbers = numbers
            try:
                if prepare(self._network) and self._is_like(exact, ids) and self._seconds(ids) <= took:
                    break
            except _MOVED as error:
                if isinstance(error, RuntimeError) and self._device != "cpu":
                    raise  # the graphics processor may have failed, not the way
                failed[numbers] = reason(error)
            self._numbers, self._network = "float32", plain
        if failed:
            log.warning(
                "%s is computed on %s. Faster computation failed: %s.",
                self.model.name,
                self.device,
                "; ".join(f"{numbers}: {why}" for numbers, why in failed.items()),
            )

    def _ways(self, largest: Mapping[str, "Tensor"]) -> dict[str, Callable[["PreTrainedModel"], bool]]:
        """Numbers to compute with, those of the fastest first; each prepares a network, if it can."""
        from semls.engine.models import cpu_kernels

        short = _short_type(self._device)
        if self._device != "cpu":
            return {short: lambda _: True}
        quantized = partial(cpu_kernels.quantized, largest=largest)
        return {short: _shortened, "int8": quantized, "float32": cpu_kernels.packed}

    def _is_like(self, exact: Float32, ids: list[list[int]]) -> bool:
        like = float((exact * self._compute(ids)).sum(1).min())
        log.info("%s on %s is exact to %.5f", self.model.name, self.device, like)
        return like >= _LIKE

    def _seconds(self, ids: list[list[int]]) -> float:
        """The better of two times."""
        times = []
        for _ in range(2):
            began = time.perf_counter()
            self._compute(ids)
            times.append(time.perf_counter() - began)
        log.info("%s on %s takes %.3f s for a few texts", self.model.name, self.device, min(times))
        return min(times)

    def _pause_between_layers(self) -> None:
        import torch

        lists = (module for module in self._network.modules() if isinstance(module, torch.nn.ModuleList))
        for layer in max(lists, key=len, default=()):
            layer.register_forward_pre_hook(self._before_a_layer)

    def _before_a_layer(self, *_: object) -> None:
        self._preempt()

    @property
    def _most_tokens(self) -> int:
        return _BATCH if self._device == "cpu" else _BATCH_ON_GPU

    @property
    def _padding(self) -> int:
        return self._tokenizer.pad_token_id or 0


def load(model: Model, fetched: Fetched | None = None) -> Encoder:
    """The model's encoder; a download may take minutes. Raises ModelError, ModelUnavailable."""
    if model == HASHING:
        return HashingEncoder()
    return TransformersEncoder(model, locate(model, fetched))


def _tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    import transformers

    return transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)


def _network(folder: Path, numbers: str, device: str) -> "PreTrainedModel":
    import transformers

    network, loaded = transformers.AutoModel.from_pretrained(
        folder,
        config=_config(folder),
        trust_remote_code=False,
        local_files_only=True,
        use_safetensors=True,
        dtype=numbers,
        output_loading_info=True,
    )
    # transformers fills what is missing with random numbers; the pooler is not used here.
    missing = sorted(key for key in loaded["missing_keys"] if not key.startswith("pooler."))
    if missing:
        raise ValueError(f"its weights lack {missing[0]}")
    return network.to(device).eval()


def _shortened(network: "PreTrainedModel") -> bool:
    import transformers
    from transformers.masking_utils import eager_mask

    from semls.engine.models import cpu_kernels

    transformers.AttentionInterface.register(_ATTENTION, cpu_kernels.attention)
    transformers.AttentionMaskInterface.register(_ATTENTION, eager_mask)
    network.set_attn_implementation(_ATTENTION)  # which some models ignore
    return cpu_kernels.packed(network)


def _config(folder: Path) -> "PreTrainedConfig":
    import transformers

    given = json.loads(read_regular(folder / "config.json", MAX_FILE_BYTES) or b"")
    if given.get("model_type") != "nomic_bert" or "n_embd" not in given:
        return transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    rope = {"rope_type": "default", "rope_theta": float(given.get("rotary_emb_base", 1000))}
    known = {ours: given[theirs] for theirs, ours in _NOMIC_NAMES.items() if theirs in given}
    return transformers.NomicBertConfig(**known, rope_parameters=rope)


def _batches(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Indices of texts that go through the model together: of like length, within the budget of tokens."""
    batch: list[int] = []
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[number] > most:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _short_type(device: str) -> str:
    import torch

    whole_range = device == "cpu" or (device == "cuda" and torch.cuda.is_bf16_supported())
    return "bfloat16" if whole_range else "float16"


@cache
def _leave_a_core() -> None:
    """Torch takes all there are. Once, as models may be several."""
    import torch

    cores = torch.get_num_threads()
    if cores > 2 and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(cores - 1)


def _prepare() -> None:
    """Import the libraries, which read then: few shapes, threads that sleep, no advice."""
    os.environ.setdefault("GOMP_SPINCOUNT", str(_SPINS))
    os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] = str(_SHAPES)
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    with memory.uncollected():
        import torch  # noqa: F401
        from transformers import AutoModel, AutoTokenizer, PreTrainedModel  # noqa: F401
