"""Nothing known at or after a landmark changes a byte of its row, or whether it is a landmark at all.

Random worlds are built twice: as they are, and with rows of every kind that became known later.  The mutations at the
end break the time boundary in one place each, and must be found: a test that cannot fail is a defect.
"""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import features.families.handling
import features.labels
import features.loading
import features.spine
import features.view
from features.clock import NEVER, format_time, visible
from tests import rows as r
from tests import slow_reading as slow
from tests import worlds

EVERY_KIND = {
    "event", "duplicate", "version", "withdrawal", "closure", "dispute version", "dispute", "answer", "petition",
    "petition version", "incident",
}  # fmt: skip
SLOWLY = settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def two_worlds(seed):
    """A world, a landmark, and the world with what became known at or after it; and the kinds of what came."""
    rng = random.Random(seed)
    tables = worlds.world(rng, disputes=50, events=10, pairs=3)
    as_of = worlds.interesting_time(rng, tables)
    later, kinds = worlds.future(rng, tables, as_of, rows=300)
    return tables, later, as_of, set(kinds)


def check_no_leak(seed, place, *, spine):
    """Both worlds have the same rows, to the bit: on their default spines up to ``as_of``, or at it and just before."""
    tables, later, as_of, _ = two_worlds(seed)
    spec = "spine" if spine else r.at(as_of, as_of - 10 * r.DAY, as_of - 1)
    before, after = (
        r.build(each, place / f"{seed}-{spine}-{n}", as_of=spec).until(as_of) for n, each in enumerate((tables, later))
    )
    if spine:  # the default spine ends with the records, and the longer ones go on
        known = slow.known_at(tables)
        after = {key: row for key, row in after.items() if key[1] <= known}
    assert before, "a world without a row proves nothing"
    assert list(after) == list(before), f"other landmarks: {sorted(set(before) ^ set(after))[:5]}"
    changed = [key for key in before if before[key] != after[key]]
    assert not changed, f"rows changed: {changed[:5]}"


@SLOWLY
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_the_future_changes_no_row(tmp_path_factory, seed, spine):
    check_no_leak(seed, tmp_path_factory.mktemp("leak"), spine=spine)


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_the_future_changes_no_request(rng):
    """The same for one small case as a request, where hypothesis can shrink what it finds."""
    tables = worlds.world(rng, disputes=2, events=4, pairs=1)
    as_of = worlds.interesting_time(rng, tables)
    later, _ = worlds.future(rng, tables, as_of, rows=6)
    if slow.visible_dispute(tables, "D000", as_of) is None:
        return
    before, after = (r.case_record(each, "D000", as_of) for each in (tables, later))
    assert r.bits(r.online(before)) == r.bits(r.online(after))


def test_rows_of_every_kind_came():
    """Guards the tests above: all kinds of later rows are drawn, some at the very instant of the landmark."""
    for seed in range(3):
        tables, later, as_of, kinds = two_worlds(seed)
        assert kinds == EVERY_KIND
        known = [row["recorded_at"] for row in later["events"] if row not in tables["events"]]
        assert min(known) == as_of


# --- mutations -------------------------------------------------------------------------------------------------------


def pairs_by(rule):
    """Pairs of landmarks and rows like the kernel's, by another rule of what is visible."""

    def visible_pairs(offsets, known_from, known_until, dispute, as_of):
        counts = np.diff(offsets)[dispute]
        row = np.repeat(np.arange(len(dispute)), counts)
        item = np.arange(len(row)) + np.repeat(offsets[dispute] - np.cumsum(counts) + counts, counts)
        seen = rule(known_from[item], known_until[item], as_of[row])
        return row[seen], item[seen]

    return visible_pairs


def test_the_pairs_by_the_true_rule_are_the_kernels(tmp_path, monkeypatch):
    """Guards the mutations below: they are found for their rule, not for their form."""
    monkeypatch.setattr("features.view.visible_pairs", pairs_by(visible))
    check_no_leak(0, tmp_path, spine=False)


def equal_instant(known_from, known_until, as_of):
    return (known_from <= as_of) & (known_until >= as_of)


def replaced_too_early(known_from, known_until, as_of):
    return (known_from < as_of) & (known_until > as_of)


def last_version_only(known_from, known_until, as_of):
    return (known_from < as_of) & (known_until == NEVER)


