"""One case record of a scoring request to a history of one dispute: the same kernel, with a spine of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from features.clock import NEVER
from features.history import Array, History, Log, Spine
from features.request_model import CaseRecord
from features.schema import (
    CHANNELS,
    CONDUCT_TYPES,
    DEFAULT_SEVERITY,
    DISPUTE_KINDS,
    EVENT_TYPES,
    NEVER_SEVERE,
    PROXIMITIES,
    RELATIONS,
    SERVICES,
    STAKES,
)

Row = Mapping[str, Any]
Reader = Callable[[Sequence[Row]], list[Any]]
Field = tuple[str, type, Reader]


class Version(NamedTuple):
    """One version of a row, and from and until when it was the last word."""

    row: Row
    row_id: str
    known_from: int
    known_until: int


def _coded(column: str, codes: tuple[str, ...]) -> Reader:
    positions = {code: position for position, code in enumerate(codes)} | {None: -1}
    return lambda rows: [positions[row.get(column)] for row in rows]


def _given(column: str) -> Reader:
    """A column that is never null."""
    return lambda rows: [row[column] for row in rows]


def _plain(column: str, null: float = np.nan) -> Reader:
    return lambda rows: [null if (found := row.get(column)) is None else found for row in rows]


def _stakes(rows: Sequence[Row]) -> list[int]:
    return [sum(1 << STAKES.index(one) for one in set(stakes)) if (stakes := row.get("stakes")) else -1 for row in rows]


def _severity(rows: Sequence[Row]) -> list[int]:
    given = ((row["type"], 0 if row["type"] == NEVER_SEVERE else row.get("severity")) for row in rows)
    return [DEFAULT_SEVERITY.get(type_, 0) if severity is None else severity for type_, severity in given]


_TYPE_CODE = {type_: code for code, type_ in enumerate(EVENT_TYPES)}
_TYPE: Field = ("type", np.int64, lambda rows: [_TYPE_CODE[row["type"]] for row in rows])
_OCCURRED: Field = ("occurred_at", np.int64, _given("occurred_at"))
_CONDUCT = frozenset(CONDUCT_TYPES)

CASE_FIELDS: tuple[Field, ...] = (
    ("opened_at", np.int64, _given("opened_at")),
    ("channel", np.int64, _coded("channel", CHANNELS)),
    ("kind", np.int64, _coded("kind", DISPUTE_KINDS)),
    ("relation", np.int64, _coded("relation", RELATIONS)),
    ("proximity", np.int64, _coded("proximity", PROXIMITIES)),
    ("stakes", np.int64, _stakes),
    ("amount_cny", np.float64, _plain("amount_cny")),
    ("wage_arrears_months", np.float64, _plain("wage_arrears_months")),
    ("unpaid_medical_cny", np.float64, _plain("unpaid_medical_cny")),
    ("minors_in_household", np.int64, _plain("minors_in_household", -1)),
)
CONDUCT_FIELDS: tuple[Field, ...] = (
    _TYPE,
    _OCCURRED,
    ("channel", np.int64, _coded("channel", CHANNELS)),
    ("severity", np.int64, _severity),
    ("specifics", np.int64, _plain("specifics", 0)),
    ("alcohol", np.int64, _plain("alcohol", 0)),
)
STEP_FIELDS: tuple[Field, ...] = (
    _TYPE,
    _OCCURRED,
    ("due_at", np.int64, _plain("due_at", NEVER)),
    ("scheduled_at", np.int64, _plain("scheduled_at", NEVER)),
    ("service", np.int64, _coded("service", SERVICES)),
)
PETITION_FIELDS: tuple[Field, ...] = (
    ("lodged_at", np.int64, _given("lodged_at")),
    ("due_at", np.int64, _given("due_at")),
    ("answered_at", np.int64, _plain("answered_at", NEVER)),
    ("answer_recorded_at", np.int64, _plain("answer_recorded_at", NEVER)),
    ("upheld", np.int64, _plain("upheld", -1)),
)
PRIOR_FIELDS: tuple[Field, ...] = (
    ("opened_at", np.int64, _given("opened_at")),
    ("confidence", np.float64, _plain("pair_confidence", 0.0)),
)


def case_history(case: CaseRecord) -> History:
    """The history of one validated case record."""
    events = _known(case.events, "event_id")
    conduct = sorted(
        (v for v in events if v.row["type"] in _CONDUCT and v.row.get("assertion") in (None, "affirmed")),
        key=lambda v: (_TYPE_CODE[v.row["type"]], v.row["occurred_at"], v.row_id, v.known_from),
    )
    steps = sorted(
        (v for v in events if v.row["type"] not in _CONDUCT),
        key=lambda v: (v.row["occurred_at"], v.row_id, v.known_from),
    )
    petitions = sorted(
        _known(case.petitions, "petition_id"), key=lambda v: (v.row["lodged_at"], v.row_id, v.known_from)
    )
    priors = _closed_priors(case.prior_disputes)
    return History(
        dispute_ids=np.array([case.dispute_id], object),
        cases=_log(sorted(_known(case.dispute, "dispute_id"), key=lambda v: v.known_from), CASE_FIELDS),
        conduct=_log(conduct, CONDUCT_FIELDS, id_order=_places(v.row_id for v in conduct)),
        steps=_log(steps, STEP_FIELDS),
        petitions=_log(petitions, PETITION_FIELDS),
        priors=_log(priors, PRIOR_FIELDS, prior=_places(v.row_id for v in priors)),
    )


def spine_of_one(as_of: int) -> Spine:
    """The spine of a scoring request: its one dispute at one time."""
    return Spine(np.zeros(1, np.int64), np.array([as_of], np.int64))


def _known(rows: Iterable[Row], row_id: str) -> list[Version]:
    """The versions of rows that are not withdrawals."""
    versions: dict[str, list[Row]] = {}
    for row in rows:
        versions.setdefault(row[row_id], []).append(row)
    known = []
    for name, group in versions.items():
        ordered = sorted(group, key=lambda row: row["recorded_at"]) if len(group) > 1 else group
        for position, row in enumerate(ordered):
            if not row.get("withdrawn"):
                until = ordered[position + 1]["recorded_at"] if position + 1 < len(ordered) else NEVER
                known.append(Version(row, name, row["recorded_at"], until))
    return known


def _places(ids: Iterable[str]) -> list[int]:
    """The place of each id among the different ids: two things of one instant are told in that order."""
    listed = list(ids)
    place = {name: number for number, name in enumerate(sorted(set(listed)))}
    return [place[name] for name in listed]


def _closed_priors(priors: Iterable[Row]) -> list[Version]:
    """The prior disputes that were closed, known once both the link and the closure are."""
    closed = (v for v in _known(priors, "dispute_id") if v.row.get("closed_recorded_at") is not None)
    known = [v._replace(known_from=max(v.known_from, v.row["closed_recorded_at"])) for v in closed]
    return sorted(known, key=lambda v: (v.row_id, v.known_from))


def _log(versions: Sequence[Version], fields: tuple[Field, ...], **further: list[int]) -> Log:
    """The log of one dispute; ``further`` are columns that are not in the rows."""
    rows = [version.row for version in versions]
    whole = {name: read(rows) for name, dtype, read in fields if dtype is np.int64} | further
    times = [[version.known_from for version in versions], [version.known_until for version in versions]]
    numbers = np.array([*times, *whole.values()], np.int64)
    columns: dict[str, Array] = dict(zip(whole, numbers[2:], strict=True))
    columns |= {name: np.array(read(rows), dtype) for name, dtype, read in fields if dtype is not np.int64}
    ids = np.array([version.row_id for version in versions], object)
    return Log(np.array([0, len(rows)]), numbers[0], numbers[1], columns, ids)
