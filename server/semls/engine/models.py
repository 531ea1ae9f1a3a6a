"""What has to be known of a model to embed with it."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from semls.errors import ModelError, UsageError
from semls.limits import MAX_FILE_BYTES
from semls.reading import read_regular

# The work grows with the length of the text, and a chunk is seldom longer.
_LONGEST = 512


@dataclass(frozen=True)
class Model:
    """How a model wants its texts. Its vectors are always scaled to length 1."""

    name: str  # on the hub, a folder, or "hashing"
    dimension: int
    longest_input: int  # tokens, the special ones included; the rest of a text is not seen
    document_prefix: str = ""
    query_prefix: str = ""
    pooling: Literal["mean", "cls"] = "mean"
    revision: str | None = None  # a commit of the repository on the hub
    folder: Path | None = None  # where it lies; None is on the hub


_NOMIC = Model(
    "nomic-ai/nomic-embed-text-v1",
    768,
    _LONGEST,
    "search_document: ",
    "search_query: ",
    revision="0759316f275aa0cb93a5b830973843ca66babcf5",
)

# MiniLM can read 256 tokens, but was measured to find code better with 128, in half the time.
BUNDLED = Model(
    "sentence-transformers/all-MiniLM-L6-v2",
    384,
    128,
    revision="c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
)
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

# Stands in where meaning does not matter: hashed words, no weights.
HASHING = Model("hashing", 64, 1_000_000)

PRESETS = {
    model.name: model
    for model in (
        _NOMIC,
        replace(
            _NOMIC,
            name="nomic-ai/nomic-embed-text-v1.5",
            revision="e9b6763023c676ca8431644204f50c2b100d9aab",
        ),
        Model(
            "nomic-ai/CodeRankEmbed",
            768,
            _LONGEST,
            query_prefix="Represent this query for searching relevant code: ",
            pooling="cls",  # like Snowflake/snowflake-arctic-embed-m-long, which it was trained from
            revision="3c4b60807d71f79b43f3c4363786d9493691f8b1",
        ),
        BUNDLED,
    )
}


def resolve(name: str, revision: str | None = None) -> Model:
    """The preset of that name, at its own revision or another, or the model in that folder.

    Raises UsageError, ModelError.
    """
    if name == HASHING.name:
        return HASHING
    if name in PRESETS:
        return replace(PRESETS[name], revision=revision or PRESETS[name].revision)
    if name.startswith("~") or Path(name).is_absolute():
        return _in_folder(_home(name))
    raise UsageError(
        f"There is no model {name!r}: use {', '.join(PRESETS)}, or the absolute path of a model's folder."
    )


def _home(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise UsageError(f"There is no folder {name}: {error}") from error


def _in_folder(folder: Path) -> Model:
    """By the files that sentence-transformers keeps beside the weights, where they are."""
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder} with a model.")
    _refuse_unsafe(folder)
    config = _json(folder / "config.json")
    dimension = _number(config, "hidden_size", "n_embd")
    if dimension is None:
        raise ModelError(f"The config.json in {folder} does not tell the model's hidden_size.")
    longest = _number(_json(folder / "sentence_bert_config.json"), "max_seq_length")
    positions = _number(config, "max_position_embeddings", "n_positions")
    document, query = _prefixes(folder, config)
    return Model(
        str(folder),
        dimension,
        min(longest or _LONGEST, positions or _LONGEST, _LONGEST),
        document,
        query,
        _pooling(folder),
        folder=folder,
    )


def _refuse_unsafe(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise ModelError(f"The folder {folder} has no model: there is no config.json in it.")
    if any(folder.glob("*.safetensors")):
        return
    if any(folder.glob("*.bin")) or any(folder.glob("*.pt")):
        raise ModelError(
            f"The model in {folder} has only pickle weights, which can run code when loaded; "
            "convert them to safetensors."
        )
    raise ModelError(f"The model in {folder} has no weights: there is no *.safetensors in it.")


def _prefixes(folder: Path, config: dict[str, Any]) -> tuple[str, str]:
    prompts = _json(folder / "config_sentence_transformers.json").get("prompts")
    if isinstance(prompts, dict) and prompts:
        return str(prompts.get("document") or prompts.get("passage") or ""), str(prompts.get("query") or "")
    if config.get("model_type") == "nomic_bert":
        return _NOMIC.document_prefix, _NOMIC.query_prefix
    return "", ""


def _pooling(folder: Path) -> Literal["mean", "cls"]:
    """`pooling_mode` from sentence-transformers 6 on, before that a switch for each way."""
    config = _json(folder / "1_Pooling" / "config.json")
    switches = [key for key, on in config.items() if key.startswith("pooling_mode_") and on is True]
    wanted = config.get("pooling_mode") or switches or "pooling_mode_mean_tokens"
    if wanted in ("mean", ["mean"], "pooling_mode_mean_tokens", ["pooling_mode_mean_tokens"]):
        return "mean"
    if wanted in ("cls", ["cls"], ["pooling_mode_cls_token"]):
        return "cls"
    raise ModelError(f"The model in {folder} pools its tokens by {wanted}; semls knows mean and cls.")


def _number(config: dict[str, Any], *keys: str) -> int | None:
    return next((config[key] for key in keys if isinstance(config.get(key), int) and config[key] > 0), None)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_regular(path, MAX_FILE_BYTES) or b"")
    except (OSError, ValueError):
        return {}
    return cast(dict[str, Any], found) if isinstance(found, dict) else {}
