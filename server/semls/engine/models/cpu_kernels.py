"""Faster layers and attention for networks on a CPU: packed weights, int8 quantization, fused gated MLPs.

They call the operations that torch uses for compiled models; compiling itself would need a C++ compiler. This
module imports torch: import it inside functions.
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

# The least maximum that a channel counts with, relative to the largest channel: for channels whose inputs
# were all zero when the maxima were recorded.
_MIN_RELATIVE_MAXIMUM = 1e-3
_MAX_SLOWDOWN = 10  # oneDNN's reference code, which it uses for lack of instructions, is even slower
_NEGLIGIBLE = 1e-3  # seconds; for small layers, the call takes longer than the product
_TRIAL_SECONDS = 1.0  # of this thread's CPU time
_TRIAL_ROWS = 64
_TINY = torch.finfo(torch.float32).tiny


class PackedLinear(nn.Module):  # type: ignore[misc]
    """A linear layer whose weights oneDNN reorders once instead of in each call.

    With float32, oneDNN doubles the speed of MKL on AMD processors (pytorch/builder#504), but not on Intel's.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach()))
        self.bias = linear.bias

    def forward(self, rows: Tensor) -> Tensor:
        """Return what the linear layer returns."""
        return torch.ops.mkldnn._linear_pointwise(rows, self.weight, self.bias, "none", [], "")

    def forward_silu(self, rows: Tensor) -> Tensor:
        """Return SiLU of what the linear layer returns."""
        return torch.ops.mkldnn._linear_pointwise(rows, self.weight, self.bias, "swish", [], "")

    def forward_multiply(self, rows: Tensor, factor: Tensor) -> Tensor:
        """Return the elementwise product of `factor` and what the linear layer returns."""
        return torch.ops.mkldnn._linear_pointwise.binary(rows, factor, self.weight, self.bias, "mul")


class QuantizedLinear(nn.Module):  # type: ignore[misc]
    """A linear layer that multiplies int8 numbers, with a scale for each row and each output channel.

    Input channels with large values would leave few bits to the others. As in SmoothQuant (arXiv:2211.10438,
    with alpha = 0.5), half of their magnitude is moved to the weights.
    """

    def __init__(self, linear: nn.Linear, input_maxima: Tensor) -> None:
        """Quantize a linear layer. `input_maxima` has the largest absolute input of each channel."""
        super().__init__()
        weight = linear.weight.detach()
        maxima = input_maxima.clamp(min=input_maxima.max() * _MIN_RELATIVE_MAXIMUM).clamp_min(_TINY)
        smoothing = (weight.abs().amax(0).clamp_min(_TINY) / maxima).sqrt()
        weight = weight / smoothing
        scale = weight.abs().amax(1).clamp_min(_TINY) / 127
        quantized = (weight / scale.unsqueeze(1)).round().to(torch.int8)
        self.register_buffer("smoothing", smoothing)
        self.register_buffer("weight", torch.ops.onednn.qlinear_prepack(quantized, None))
        self.register_buffer("scale", scale)
        self.register_buffer("zero_point", torch.zeros_like(scale, dtype=torch.int64))
        self.bias = linear.bias

    def forward(self, rows: Tensor) -> Tensor:
        """Return approximately what the linear layer returns."""
        rows = rows * self.smoothing
        scale = rows.abs().amax(-1, keepdim=True).clamp_min_(_TINY).div_(127)
        quantized = rows.div_(scale).add_(128.5).to(torch.uint8)  # rounded, with the zero point 128
        product = torch.ops.onednn.qlinear_pointwise(
            quantized,
            1.0,  # the scale of the input, which `mul_` below applies to each row
            128,  # the zero point of the input
            self.weight,
            self.scale,
            self.zero_point,
            None,  # no bias, which `add_` below adds
            1.0,  # the scale of the output
            0,  # the zero point of the output
            torch.float32,
            "none",  # no operation after the product
            [],
            "",
        ).mul_(scale)
        return product if self.bias is None else product.add_(self.bias)

    def forward_silu(self, rows: Tensor) -> Tensor:
        """Return SiLU of what `forward` returns."""
        return nn.functional.silu(self.forward(rows), inplace=True)

    def forward_multiply(self, rows: Tensor, factor: Tensor) -> Tensor:
        """Return the elementwise product of `factor` and what `forward` returns."""
        return self.forward(rows).mul_(factor)


_Replacement: TypeAlias = PackedLinear | QuantizedLinear
_ReplaceLayer: TypeAlias = Callable[[str, nn.Linear], _Replacement]


class GatedMLP(nn.Module):  # type: ignore[misc]
    """The gated MLP of transformers, with SiLU and the product fused into the layers before them.

    So they are computed while their inputs are still in the processor's cache.
    """

    def __init__(self, mlp: nn.Module) -> None:
        super().__init__()
        self.gate, self.up, self.down = mlp.gate_proj, mlp.up_proj, mlp.down_proj

    def forward(self, rows: Tensor) -> Tensor:
        """Return what the original MLP returns."""
        return self.down(self.up.forward_multiply(rows, self.gate.forward_silu(rows)))


def pack(module: nn.Module) -> bool:
    """Replace the linear layers of a network by packed ones. Return False if the processor cannot."""
    return _replace_layers(module, lambda _, layer: PackedLinear(layer))


def quantize(module: nn.Module, input_maxima: Mapping[str, Tensor]) -> bool:
    """Replace the linear layers of a network by quantized ones. Return False if the processor cannot.

    `input_maxima` is what `recorded_input_maxima` has recorded. Layers that have fewer outputs than inputs
    are packed instead: the activation before them produces outliers, each time in other channels.
    """

    def replacement(name: str, layer: nn.Linear) -> _Replacement:
        if name in input_maxima and layer.out_features >= layer.in_features:
            return QuantizedLinear(layer, input_maxima[name])
        return PackedLinear(layer)

    return _replace_layers(module, replacement)


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Compute attention for sequences whose scores fit into the cache.

    All shapes are `(batch, heads, length, head_dimension)`; the mask is added to the scores. Torch's own
    attention is made for long sequences: with bfloat16 it takes more than twice as long.
    """
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(2, 3)
    if mask is not None:
        scores.add_(mask)
    torch.softmax(scores, -1, out=scores)
    return scores @ value


@contextmanager
def recorded_input_maxima(module: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Record the largest absolute input of each channel of each linear layer, by the layer's name.

    The dictionary that is yielded fills while the network is called in the block.
    """
    maxima: dict[str, Tensor] = {}

    def record(name: str, _: nn.Module, inputs: tuple[Tensor]) -> None:
        found = inputs[0].abs().flatten(0, -2).amax(0)
        maxima[name] = torch.maximum(maxima.get(name, found), found)

    hooks = [
        module.get_submodule(name).register_forward_pre_hook(partial(record, name))
        for name in _linear_layers(module)
    ]
    try:
        yield maxima
    finally:
        for hook in hooks:
            hook.remove()


def _linear_layers(module: nn.Module) -> list[str]:
    return [name for name, layer in module.named_modules() if type(layer) is nn.Linear]


def _replace_layers(module: nn.Module, replacement: _ReplaceLayer) -> bool:
    names = _linear_layers(module)
    if not torch.backends.mkldnn.is_available() or not names:
        return False
    if not _is_supported(module.get_submodule(names[0]), partial(replacement, names[0])):
        return False
    for name in names:
        module.set_submodule(name, replacement(name, module.get_submodule(name)))
    for name in [name for name, child in module.named_modules() if _is_gated_mlp(child)]:
        module.set_submodule(name, GatedMLP(module.get_submodule(name)))
    for parameter in module.parameters():  # the whole file stays in memory while one of them is a view of it
        parameter.data = parameter.data.clone()
    return True


def _is_gated_mlp(module: nn.Module) -> bool:
    layers = (getattr(module, name, None) for name in ("gate_proj", "up_proj", "down_proj"))
    if not all(isinstance(layer, _Replacement) for layer in layers):
        return False
    activation = getattr(module, "act_fn", None)
    if not isinstance(activation, nn.Module):
        return False
    samples = torch.linspace(-4, 4, 9)
    return bool(torch.allclose(activation(samples), nn.functional.silu(samples)))  # it has several names


def _is_supported(layer: nn.Linear, replacement: Callable[[nn.Linear], _Replacement]) -> bool:
    """Return whether the processor supports the replacement of a layer.

    If instructions are missing, oneDNN raises RuntimeError or runs its slow reference code.
    """
    rows = layer.weight.new_ones(_TRIAL_ROWS, layer.in_features)
    try:
        with torch.inference_mode():
            other = replacement(layer)
            other.forward_multiply(rows, other.forward_silu(rows))
            return _is_fast(other, layer, rows)
    except RuntimeError as error:
        log.info("The processor does not support %s: %s", rows.dtype, reason(error))
        return False


def _is_fast(other: nn.Module, layer: nn.Module, rows: Tensor) -> bool:
    """Return whether `other` is not much slower than `layer`.

    Repeats both until the shortest time of `other` is short enough, because other programs interrupt some
    calls. The limit is CPU time: a thread that waited a second for its processor has tried nothing.
    """
    layer_seconds = other_seconds = math.inf
    deadline = time.thread_time() + _TRIAL_SECONDS
    while other_seconds >= max(_MAX_SLOWDOWN * layer_seconds, _NEGLIGIBLE):
        if time.thread_time() > deadline:
            return False
        layer_seconds = min(layer_seconds, _seconds(layer, rows))
        other_seconds = min(other_seconds, _seconds(other, rows))
    return True


def _seconds(layer: nn.Module, rows: Tensor) -> float:
    """Return the time of the second of two calls, in seconds."""
    layer(rows)
    start = time.perf_counter()
    layer(rows)
    return time.perf_counter() - start