def everything(known_from, known_until, as_of):
    return np.ones(len(as_of), bool)


def answered_in_the_end(petitions):
    return petitions.column("answer_recorded_at") < NEVER


def without_known(petitions):
    return petitions.column("answered_at") < petitions.as_of


PRIORS = features.loading._PRIORS
LATER_CLOSURE = PRIORS.replace(
    "greatest(here.known_from, there.known_from, closure.known_from) AS known_from",
    "greatest(here.known_from, there.known_from) AS known_from",
)
LATER_LINK = PRIORS.replace(
    "greatest(here.known_from, there.known_from, closure.known_from) AS known_from",
    "greatest(there.known_from, closure.known_from) AS known_from",
)
_SPANS = features.spine._closure_spans
_EVENTS = features.spine._after_events


def closed_in_the_end(history, first, *, known_at):
    """Closures as they turned out: whoever was closed once was closed all along."""
    spans = _SPANS(history, first, known_at=known_at)
    return replace(spans, closed=np.isin(spans.dispute, spans.dispute[spans.closed]))


def at_most_the_last(history, events):
    """Landmarks after events thinned out from the last back to the first."""
    every = _EVENTS(history, events)
    every = every[np.lexsort((every.as_of, every.dispute))]
    return every[np.diff(every.dispute, append=-1) != 0]


MUTATIONS = {
    "a row recorded at as_of is visible": ("features.view.visible_pairs", pairs_by(equal_instant)),
    "a version ends at the instant of the next": ("features.view.visible_pairs", pairs_by(replaced_too_early)),
    "the last version counts from the start": ("features.view.visible_pairs", pairs_by(last_version_only)),
    "every row is visible": ("features.view.visible_pairs", pairs_by(everything)),
    "an answer is known before it is": ("features.families.handling._answered", answered_in_the_end),
    "an answer is known when it is given": ("features.families.handling._answered", without_known),
    "a closure is known before it is": ("features.loading._PRIORS", LATER_CLOSURE),
    "a pair link is known before it is": ("features.loading._PRIORS", LATER_LINK),
    "the spine knows of later closures": ("features.spine._closure_spans", closed_in_the_end),
    "the spine keeps the last event": ("features.spine._after_events", at_most_the_last),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_broken_boundary_is_found(tmp_path, monkeypatch, mutation):
    monkeypatch.setattr(*MUTATIONS[mutation])
    with pytest.raises(AssertionError, match=r"rows changed|other landmarks"):
        for seed in range(6):
            check_no_leak(seed, tmp_path, spine="spine" in MUTATIONS[mutation][0])


# --- the past as it was ----------------------------------------------------------------------------------------------


def cut(tables, known):
    """The records as they stood at ``known``: what was recorded later is not there, nor are later answers."""
    past = {}
    for table, rows in tables.items():
        past[table] = [dict(row) for row in rows if row[worlds.KEYS[table][1]] <= known]
    for row in past["petitions"]:
        if row["answer_recorded_at"] is not None and row["answer_recorded_at"] > known:
            row |= {"answered_at": None, "answer_recorded_at": None}
    kept = {row["dispute_id"] for row in past["disputes"]} | {None}
    return {table: [row for row in rows if row["dispute_id"] in kept] for table, rows in past.items()}


@pytest.mark.parametrize("seed", range(1))
def test_as_known_at_is_the_matrix_of_that_day(tmp_path, seed):
    tables = worlds.world(random.Random(seed), disputes=40)
    known = sorted(row["recorded_at"] for row in tables["events"])[-len(tables["events"]) // 4]
    past = cut(tables, known)
    # a row of a dispute that is not known yet is refused at the door, but is part of the longer records
    tables["events"] = [row for row in tables["events"] if row in past["events"] or row["recorded_at"] > known]
    assert slow.known_at(past) == known
    rebuilt = r.build(tables, tmp_path / "rebuilt", as_known_at=known)
    then = r.build(past, tmp_path / "then")
    assert rebuilt.manifest["digest"] == then.manifest["digest"]
    assert rebuilt.manifest["known_at"] == then.manifest["known_at"] == format_time(known)
    assert set(then.labels) == {None, 0, 1}
    assert r.build(tables, tmp_path / "all").manifest["digest"] != then.manifest["digest"]
