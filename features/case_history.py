"""One case record of a scoring request to a history of one dispute: the same kernel, with a spine of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
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
    return case_histories((case,))


def case_histories(cases: Sequence[CaseRecord]) -> History:
    """The history of some validated case records, in their order: each is a dispute of its own, whatever its id."""
    events = [_known(case.events, "event_id") for case in cases]
    conduct = [
        sorted(
            (v for v in known if v.row["type"] in _CONDUCT and v.row.get("assertion") in (None, "affirmed")),
            key=lambda v: (_TYPE_CODE[v.row["type"]], v.row["occurred_at"], v.row_id, v.known_from),
        )
        for known in events
    ]
    steps = [
        sorted(
            (v for v in known if v.row["type"] not in _CONDUCT),
            key=lambda v: (v.row["occurred_at"], v.row_id, v.known_from),
        )
        for known in events
    ]
    petitions = [
        sorted(_known(case.petitions, "petition_id"), key=lambda v: (v.row["lodged_at"], v.row_id, v.known_from))
        for case in cases
    ]
    disputes = [sorted(_known(case.dispute, "dispute_id"), key=lambda v: v.known_from) for case in cases]
    priors = [_closed_priors(case.prior_disputes) for case in cases]
    return History(
        dispute_ids=np.array([case.dispute_id for case in cases], object),
        cases=_log(disputes, CASE_FIELDS),
        conduct=_log(conduct, CONDUCT_FIELDS, id_order=_places(conduct)),
        steps=_log(steps, STEP_FIELDS),
        petitions=_log(petitions, PETITION_FIELDS),
        priors=_log(priors, PRIOR_FIELDS, prior=_places(priors)),
    )


def spine_of(cases: Sequence[CaseRecord]) -> Spine:
    """The spine of some scoring requests: the dispute of each at its own time."""
    return Spine(np.arange(len(cases)), np.array([case.as_of for case in cases], np.int64))


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


def _places(groups: Sequence[Sequence[Version]]) -> list[int]:
    """The place of each id among the different ids of its group: two things of one instant are told in that order."""
    places: list[int] = []
    for versions in groups:
        place = {name: number for number, name in enumerate(sorted({version.row_id for version in versions}))}
        places += [place[version.row_id] for version in versions]
    return places


def _closed_priors(priors: Iterable[Row]) -> list[Version]:
    """The prior disputes that were closed, known once both the link and the closure are."""
    closed = (v for v in _known(priors, "dispute_id") if v.row.get("closed_recorded_at") is not None)
    known = [v._replace(known_from=max(v.known_from, v.row["closed_recorded_at"])) for v in closed]
    return sorted(known, key=lambda v: (v.row_id, v.known_from))


def _log(groups: Sequence[Sequence[Version]], fields: tuple[Field, ...], **further: list[int]) -> Log:
    """The log of some disputes, a group of versions each; ``further`` are columns that are not in the rows."""
    versions = groups[0] if len(groups) == 1 else [version for group in groups for version in group]
    rows = [version.row for version in versions]
    whole = {name: read(rows) for name, dtype, read in fields if dtype is np.int64} | further
    times = [[version.known_from for version in versions], [version.known_until for version in versions]]
    numbers = np.array([*times, *whole.values()], np.int64)
    columns: dict[str, Array] = dict(zip(whole, numbers[2:], strict=True))
    columns |= {name: np.array(read(rows), dtype) for name, dtype, read in fields if dtype is not np.int64}
    ids = np.array([version.row_id for version in versions], object)
    return Log(np.array([0, *accumulate(map(len, groups))]), numbers[0], numbers[1], columns, ids)
