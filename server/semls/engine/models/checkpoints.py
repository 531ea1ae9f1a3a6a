"""Load the networks of `architectures.py` from the files of their repositories.

This module imports torch: import it inside functions.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors import safe_open
from torch import Tensor

from semls.engine.models.architectures import ACTIVATIONS, LayerPositions, Shape, Transformer

_Config: TypeAlias = Mapping[str, Any]

# Names in a file that embeddings do not need: heads for training, and constants.
_UNUSED = re.compile(r"(pooler|cls|head|decoder|classifier)\.|embeddings\.(position|token_type)_ids$")
# Patterns of names in a file → names in `Transformer`. Two names with "+" are parts of one matrix, and a name
# with a number is such a part.
_BERT_NAMES = {
    r"embeddings\.word_embeddings": "word_embeddings",
    r"embeddings\.position_embeddings": "position_embeddings",
    r"embeddings\.token_type_embeddings": "type_embeddings",
    r"embeddings\.LayerNorm": "first_norm",
    r"encoder\.layer\.(\d+)\.attention\.self\.query": r"layers.\1.qkv.0",
    r"encoder\.layer\.(\d+)\.attention\.self\.key": r"layers.\1.qkv.1",
    r"encoder\.layer\.(\d+)\.attention\.self\.value": r"layers.\1.qkv.2",
    r"encoder\.layer\.(\d+)\.attention\.output\.dense": r"layers.\1.out",
    r"encoder\.layer\.(\d+)\.attention\.output\.LayerNorm": r"layers.\1.attention_norm",
    r"encoder\.layer\.(\d+)\.intermediate\.dense": r"layers.\1.mlp.up_proj",
    r"encoder\.layer\.(\d+)\.output\.dense": r"layers.\1.mlp.down_proj",
    r"encoder\.layer\.(\d+)\.output\.LayerNorm": r"layers.\1.mlp_norm",
}
_NOMIC_NAMES = {
    r"embeddings\.word_embeddings": "word_embeddings",
    r"embeddings\.token_type_embeddings": "type_embeddings",
    r"emb_ln": "first_norm",
    r"encoder\.layers\.(\d+)\.attn\.Wqkv": r"layers.\1.qkv",
    r"encoder\.layers\.(\d+)\.attn\.out_proj": r"layers.\1.out",
    r"encoder\.layers\.(\d+)\.norm1": r"layers.\1.attention_norm",
    r"encoder\.layers\.(\d+)\.mlp\.fc11": r"layers.\1.mlp.up_proj",
    r"encoder\.layers\.(\d+)\.mlp\.fc12": r"layers.\1.mlp.gate_proj",
    r"encoder\.layers\.(\d+)\.mlp\.fc2": r"layers.\1.mlp.down_proj",
    r"encoder\.layers\.(\d+)\.norm2": r"layers.\1.mlp_norm",
}
_MODERNBERT_NAMES = {
    r"embeddings\.tok_embeddings": "word_embeddings",
    r"embeddings\.norm": "first_norm",
    r"layers\.(\d+)\.attn_norm": r"layers.\1.attention_norm",
    r"layers\.(\d+)\.attn\.Wqkv": r"layers.\1.qkv",
    r"layers\.(\d+)\.attn\.Wo": r"layers.\1.out",
    r"layers\.(\d+)\.mlp_norm": r"layers.\1.mlp_norm",
    r"layers\.(\d+)\.mlp\.Wi": r"layers.\1.mlp.gate_proj+layers.\1.mlp.up_proj",
    r"layers\.(\d+)\.mlp\.Wo": r"layers.\1.mlp.down_proj",
    r"final_norm": "last_norm",
}
_NAMES = {"bert": _BERT_NAMES, "nomic_bert": _NOMIC_NAMES, "modernbert": _MODERNBERT_NAMES}


def load(folder: Path, config: _Config, dtype: str) -> Transformer | None:
    """Load the network in a folder on the CPU; return None if its architecture is not one of these.

    `config` is the content of its config.json. Raises LookupError for one that lacks a key, ValueError for
    other weights than the network needs, and whatever safetensors raises for bad files.
    """
    path = folder / "model.safetensors"
    shape = _shape(config)
    if shape is None or not path.is_file():
        return None
    with torch.device("meta"):
        network = Transformer(shape)
    expected = network.state_dict()
    loaded = _read(path, _NAMES[config["model_type"]], getattr(torch, dtype))
    if missing := sorted(expected.keys() - loaded.keys()):
        raise ValueError(f"the weights {missing[0]} are missing")
    if unknown := sorted(loaded.keys() - expected.keys()):
        raise ValueError(f"there are unknown weights {unknown[0]}")
    network.load_state_dict(loaded, assign=True)
    network.requires_grad_(False).eval()
    return network


def _shape(config: _Config) -> Shape | None:
    """Return the shape of a network, None if it is not supported. Raises LookupError for a bad config."""
    model_type = str(config.get("model_type"))
    describe = {"bert": _bert, "nomic_bert": _nomic, "modernbert": _modern}.get(model_type)
    shape = describe(config) if describe else None
    return shape if shape and shape.activation in ACTIVATIONS else None


def _bert(config: _Config) -> Shape | None:
    if config.get("position_embedding_type", "absolute") != "absolute" or config.get("is_decoder"):
        return None
    return Shape(
        vocabulary=config["vocab_size"],
        hidden=config["hidden_size"],
        intermediate=config["intermediate_size"],
        heads=config["num_attention_heads"],
        layers=(LayerPositions(),) * config["num_hidden_layers"],
        activation=config.get("hidden_act", "gelu"),
        epsilon=config.get("layer_norm_eps", 1e-12),
        positions=config["max_position_embeddings"],
        types=config["type_vocab_size"],
        attention_bias=True,
        mlp_bias=True,
    )


def _nomic(config: _Config) -> Shape | None:
    """Return the shape of a network with the configuration of nomic's repositories."""
    if (
        "n_embd" not in config
        or config.get("prenorm")
        or config.get("rotary_emb_interleaved")
        or config.get("rotary_emb_fraction", 1) != 1
    ):
        return None
    return Shape(
        vocabulary=config["vocab_size"],
        hidden=config["n_embd"],
        intermediate=config["n_inner"],
        heads=config["n_head"],
        layers=(LayerPositions(float(config.get("rotary_emb_base", 1000))),) * config["n_layer"],
        activation=config.get("activation_function", "swiglu"),
        epsilon=config["layer_norm_epsilon"],
        types=config["type_vocab_size"],
        is_gated=True,
        attention_bias=config.get("qkv_proj_bias", False),
        mlp_bias=config.get("mlp_fc1_bias", False),
    )


