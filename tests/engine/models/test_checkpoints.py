import json
import sys
from dataclasses import replace

import pytest

from semls.engine.models import presets
from semls.engine.models.registry import load_encoder
from semls.engine.models.transformers_encoder import TransformersEncoder
from semls.errors import ModelError
from tests.support.hub import run_offline
from tests.support.models import (
    FIBONACCI,
    MIN_SIMILARITY,
    installed_folder,
    save_module,
    save_nomic_model,
    set_seconds,
)

TEXTS = [FIBONACCI, "a short one", FIBONACCI * 9, "x", "the largest of them all, by far: " * 40]
SIZES = {
    "vocab_size": 30522,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "pad_token_id": 0,
}
NARROW = {"local_attention": 16, "global_attn_every_n_layers": 2}
OLD_KEYS = {"rope_parameters": None, "layer_types": None, "global_rope_theta": 8e4, "local_rope_theta": 1e4}


def bert():
    from transformers import BertConfig, BertModel

    return BertModel(BertConfig(**SIZES))


def bert_with_a_head():
    from transformers import BertConfig, BertForMaskedLM

    return BertForMaskedLM(BertConfig(**SIZES, hidden_act="relu"))


def modernbert(**options):
    from transformers import ModernBertConfig, ModernBertModel

    special = dict.fromkeys(("eos_token_id", "bos_token_id", "cls_token_id", "sep_token_id"), 1)
    return ModernBertModel(ModernBertConfig(**{**SIZES, **special, **NARROW, **options}))


def roberta():
    from transformers import RobertaConfig, RobertaModel

    return RobertaModel(RobertaConfig(**SIZES, max_position_embeddings=520))


def granite():
    return modernbert(hidden_activation="silu", norm_bias=True, attention_bias=True, mlp_bias=True)


def thetas():
    ropes = {
        kind: {"rope_type": "default", "rope_theta": theta}
        for kind, theta in (("full_attention", 8e4), ("sliding_attention", 1e4))
    }
    return modernbert(rope_parameters=ropes)


def save(folder, make, changes=None):
    """Save a network with random weights; return what computes its hidden states with transformers."""
    import torch

    if make is save_nomic_model:
        return save_nomic_model(folder)
    torch.manual_seed(0)
    module = make().eval()
    save_module(folder, module, changes)
    return module.base_model


def reference(module, encoder, text):
    """The embedding that transformers computes of a text alone, without padding."""
    import torch

    ids = encoder._tokenize([encoder.model.document_prefix + text], encoder.model.max_tokens)
    with torch.inference_mode():
        hidden = module(input_ids=torch.tensor(ids)).last_hidden_state[0]
    pooled = hidden[0] if encoder.model.pooling == "cls" else hidden.mean(0)
    return torch.nn.functional.normalize(pooled, dim=0).numpy()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
@pytest.mark.parametrize(
    ("make", "changes"),
    [
        (bert, {}),
        (bert_with_a_head, {}),
        (save_nomic_model, {}),
        (modernbert, {}),
        (granite, {}),
        (thetas, OLD_KEYS | NARROW),
        (roberta, {}),
    ],
    ids=["bert", "bert with a head", "nomic", "modernbert", "biases", "old keys", "another architecture"],
)
def test_load_any_architecture_returns_embeddings_of_transformers(
    tmp_path, monkeypatch, make, changes, dtype
):
    module = save(tmp_path, make, changes)
    variants = {name: 2.0 - (name == dtype) for name in ("bfloat16", "int8", "float32")}
    set_seconds(monkeypatch, 1.5, variants)
    encoder = load_encoder(presets.resolve(str(tmp_path)))
    if encoder.device != f"cpu, {dtype}":
        pytest.skip(f"{dtype} is not exact enough on this processor")
    vectors = encoder.encode_documents(TEXTS)
    for vector, text in zip(vectors, TEXTS, strict=True):
        assert vector @ reference(module, encoder, text) > MIN_SIMILARITY


@pytest.mark.parametrize("make", [bert, save_nomic_model, modernbert])
def test_load_returns_exactly_the_hidden_states_of_transformers(tmp_path, make):
    import torch

    from semls.engine.models import checkpoints

    module = save(tmp_path, make)
    network = checkpoints.load(tmp_path, json.loads((tmp_path / "config.json").read_text()), "float32")
    assert network
    ids, lengths = torch.randint(5, 30000, (3, 40)), torch.tensor([40, 23, 1])
    is_token = torch.arange(40) < lengths.unsqueeze(1)
    with torch.inference_mode():
        expected = module(input_ids=ids, attention_mask=is_token.long()).last_hidden_state
        found = network(ids, lengths)
    torch.testing.assert_close(found[is_token], expected[is_token], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("dimension", [512, 256])
def test_truncated_embeddings_are_normalised_as_on_the_model_card(tmp_path, dimension):
    import torch

    module = save(tmp_path, save_nomic_model)
    model = presets.PRESETS[f"nomic-ai/nomic-embed-text-v1.5-{dimension}"]
    assert (model.hub_repository, model.dimension) == ("nomic-ai/nomic-embed-text-v1.5", dimension)
    encoder = load_encoder(replace(model, folder=tmp_path, dimension=16))
    assert isinstance(encoder, TransformersEncoder)
    ids = torch.tensor(encoder._tokenize([f"search_query: {FIBONACCI}"], 512))
    with torch.inference_mode():
        pooled = module(input_ids=ids).last_hidden_state.mean(1)
    functional = torch.nn.functional
    expected = functional.normalize(functional.layer_norm(pooled, (64,))[:, :16], dim=1)[0].numpy()
    found = encoder.encode_query(FIBONACCI)
    assert found.shape == (16,)
    assert found @ expected > MIN_SIMILARITY


def test_load_other_weights_is_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    save_nomic_model(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights["encoder.layers.0.attn.Wqkv.bias"] = weights["emb_ln.bias"].repeat(3)
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"layers\.0\.qkv\.bias"):
        load_encoder(presets.resolve(str(tmp_path)))


def test_load_of_a_preset_does_not_import_transformers():
    output = run_offline("""
            import sys
            registry.load_encoder(presets.FALLBACK).encode_query("text")
            print("torch" in sys.modules, "transformers" in sys.modules, "torch._dynamo" in sys.modules)""")
    assert output == "True False False"


def test_tokenizer_returns_the_ids_of_transformers(encoder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(installed_folder())
    lines = [line for module in sorted(sys.modules)[::5] for line in [module, module.upper(), f"# {module}"]]
    texts = ["", " ", "[SEP] [MASK]", "naïve Ünïcode 漢字 🎂 \x00\u200b", FIBONACCI * 99, *TEXTS, *lines]
    for size in (16, 128):
        expected = tokenizer(texts, truncation=True, max_length=size)["input_ids"]
        assert encoder._tokenize(texts, size) == expected
