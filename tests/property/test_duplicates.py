"""Duplicates across channels: the fast grouping against a slow, obvious reading of the contract."""

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from features.duplicates import leaders
from tests.slow_reading import HOUR, groups

HOURS = (0, 1, 12, 24, 40, 47, 47.9999, 48, 49, 80, 95, 96, 140)
REPORT = st.tuples(
    st.integers(0, 2), st.integers(0, 2), st.sampled_from(HOURS) | st.floats(0, 200, width=16), st.integers(0, 3)
)


def fast(reports):
    """The leader of every report: the sorted place of the first report of its group."""
    columns = [np.array(column) for column in zip(*reports, strict=True)] if reports else [np.zeros(0, int)] * 4
    row, type_, hours, channel = columns
    return leaders(row, type_, (hours * HOUR).astype(np.int64), channel).tolist()


def slow(reports):
    """The same by going through the reports of each landmark one after the other."""
    leader = [0] * len(reports)
    for landmark in {report[0] for report in reports}:
        events = [
            {"place": place, "type": type_, "occurred_at": int(hours * HOUR), "channel": channel, "event_id": place}
            for place, (row, type_, hours, channel) in enumerate(reports)
            if row == landmark
        ]
        for group in groups(events):
            for member in group:
                leader[member["place"]] = group[0]["place"]
    return leader


def one_channel_after_another(hours, channels):
    return [(0, 0, hour, channel) for hour, channel in zip(hours, channels, strict=True)]


@settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(REPORT, max_size=24).map(sorted))
@example([])
@example(one_channel_after_another((0, 40, 80), (0, 1, 2)))
@example(one_channel_after_another((0, 1, 2, 3, 4), (0, 0, 1, 1, 1)))
@example(one_channel_after_another((0, 0, 0, 0), (0, 0, 1, 1)))
def test_leaders_are_those_of_the_slow_reading(reports):
    assert fast(reports) == slow(reports)


def test_the_examples_tell_wrong_readings_apart():
    """Chained groups, groups with a channel twice, and a window of 48 h and no less give other leaders."""
    assert fast(one_channel_after_another((0, 40, 80), (0, 1, 2))) == [0, 0, 2]  # chained: [0, 0, 0]
    assert fast(one_channel_after_another((0, 1, 2), (0, 1, 1))) == [0, 0, 2]  # a channel twice: [0, 0, 0]
    assert fast(one_channel_after_another((0, 1, 2, 3), (0, 0, 1, 1))) == [0, 1, 0, 1]  # first group only: [0, 1, 0, 3]
    assert fast(one_channel_after_another((0, 48), (0, 1))) == [0, 1]  # 48 h included: [0, 0]
    assert fast([(0, 0, 0, 0), (0, 1, 0, 1), (1, 0, 0, 1)]) == [0, 1, 2]  # over types or landmarks: [0, 0, 0]


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(REPORT, min_size=1, max_size=24).map(sorted))
def test_what_every_grouping_keeps(reports):
    """A leader leads itself, lies less than 48 h before its members, and has every channel once."""
    found = fast(reports)
    for leader in set(found):
        members = [reports[place] for place, its in enumerate(found) if its == leader]
        first = reports[leader]
        assert members[0] == first
        assert all(member[:2] == first[:2] and member[2] - first[2] < 48 for member in members)
        assert len({member[3] for member in members}) == len(members)
