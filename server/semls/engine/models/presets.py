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
_DOCUMENTS = ("document", "passage", "corpus")  # names of a document's prompt
_POOLING = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}


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
    _refuse_other_similarity(folder, _modules(folder))
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


def _modules(folder: Path) -> list[str]:
    """Return the modules after the transformer. Raises ModelError for those that are not computed here."""
    try:
        found = json.loads((folder / "modules.json").read_bytes())
        kinds = [_kind(str(module["type"])) for module in found]
        paths = [str(module["path"]) for module in found]
    except FileNotFoundError:
        folders = sorted(path.name for path in folder.glob("[0-9]_*") if path.is_dir())
        kinds = ["Transformer", "Pooling", *(name[2:] for name in folders if name != "1_Pooling")]
        paths = ["", "1_Pooling"]
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise ModelError(
            f"The modules.json in {folder} cannot be read: copy the model's folder again."
        ) from error
    if kinds[:2] != ["Transformer", "Pooling"] or kinds[2:] not in ([], ["Normalize"]):
        raise ModelError(
            f"The model in {folder} consists of {', '.join(kinds) or 'nothing'}; semls computes only "
            "Transformer, Pooling and Normalize, in this order: choose another model."
        )
    if paths[:2] != ["", "1_Pooling"]:
        raise ModelError(
            f"The model in {folder} has its modules in {', '.join(map(repr, paths))}; semls expects the "
            "transformer in the folder itself and the pooling in '1_Pooling': save it again with "
            "sentence-transformers."
        )
    return kinds[2:]


def _kind(module: str) -> str:
    """Return the short name of a module of sentence-transformers, and the whole one of any other."""
    return module.rpartition(".")[2] if module.startswith("sentence_transformers.") else module


def _refuse_other_similarity(folder: Path, modules: list[str]) -> None:
    config = _json(folder / "config_sentence_transformers.json")
    kind = config.get("model_type") or "SentenceTransformer"
    if kind != "SentenceTransformer":
        raise ModelError(f"The model in {folder} is a {kind}; semls needs a SentenceTransformer.")
    similarity = config.get("similarity_fn_name") or "cosine"
    same = ("cosine", "dot", "euclidean") if "Normalize" in modules else ("cosine",)
    if similarity not in same:  # of vectors of length 1 they order all others alike
        raise ModelError(
            f"The model in {folder} compares its vectors by {similarity!r}; semls compares them by cosine: "
            "choose another model."
        )


def _prefixes(folder: Path, config: dict[str, Any]) -> tuple[str, str]:
    recipe = _json(folder / "config_sentence_transformers.json")
    prompts = recipe.get("prompts") or {}
    if not isinstance(prompts, dict) or not all(isinstance(text, str | None) for text in prompts.values()):
        raise ModelError(f"The prompts in {folder}/config_sentence_transformers.json are not texts.")
    document = next((prompts[name] for name in _DOCUMENTS if prompts.get(name)), "")
    query = prompts.get("query") or ""
    default = recipe.get("default_prompt_name")
    if isinstance(default, str) and prompts.get(default) and not document and not query:
        raise ModelError(
            f"The model in {folder} has the prompt {default!r} for all texts; semls knows 'query' and "
            "'document': name these in its config_sentence_transformers.json."
        )
    if not prompts and config.get("model_type") == "nomic_bert":
        return _NOMIC.document_prefix, _NOMIC.query_prefix
    return document, query


def _pooling(folder: Path) -> Literal["mean", "cls"]:
    """`pooling_mode` from sentence-transformers 6 on, before that a switch for each way."""
    config = _json(folder / "1_Pooling" / "config.json")
    named = config.get("pooling_mode") or []
    switches = [key for key in config if key.startswith("pooling_mode_")]
    wanted = {_POOLING.get(str(one), str(one)) for one in (named if isinstance(named, list) else [named])}
    wanted |= {_POOLING.get(key, key) for key in switches if config[key]}
    if not wanted and not switches:
        return "mean"
    if config.get("include_prompt", True) is not True:
        raise ModelError(f"The model in {folder} leaves prompts out of its pooling, which semls cannot.")
    if wanted == {"mean"}:
        return "mean"
    if wanted == {"cls"}:
        return "cls"
    several = " and ".join(sorted(wanted)) or "nothing"
    raise ModelError(f"The model in {folder} pools its tokens by {several}; semls knows mean and cls.")


def _number(config: dict[str, Any], *keys: str) -> int | None:
    return next((config[key] for key in keys if isinstance(config.get(key), int) and config[key] > 0), None)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_regular(path, MAX_FILE_BYTES) or b"")
    except (OSError, ValueError):
        return {}
    return cast(dict[str, Any], found) if isinstance(found, dict) else {}
