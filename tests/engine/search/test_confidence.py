import pytest

from semls.engine.models.presets import FALLBACK, UNCALIBRATED
from semls.engine.search.confidence import Evidence, confidence

EVIDENCE = Evidence(lexical=0.5, gap=0.3, cosine=0.4)


@pytest.mark.parametrize("better", [{"lexical": 0.9}, {"gap": 1.5}, {"cosine": 0.7}])
def test_confidence_is_a_probability_that_grows_with_all_evidence(better):
    middle = confidence(EVIDENCE, FALLBACK.calibration)
    high = confidence(EVIDENCE._replace(**better), FALLBACK.calibration)
    assert 0 < middle < high < 1


def test_confidence_without_calibration_ignores_cosines():
    shifted = EVIDENCE._replace(cosine=0.9)
    assert confidence(EVIDENCE, UNCALIBRATED) == confidence(shifted, UNCALIBRATED)
