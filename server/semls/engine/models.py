"""Model presets: what has to be known of a model to embed with it."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from semls.errors import ModelError, UsageError


@dataclass(frozen=True)
class Model:
    """How a model wants its texts. Its vectors are always scaled to length 1."""

    name: str
    dimension: int
    longest_input: int  # tokens, the special ones included
    document_prefix: str = ""
    query_prefix: str = ""
    pooling: Literal["mean", "cls"] = "mean"
    revision: str | None = None  # of the repository on the hub; None is the newest
    folder: Path | None = None  # where it lies; None is on the hub


_NOMIC = Model("nomic-ai/nomic-embed-text-v1", 768, 512, "search_document: ", "search_query: ")

# MiniLM reads 256 tokens, but finds code better with 128 of them, and in less time.
BUNDLED = Model("sentence-transformers/all-MiniLM-L6-v2", 384, 128)
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

# Stands in for a model where meaning does not matter: hashed words, no weights.
HASHING = Model("hashing", 256, 1_000_000)

PRESETS = {
    model.name: model
    for model in (
        _NOMIC,
        replace(_NOMIC, name="nomic-ai/nomic-embed-text-v1.5"),
        Model(
            "nomic-ai/CodeRankEmbed",
            768,
            512,
            query_prefix="Represent this query for searching relevant code: ",
            pooling="cls",  # as snowflake-arctic-embed-m-long, which it was trained from
        ),
        BUNDLED,
    )
}


def resolve(name: str, revision: str | None = None) -> Model:
    """The model of that name, or in that folder. Raises UsageError, and ModelError for an unfit folder."""
    if name == HASHING.name:
        return HASHING
    if name in PRESETS:
        return replace(PRESETS[name], revision=revision)
    folder = Path(name).expanduser()
    if folder.is_absolute() and folder.is_dir():
        return _in_folder(folder)
    raise UsageError(
        f"There is no model {name!r}: use {', '.join(PRESETS)}, or the absolute path of a folder with a model."
    )


def _in_folder(folder: Path) -> Model:
    """From the files that sentence-transformers keeps beside the weights, where they are."""
    config = _json(folder / "config.json")
    if not config:
        raise ModelError(f"The folder {folder} has no model: its config.json is missing or unreadable.")
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"The model in {folder} has no safetensors weights, and others may run code when they are loaded: "
            "convert it, or choose another model."
        )
    prompts = _json(folder / "config_sentence_transformers.json").get("prompts") or {}
    nomic = config.get("model_type") == "nomic_bert" and not prompts
    cls = _json(folder / "1_Pooling" / "config.json").get("pooling_mode_cls_token")
    longest = _json(folder / "sentence_bert_config.json").get("max_seq_length") or _NOMIC.longest_input
    return Model(
        str(folder),
        int(config.get("hidden_size") or config.get("n_embd") or 0),
        min(int(longest), _NOMIC.longest_input),
        _NOMIC.document_prefix if nomic else str(prompts.get("document") or prompts.get("passage") or ""),
        _NOMIC.query_prefix if nomic else str(prompts.get("query") or ""),
        "cls" if cls else "mean",
        folder=folder,
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return cast(dict[str, Any], found) if isinstance(found, dict) else {}
