import numpy as np
import pytest

from semls.engine.models.presets import Calibration
from semls.engine.search.confidence import Evidence, confidence
from tests.bench.calibrate import Sample, fit, quality

TRUE = Calibration(-2.0, 3.0, 1.0, 2.0)


@pytest.fixture
def samples():
    random = np.random.default_rng(7)
    evidence = [Evidence(*map(float, row)) for row in random.random((20_000, 3))]
    drawn = random.random(len(evidence))
    right = [confidence(each, TRUE) > draw for each, draw in zip(evidence, drawn, strict=True)]
    return [Sample(each, one, not one, "tuning") for each, one in zip(evidence, right, strict=True)]


def test_fit_finds_the_weights_that_the_samples_were_drawn_with(samples):
    assert fit(samples) == pytest.approx(TRUE, abs=0.15)


def test_fit_without_cosines_gives_them_no_weight(samples):
    lexical = [
        Sample(sample.evidence._replace(cosine=0.0), sample.is_right, sample.is_foreign, sample.half)
        for sample in samples
    ]
    assert fit(lexical).cosine == 0
    assert fit(lexical).lexical == pytest.approx(3, abs=0.3)


def test_quality_of_right_weights_has_a_low_calibration_error(samples):
    assert "calibration error 0.00" in quality(samples, TRUE)
    assert "calibration error 0.00" not in quality(samples, TRUE._replace(intercept=0.0))
