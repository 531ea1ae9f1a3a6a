"""A transformer network on one device: loading with transformers from local files, and the forward pass.

Code that comes with a model is never run, and weights are read from safetensors files only.
"""

import json
import math
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from semls.engine.models import memory
from semls.engine.models.encoder import Float32
from semls.limits import MAX_FILE_BYTES
from semls.reading import read_regular

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_WIDTH_STEP = 8  # batches are padded to a multiple of it: torch prepares primitives for each new shape
_CACHED_SHAPES = 16  # whose primitives oneDNN keeps; each takes hundreds of kilobytes
# How often an idle thread of OpenMP spins before it sleeps. At 300,000, GNU OpenMP's default, every other
# busy program costs it a time slice.
_SPIN_COUNT = 1000
# Keys of config.json in nomic's repositories → those of transformers, which would ignore the former and use
# its defaults.
_NOMIC_KEYS = {
    "n_embd": "hidden_size",
    "n_layer": "num_hidden_layers",
    "n_head": "num_attention_heads",
    "n_inner": "intermediate_size",
    "layer_norm_epsilon": "layer_norm_eps",
    "vocab_size": "vocab_size",
    "type_vocab_size": "type_vocab_size",
}


class Network:
    """The layers of a transformer on one device, in evaluation mode.

    `dtype` is the one that its large matrix products are computed with: "bfloat16", "float16", "int8" or
    "float32".
    """

    def __init__(
        self,
        module: "PreTrainedModel",
        device: str,
        dtype: str,
        pooling: Literal["mean", "cls"],
        padding_id: int,
    ) -> None:
        self.module, self.device, self.dtype = module, device, dtype
        self._pooling, self._padding_id = pooling, padding_id

    def __str__(self) -> str:
        return f"{self.device}, {self.dtype}"

    def embed(self, token_ids: Sequence[Sequence[int]]) -> Float32:
        """Return the embeddings of tokenized texts: shape `(len(token_ids), dimension)`, L2-normalised.

        All texts go through the network in one batch, padded to the longest. Raises RuntimeError when the
        device fails.
        """
        import torch

        width = _WIDTH_STEP * math.ceil(max(map(len, token_ids)) / _WIDTH_STEP)
        padded = torch.tensor([[*ids, *[self._padding_id] * (width - len(ids))] for ids in token_ids])
        lengths = torch.tensor([len(ids) for ids in token_ids])
        mask = (torch.arange(width) < lengths.unsqueeze(1)).long().to(self.device)
        with torch.inference_mode():
            output = self.module(input_ids=padded.to(self.device), attention_mask=mask)
            hidden = output.last_hidden_state.float()
            if self._pooling == "cls":
                pooled = hidden[:, 0]
            else:
                pooled = (hidden * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
            vectors: Float32 = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return vectors

    def call_before_layers(self, callback: Callable[[], object]) -> None:
        """Call `callback` before each layer of every forward pass."""
        import torch

        def hook(*_: object) -> None:
            callback()

        lists = (module for module in self.module.modules() if isinstance(module, torch.nn.ModuleList))
        for layer in max(lists, key=len, default=()):
            layer.register_forward_pre_hook(hook)


def import_libraries() -> None:
    """Import torch and transformers; set the environment variables that they read at import first."""
    os.environ.setdefault("GOMP_SPINCOUNT", str(_SPIN_COUNT))
    os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] = str(_CACHED_SHAPES)
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    with memory.gc_frozen():
        import torch  # noqa: F401
        from transformers import AutoModel, AutoTokenizer, PreTrainedModel  # noqa: F401


@cache
def limit_threads() -> None:
    """Leave one processor core to other programs. Torch uses all of them by default."""
    import torch

    cores = torch.get_num_threads()
    if cores > 2 and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(cores - 1)


def best_device() -> str:
    """Return "cuda" or "mps" if there is a GPU that torch can use, else "cpu"."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """Load the tokenizer of the model in a folder. Raises whatever transformers raises for bad files."""
    import transformers

    return transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)


def load_module(folder: Path, dtype: str, device: str) -> "PreTrainedModel":
    """Load the network in a folder. Raises whatever transformers raises for bad files, and ValueError."""
    import transformers

    module, loaded = transformers.AutoModel.from_pretrained(
        folder,
        config=_config(folder),
        trust_remote_code=False,
        local_files_only=True,
        use_safetensors=True,
        dtype=dtype,
        output_loading_info=True,
    )
    # transformers initialises missing weights with random numbers. The pooler is not used here.
    missing = sorted(key for key in loaded["missing_keys"] if not key.startswith("pooler."))
    if missing:
        raise ValueError(f"the weights {missing[0]} are missing")
    return module.to(device).eval()


def _config(folder: Path) -> "PreTrainedConfig":
    import transformers

    config = json.loads(read_regular(folder / "config.json", MAX_FILE_BYTES) or b"")
    if config.get("model_type") != "nomic_bert" or "n_embd" not in config:
        return transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    rope = {"rope_type": "default", "rope_theta": float(config.get("rotary_emb_base", 1000))}
    known = {ours: config[theirs] for theirs, ours in _NOMIC_KEYS.items() if theirs in config}
    return transformers.NomicBertConfig(**known, rope_parameters=rope)
