"""Autotuning: find the fastest way to compute a network that keeps its embeddings.

What is fast on a processor cannot be predicted reliably, because processors and libraries emulate the
instructions that they lack. So each variant encodes a few texts, and times and embeddings are compared.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from semls.engine.models.encoder import Float32
from semls.engine.models.network import Network
from semls.engine.models.tuned_variants import TunedVariant
from semls.errors import reason

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

log = logging.getLogger(__name__)

TokenIds: TypeAlias = Sequence[Sequence[int]]

PROBE = (  # the texts that variants are tried on, about 200 tokens: prose, code, and longer code
    "Removes the sessions that have expired, and says how many there were.",
    "def evict_expired(self, now: float) -> int:\n    return len([self.pop(key) for key in self.old(now)])",
    *("for (size_t i = 0; i < header->count; ++i) { total += checksum(header->entries[i]); } " * 3,) * 2,
)

# The least cosine similarity to the float32 embeddings of the probe. It leads to 0.999 or more for all texts.
_MIN_SIMILARITY = 0.9995
_RUNS = 2  # forward passes that are timed; the fastest one counts
_PLAIN, _INT8 = "plain float32", "int8"  # names of variants
# What a variant may raise in a version of torch whose private functions have changed.
_INCOMPATIBLE = (AttributeError, ImportError, TypeError, RuntimeError)


class _Variant(NamedTuple):
    """A way to compute a network: the dtype of its products, that of its file's weights, and its layers."""

    name: str
    dtype: str
    loaded_dtype: str
    replace_layers: Callable[["Module"], bool]  # returns whether the processor supports it


def fastest_network(
    name: str, load: Callable[[str], Network], probe: TokenIds
) -> tuple[Network, TunedVariant]:
    """Return the model in the first variant that is at least as fast as plain float32 and exact enough.

    `load` loads the model from its file with a dtype; `name` is used in log lines. Raises what `load` raises,
    and RuntimeError when a GPU fails.
    """
    from semls.engine.models import cpu_kernels

    plain = load("float32")
    with cpu_kernels.recorded_input_maxima(plain.module) as maxima:
        expected = plain.embed(probe)
    max_seconds = _seconds(plain, probe)
    failures: list[str] = []
    for variant in _variants(plain.device, maxima):
        # Loaded from the file again: a copy of the plain network would take as much memory.
        network = _load_variant(variant, load)
        try:
            if (
                variant.replace_layers(network.module)
                and _is_exact(network, expected, probe)
                and _seconds(network, probe) <= max_seconds
            ):
                _log_failures(name, network, failures)
                used_maxima = maxima if variant.name == _INT8 else {}
                return network, TunedVariant(variant.name, expected, used_maxima)
        except _INCOMPATIBLE as error:
            if isinstance(error, RuntimeError) and network.device != "cpu":
                raise  # the GPU may have failed, not the variant
            failures.append(f"{variant.dtype}: {reason(error)}")
        del network  # before the next one is loaded
    _log_failures(name, plain, failures)
    return plain, TunedVariant(_PLAIN, expected, {})


def tuned_network(load: Callable[[str], Network], probe: TokenIds, tuned: TunedVariant) -> Network | None:
    """Return the model in a variant that was the fastest before; None if it is not exact any more.

    Only the first text of the probe is tried: the variant was exact for all when it was chosen, with the same
    software on the same processor. For a network on the CPU only. Raises what `load` raises.
    """
    plain = _Variant(_PLAIN, "float32", "float32", lambda _: True)
    for variant in (plain, *_variants("cpu", tuned.input_maxima)):
        if variant.name == tuned.name:
            network = _load_variant(variant, load)
            try:
                if variant.replace_layers(network.module) and _is_exact(
                    network, tuned.expected[:1], probe[:1]
                ):
                    return network
            except (*_INCOMPATIBLE, ValueError) as error:
                log.warning("%s failed, which was the fastest before: %s", network, reason(error))
    return None


def _load_variant(variant: _Variant, load: Callable[[str], Network]) -> Network:
    network = load(variant.loaded_dtype)
    network.dtype = variant.dtype
    return network


def _variants(device: str, maxima: Mapping[str, "Tensor"]) -> list[_Variant]:
    """Return the variants for a device, the one that is usually fastest first."""
    from semls.engine.models import cpu_kernels

    short = _short_dtype(device)
    if device != "cpu":
        return [_Variant(short, short, short, lambda _: True)]
    return [
        _Variant(short, short, short, _pack_with_own_attention),
        _Variant(_INT8, "int8", "float32", partial(cpu_kernels.quantize, input_maxima=maxima)),
        _Variant("packed float32", "float32", "float32", cpu_kernels.pack),
    ]


def _short_dtype(device: str) -> str:
    """Return the 16-bit dtype for a device: bfloat16, or float16 on GPUs without bfloat16."""
    import torch

    has_bfloat16 = device == "cpu" or (device == "cuda" and torch.cuda.is_bf16_supported())
    return "bfloat16" if has_bfloat16 else "float16"


def _pack_with_own_attention(module: "Module") -> bool:
    from semls.engine.models import architectures, cpu_kernels

    if isinstance(module, architectures.Transformer):
        module.attention = cpu_kernels.attention
    return cpu_kernels.pack(module)


def _is_exact(network: Network, expected: Float32, probe: TokenIds) -> bool:
    similarity = float((expected * network.embed(probe)).sum(1).min())
    log.info("%s: least cosine similarity to plain float32 is %.5f", network, similarity)
    return similarity >= _MIN_SIMILARITY


def _seconds(network: Network, probe: TokenIds) -> float:
    """Return the shortest time of a few forward passes, in seconds."""
    times = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        network.embed(probe)
        times.append(time.perf_counter() - start)
    log.info("%s: the probe takes %.3f s", network, min(times))
    return min(times)


def _log_failures(name: str, network: Network, failures: Sequence[str]) -> None:
    if failures:
        log.warning("%s runs on %s. Faster variants failed: %s.", name, network, "; ".join(failures))
