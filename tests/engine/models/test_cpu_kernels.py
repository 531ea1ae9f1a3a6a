import time
from pathlib import Path

import pytest

from semls import engine
from semls.engine.models.presets import FALLBACK
from semls.engine.models.registry import load_encoder
from tests.support.hub import run_offline
from tests.support.models import FIBONACCI, MIN_SIMILARITY, save_nomic_model, set_seconds

SOURCES = sorted(Path(engine.__file__).parent.rglob("*.py"))


@pytest.mark.slow
def test_quantize_small_layers_with_avx2_only_succeeds():
    """Their calls take longer than their products, so they were once taken for slow reference code."""
    output = run_offline(
        """
            import torch
            from semls.engine.models import cpu_kernels
            small = lambda: torch.nn.ModuleDict({"layer": torch.nn.Linear(64, 64)})
            maxima = {"layer": torch.ones(64)}
            print({cpu_kernels.quantize(small(), maxima) for _ in range(100)})""",
        ONEDNN_MAX_CPU_ISA="AVX2",
    )
    assert output == "{True}"


def test_pack_interrupted_for_longer_than_the_trial_succeeds(monkeypatch):
    import torch

    from semls.engine.models import cpu_kernels

    interruptions = [0.0, 0.3]

    def seconds(*_):
        interruption = interruptions.pop() if interruptions else 0.0
        time.sleep(interruption)
        return interruption or 1e-5

    monkeypatch.setattr(cpu_kernels, "_TRIAL_SECONDS", 0.2)
    monkeypatch.setattr(cpu_kernels, "_seconds", seconds)
    layer = torch.nn.Linear(8, 8)
    assert cpu_kernels._is_fast(layer, layer, torch.ones(1, 8))


@pytest.mark.slow
def test_quantized_encoder_returns_similar_embeddings(monkeypatch):
    texts = [text for file in SOURCES for text in file.read_text("utf-8").split("\n\n\n") if text.strip()][
        ::4
    ]
    plain = load_with_dtype("float32", monkeypatch)
    quantized = load_with_dtype("int8", monkeypatch)
    if quantized.device != "cpu, int8":
        pytest.skip("this processor has no VNNI: without it, int8 is not exact enough")
    assert len(texts) > 100
    similarities = (plain.encode_documents(texts) * quantized.encode_documents(texts)).sum(1)
    assert similarities.min() > MIN_SIMILARITY
    assert quantized.encode_query(FIBONACCI) @ plain.encode_query(FIBONACCI) > MIN_SIMILARITY


def load_with_dtype(fastest, monkeypatch):
    """Load the bundled model as if this dtype were the fastest."""
    variants = {dtype: 2.0 - (dtype == fastest) for dtype in ("bfloat16", "int8", "float32")}
    set_seconds(monkeypatch, 1.5, variants)
    return load_encoder(FALLBACK)


def test_quantize_layer_without_recorded_inputs_returns_similar_output(tmp_path):
    import torch

    from semls.engine.models import cpu_kernels

    module = save_nomic_model(tmp_path)
    rows = torch.randn(8, 64)
    with torch.inference_mode():
        layer = module.layers[0].self_attn.q_proj
        maxima = {"layers.0.self_attn.q_proj": torch.zeros(64)}
        expected = layer(rows)
        if not cpu_kernels.quantize(module, maxima):
            pytest.skip("this processor does not support int8")
        found = module.layers[0].self_attn.q_proj(rows)
    assert torch.nn.functional.cosine_similarity(expected, found).min() > 0.99


@pytest.mark.parametrize("padding", [0, 3])
def test_attention_returns_what_torch_returns(padding):
    import torch

    from semls.engine.models import cpu_kernels

    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 4, 9, 16)
    mask = torch.zeros(2, 1, 1, 9)
    mask[1, ..., 9 - padding :] = torch.finfo().min
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, mask)
    found = cpu_kernels.attention(query, key, value, mask if padding else None)
    torch.testing.assert_close(found, expected)
