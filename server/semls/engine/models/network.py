"""A transformer network on one device: loading from local files, and the forward pass.

Code that comes with a model is never run, and weights are read from safetensors files only.
"""

import json
import math
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from semls.engine.models import memory
from semls.engine.models.encoder import Float32
from semls.engine.models.presets import Model
from semls.limits import MAX_FILE_BYTES
from semls.reading import read_regular

if TYPE_CHECKING:
    from torch.nn import Module

_WIDTH_STEP = 8  # batches are padded to a multiple of it: torch prepares primitives for each new shape
_CACHED_SHAPES = 16  # whose primitives oneDNN keeps; each takes hundreds of kilobytes
# How often an idle thread of OpenMP spins before it sleeps. At 300,000, GNU OpenMP's default, every other
# busy program costs it a time slice.
_SPIN_COUNT = 1000


class Network:
    """The layers of a transformer on one device, in evaluation mode.

    `dtype` is the one that its large matrix products are computed with: "bfloat16", "float16", "int8" or
    "float32".
    """

    def __init__(self, module: "Module", device: str, dtype: str, model: Model) -> None:
        """Take a module that returns hidden states for padded token ids and the lengths of the texts."""
        self.module, self.device, self.dtype = module, device, dtype
        self._model = model

    def __str__(self) -> str:
        return f"{self.device}, {self.dtype}"

    def embed(self, token_ids: Sequence[Sequence[int]]) -> Float32:
        """Return the embeddings of tokenized texts: shape `(len(token_ids), dimension)`, L2-normalised.

        All texts go through the network in one batch, padded to the longest. Raises RuntimeError when the
        device fails.
        """
        import torch

        counts = [len(ids) for ids in token_ids]
        width = _WIDTH_STEP * math.ceil(max(counts) / _WIDTH_STEP)
        # The token with which a text is padded does not matter: it is masked.
        padded = torch.tensor([[*ids, *[0] * (width - len(ids))] for ids in token_ids], device=self.device)
        lengths = torch.tensor(counts, device=self.device)
        with torch.inference_mode():
            hidden = self.module(padded, lengths).float()
            if self._model.pooling == "cls":
                pooled = hidden[:, 0]
            else:
                is_token = torch.arange(width, device=self.device) < lengths.unsqueeze(1)
                pooled = (hidden * is_token.unsqueeze(-1)).sum(1) / lengths.unsqueeze(1)
            if self._model.truncates:  # as on nomic's model card
                pooled = torch.nn.functional.layer_norm(pooled, pooled.shape[1:])
                pooled = pooled[:, : self._model.dimension]
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


def import_torch() -> None:
    """Import torch; set the environment variables that it and transformers read at import first."""
    os.environ.setdefault("GOMP_SPINCOUNT", str(_SPIN_COUNT))
    os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] = str(_CACHED_SHAPES)
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    with memory.gc_frozen():
        import torch  # noqa: F401


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


def load_module(folder: Path, dtype: str, device: str) -> "Module":
    """Load the network in a folder. Raises ValueError, and whatever the libraries raise for bad files."""
    from semls.engine.models import checkpoints

    config = json.loads(read_regular(folder / "config.json", MAX_FILE_BYTES) or b"")
    module = checkpoints.load(folder, config, dtype) or _load_with_transformers(folder, dtype)
    return module.to(device)


def _load_with_transformers(folder: Path, dtype: str) -> "Module":
    """Load a network of any other architecture that transformers supports."""
    with memory.gc_frozen():
        from transformers import AutoModel

    from semls.engine.models.architectures import Foreign

    module, loaded = AutoModel.from_pretrained(
        folder,
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
    return Foreign(module.eval())
