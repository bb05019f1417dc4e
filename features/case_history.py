"""One case record of a scoring request to a history of one dispute: the same kernel, with a spine of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

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
Field = tuple[str, type, Callable[[Row], Any]]


def _coder(column: str, codes: tuple[str, ...]) -> Callable[[Row], int]:
    positions = {code: position for position, code in enumerate(codes)} | {None: -1}
    return lambda row: positions[row.get(column)]


def _plain(column: str, null: float = np.nan) -> Callable[[Row], Any]:
    def value(row: Row) -> Any:
        found = row.get(column)
        return null if found is None else found

    return value


def _stakes(row: Row) -> int:
    stakes = row.get("stakes")
    return sum(1 << STAKES.index(stake) for stake in set(stakes)) if stakes else -1


def _severity(row: Row) -> int:
    severity = 0 if row["type"] == NEVER_SEVERE else row.get("severity")
    return DEFAULT_SEVERITY.get(row["type"], 0) if severity is None else severity


_TYPE = ("type", np.int64, _coder("type", EVENT_TYPES))
_OCCURRED = ("occurred_at", np.int64, _plain("occurred_at"))
_CONDUCT = frozenset(CONDUCT_TYPES)

CASE_FIELDS: tuple[Field, ...] = (
    ("opened_at", np.int64, _plain("opened_at")),
    ("channel", np.int64, _coder("channel", CHANNELS)),
    ("kind", np.int64, _coder("kind", DISPUTE_KINDS)),
    ("relation", np.int64, _coder("relation", RELATIONS)),
    ("proximity", np.int64, _coder("proximity", PROXIMITIES)),
    ("stakes", np.int64, _stakes),
    ("amount_cny", np.float64, _plain("amount_cny")),
    ("wage_arrears_months", np.float64, _plain("wage_arrears_months")),
    ("unpaid_medical_cny", np.float64, _plain("unpaid_medical_cny")),
    ("minors_in_household", np.int64, _plain("minors_in_household", -1)),
)
CONDUCT_FIELDS: tuple[Field, ...] = (
    _TYPE,
    _OCCURRED,
    ("channel", np.int64, _coder("channel", CHANNELS)),
    ("severity", np.int64, _severity),
    ("specifics", np.int64, _plain("specifics", 0)),
    ("alcohol", np.int64, _plain("alcohol", 0)),
    ("id_order", np.int64, _plain("id_order")),
)
STEP_FIELDS: tuple[Field, ...] = (
    _TYPE,
    _OCCURRED,
    ("due_at", np.int64, _plain("due_at", NEVER)),
    ("scheduled_at", np.int64, _plain("scheduled_at", NEVER)),
    ("service", np.int64, _coder("service", SERVICES)),
)
PETITION_FIELDS: tuple[Field, ...] = (
    ("lodged_at", np.int64, _plain("lodged_at")),
    ("due_at", np.int64, _plain("due_at")),
    ("answered_at", np.int64, _plain("answered_at", NEVER)),
    ("answer_recorded_at", np.int64, _plain("answer_recorded_at", NEVER)),
    ("upheld", np.int64, _plain("upheld", -1)),
)
PRIOR_FIELDS: tuple[Field, ...] = (
    ("prior", np.int64, _plain("prior")),
    ("opened_at", np.int64, _plain("opened_at")),
    ("confidence", np.float64, _plain("pair_confidence", 0.0)),
)


def case_history(case: CaseRecord) -> History:
    """The history of one validated case record."""
    events, petitions, priors = case.events, case.petitions, case.prior_disputes
    known = _known(events, "event_id")
    return History(
        dispute_ids=np.array([case.dispute_id], object),
        cases=_log(sorted(_known(case.dispute, "dispute_id"), key=_from), CASE_FIELDS),
        conduct=_log(
            sorted(
                _affirmed_conduct(known),
                key=lambda r: (_TYPE[2](r), r["occurred_at"], r["row_id"], r["known_from"]),
            ),
            CONDUCT_FIELDS,
        ),
        steps=_log(
            sorted(
                (r for r in known if r["type"] not in _CONDUCT),
                key=lambda r: (r["occurred_at"], r["row_id"], r["known_from"]),
            ),
            STEP_FIELDS,
        ),
        petitions=_log(
            sorted(_known(petitions, "petition_id"), key=lambda r: (r["lodged_at"], r["row_id"], r["known_from"])),
            PETITION_FIELDS,
        ),
        priors=_log(_closed_priors(priors), PRIOR_FIELDS),
    )


def spine_of_one(as_of: int) -> Spine:
    """The spine of a scoring request: its one dispute at one time."""
    return Spine(np.zeros(1, np.int64), np.array([as_of], np.int64))


def _from(row: Row) -> int:
    return row["known_from"]


def _known(rows: Iterable[Row], row_id: str) -> list[dict[str, Any]]:
    """The versions of rows that are not withdrawals, each with the time from and until which it was the last word."""
    versions: dict[str, list[Row]] = {}
    for row in rows:
        versions.setdefault(row[row_id], []).append(row)
    known = []
    for name, group in versions.items():
        ordered = sorted(group, key=lambda row: row["recorded_at"]) if len(group) > 1 else group
        for position, row in enumerate(ordered):
            if row.get("withdrawn"):
                continue
            until = ordered[position + 1]["recorded_at"] if position + 1 < len(ordered) else NEVER
            known.append({**row, "row_id": name, "known_from": row["recorded_at"], "known_until": until})
    return known


def _affirmed_conduct(known: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Affirmed conduct, each row with its id's place among their ids: two things of one instant are told in that order."""
    rows = [row for row in known if row["type"] in _CONDUCT and row.get("assertion") in (None, "affirmed")]
    order = {name: place for place, name in enumerate(sorted({row["row_id"] for row in rows}))}
    for row in rows:
        row["id_order"] = order[row["row_id"]]
    return rows


def _closed_priors(priors: Sequence[Row]) -> list[dict[str, Any]]:
    """The prior disputes that were closed, known once both the link and the closure are."""
    numbers = {name: number for number, name in enumerate(sorted({row["dispute_id"] for row in priors}))}
    rows = [
        {**row, "prior": numbers[row["row_id"]], "known_from": max(row["known_from"], row["closed_recorded_at"])}
        for row in _known(priors, "dispute_id")
        if row.get("closed_recorded_at") is not None
    ]
    return sorted(rows, key=lambda row: (row["row_id"], row["known_from"]))


def _log(rows: Sequence[Row], fields: tuple[Field, ...]) -> Log:
    whole = [(name, read) for name, dtype, read in fields if dtype is np.int64]
    numbers = np.array(
        [(row["known_from"], row["known_until"], *(read(row) for _, read in whole)) for row in rows], np.int64
    )
    by_column = np.ascontiguousarray(numbers.reshape(len(rows), 2 + len(whole)).T)
    columns: dict[str, Array] = {name: by_column[2 + place] for place, (name, _) in enumerate(whole)}
    columns |= {
        name: np.array([read(row) for row in rows], dtype) for name, dtype, read in fields if dtype is not np.int64
    }
    ids = np.array([row["row_id"] for row in rows], object)
    return Log(np.array([0, len(rows)]), by_column[0], by_column[1], columns, ids)
