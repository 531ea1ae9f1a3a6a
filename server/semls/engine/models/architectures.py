"""The architectures of the presets in plain torch: BERT, nomic BERT and ModernBERT.

transformers computes the same, but takes longer to import than torch does. This module imports torch: import
it inside functions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

Attention: TypeAlias = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]

ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "gelu": nn.GELU,
    "gelu_pytorch_tanh": lambda: nn.GELU("tanh"),
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "swiglu": nn.SiLU,  # the name in nomic's configurations
}


@dataclass(frozen=True)
class LayerPositions:
    """How a layer sees positions."""

    theta: float | None = None  # base of the rotary embedding; None for learned position embeddings
    reach: int | None = None  # tokens on each side that a token attends to; None for all


@dataclass(frozen=True)
class Shape:
    """What distinguishes a network from others."""

    vocabulary: int
    hidden: int
    intermediate: int
    heads: int
    layers: tuple[LayerPositions, ...]
    activation: str
    epsilon: float
    positions: int = 0  # learned position embeddings
    types: int = 0  # token types
    is_gated: bool = False  # the activation of one product is multiplied with another product
    norms_first: bool = False  # a layer normalises its input, not its output
    attention_bias: bool = False
    mlp_bias: bool = False
    norm_bias: bool = True


class MLP(nn.Module):  # type: ignore[misc]
    """The two linear layers of BERT with an activation between them."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.up_proj = nn.Linear(shape.hidden, shape.intermediate, shape.mlp_bias)
        self.down_proj = nn.Linear(shape.intermediate, shape.hidden, shape.mlp_bias)
        self.act_fn = ACTIVATIONS[shape.activation]()

    def forward(self, rows: Tensor) -> Tensor:
        """Return an update of each row."""
        return self.down_proj(self.act_fn(self.up_proj(rows)))


