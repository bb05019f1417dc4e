"""Counts that may be shown, and the estimates of the oversight page, by hand and against scipy."""

import pytest
from scipy.stats import binomtest

from serving.pages.counts import Share, Stratum, missed_need, share, suppressed, wilson


@pytest.mark.parametrize(
    ("counts", "shown", "total"),
    [
        ({"a": 12, "b": 30}, {"a": 12, "b": 30}, 42),
        ({"a": 9, "b": 30, "c": 20}, {"a": None, "b": 30, "c": None}, 59),  # c, or a would follow from the sum
        ({"a": 9, "b": 8, "c": 20}, {"a": None, "b": None, "c": 20}, 37),
        ({"a": 2, "b": 3, "c": 20}, {"a": None, "b": None, "c": None}, 25),  # a + b alone would be under 10
        ({"a": 9}, {"a": None}, None),
        ({"a": 9, "b": 30}, {"a": None, "b": None}, 39),
        ({}, {}, None),
    ],
)
def test_no_count_under_ten_is_shown_or_follows_from_the_others(counts, shown, total):
    assert suppressed(counts) == (shown, total)


def test_what_is_held_back_is_never_told_by_the_rest():
    """Whatever the counts: nothing under 10 can be worked out from what is shown, not even a sum under 10."""
    for first in range(0, 25, 3):
        for second in range(0, 25, 4):
            for third in (0, 5, 9, 10, 40):
                counts = {"a": first, "b": second, "c": third}
                shown, total = suppressed(counts)
                held = [name for name, count in shown.items() if count is None]
                assert all(count is None or count >= 10 for count in shown.values())
                if total is not None and held:
                    assert len(held) > 1 and total - sum(count or 0 for count in shown.values()) >= 10


def test_a_share_tells_no_count_under_ten():
    assert share(3, 9) == Share(None)
    assert share(3, 200) == Share(200, below=0.05)
    assert share(195, 200) == Share(200, above=0.95)
    exact = share(50, 200)
    assert exact.share == 0.25 and exact.below is exact.above is None
    assert (exact.low, exact.high) == pytest.approx(wilson(50, 200))


@pytest.mark.parametrize(("part", "whole"), [(0, 40), (1, 40), (13, 40), (40, 40), (3, 5_000)])
def test_the_interval_is_wilson_s(part, whole):
    expected = binomtest(part, whole).proportion_ci(method="wilson")
    assert wilson(part, whole) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_missed_need_weighs_each_case_by_its_probability():
    """1,000 blue cases of which 50 were judged and 2 in need, 200 yellow, 20 and 5: 2 x 20 + 5 x 10 = 90."""
    total, low, high = missed_need([Stratum(1_000, 50, 2), Stratum(200, 20, 5)])
    assert total == pytest.approx(90)
    one_low, one_high = (1_000 * end for end in wilson(2, 50))
    two_low, two_high = (200 * end for end in wilson(5, 20))
    assert low == pytest.approx(90 - ((40 - one_low) ** 2 + (50 - two_low) ** 2) ** 0.5)
    assert high == pytest.approx(90 + ((one_high - 40) ** 2 + (two_high - 50) ** 2) ** 0.5)


def test_missed_need_is_never_told_to_be_none():
    total, low, high = missed_need([Stratum(10_000, 100, 0)])
    assert total == 0 and low == 0 and high > 300, "none in 100 leaves up to 3.7 in 100"
    assert missed_need([Stratum(10_000, 9, 0)]) is None
    assert missed_need([]) is None


def test_the_interval_of_missed_need_covers_the_truth():
    """Drawn 400 times from a world whose truth is known: the interval holds it in about 95 of 100."""
    import numpy as np

    rng = np.random.default_rng(7)
    truth = 20_000 * 0.02 + 3_000 * 0.15
    hits = 0
    for _ in range(400):
        strata = [Stratum(20_000, 300, int(rng.binomial(300, 0.02))), Stratum(3_000, 150, int(rng.binomial(150, 0.15)))]
        _, low, high = missed_need(strata)
        hits += low <= truth <= high
    assert 0.92 <= hits / 400 <= 0.985
