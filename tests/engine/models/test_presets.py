import json
import re

import pytest

from semls.engine.models import presets
from semls.errors import ModelError, UsageError
from semls.settings import DEFAULT_MODEL


@pytest.fixture
def folder(tmp_path):
    """Make a folder with a model from its files: names with text or JSON."""

    def make(weights="model.safetensors", **files):
        config = {"hidden_size": 96, **files.pop("config", {})}
        for name, content in {"config.json": config, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        (tmp_path / weights).write_bytes(b"")
        return tmp_path

    return make


@pytest.mark.parametrize("name", presets.PRESETS)
def test_resolve_preset_returns_model_with_its_name(name):
    assert presets.resolve(name).name == name


def test_resolve_default_model_has_the_prefixes_of_its_training():
    model = presets.resolve(DEFAULT_MODEL)
    assert (model.document_prefix, model.query_prefix) == ("search_document: ", "search_query: ")


@pytest.mark.parametrize("name", presets.PRESETS)
def test_resolve_without_revision_returns_the_pinned_commit(name):
    assert re.fullmatch("[0-9a-f]{40}", presets.resolve(name).revision or "")


def test_resolve_with_revision_returns_it():
    assert presets.resolve(DEFAULT_MODEL, "abc").revision == "abc"


def test_resolve_unknown_name_lists_the_presets():
    with pytest.raises(UsageError) as caught:
        presets.resolve("nomic")
    assert all(name in str(caught.value) for name in presets.PRESETS)
    assert "folder" in str(caught.value)


@pytest.mark.parametrize("name", ["/no/such/folder", "~/no/such/folder", "~no-such-user/folder"])
def test_resolve_missing_folder_is_refused(name):
    with pytest.raises(UsageError, match="no folder"):
        presets.resolve(name)


def test_resolve_sentence_transformers_folder_reads_its_settings(folder):
    found = folder(
        **{
            "config_sentence_transformers.json": {"prompts": {"query": "q: ", "passage": "d: "}},
            "sentence_bert_config.json": {"max_seq_length": 300},
            "1_Pooling/config.json": {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False},
        }
    )
    assert presets.resolve(str(found)) == presets.Model(
        str(found), 96, 300, "d: ", "q: ", "cls", folder=found
    )


def test_resolve_folder_in_home_directory_expands_it(folder, monkeypatch):
    found = folder()
    monkeypatch.setenv("HOME", str(found.parent))
    monkeypatch.setenv("USERPROFILE", str(found.parent))
    assert presets.resolve(f"~/{found.name}").folder == found


def test_resolve_folder_with_invalid_files_uses_mean_pooling_without_prefixes(folder):
    found = folder(**{"sentence_bert_config.json": "no JSON", "1_Pooling/config.json": "[]"})
    assert presets.resolve(str(found)) == presets.Model(str(found), 96, 512, folder=found)


def test_resolve_folder_limits_max_tokens_to_the_positions_of_the_model(folder):
    model = presets.resolve(
        str(
            folder(
                config={"max_position_embeddings": 64},
                **{"sentence_bert_config.json": {"max_seq_length": 8192}},
            )
        )
    )
    assert model.max_tokens == 64


def test_resolve_nomic_folder_reads_its_keys_and_has_its_prefixes(folder):
    config = {"model_type": "nomic_bert", "hidden_size": None, "n_embd": 32, "n_positions": 8192}
    model = presets.resolve(str(folder(config=config)))
    assert (model.dimension, model.max_tokens, model.query_prefix) == (32, 512, "search_query: ")


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ({"pooling_mode": "cls"}, "cls"),
        ({"pooling_mode": "mean"}, "mean"),
        ({"pooling_mode": ["cls"]}, "cls"),
    ],
)
def test_resolve_with_pooling_mode_returns_it(folder, pooling, expected):
    assert presets.resolve(str(folder(**{"1_Pooling/config.json": pooling}))).pooling == expected


