"""Confidence: the probability that the first hit of a search is right."""

import math
from collections.abc import Sequence

from semls.engine.search.ranking import Candidate

# A logistic regression on five benchmarks. "When is the first hit right?" in tests/bench/RESULTS.md shows how
# well it is calibrated.
_INTERCEPT = -2.4
_LEXICAL_WEIGHT = 2.5  # of the first hit's lexical score, from 0 to 1
_GAP_WEIGHT = 1.3  # of the difference between the first score and the second


def confidence(first: Candidate, scores: Sequence[float]) -> float:
    """Return the probability that the first hit is right, from 0 to 1.

    `scores` are those of all hits, best first. Cosines do not count, because their range depends on the
    model.
    """
    gap = scores[0] - scores[1] if len(scores) > 1 else scores[0]
    return 1 / (1 + math.exp(-(_INTERCEPT + _LEXICAL_WEIGHT * first.lexical + _GAP_WEIGHT * gap)))
