from semls.engine.search.confidence import confidence
from semls.engine.search.ranking import Candidate
from tests.support.entries import make_entry

FIRST = Candidate(make_entry(), lexical=0.6, semantic=3.0)


def test_confidence_is_a_probability_that_grows_with_the_lexical_score_and_the_gap():
    low = confidence(FIRST._replace(lexical=0.1), [3.0, 2.9, 2.8])
    middle = confidence(FIRST, [3.0, 2.9, 2.8])
    high = confidence(FIRST, [4.5, 2.9, 2.8])
    assert 0 < low < middle < high < 1


def test_confidence_in_the_only_hit_uses_its_own_score():
    assert confidence(FIRST, [3.0]) > confidence(FIRST, [3.0, 1.0])
