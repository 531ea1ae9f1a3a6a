"""Tests of the encoder for static models, on generated tables of vectors."""

import json

import numpy as np
import pytest

from semls.engine.models.presets import resolve
from semls.engine.models.registry import load_encoder
from semls.errors import ModelError
from tests.support.hub import run_offline
from tests.support.models import FIBONACCI, save_static_model


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
    ("config", "tensors", "message"),
    [
        ({"hidden_dim": 0}, {}, "no valid hidden_dim"),
        ({"hidden_dim": 8}, {}, "of 16 numbers, for"),
        ({}, {"embeddings": np.ones((5, 16), np.float32)}, "5 vectors of 16 numbers"),
        ({}, {"embeddings": np.ones(16, np.float32)}, "not that of a static model"),
        ({}, {"embeddings": np.full((40_000, 16), np.nan, np.float32)}, "not that of a static model"),
        ({}, {"layers": np.ones(3, np.float32)}, "not that of a static model"),
        ({}, {"mapping": np.array([90_000])}, "Cannot load the model"),
    ],
    ids=["no dimension", "other dimension", "few rows", "a vector", "no numbers", "layers", "mapping"],
)
def test_static_model_with_other_files_is_refused(tmp_path, config, tensors, message):
    save_static_model(tmp_path, config, **tensors)
    with pytest.raises(ModelError, match=message):
        load(tmp_path)
