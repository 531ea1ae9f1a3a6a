import os

import pytest

from semls.engine.models import autotune, presets
from semls.engine.models.registry import load_encoder
from semls.engine.models.tuned_variants import TunedVariants
from tests.support.models import FIBONACCI, MIN_SIMILARITY, save_nomic_model, set_seconds

WEEKS = 2 * 7 * 24 * 3600


@pytest.fixture
def load(tmp_path, monkeypatch):
    """A function that loads a small model; the one of these dtypes is the fastest, if any is measured."""
    save_nomic_model(tmp_path / "model")

    def load(fastest):
        set_seconds(
            monkeypatch, 1.5, {name: 2.0 - (name == fastest) for name in ("bfloat16", "int8", "float32")}
        )
        variants = TunedVariants(tmp_path / "variants")
        return load_encoder(presets.resolve(str(tmp_path / "model")), variants=variants)

    return load


def stored(tmp_path):
    (path,) = (tmp_path / "variants").iterdir()
    return path


def layer_types(encoder):
    return [type(layer) for layer in encoder._network.module.modules()]


@pytest.mark.parametrize("fastest", ["float32", "int8", "bfloat16", "none"])
def test_load_again_measures_nothing_and_returns_same_embeddings(load, monkeypatch, fastest):
    first = load(fastest)
    monkeypatch.setattr(autotune, "_seconds", None)
    again = load_encoder(first.model, variants=first._variants)
    assert again.device == first.device
    assert layer_types(again) == layer_types(first)
    assert again.encode_query(FIBONACCI) @ first.encode_query(FIBONACCI) > 1 - 1e-6


@pytest.mark.parametrize("change", ["instructions", "age", "file", "variant"])
def test_load_after_a_change_measures_again(load, tmp_path, monkeypatch, change):
    assert load("float32").device == "cpu, float32"
    path = stored(tmp_path)
    if change == "instructions":
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    elif change == "age":
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - WEEKS))
    elif change == "file":
        path.write_bytes(path.read_bytes()[:100])
    else:
        path.write_bytes(path.read_bytes().replace(b"packed float32", b"packed unknown"))
    if load("int8").device != "cpu, int8":
        pytest.skip("int8 is not exact enough on this processor")
    tuned = TunedVariants(path.parent).read(path.stem)
    assert tuned
    assert tuned.name == "int8"


def test_load_with_an_inexact_variant_measures_again(load, monkeypatch):
    first = load("float32")
    with monkeypatch.context() as patched:
        patched.setattr(autotune, "_MIN_SIMILARITY", 1.01)
        encoder = load("none")
    assert layer_types(encoder) != layer_types(first)
    assert encoder.encode_query(FIBONACCI) @ first.encode_query(FIBONACCI) > MIN_SIMILARITY


def test_load_with_unwritable_folder_works(tmp_path):
    save_nomic_model(tmp_path / "model")
    (tmp_path / "variants").write_text("a file")
    encoder = load_encoder(
        presets.resolve(str(tmp_path / "model")), variants=TunedVariants(tmp_path / "variants")
    )
    assert encoder.device.startswith("cpu")
