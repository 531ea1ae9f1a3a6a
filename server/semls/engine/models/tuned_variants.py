"""Remember which variant of a network is the fastest on this machine, with what is needed to check it."""

import logging
import os
import platform
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from semls import __version__
from semls.engine.models.encoder import Float32
from semls.errors import reason
from semls.reading import read_regular

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

# The machine may have been busy when the variants were compared.
_MAX_AGE = 7 * 24 * 3600.0  # seconds
_PROCESSOR_KEYS = ("model name", "flags", "CPU implementer", "CPU part", "Features")  # in /proc/cpuinfo
_MAX_CPUINFO_BYTES = 1 << 20
_EXPECTED, _MAXIMA = "expected", "maxima."  # names of tensors in the file


class TunedVariant(NamedTuple):
    """The variant that was chosen, the exact embeddings of the probe, and the maxima for quantization."""

    name: str
    expected: Float32
    input_maxima: Mapping[str, "Tensor"]


class TunedVariants:
    """The choices for the models of this machine, one file for each fingerprint. Never raises OSError."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, fingerprint: str) -> TunedVariant | None:
        """Return the choice for a model; None if there is no recent one for this processor and software."""
        from safetensors import SafetensorError, safe_open

        path = self._path(fingerprint)
        try:
            if not 0 <= time.time() - path.stat().st_mtime < _MAX_AGE:
                return None
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("environment") != _environment():
                    return None
                tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
            expected: Float32 = tensors.pop(_EXPECTED).numpy()
        except (OSError, KeyError, SafetensorError) as error:
            if not isinstance(error, FileNotFoundError):
                log.info("%s is not used: %s", path, reason(error))
            return None
        maxima = {key.removeprefix(_MAXIMA): tensor for key, tensor in tensors.items()}
        return TunedVariant(metadata.get("variant", ""), expected, maxima)

    def write(self, fingerprint: str, variant: TunedVariant) -> None:
        """Store the choice for a model."""
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import save_file

        tensors = {_MAXIMA + name: tensor.contiguous() for name, tensor in variant.input_maxima.items()}
        tensors[_EXPECTED] = torch.from_numpy(variant.expected)
        path = self._path(fingerprint)
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._directory) as folder:
                temporary = Path(folder) / path.name
                save_file(tensors, temporary, {"variant": variant.name, "environment": _environment()})
                temporary.replace(path)
        except (OSError, SafetensorError) as error:
            log.info("%s cannot be written: %s", path, reason(error))

    def _path(self, fingerprint: str) -> Path:
        return self._directory / f"{fingerprint}.safetensors"


def _environment() -> str:
    """Return what the speed and the exactness of a variant depend on, apart from the model."""
    import torch

    return " ".join(
        (
            __version__,
            torch.__version__,
            str(torch.get_num_threads()),
            os.environ.get("ONEDNN_MAX_CPU_ISA", ""),
            platform.platform(),
            platform.processor(),
            *sorted(_processor_lines()),
        )
    )


def _processor_lines() -> set[str]:
    """Return the model and the instructions of the processor, as Linux names them."""
    try:
        content = read_regular(Path("/proc/cpuinfo"), _MAX_CPUINFO_BYTES)
    except OSError:
        return set()
    lines = (content or b"").decode("utf-8", "replace").splitlines()
    return {line for line in lines if line.startswith(_PROCESSOR_KEYS)}
