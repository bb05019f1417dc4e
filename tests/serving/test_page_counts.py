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
    told = missed_need([Stratum(1_000, 50, 50, 2), Stratum(200, 20, 20, 5)])
    assert told.total == pytest.approx(90)
    one_low, one_high = (1_000 * end for end in wilson(2, 50))
    two_low, two_high = (200 * end for end in wilson(5, 20))
    assert told.low == pytest.approx(90 - ((40 - one_low) ** 2 + (50 - two_low) ** 2) ** 0.5)
    assert told.high == pytest.approx(90 + ((one_high - 40) ** 2 + (two_high - 50) ** 2) ** 0.5)
    assert (told.least, told.most, told.least_low, told.most_high) == pytest.approx((90, 90, told.low, told.high))


def test_who_was_not_judged_may_all_be_in_need_or_none():
    """1,000 blue cases, 100 drawn, 60 judged, 6 in need; 200 yellow, 50, 40 and 10.

    As if the others were like these: 6 x 1,000/60 + 10 x 200/40 = 150.  None of the others: 6 x 10 + 10 x 4 = 100.
    All of the 40 and of the 10: 46 x 10 + 20 x 4 = 540.
    """
    told = missed_need([Stratum(1_000, 100, 60, 6), Stratum(200, 50, 40, 10)])
    assert (told.total, told.least, told.most) == pytest.approx((150, 100, 540))
    lows, highs = (
        (1_000 * wilson(6, 100)[0], 200 * wilson(10, 50)[0]),
        (1_000 * wilson(46, 100)[1], 200 * wilson(20, 50)[1]),
    )
    assert told.least_low == pytest.approx(100 - ((60 - lows[0]) ** 2 + (40 - lows[1]) ** 2) ** 0.5)
    assert told.most_high == pytest.approx(540 + ((highs[0] - 460) ** 2 + (highs[1] - 80) ** 2) ** 0.5)
    assert told.least_low < told.least < told.total < told.most < told.most_high


def test_missed_need_is_never_told_to_be_none():
    told = missed_need([Stratum(10_000, 100, 100, 0)])
    assert told.total == 0 and told.low == 0 and told.high > 300, "none in 100 leaves up to 3.7 in 100"
    assert missed_need([Stratum(10_000, 100, 9, 0)]) is None
    assert missed_need([]) is None


def test_the_interval_of_missed_need_covers_the_truth():
    """Drawn 400 times from a world whose truth is known: the interval holds it in about 95 of 100."""
    import numpy as np

    rng = np.random.default_rng(7)
    truth = 20_000 * 0.02 + 3_000 * 0.15
    hits = 0
    for _ in range(400):
        strata = [
            Stratum(20_000, 300, 300, int(rng.binomial(300, 0.02))), Stratum(3_000, 150, 150, int(rng.binomial(150, 0.15))),
        ]  # fmt: skip
        told = missed_need(strata)
        hits += told.low <= truth <= told.high
    assert 0.92 <= hits / 400 <= 0.985


def test_the_bounds_hold_the_truth_where_those_in_need_are_judged_less_often():
    """Of 10% in need only every third is judged, of the others all: the plain interval is wrong, the bounds are not."""
    import numpy as np

    rng = np.random.default_rng(8)
    fooled = held = 0
    for _ in range(100):
        need = int(rng.binomial(600, 0.10))
        judged_in_need = int(rng.binomial(need, 1 / 3))
        told = missed_need([Stratum(20_000, 600, 600 - need + judged_in_need, judged_in_need)])
        fooled += not told.low <= 2_000 <= told.high
        held += told.least_low <= 2_000 <= told.most_high
    assert fooled > 90 and held >= 97
