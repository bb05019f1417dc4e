"""The smaller tables of the truth: disputes, incidents, duplicates, potential outcomes, offers of the red package."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_samples.simulator.books import Books
from data_samples.simulator.clock import NEVER, NO_TIME, WEEK, Times
from data_samples.simulator.help import offers_together
from data_samples.simulator.history import History
from data_samples.simulator.incidents import COURSES
from data_samples.simulator.rows import NO_CODE
from data_samples.simulator.tables import dispute_ids, event_ids, incident_ids
from data_samples.simulator.truth import WrittenTruth
from data_samples.simulator.world import Setting
from features.schema import CONDUCT_TYPES, DISPUTE_KINDS

_TIME = pa.timestamp("us", tz="UTC")


def truth_tables(setting: Setting, history: History, books: Books, truth: WrittenTruth) -> dict[str, pa.Table]:
    """The tables by file name.  Offers are there only under a policy that makes some."""
    tables = {
        "disputes": _disputes(history, books, truth),
        "incidents": _incidents(setting, books),
        "duplicates": _duplicates(books),
        "potential": _potential(history, books),
    }
    if sum(map(len, history.offers)):
        tables["offers"] = _offers(history, books)
    return tables


def _disputes(history: History, books: Books, truth: WrittenTruth) -> pa.Table:
    """The written disputes in order of id: the true kind, the true pair, and where their weekly rows stand.

    ``pair`` names a true pair by the id of its first dispute.
    """
    case = np.flatnonzero(books.dispute_number)
    case = case[np.argsort(books.dispute_number[case])]
    cases = history.cases
    affirmed = _first_recorded_conduct(books, len(cases))
    return pa.table({
        "dispute_id": dispute_ids(case, books.dispute_number),
        "opened_at": _times(cases.opened[case]),
        "kind": pa.DictionaryArray.from_arrays(pa.array(cases.kind[case]), list(DISPUTE_KINDS)).cast(pa.string()),
        "pair": dispute_ids(books.root[case], books.dispute_number),
        "first_row": pa.array(truth.first_row[case]),
        "rows": pa.array(truth.row_count[case]),
        "first_conduct_recorded_at": _times(affirmed[case]),
    })  # fmt: skip


def _first_recorded_conduct(books: Books, count: int) -> Times:
    """When the first affirmed conduct of each dispute was recorded, spoilt rows apart; ``NEVER`` for none."""
    events = books.events
    plain = (events.type < len(CONDUCT_TYPES)) & (events.assertion <= 0) & (events.case >= 0)
    plain &= events.recorded >= events.occurred
    first = np.full(count, NEVER, np.int64)
    np.minimum.at(first, events.case[plain], events.recorded[plain])
    return first


def _incidents(setting: Setting, books: Books) -> pa.Table:
    """Every incident before the end with its true dispute (null: on no book); ``incident_id`` is null until verified."""
    true = books.incidents
    within = (true.occurred >= setting.start) & (true.occurred < setting.end)
    true, number = true.keep(within), books.incident_number[within]
    return pa.table({
        "incident_id": incident_ids(number),
        "dispute_id": dispute_ids(true.case, books.dispute_number),
        "occurred_at": _times(true.occurred),
        "verified_at": _times(true.verified),
    })  # fmt: skip


def _duplicates(books: Books) -> pa.Table:
    """Which event is a report of which other one through another channel."""
    rows = books.event_order[books.events.copy_of[books.event_order] != NO_CODE]
    copy, original = books.events.event[rows], books.events.copy_of[rows]
    copy, original = books.event_number[copy], books.event_number[original]
    copy, place = np.unique(copy[original > 0], return_index=True)
    return pa.table({"event_id": event_ids(copy), "of_event_id": event_ids(original[original > 0][place])})


def _potential(history: History, books: Books) -> pa.Table:
    """Of disputes with an incident under any course of help: when it comes under each; null = it does not."""
    case = np.concatenate([part.case for part in history.potential])
    written = books.dispute_number[case] > 0
    columns: dict[str, pa.Array] = {"dispute_id": dispute_ids(case[written], books.dispute_number)}
    for name in COURSES:
        columns[name] = _times(np.concatenate([part.at[name] for part in history.potential])[written])
    return pa.table(columns)


def _offers(history: History, books: Books) -> pa.Table:
    """Who ranked near or above the line of the red package, when, and whether it was given."""
    offers = offers_together(history.offers)
    at = history.cases.opened[offers.case] + offers.week.astype(np.int64) * WEEK
    kept = (books.dispute_number[offers.case] > 0) & (at <= history.incident[offers.case])
    offers, at = offers.keep(kept), at[kept]
    return pa.table({
        "dispute_id": dispute_ids(offers.case, books.dispute_number),
        "at": _times(at),
        "rank": pa.array(offers.rank),
        "in_band": pa.array(offers.in_band),
        "given": pa.array(offers.given),
    })  # fmt: skip


def _times(times: Times | NDArray[np.int64]) -> pa.Array:
    return pa.array(times, pa.int64(), mask=(times == NEVER) | (times == NO_TIME)).cast(_TIME)
