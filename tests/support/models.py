"""Models for tests: the installed one, and small ones with random weights."""

import json
import re
import shutil
from collections import defaultdict

from semls.engine.models.download import locate
from semls.engine.models.presets import FALLBACK
from tests.support.hub import TOKENIZER

MIN_SIMILARITY = 0.999  # the cosine of embeddings that differ only by rounding
FIBONACCI = "def fibonacci(n):\n    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)\n"


def installed_folder():
    """Return the folder of the small model, which the extra `test` installs."""
    return locate(FALLBACK)


def save_nomic_model(folder, changes=None, weights=None):
    """Save a small nomic model as its repository on the hub has it; return it as transformers computes it."""
    import torch
    from safetensors.torch import save_file
    from transformers import NomicBertConfig, NomicBertModel

    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
    rope = {"rope_type": "default", "rope_theta": 500.0}
    module = NomicBertModel(NomicBertConfig(**sizes, rope_parameters=rope)).eval()
    config = {
        "model_type": "nomic_bert",
        "architectures": ["NomicBertModel"],
        "auto_map": {"AutoConfig": "hostile.Config", "AutoModel": "hostile.Model"},
        "n_embd": 64,
        "n_layer": 2,
        "n_head": 4,
        "n_inner": 96,
        "n_positions": 8192,
        "layer_norm_epsilon": 1e-12,
        "rotary_emb_base": 500,
        "activation_function": "swiglu",
        "vocab_size": 30528,
        "type_vocab_size": 2,
        **(changes or {}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(weights or hub_weights(module), folder / "model.safetensors", metadata={"format": "pt"})
    for name in TOKENIZER:
        shutil.copy(installed_folder() / name, folder)
    return module


# The config.json of minishlab/potion-code-16M-v2. Models that were not trained further have more keys.
STATIC_CONFIG = {"normalize": True, "embedding_dtype": "float16"}
DISTILLED_CONFIG = {"model_type": "model2vec", "hidden_dim": 16, "seq_length": 1_000_000, "normalize": True}


def save_static_model(folder, config=STATIC_CONFIG, **tensors):
    """Save a static model with random vectors of 16 numbers as model2vec does."""
    import numpy as np
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(installed_folder() / "tokenizer.json", folder)
    count = len(json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"])
    table = np.random.default_rng(0).normal(size=(count, 16)).astype(np.float16)
    save_file({"embeddings": table, **tensors}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    return table.astype(np.float32)


def hub_weights(module):
    """The weights under the names of nomic's own code, which keeps query, key and value in one matrix."""
    import torch

    names = {
        "self_attn.o_proj": "attn.out_proj",
        "mlp.up_proj": "mlp.fc11",
        "mlp.gate_proj": "mlp.fc12",
        "mlp.down_proj": "mlp.fc2",
        "post_attention_layernorm": "norm1",
        "post_mlp_layernorm": "norm2",
        "embeddings.LayerNorm": "emb_ln",
    }
    pattern = re.compile("|".join(map(re.escape, names)))
    weights, parts = {}, defaultdict(list)
    for key, tensor in module.state_dict().items():
        name = pattern.sub(lambda match: names[match[0]], re.sub(r"^layers", "encoder.layers", key))
        if "self_attn" in name:
            parts[re.sub(r"self_attn\.[qkv]_proj", "attn.Wqkv", name)].append(tensor)
        else:
            weights[name] = tensor.clone()
    return weights | {name: torch.cat(tensors) for name, tensors in parts.items()}


def has_plain_layers(encoder):
    """Whether the network has linear layers as they were loaded, which no variant has replaced."""
    import torch

    return any(type(layer) is torch.nn.Linear for layer in encoder._network.module.modules())


def set_seconds(monkeypatch, plain, variants):
    """Fake the times that autotuning measures: of plain float32, and of the variants by their dtype."""
    import torch

    from semls.engine.models import autotune

    def seconds(network, _):
        layers = network.module.modules()
        is_plain = any(type(layer) is torch.nn.Linear for layer in layers)
        return plain if is_plain else variants[network.dtype]

    monkeypatch.setattr(autotune, "_seconds", seconds)


def save_module(folder, module, changes=None):
    """Save a network of transformers as a repository on the hub has it; `changes` are made to its config."""
    module.save_pretrained(folder)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **(changes or {})}))
    for name in TOKENIZER:
        shutil.copy(installed_folder() / name, folder)
