"""Rows of spoilt records against a matrix that was built from records spoilt in the same way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import numpy as np
import pytest

from features import build_matrix, read_records
from features.clock import DAY_US, format_time
from features.errors import UserError
from training.rows import test_rows as rows_of
from training.spoilt_rows import Spoiling, Wanted, spoilt_margins

CLOSED_DAYS = 181


@pytest.fixture(scope="module")
def opened(unit_world):
    with read_records(unit_world) as records:
        yield records


@pytest.fixture(scope="module")
def wanted(opened, fitted, tmp_path_factory):
    """Monthly rows of the test period, as an experiment judges them."""
    times = fitted.split.test_start + np.arange(1, 150, 30) * DAY_US
    margins = margins_of(opened, fitted, tmp_path_factory.mktemp("as_they_are"), times)
    ids, as_of = zip(*margins, strict=True)
    shuffled = np.random.default_rng(3).permutation(len(ids))
    return Wanted(
        dispute_ids=np.array(ids, object)[shuffled], as_of=np.array(as_of)[shuffled], closed_within_days=CLOSED_DAYS
    )


def margins_of(records, fitted, folder, times, *, closed_within_days=CLOSED_DAYS):
    """The margin of every row of a matrix built at some times, by dispute and time."""
    told = ",".join(format_time(int(at)) for at in times)
    build_matrix(records, folder / "m", as_of=told, closed_within_days=closed_within_days, workers=1)
    split = fitted.split.__class__(**vars(fitted.split) | {"test_start": 0, "test_end": 2**62})
    rows, ids, parts = rows_of(
        folder / "m", split, fitted.model.contract.column_names, label="label_90",
        work=lambda part: fitted.model.margin_of_rows(part.values),
    )  # fmt: skip
    return dict(zip(zip(ids, rows.as_of.tolist(), strict=True), np.concatenate(parts).tolist(), strict=True))


@contextmanager
def without(records, channel) -> Iterator[None]:
    connection = records.connection
    connection.execute("ALTER VIEW events RENAME TO all_events")
    connection.execute(f"CREATE VIEW events AS SELECT * FROM all_events WHERE channel IS DISTINCT FROM '{channel}'")
    try:
        yield
    finally:
        connection.execute("DROP VIEW events")
        connection.execute("ALTER VIEW all_events RENAME TO events")


def said(found, wanted, *, shift=0):
    keys = zip(wanted.dispute_ids[found.found], (wanted.as_of[found.found] - shift).tolist(), strict=True)
    return dict(zip(keys, found.margin.tolist(), strict=True))


def test_rows_of_spoilt_records_are_those_of_a_matrix_built_from_them(opened, fitted, wanted, tmp_path):
    """A channel that told of nothing, and a week's delay: the same rows, and the same margins to the last bit."""
    told = []
    plain, earlier, silent = spoilt_margins(
        opened, fitted.model, wanted,
        [Spoiling(), Spoiling(days_earlier=7), Spoiling(silent_channel="grid")], step=told.append,
    )  # fmt: skip
    assert told == sorted(told) and told[-1] == 1.0
    times = np.unique(wanted.as_of)
    asked = set(zip(wanted.dispute_ids, wanted.as_of.tolist(), strict=True))
    as_it_is = margins_of(opened, fitted, tmp_path / "plain", times)
    assert plain.found.all() and said(plain, wanted) == as_it_is
    with without(opened, "grid"):
        spoilt = margins_of(opened, fitted, tmp_path / "silent", times)
    assert said(silent, wanted) == {key: margin for key, margin in spoilt.items() if key in asked}
    assert said(silent, wanted) != as_it_is
    shift = 7 * DAY_US
    before = margins_of(opened, fitted, tmp_path / "earlier", times - shift, closed_within_days=CLOSED_DAYS + 7)
    found = said(earlier, wanted, shift=shift)
    assert found == {key: before[key] for key in found} and 0 < len(found) <= len(asked)
    assert {key for key in asked if (key[0], key[1] - shift) in before} == {(name, at + shift) for name, at in found}


def test_few_disputes_are_found_in_whichever_part_they_lie(fitted):
    """Most parts hold none of them; one is on no book yet, and an unknown one is never found."""
    with read_records("data_samples/neighbourhood") as records:
        at = records.known_at
        ids = [name for (name,) in records.connection.sql(
            "SELECT dispute_id FROM disputes GROUP BY ALL ORDER BY min(opened_at) DESC LIMIT 2"
        ).fetchall()]  # fmt: skip
        wanted = Wanted(
            dispute_ids=np.array([ids[0], "D-NO-SUCH", ids[1], ids[0]], object),
            as_of=np.array([at, at, at, 0]), closed_within_days=1e5,
        )  # fmt: skip
        (found,) = spoilt_margins(records, fitted.model, wanted, [Spoiling()], step=lambda _done: None)
    assert found.found.tolist() == [True, False, True, False]
    assert np.isfinite(found.margin).all() and found.margin.shape == (2,)


def test_a_full_disk_is_told_with_a_way_out(opened, fitted, wanted, monkeypatch):
    def full(*_given, **_named):
        raise duckdb.IOException("No space left on device")

    monkeypatch.setattr("training.spoilt_rows.write_partitions", full)
    with pytest.raises(UserError, match=r"No space left.*TMPDIR"):
        spoilt_margins(opened, fitted.model, wanted, [Spoiling()], step=lambda _done: None)
