"""Confidence: the probability that the first hit of a search is right."""

import math
from typing import NamedTuple

from semls.engine.models.presets import Calibration


class Evidence(NamedTuple):
    """What tells whether the first hit of a search is right."""

    lexical: float  # the lexical score of the first hit, from 0 to 1
    gap: float  # the difference between the first score and the second; the first, if it is the only one
    cosine: float  # of the chunk nearest to the query; 0 without vectors


def confidence(evidence: Evidence, calibration: Calibration) -> float:
    """Return the probability that the first hit is right, from 0 to 1.

    "When is the first hit right?" in tests/bench/RESULTS.md shows how well it is calibrated.
    """
    intercept, *weights = calibration
    logit = intercept + sum(weight * value for weight, value in zip(weights, evidence, strict=True))
    return 1 / (1 + math.exp(-logit))
