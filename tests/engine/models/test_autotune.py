import operator

import pytest

from semls.engine.models import autotune, presets
from semls.engine.models.registry import load_encoder
from semls.engine.models.transformers_encoder import TransformersEncoder
from tests.support.models import (
    FIBONACCI,
    MIN_SIMILARITY,
    has_plain_layers,
    save_nomic_model,
    set_seconds,
)


@pytest.mark.parametrize(
    ("plain", "bfloat16", "int8", "packed", "min_similarity", "device"),
    [
        (4.0, 1.0, 0.9, 0.5, 0.99, "cpu, bfloat16"),
        (3.0, 4.0, 1.0, 0.5, 0.99, "cpu, int8"),  # a laptop that emulates bfloat16
        (2.0, 3.0, 4.0, 1.0, 0.99, "cpu, float32"),  # an older one
        (1.0, 3.0, 4.0, 2.0, 0.99, "cpu, float32, plain"),  # one from Intel
        (4.0, 1.0, 1.0, 1.0, 1.01, "cpu, float32, plain"),  # no variant is exact enough
    ],
)
def test_load_uses_first_variant_that_is_fast_and_exact(
    tmp_path, monkeypatch, plain, bfloat16, int8, packed, min_similarity, device
):
    from semls.engine.models import cpu_kernels

    module = save_nomic_model(tmp_path)
    if "bfloat16" in device and not cpu_kernels.pack(module.bfloat16()):
        pytest.skip("this processor does not support bfloat16")
    set_seconds(monkeypatch, plain, {"bfloat16": bfloat16, "int8": int8, "float32": packed})
    monkeypatch.setattr(autotune, "_MIN_SIMILARITY", min_similarity)
    encoder = load_encoder(presets.resolve(str(tmp_path)))
    assert encoder.device + ", plain" * has_plain_layers(encoder) == device


class Without:
    """A wrapper that lacks a nested attribute, like a later version of a library."""

    def __init__(self, wrapped, path):
        self._wrapped, (self._first, *self._rest) = wrapped, path.split(".")

    def __call__(self, *arguments):
        return self._wrapped(*arguments)

    def __getattr__(self, name):
        if name != self._first:
            return getattr(self._wrapped, name)
        if not self._rest:
            raise AttributeError(f"there is no {name}")
        return Without(getattr(self._wrapped, name), ".".join(self._rest))


@pytest.mark.parametrize(
    ("holder", "symbol", "fastest"),
    [
        ("torch.ops.mkldnn", "_reorder_linear_weight", "bfloat16"),
        ("torch.ops.mkldnn", "_linear_pointwise", "bfloat16"),
        ("torch.ops.mkldnn", "_linear_pointwise.binary", "bfloat16"),
        ("torch.ops.mkldnn", "_reorder_linear_weight", "float32"),
        ("torch.ops.mkldnn", "_linear_pointwise", "float32"),
        ("torch.ops.onednn", "qlinear_prepack", "int8"),
        ("torch.ops.onednn", "qlinear_pointwise", "int8"),
    ],
)
def test_load_without_a_private_symbol_uses_float32_and_logs_one_line(
    tmp_path, monkeypatch, caplog, holder, symbol, fastest
):
    import torch

    module = save_nomic_model(tmp_path)
    variants = {dtype: 2.0 - (dtype == fastest) for dtype in ("bfloat16", "int8", "float32")}
    set_seconds(monkeypatch, 1.5, variants)
    wrapped = operator.attrgetter(holder.partition(".")[2])(torch)
    monkeypatch.setattr(holder, Without(wrapped, symbol))
    encoder = load_encoder(presets.resolve(str(tmp_path)))
    assert isinstance(encoder, TransformersEncoder)
    assert encoder.device == "cpu, float32"
    assert has_plain_layers(encoder)
    (record,) = (record for record in caplog.records if record.levelname == "WARNING")
    assert symbol.rpartition(".")[2] in record.getMessage()
    assert "\n" not in record.getMessage()
    ids = torch.tensor([encoder._tokenizer.encode(f"search_document: {FIBONACCI}").ids])
    with torch.inference_mode():
        expected = module(input_ids=ids).last_hidden_state[0].mean(0)
    expected = torch.nn.functional.normalize(expected, dim=0).numpy()
    assert encoder.encode_documents([FIBONACCI])[0] @ expected > MIN_SIMILARITY