def _modern(config: _Config) -> Shape | None:
    ropes = config.get("rope_parameters") or {}
    if config.get("rope_scaling") or any(
        rope.get("rope_type", "default") != "default" for rope in ropes.values()
    ):
        return None

    def theta(kind: str, old_key: str, default: float) -> float:
        return float((ropes.get(kind) or {}).get("rope_theta") or config.get(old_key) or default)

    count, period = config["num_hidden_layers"], config.get("global_attn_every_n_layers", 3)
    everywhere = LayerPositions(theta("full_attention", "global_rope_theta", 160_000))
    nearby = LayerPositions(
        theta("sliding_attention", "local_rope_theta", 10_000), config.get("local_attention", 128) // 2
    )
    kinds = config.get("layer_types") or [
        "sliding_attention" if number % period else "full_attention" for number in range(count)
    ]
    return Shape(
        vocabulary=config["vocab_size"],
        hidden=config["hidden_size"],
        intermediate=config["intermediate_size"],
        heads=config["num_attention_heads"],
        layers=tuple(everywhere if kind == "full_attention" else nearby for kind in kinds),
        activation=config.get("hidden_activation", "gelu"),
        epsilon=config.get("norm_eps", 1e-5),
        is_gated=True,
        norms_first=True,
        attention_bias=config.get("attention_bias", False),
        mlp_bias=config.get("mlp_bias", False),
        norm_bias=config.get("norm_bias", False),
    )


def _read(path: Path, names: Mapping[str, str], dtype: torch.dtype) -> dict[str, Tensor]:
    """Return the weights in a file by their names in `Transformer`."""
    weights: dict[str, Tensor] = {}
    parts: dict[str, dict[str, Tensor]] = {}
    with safe_open(path, framework="pt") as file:
        for key in file.keys():  # noqa: SIM118 - it cannot be iterated
            name = _translate(key, names)
            if name is None:
                continue
            tensor = file.get_tensor(key).to(dtype)
            stem, _, kind = name.rpartition(".")
            if "+" in stem:
                halves = zip(stem.split("+"), tensor.chunk(2), strict=True)
                weights.update({f"{half}.{kind}": part for half, part in halves})
            elif (part := stem.rpartition("."))[2].isdecimal():
                parts.setdefault(f"{part[0]}.{kind}", {})[part[2]] = tensor
            else:
                weights[name] = tensor
    return weights | {name: torch.cat([found[key] for key in sorted(found)]) for name, found in parts.items()}


def _translate(key: str, names: Mapping[str, str]) -> str | None:
    """Return the name in `Transformer` of weights in a file, None if they are not used.

    Unknown names are returned as they are.
    """
    key = re.sub(r"^(bert|model)\.", "", key)  # of models with a head
    if _UNUSED.match(key):
        return None
    stem, _, kind = key.rpartition(".")
    kind = {"gamma": "weight", "beta": "bias"}.get(kind, kind)  # in old files of BERT
    for pattern, name in names.items():
        if match := re.fullmatch(pattern, stem):
            return f"{match.expand(name)}.{kind}"
    return key