@pytest.mark.parametrize(
    "pooling",
    [
        {"pooling_mode": "lasttoken"},
        {"pooling_mode": ["cls", "mean"]},
        {"pooling_mode": ["max"]},
        {"pooling_mode": {"mean": True}},
        {"pooling_mode": "mean", "pooling_mode_cls_token": True},
        {"pooling_mode_max_tokens": True},
        {"pooling_mode_mean_sqrt_len_tokens": True, "pooling_mode_mean_tokens": False},
        {"pooling_mode_weightedmean_tokens": 1},
        {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": False},
        {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True},
    ],
    ids=str,
)
def test_resolve_with_other_pooling_is_refused(folder, pooling):
    with pytest.raises(ModelError, match="mean and cls"):
        presets.resolve(str(folder(**{"1_Pooling/config.json": pooling})))


def test_resolve_with_pooling_without_prompts_is_refused(folder):
    pooling = {"pooling_mode": "mean", "include_prompt": False}
    with pytest.raises(ModelError, match="prompts"):
        presets.resolve(str(folder(**{"1_Pooling/config.json": pooling})))


def module_list(*kinds):
    """The content of modules.json as sentence-transformers writes it."""
    paths = ["", *(f"{number}_{kind}" for number, kind in enumerate(kinds) if number)]
    types = [kind if "." in kind else f"sentence_transformers.models.{kind}" for kind in kinds]
    return [
        {"idx": number, "name": str(number), "path": path, "type": kind}
        for number, (path, kind) in enumerate(zip(paths, types, strict=True))
    ]


@pytest.mark.parametrize(
    "modules",
    [
        module_list("Transformer", "Pooling", "Dense"),
        module_list("Transformer", "Pooling", "Dense", "Normalize"),
        module_list("Transformer", "Pooling", "LayerNorm"),
        module_list("Transformer", "Dense"),
        module_list("Transformer"),
        module_list("Transformer", "Normalize", "Pooling"),
        module_list("Transformer", "Pooling", "Pooling"),
        module_list("WordEmbeddings", "Pooling"),
        module_list("StaticEmbedding"),
        module_list("MLMTransformer", "SpladePooling"),
        module_list("Transformer", "custom.Pooling"),
        [],
    ],
    ids=lambda modules: " ".join(module["type"].rpartition(".")[2] for module in modules),
)
def test_resolve_with_other_modules_is_refused(folder, modules):
    with pytest.raises(ModelError, match="Transformer, Pooling and Normalize"):
        presets.resolve(str(folder(**{"modules.json": modules})))


@pytest.mark.parametrize("name", ["2_Dense", "1_Dense"])
def test_resolve_with_folder_of_another_module_is_refused(folder, name):
    with pytest.raises(ModelError, match="Dense"):
        presets.resolve(str(folder(**{f"{name}/config.json": {"in_features": 96, "out_features": 32}})))


@pytest.mark.parametrize("modules", ["garbled", {"0": {}}, ["Transformer"], [{"path": ""}], 5])
def test_resolve_with_unreadable_modules_is_refused(folder, modules):
    with pytest.raises(ModelError, match=r"modules\.json"):
        presets.resolve(str(folder(**{"modules.json": modules})))


def test_resolve_with_transformer_in_a_folder_of_its_own_is_refused(folder):
    found = module_list("Transformer", "Pooling")
    found[0]["path"] = "0_Transformer"
    with pytest.raises(ModelError, match="0_Transformer"):
        presets.resolve(str(folder(**{"modules.json": found})))


@pytest.mark.parametrize("kind", ["SparseEncoder", "CrossEncoder", "ColBERT"])
def test_resolve_with_another_kind_of_model_is_refused(folder, kind):
    with pytest.raises(ModelError, match=kind):
        presets.resolve(str(folder(**{"config_sentence_transformers.json": {"model_type": kind}})))


@pytest.mark.parametrize("similarity", ["dot", "euclidean", "manhattan", "MaxSim", 5])
def test_resolve_with_another_similarity_is_refused(folder, similarity):
    recipe = {"config_sentence_transformers.json": {"similarity_fn_name": similarity}}
    with pytest.raises(ModelError, match="cosine"):
        presets.resolve(str(folder(**recipe)))


def test_resolve_with_dot_product_of_normalized_vectors_is_accepted(folder):
    recipe = {"config_sentence_transformers.json": {"similarity_fn_name": "dot"}}
    modules = module_list("Transformer", "Pooling", "Normalize")
    assert presets.resolve(str(folder(**recipe, **{"modules.json": modules}))).dimension == 96


@pytest.mark.parametrize(
    ("prompts", "document", "query"),
    [
        ({"query": "q: ", "document": "d: "}, "d: ", "q: "),
        ({"query": "q: ", "corpus": "c: "}, "c: ", "q: "),
        ({"query": "q: ", "document": None}, "", "q: "),
        ({"query": "", "document": "", "passage": "p: "}, "p: ", ""),
        (None, "", ""),
    ],
)
def test_resolve_with_prompts_uses_those_of_queries_and_documents(folder, prompts, document, query):
    found = folder(**{"config_sentence_transformers.json": {"prompts": prompts}})
    model = presets.resolve(str(found))
    assert (model.document_prefix, model.query_prefix) == (document, query)


@pytest.mark.parametrize(
    "recipe",
    [
        {"prompts": ["query: "]},
        {"prompts": {"query": 5}},
        {"prompts": {"clustering": "c: "}, "default_prompt_name": "clustering"},
    ],
)
def test_resolve_with_other_prompts_is_refused(folder, recipe):
    with pytest.raises(ModelError, match="prompt"):
        presets.resolve(str(folder(**{"config_sentence_transformers.json": recipe})))


def test_resolve_with_pickle_weights_is_refused(folder):
    with pytest.raises(ModelError, match="only pickle weights"):
        presets.resolve(str(folder(weights="pytorch_model.bin")))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"weights": "readme"}, "no weights"),
        ({"config.json": "garbled"}, "hidden_size"),
        ({"config": {"hidden_size": "many"}}, "hidden_size"),
    ],
)
def test_resolve_invalid_folder_is_refused_with_the_reason(folder, files, message):
    with pytest.raises(ModelError, match=message):
        presets.resolve(str(folder(**files)))


def test_resolve_folder_without_config_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"config\.json"):
        presets.resolve(str(tmp_path))
