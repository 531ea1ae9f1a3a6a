"""What a network computes with on a processor: its linear layers, most of the work, and its attention.

The layers are torch's own operations for compiled models, as compiling takes a compiler. This imports torch:
it is imported by who needs it, in functions.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor, nn

from semls.errors import reason

log = logging.getLogger(__name__)

_SMALLEST = 1e-3  # of the largest input: what a channel counts as that was given nothing yet
_SLOW = 10  # times slower: then oneDNN has no code for this processor, but only for reference
_INSTANT = 1e-3  # seconds: with small layers, calls take longer than multiplications
_TRIAL = 1.0  # seconds
_ROWS = 64  # on which that is tried
_TINY = torch.finfo(torch.float32).tiny


class Packed(nn.Module):  # type: ignore[misc]
    """Its weights are laid out once, and not for each multiplication.

    With float32, oneDNN doubles what MKL makes of AMD's processors (pytorch/builder#504), but not of Intel's.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach()))
        self.bias = linear.bias

    def forward(self, rows: Tensor) -> Tensor:
        """The same as of the linear layer."""
        return torch.ops.mkldnn._linear_pointwise(rows, self.weight, self.bias, "none", [], "")

    def activated(self, rows: Tensor) -> Tensor:
        """After SiLU."""
        return torch.ops.mkldnn._linear_pointwise(rows, self.weight, self.bias, "swish", [], "")

    def times(self, rows: Tensor, factor: Tensor) -> Tensor:
        """Number by number."""
        return torch.ops.mkldnn._linear_pointwise.binary(rows, factor, self.weight, self.bias, "mul")


class Quantized(nn.Module):  # type: ignore[misc]
    """Multiplies integers of 8 bits; each row, and each channel of the weights, has a scale of its own.

    Channels with large inputs would leave few bits to the others: half of that their weights take over,
    as in SmoothQuant, arXiv:2211.10438.
    """

    def __init__(self, linear: nn.Linear, largest: Tensor) -> None:
        super().__init__()
        weight = linear.weight.detach()
        largest = largest.clamp(min=largest.max() * _SMALLEST).clamp_min(_TINY)
        smaller = (weight.abs().amax(0).clamp_min(_TINY) / largest).sqrt()
        weight = weight / smaller
        scale = weight.abs().amax(1).clamp_min(_TINY) / 127
        whole = (weight / scale.unsqueeze(1)).round().to(torch.int8)
        self.register_buffer("smaller", smaller)
        self.register_buffer("weight", torch.ops.onednn.qlinear_prepack(whole, None))
        self.register_buffer("scale", scale)
        self.register_buffer("zero", torch.zeros_like(scale, dtype=torch.int64))
        self.bias = linear.bias

    def forward(self, rows: Tensor) -> Tensor:
        """Nearly the same as of the linear layer."""
        rows = rows * self.smaller
        scale = rows.abs().amax(-1, keepdim=True).clamp_min_(_TINY).div_(127)
        whole = rows.div_(scale).add_(128.5).to(torch.uint8)  # rounded; 128 stands for 0
        product = torch.ops.onednn.qlinear_pointwise(
            *(whole, 1.0, 128),
            *(self.weight, self.scale, self.zero, None),
            *(1.0, 0, torch.float32, "none", [], ""),
        ).mul_(scale)
        return product if self.bias is None else product.add_(self.bias)

    def activated(self, rows: Tensor) -> Tensor:
        """After SiLU."""
        return nn.functional.silu(self.forward(rows), inplace=True)

    def times(self, rows: Tensor, factor: Tensor) -> Tensor:
        """Number by number."""
        return self.forward(rows).mul_(factor)


_Other: TypeAlias = Packed | Quantized


class Gated(nn.Module):  # type: ignore[misc]
    """A gated network of three layers, as transformers names them.

    Its activation and its product are made of what is still in the processor's cache.
    """

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.gate, self.up, self.down = block.gate_proj, block.up_proj, block.down_proj

    def forward(self, rows: Tensor) -> Tensor:
        """The same as of the block."""
        return self.down(self.up.times(rows, self.gate.activated(rows)))


