"""Model descriptions: the presets, and how a model in a local folder is described by its own files."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from semls.errors import ModelError, UsageError
from semls.limits import MAX_FILE_BYTES
from semls.reading import read_regular

# The cost grows with the length of the text, and chunks are seldom longer.
_MAX_TOKENS = 512  # also what model2vec reads by default
_MAX_HEADER = 1 << 16  # bytes of the header of a static model, which describes three tensors at most
_MAX_DIMENSION = 4096  # of a static model; models that were published have at most 1,024
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")  # names that models give to the prompt of documents
# Keys in the configuration of a pooling module, before sentence-transformers 6.
_POOLING_KEYS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
_SENTENCE_TRANSFORMERS_CONFIG = "config_sentence_transformers.json"


class Calibration(NamedTuple):
    """Weights of a logistic regression: the probability that the first hit of a search is right.

    `python -m tests.bench.calibrate` computes them.
    """

    intercept: float
    lexical: float  # of the first hit's lexical score
    gap: float  # of the difference between the first score and the second
    cosine: float = 0.0  # of the nearest chunk; its range depends on the model


# For searches without a model and for models that were not measured: it leaves cosines out.
UNCALIBRATED = Calibration(-2.4, 2.5, 1.3)


class Facts(NamedTuple):
    """What a preset costs and how good it is, for documentation, `semls doctor` and the editors."""

    summary: str
    parameters: int  # millions
    relative_time: float  # of embedding, relative to the default model, measured with float32 on a CPU
    megabytes: int  # that are downloaded
    quality: str  # as published: the benchmark and its score
    source: str  # the address of the publication

    def __str__(self) -> str:
        return (
            f"{self.summary} {self.parameters} M parameters, {self.megabytes} MB, "
            f"time {self.relative_time:g}, {self.quality}"
        )


@dataclass(frozen=True)
class Model:
    """An embedding model and how it is called. Its embeddings are always L2-normalised."""

    name: str  # a repository on the hub unless `repository` names it, a folder, or "hashing"
    dimension: int  # of its embeddings
    max_tokens: int  # including special tokens, of one window
    document_prefix: str = ""  # put before each chunk
    query_prefix: str = ""  # put before each query
    pooling: Literal["mean", "cls"] = "mean"
    windows: int = 1  # into which a longer chunk is split; the rest is not embedded
    repository: str | None = None  # on the hub, if it is not the name
    revision: str | None = None  # a commit of the repository on the hub
    truncates: bool = False  # embeddings are cut off after `dimension` numbers, as the model was trained for
    folder: Path | None = None  # with its files; None for a model on the hub
    calibration: Calibration = UNCALIBRATED

    @property
    def hub_repository(self) -> str:
        """The repository on the hub that has its files."""
        return self.repository or self.name


_NOMIC = Model(
    "nomic-ai/nomic-embed-text-v1",
    dimension=768,
    max_tokens=_MAX_TOKENS,
    document_prefix="search_document: ",
    query_prefix="search_query: ",
    revision="0759316f275aa0cb93a5b830973843ca66babcf5",
)

CODE = Model(
    "nomic-ai/CodeRankEmbed",
    dimension=768,
    max_tokens=_MAX_TOKENS,
    query_prefix="Represent this query for searching relevant code: ",
    pooling="cls",  # as in Snowflake/snowflake-arctic-embed-m-long, from which it was trained
    revision="3c4b60807d71f79b43f3c4363786d9493691f8b1",
)

# MiniLM can read 256 tokens. Measured on code, the mean of two windows of 128 tokens finds more.
FALLBACK = Model(
    "sentence-transformers/all-MiniLM-L6-v2",
    dimension=384,
    max_tokens=128,
    windows=2,
    revision="c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
    calibration=Calibration(-4.0, 1.25, 1.35, 3.4),
)
FALLBACK_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

# The model of the fake encoder for tests: hashed words instead of weights.
HASHING = Model("hashing", dimension=64, max_tokens=1_000_000)

_NOMIC_15 = replace(
    _NOMIC, name="nomic-ai/nomic-embed-text-v1.5", revision="e9b6763023c676ca8431644204f50c2b100d9aab"
)


def _nomic_15_with(dimension: int) -> Model:
    """Return the model with so many numbers in each vector, of those for which it was trained."""
    name = f"{_NOMIC_15.name}-{dimension}"
    return replace(_NOMIC_15, name=name, repository=_NOMIC_15.name, dimension=dimension, truncates=True)


_GRANITE = Model(
    "ibm-granite/granite-embedding-small-english-r2",
    dimension=384,
    max_tokens=_MAX_TOKENS,
    pooling="cls",
    revision="54a8d2616a0844355a5164432d3f6dafb37b17a3",
)

# A table of vectors without a network; see `static_encoder.py`.
STATIC = Model(
    "minishlab/potion-code-16M-v2",
    dimension=256,
    max_tokens=_MAX_TOKENS,
    revision="e9d2a44ca6a05ac6685f3b23709ea57eb7352d5b",
)

FACTS = {
    _NOMIC: Facts(
        "The default: text and code.",
        *(137, 1, 550),
        "MTEB 62.4",
        "https://huggingface.co/nomic-ai/nomic-embed-text-v1.5",
    ),
    _NOMIC_15: Facts(
        "The next version of the default.",
        *(137, 1, 550),
        "MTEB 62.3",
        "https://huggingface.co/nomic-ai/nomic-embed-text-v1.5",
    ),
    _nomic_15_with(512): Facts(
        "The same with two thirds of the numbers in each vector, for large workspaces.",
        *(137, 1, 550),
        "MTEB 62.0",
        "https://huggingface.co/nomic-ai/nomic-embed-text-v1.5",
    ),
    _nomic_15_with(256): Facts(
        "The same with a third of the numbers in each vector, for large workspaces.",
        *(137, 1, 550),
        "MTEB 61.0",
        "https://huggingface.co/nomic-ai/nomic-embed-text-v1.5",
    ),
    CODE: Facts(
        "Trained on questions about code.",
        *(137, 1, 550),
        "CoIR 60.1",
        "https://huggingface.co/nomic-ai/CodeRankEmbed",
    ),
    _GRANITE: Facts(
        "Small: English and code.",
        *(48, 0.27, 100),
        "MTEB English v2 retrieval 53.9",
        "https://arxiv.org/abs/2508.21085",
    ),
    replace(
        _GRANITE,
        name="ibm-granite/granite-embedding-97m-multilingual-r2",
        revision="835ad14087e140460703cf0fae09f97d469d65c2",
    ): Facts(
        "Small: 200 natural languages and code.",
        *(97, 0.27, 220),
        "MTEB multilingual retrieval 60.3",
        "https://huggingface.co/blog/ibm-granite/granite-embedding-multilingual-r2",
    ),
    FALLBACK: Facts(
        "The smallest, but less accurate.",
        *(23, 0.07, 90),
        "MTEB 56.3",
        "https://arxiv.org/abs/2210.07316",
    ),
    STATIC: Facts(
        "Experimental, and the fastest: no network, only a vector for each token.",
        *(16, 0.0005, 34),
        "CoIR 40.7",
        "https://huggingface.co/minishlab/blink-code-16M",
    ),
}

PRESETS = {model.name: model for model in FACTS}


def resolve(name: str, revision: str | None = None) -> Model:
    """Return the model with a name: a preset, with its own or the given revision, or a model in a folder.

    Raises UsageError for an unknown name, and ModelError for a folder with a model that is not supported.
    """
    if name == HASHING.name:
        return HASHING
    if name in PRESETS:
        return replace(PRESETS[name], revision=revision or PRESETS[name].revision)
    if name.startswith("~") or Path(name).is_absolute():
        return _from_folder(_expand_user(name))
    raise UsageError(
        f"Unknown model {name!r}. Use {', '.join(PRESETS)}, or the absolute path of a folder with a model."
    )


def _expand_user(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise UsageError(
            f"There is no folder {name} ({error}). Set the model to a folder with a model's files."
        ) from error


def _from_folder(folder: Path) -> Model:
    """Describe a model by its config.json and, if they exist, the files of sentence-transformers."""
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}. Set the model to a folder with a model's files.")
    _check_weights(folder)
    config = _read_json(folder / "config.json")
    if is_static(folder):
        return _static_model(folder)
    dimension = _positive_int(config, "hidden_size", "n_embd")
    if dimension is None:
        raise ModelError(f"The config.json in {folder} has no valid hidden_size. Copy the model again.")
    max_length = _positive_int(_read_json(folder / "sentence_bert_config.json"), "max_seq_length")
    positions = _positive_int(config, "max_position_embeddings", "n_positions")
    _check_similarity(folder, _check_modules(folder))
    document_prefix, query_prefix = _prefixes(folder, config)
    return Model(
        name=str(folder),
        dimension=dimension,
        max_tokens=min(max_length or _MAX_TOKENS, positions or _MAX_TOKENS, _MAX_TOKENS),
        document_prefix=document_prefix,
        query_prefix=query_prefix,
        pooling=_pooling(folder),
        folder=folder,
    )


def is_static(folder: Path) -> bool:
    """Return whether a folder has a table of vectors in place of a network, as model2vec writes it.

    Some of its versions write no type of the model, and no other library writes `embedding_dtype`.
    """
    config = _read_json(folder / "config.json")
    kind = config.get("model_type")
    return "embedding_dtype" in config if kind is None else bool(kind == "model2vec")


def _static_model(folder: Path) -> Model:
    """Describe a static model by the header of its safetensors: the length in eight bytes, then JSON."""
    file = folder / "model.safetensors"
    try:
        head = read_regular(file, _MAX_HEADER) or b""
        header = json.loads(head[8 : 8 + int.from_bytes(head[:8], "little")])
        _, dimension = map(int, header["embeddings"]["shape"])
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise ModelError(f"There is no table of vectors in {file}. Copy the model again.") from error
    if not 0 < dimension <= _MAX_DIMENSION:
        raise ModelError(
            f"The vectors in {file} have {dimension:,} numbers. semls supports at most {_MAX_DIMENSION:,}: "
            "choose another model."
        )
    return Model(str(folder), dimension, _MAX_TOKENS, folder=folder)


def _check_weights(folder: Path) -> None:
    """Raise ModelError unless there are a config.json and safetensors weights."""
    if not (folder / "config.json").is_file():
        raise ModelError(f"There is no model in {folder}: config.json is missing. Name another folder.")
    if any(folder.glob("*.safetensors")):
        return
    if any(folder.glob("*.bin")) or any(folder.glob("*.pt")):
        raise ModelError(
            f"The model in {folder} has only pickle weights, which can run code when loaded. "
            "Convert them to safetensors."
        )
    raise ModelError(
        f"The model in {folder} has no weights: there is no *.safetensors file. Copy the model again."
    )


def _check_modules(folder: Path) -> list[str]:
    """Return the names of the modules after Transformer and Pooling. Raises ModelError for others."""
    try:
        modules = json.loads((folder / "modules.json").read_bytes())
        names = [_module_name(str(module["type"])) for module in modules]
        paths = [str(module["path"]) for module in modules]
    except FileNotFoundError:
        subfolders = sorted(path.name for path in folder.glob("[0-9]_*") if path.is_dir())
        names = ["Transformer", "Pooling", *(name[2:] for name in subfolders if name != "1_Pooling")]
        paths = ["", "1_Pooling"]
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise ModelError(f"Cannot read the modules.json in {folder}. Copy the model again.") from error
    if names[:2] != ["Transformer", "Pooling"] or names[2:] not in ([], ["Normalize"]):
        raise ModelError(
            f"The model in {folder} consists of {', '.join(names) or 'no modules'}. semls supports only "
            "Transformer, Pooling and Normalize, in this order: choose another model."
        )
    if paths[:2] != ["", "1_Pooling"]:
        raise ModelError(
            f"The model in {folder} has its modules in {', '.join(map(repr, paths))}. semls expects the "
            "transformer in the folder itself and the pooling in '1_Pooling': save it again with "
            "sentence-transformers."
        )
    return names[2:]


def _module_name(module: str) -> str:
    """Return the class name of a module of sentence-transformers, and the qualified name of any other."""
    return module.rpartition(".")[2] if module.startswith("sentence_transformers.") else module


def _check_similarity(folder: Path, modules: list[str]) -> None:
    """Raise ModelError unless the model is a bi-encoder whose embeddings may be compared by cosine."""
    config = _read_json(folder / _SENTENCE_TRANSFORMERS_CONFIG)
    kind = config.get("model_type") or "SentenceTransformer"
    if kind != "SentenceTransformer":
        raise ModelError(
            f"The model in {folder} is a {kind}. semls needs a SentenceTransformer: choose another."
        )
    similarity = config.get("similarity_fn_name") or "cosine"
    # For L2-normalised vectors, all three give the same order.
    supported = ("cosine", "dot", "euclidean") if "Normalize" in modules else ("cosine",)
    if similarity not in supported:
        raise ModelError(
            f"The model in {folder} compares its embeddings by {similarity!r}. "
            "semls compares them by cosine: choose another model."
        )


def _prefixes(folder: Path, config: dict[str, Any]) -> tuple[str, str]:
    """Return the prefixes of documents and of queries."""
    recipe = _read_json(folder / _SENTENCE_TRANSFORMERS_CONFIG)
    prompts = recipe.get("prompts") or {}
    if not isinstance(prompts, dict) or not all(isinstance(text, str | None) for text in prompts.values()):
        raise ModelError(
            f"The prompts in {folder}/{_SENTENCE_TRANSFORMERS_CONFIG} are not strings. Copy the model again."
        )
    document = next((prompts[name] for name in _DOCUMENT_PROMPTS if prompts.get(name)), "")
    query = prompts.get("query") or ""
    default = recipe.get("default_prompt_name")
    if isinstance(default, str) and prompts.get(default) and not document and not query:
        raise ModelError(
            f"The model in {folder} uses the prompt {default!r} for all texts. "
            f"semls uses 'query' and 'document': add these to its {_SENTENCE_TRANSFORMERS_CONFIG}."
        )
    if not prompts and config.get("model_type") == "nomic_bert":
        return _NOMIC.document_prefix, _NOMIC.query_prefix
    return document, query


def _pooling(folder: Path) -> Literal["mean", "cls"]:
    """Return the pooling mode. Raises ModelError for one that is not supported.

    sentence-transformers writes `pooling_mode` from version 6 on, and before that one switch for each mode.
    """
    config = _read_json(folder / "1_Pooling" / "config.json")
    named = config.get("pooling_mode") or []
    named = named if isinstance(named, list) else [named]
    switches = [key for key in config if key.startswith("pooling_mode_")]
    modes = {_POOLING_KEYS.get(str(mode), str(mode)) for mode in named}
    modes |= {_POOLING_KEYS.get(key, key) for key in switches if config[key]}
    if not modes and not switches:
        return "mean"
    if config.get("include_prompt", True) is not True:
        raise ModelError(
            f"The model in {folder} excludes prompts from its pooling, which semls does not support: "
            "choose another model."
        )
    if modes == {"mean"}:
        return "mean"
    if modes == {"cls"}:
        return "cls"
    unsupported = " and ".join(sorted(modes)) or "no mode"
    raise ModelError(
        f"The model in {folder} pools its tokens by {unsupported}. semls supports mean and cls: "
        "choose another model."
    )


def _positive_int(config: dict[str, Any], *keys: str) -> int | None:
    """Return the value of the first key that has a positive integer."""
    return next((config[key] for key in keys if isinstance(config.get(key), int) and config[key] > 0), None)


def _read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; an empty one if the file is missing or invalid."""
    try:
        content = json.loads(read_regular(path, MAX_FILE_BYTES) or b"")
    except (OSError, ValueError):
        return {}
    return cast(dict[str, Any], content) if isinstance(content, dict) else {}
