"""Tests of the encoder for static models, on generated tables of vectors."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file

from semls.engine.models.presets import STATIC, resolve
from semls.engine.models.registry import load_encoder
from semls.engine.models.static_encoder import StaticEncoder
from semls.errors import ModelError
from tests.support.hub import run_offline
from tests.support.models import DISTILLED_CONFIG, FIBONACCI, save_static_model


def load(folder):
    return load_encoder(resolve(str(folder)))


def token(folder, text):
    return json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"][text]


def normalised(vector):
    return vector / np.linalg.norm(vector)


def test_embedding_is_the_mean_of_the_vectors_of_the_known_tokens(tmp_path):
    table = save_static_model(tmp_path)
    read, header = table[token(tmp_path, "read")], table[token(tmp_path, "header")]
    vector = load(tmp_path).encode_query("read \U0001f382 header")  # a token that the vocabulary lacks
    np.testing.assert_allclose(vector, normalised((read + header) / 2), atol=1e-6)


def test_distilled_model_is_loaded_as_one_that_was_trained(tmp_path):
    save_static_model(tmp_path / "trained")
    save_static_model(tmp_path / "distilled", DISTILLED_CONFIG)
    trained, distilled = load(tmp_path / "trained"), load(tmp_path / "distilled")
    np.testing.assert_array_equal(trained.encode_query("read"), distilled.encode_query("read"))


def test_static_preset_has_a_table_of_its_dimension(tmp_path):
    save_static_model(tmp_path)
    encoder = load_encoder(replace(STATIC, folder=tmp_path, dimension=16))
    assert isinstance(encoder, StaticEncoder)
    with pytest.raises(ModelError, match="256 numbers"):
        load_encoder(replace(STATIC, folder=tmp_path))


def test_vectors_are_mapped_and_weighted_if_the_model_says_so(tmp_path):
    count = len(save_static_model(tmp_path))
    mapping = np.arange(count)[::-1].copy()
    weights = np.linspace(0.5, 2, count)
    table = save_static_model(tmp_path, mapping=mapping, weights=weights)
    ids = [token(tmp_path, "read"), token(tmp_path, "header")]
    expected = np.mean([table[mapping[one]] * weights[one] for one in ids], axis=0)
    vector = load(tmp_path).encode_documents(["read header"])[0]
    np.testing.assert_allclose(vector, normalised(expected), atol=1e-6)


def test_static_model_is_loaded_without_torch(tmp_path):
    save_static_model(tmp_path)
    code = (
        f"loaded = registry.load_encoder(presets.resolve({str(tmp_path)!r})); "
        "import sys; print(loaded.encode_query('parse').shape, 'torch' in sys.modules)"
    )
    assert run_offline(code).strip() == "(16,) False"


def test_documents_preempt_before_each_batch(static_encoder):
    calls = []
    static_encoder.encode_documents([FIBONACCI] * 130, lambda: calls.append(1))
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"embeddings": np.ones((5, 16), np.float32)}, "5 vectors of 16 numbers"),
        ({"embeddings": np.ones(16, np.float32)}, "There is no table of vectors"),
        ({"embeddings": np.ones((5, 20_000), np.float16)}, "at most 4,096"),
        ({"embeddings": np.full((40_000, 16), np.nan, np.float32)}, "not finite"),
        ({"layers": np.ones(3, np.float32)}, "unknown tensor 'layers'"),
        ({"mapping": np.array([90_000])}, "Cannot load the model"),
    ],
    ids=["few rows", "a vector", "many numbers", "no numbers", "layers", "mapping"],
)
def test_static_model_with_other_tensors_is_refused(tmp_path, tensors, message):
    save_static_model(tmp_path, **tensors)
    with pytest.raises(ModelError, match=message):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x10\0\0\0\0\0\0\0not a header at all", None])
def test_static_model_with_a_damaged_table_is_refused(tmp_path, content):
    save_static_model(tmp_path)
    if content is None:
        save_file({"vectors": np.ones((5, 16), np.float32)}, tmp_path / "model.safetensors")
    else:
        (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="There is no table of vectors"):
        load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes in folders")
def test_static_model_with_a_pipe_as_its_table_does_not_block(tmp_path):
    save_static_model(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    os.mkfifo(tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match="There is no table of vectors"):
        load(tmp_path)
