"""A partition read as if a channel had told of nothing: by hand, with corrections from one channel to another."""

from __future__ import annotations

import pytest

from features import read_records
from features.loading import Partition
from features.partition import write_partitions
from features.view import TYPE_CODE
from tests import rows as r

OPENED = r.NEW_YEAR


@pytest.fixture(scope="module")
def partition(tmp_path_factory):
    """Threats of grid and police, one of each corrected by the other; the closure is the police's."""
    folder = tmp_path_factory.mktemp("silent")
    day = [OPENED + n * r.DAY for n in range(10)]
    tables = r.no_rows()
    tables["disputes"] = [r.dispute("D", OPENED)]
    tables["events"] = [
        r.event("E-GRID", "D", "threat", day[1]),
        r.event("E-POLICE", "D", "threat", day[2], channel="police_110"),
        r.event("E-TO-POLICE", "D", "threat", day[4], day[4]),
        r.event("E-TO-POLICE", "D", "threat", day[4], day[6], channel="police_110"),
        r.event("E-TO-GRID", "D", "threat", day[5], day[5], channel="police_110"),
        r.event("E-TO-GRID", "D", "threat", day[5], day[7]),
        r.event("E-CLOSED", "D", "closed", day[8], channel="police_110"),
    ]
    with read_records(r.write_records(folder / "records", tables)) as records:
        folders = write_partitions(records.connection, folder / "parts", known_at=r.NOW_US)
    (own,) = [one for one in folders if len(Partition(one).dispute_ids)]
    return own


def conduct(history):
    """Id, first and last day of every version of conduct."""
    log = history.conduct
    return {
        (name, (since - OPENED) // r.DAY, None if until > r.NOW_US else (until - OPENED) // r.DAY)
        for name, since, until in zip(log.ids, log.known_from, log.known_until, strict=True)
    }


def test_a_version_counts_for_the_channel_that_it_names(partition):
    """The silent channel's versions are gone; a version that it corrected still ends when the correction came."""
    silent = Partition(partition, with_ids=True, silent_channel="police_110").history()
    assert conduct(silent) == {
        ("E-GRID", 1, None), ("E-TO-POLICE", 4, 6), ("E-TO-GRID", 7, None),
    }  # fmt: skip
    assert TYPE_CODE["closed"] not in silent.steps.columns["type"]


def test_without_a_silent_channel_every_version_is_there(partition):
    whole = Partition(partition, with_ids=True).history()
    assert len(whole.conduct.ids) == 6
    assert TYPE_CODE["closed"] in whole.steps.columns["type"]
