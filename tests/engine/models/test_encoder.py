import json

import numpy as np
import pytest

from semls.engine.models.encoder import HashingEncoder
from tests.support.hub import run_offline
from tests.support.models import FIBONACCI


def test_hashing_encoder_with_shared_words_returns_similar_embeddings():
    texts = HashingEncoder().encode_documents(["parse the header", "render a button"])
    query, shorter = (HashingEncoder().encode_query(text) for text in ("Header, parse!", "header"))
    assert query @ texts[0] > shorter @ texts[1]


def test_hashing_encoder_in_another_process_returns_same_embedding():
    output = run_offline("print(encoder.HashingEncoder().encode_query('parse the header').tolist())")
    expected = HashingEncoder().encode_query("parse the header")
    np.testing.assert_allclose(json.loads(output), expected, atol=1e-6)


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
    ids=["empty", "blank", "long", "one word", "special tokens", "invalid", "non-Latin"],
)
def test_encode_any_text_returns_normalised_float32(any_encoder, text):
    rows = any_encoder.encode_documents([text, FIBONACCI])
    assert rows.shape == (2, any_encoder.model.dimension)
    assert rows.dtype == np.float32
    for row in (*rows, any_encoder.encode_query(text)):
        assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)


def test_encode_documents_without_texts_returns_no_rows(any_encoder):
    assert any_encoder.encode_documents([]).shape == (0, any_encoder.model.dimension)