def packed(network: nn.Module) -> bool:
    """Pack its layers; gives back whether this processor can do that."""
    return _replace(network, lambda _, layer: Packed(layer))


def quantized(network: nn.Module, largest: Mapping[str, Tensor]) -> bool:
    """Quantize its layers; gives back whether this processor can do that.

    Those that make few numbers of many are packed: an activation gives them some that are far larger than the
    others, each time in other channels.
    """

    def made(name: str, layer: nn.Linear) -> _Other:
        if name in largest and layer.out_features >= layer.in_features:
            return Quantized(layer, largest[name])
        return Packed(layer)

    return _replace(network, made)


def attention(
    _module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **_options: object,
) -> tuple[Tensor, None]:
    """As transformers wants it: of short sequences, whose scores stay in the processor's cache.

    Torch's own is for long ones; with bfloat16 it takes more than twice as long.
    """
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (heads.repeat_interleave(groups, 1) for heads in (key, value))
    scores = (query * (scaling or query.shape[-1] ** -0.5)) @ key.transpose(2, 3)
    if attention_mask is not None:
        scores.add_(attention_mask)
    torch.softmax(scores, -1, out=scores)
    return (scores @ value).transpose(1, 2).contiguous(), None


@contextmanager
def largest_inputs(network: nn.Module) -> Iterator[dict[str, Tensor]]:
    """While this lasts: the largest number that each linear layer is given in each channel, by name."""
    largest: dict[str, Tensor] = {}

    def look(name: str, _: nn.Module, given: tuple[Tensor]) -> None:
        found = given[0].abs().flatten(0, -2).amax(0)
        largest[name] = torch.maximum(largest.get(name, found), found)

    hooks = [
        network.get_submodule(name).register_forward_pre_hook(partial(look, name))
        for name in _layers(network)
    ]
    try:
        yield largest
    finally:
        for hook in hooks:
            hook.remove()


def _layers(network: nn.Module) -> list[str]:
    return [name for name, layer in network.named_modules() if type(layer) is nn.Linear]


def _replace(network: nn.Module, made: Callable[[str, nn.Linear], _Other]) -> bool:
    layers = _layers(network)
    if not torch.backends.mkldnn.is_available() or not layers or not _computes(network, layers[0], made):
        return False
    for name in layers:
        network.set_submodule(name, made(name, network.get_submodule(name)))
    for name in [name for name, block in network.named_modules() if _is_gated(block)]:
        network.set_submodule(name, Gated(network.get_submodule(name)))
    for parameter in network.parameters():  # the whole file stays in memory while one of them lies in it
        parameter.data = parameter.data.clone()
    return True


def _is_gated(block: nn.Module) -> bool:
    parts = (getattr(block, name, None) for name in ("gate_proj", "up_proj", "down_proj"))
    numbers = torch.linspace(-4, 4, 9)
    return (
        all(isinstance(part, _Other) for part in parts)
        and isinstance(activation := getattr(block, "act_fn", None), nn.Module)
        and torch.allclose(activation(numbers), nn.functional.silu(numbers))  # it has several names
    )


def _computes(network: nn.Module, name: str, made: Callable[[str, nn.Linear], _Other]) -> bool:
    """Whether this processor has what it takes: else oneDNN refuses, or computes for reference."""
    layer = network.get_submodule(name)
    rows = layer.weight.new_ones(_ROWS, layer.in_features)
    try:
        with torch.inference_mode():
            other = made(name, layer)
            other.times(rows, other.activated(rows))
            return _is_fast(other, layer, rows)
    except RuntimeError as error:
        log.info("%s: %s", rows.dtype, reason(error))
        return False


def _is_fast(other: nn.Module, layer: nn.Module, rows: Tensor) -> bool:
    """Compare the two until one time is short enough: other programs take the processor during some."""
    usual = taken = math.inf
    deadline = time.perf_counter() + _TRIAL
    while taken >= max(_SLOW * usual, _INSTANT):
        if time.perf_counter() > deadline:
            return False
        usual, taken = min(usual, _seconds(layer, rows)), min(taken, _seconds(other, rows))
    return True


def _seconds(layer: nn.Module, rows: Tensor) -> float:
    layer(rows)
    began = time.perf_counter()
    layer(rows)
    return time.perf_counter() - began