class GatedMLP(MLP):
    """An MLP in which the activation of a third linear layer scales each value."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.gate_proj = nn.Linear(shape.hidden, shape.intermediate, shape.mlp_bias)

    def forward(self, rows: Tensor) -> Tensor:
        """Return an update of each row."""
        return self.down_proj(self.act_fn(self.gate_proj(rows)) * self.up_proj(rows))


class Layer(nn.Module):  # type: ignore[misc]
    """Self-attention and an MLP, each with a residual connection."""

    def __init__(self, shape: Shape, normalises_input: bool) -> None:
        super().__init__()
        self._heads, self._norms_first = shape.heads, shape.norms_first
        self.qkv = nn.Linear(shape.hidden, 3 * shape.hidden, shape.attention_bias)
        self.out = nn.Linear(shape.hidden, shape.hidden, shape.attention_bias)
        self.mlp = GatedMLP(shape) if shape.is_gated else MLP(shape)
        self.attention_norm = _norm(shape) if normalises_input else nn.Identity()
        self.mlp_norm = _norm(shape)

    def forward(
        self,
        hidden: Tensor,
        mask: Tensor | None,
        rotation: tuple[Tensor, Tensor] | None,
        attention: Attention,
    ) -> Tensor:
        """Return the next hidden states: shape `(batch, width, hidden)`, like the given ones."""
        if self._norms_first:
            hidden = hidden + self._attend(self.attention_norm(hidden), mask, rotation, attention)
            return hidden + self.mlp(self.mlp_norm(hidden))
        hidden = self.attention_norm(hidden + self._attend(hidden, mask, rotation, attention))
        return self.mlp_norm(hidden + self.mlp(hidden))

    def _attend(
        self,
        hidden: Tensor,
        mask: Tensor | None,
        rotation: tuple[Tensor, Tensor] | None,
        attention: Attention,
    ) -> Tensor:
        batch, width, _ = hidden.shape
        # (3, batch, heads, width, head dimension)
        heads = self.qkv(hidden).view(batch, width, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        if rotation is None:
            query, key = heads[0], heads[1]
        else:
            query, key = _rotate(heads[:2], *rotation)
        return self.out(attention(query, key, heads[2], mask).transpose(1, 2).reshape(hidden.shape))


class Transformer(nn.Module):  # type: ignore[misc]
    """An encoder-only transformer. `attention` may be replaced by a function that computes the same."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._shape = shape
        self.attention: Attention = functional.scaled_dot_product_attention
        self.word_embeddings = _embedding(shape.vocabulary, shape.hidden)
        if shape.positions:
            self.position_embeddings = _embedding(shape.positions, shape.hidden)
        if shape.types:
            self.type_embeddings = _embedding(shape.types, shape.hidden)
        self.first_norm = _norm(shape)
        self.layers = nn.ModuleList(
            # `first_norm` has already normalised the input of the first layer.
            Layer(shape, normalises_input=not shape.norms_first or number > 0)
            for number in range(len(shape.layers))
        )
        self.last_norm = _norm(shape) if shape.norms_first else nn.Identity()
        self._rotations: dict[float, tuple[Tensor, Tensor]] = {}  # by theta, for the longest text so far

    def forward(self, token_ids: Tensor, lengths: Tensor) -> Tensor:
        """Return the last hidden states: shape `(batch, width, hidden)`.

        `token_ids` has the shape `(batch, width)`, and `lengths` how many of each row are not padding.
        """
        width = token_ids.shape[1]
        hidden = self.word_embeddings(token_ids)
        if self._shape.types:
            hidden = hidden + self.type_embeddings.weight[0]
        if self._shape.positions:
            hidden = hidden + self.position_embeddings.weight[:width]
        hidden = self.first_norm(hidden)
        masks = {
            reach: _mask(width, lengths, reach, hidden)
            for reach in {layer.reach for layer in self._shape.layers}
        }
        for positions, layer in zip(self._shape.layers, self.layers, strict=True):
            rotation = None if positions.theta is None else self._rotation(positions.theta, hidden)
            hidden = layer(hidden, masks[positions.reach], rotation, self.attention)
        return self.last_norm(hidden)

    def _rotation(self, theta: float, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cosines and the sines of rotary position embeddings (arXiv:2104.09864)."""
        width = hidden.shape[1]
        if theta not in self._rotations or len(self._rotations[theta][0]) < width:
            size = self._shape.hidden // self._shape.heads
            frequencies = theta ** (-torch.arange(0, size, 2, device=hidden.device) / size)
            angles = torch.outer(torch.arange(width, device=hidden.device), frequencies).repeat(1, 2)
            self._rotations[theta] = angles.cos().to(hidden.dtype), angles.sin().to(hidden.dtype)
        cosines, sines = self._rotations[theta]
        return cosines[:width], sines[:width]


def _embedding(count: int, size: int) -> nn.Embedding:
    """Return embeddings without numbers: random ones on the device "meta" would import torch's compiler."""
    return nn.Embedding.from_pretrained(torch.empty(count, size))


def _norm(shape: Shape) -> nn.Module:
    return nn.LayerNorm(shape.hidden, shape.epsilon, bias=shape.norm_bias)


def _mask(width: int, lengths: Tensor, reach: int | None, hidden: Tensor) -> Tensor | None:
    """Return what is added to the scores of attention; None if each token attends to all.

    The numbers are finite, because a padding token may attend to no token at all.
    """
    positions = torch.arange(width, device=hidden.device)
    is_hidden: Tensor | None = None
    if int(lengths.min()) < width:
        is_hidden = (positions >= lengths.unsqueeze(1))[:, None, None]
    if reach is not None and reach < width - 1:
        is_far = ((positions - positions.unsqueeze(1)).abs() > reach)[None, None]
        is_hidden = is_far if is_hidden is None else is_hidden | is_far
    if is_hidden is None:
        return None
    zeros = torch.zeros((), dtype=hidden.dtype, device=hidden.device)
    return torch.where(is_hidden, torch.finfo(hidden.dtype).min, zeros)


def _rotate(heads: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Rotate queries and keys by their positions. `heads` has the shape `(2, …, width, head dimension)`."""
    first, second = heads.chunk(2, -1)
    return heads * cosines + torch.cat((-second, first), -1) * sines


class Foreign(nn.Module):  # type: ignore[misc]
    """A network of transformers, called like a `Transformer`."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, token_ids: Tensor, lengths: Tensor) -> Tensor:
        """Return the last hidden states: shape `(batch, width, hidden)`."""
        positions = torch.arange(token_ids.shape[1], device=token_ids.device)
        mask = (positions < lengths.unsqueeze(1)).long()
        return self.network(input_ids=token_ids, attention_mask=mask).last_hidden_state
