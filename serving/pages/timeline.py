"""What was known of a case before ``as_of``, as plain rows in four lanes, each with both of its times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from features.clock import DAY_US, NEVER, format_time
from features.duplicates import leaders
from features.rules import Rule, parse_time
from features.schema import CHANNELS, CONDUCT_TYPES, HANDLING_TYPES, NEVER_SEVERE, PROCEEDING_TYPES

LANES = ("conduct", "handling", "proceedings", "support")
LATE_DAYS = 7
"""A row that we came to know so many days after it occurred is marked: the landmarks between did not see it."""

RawRow = Mapping[str, Any]
_PLACE = {type_: place for place, type_ in enumerate(CONDUCT_TYPES)}


@dataclass(frozen=True)
class Row:
    """One visible row: when it occurred, when we knew it, what it is, and whether it counts.

    ``corrected_at`` is when its last version was recorded, where that is not its first.
    ``ids`` are the record's own ids (several where one overdue answer stands for many petitions), ``anchor`` its place
    on the page, ``days_late`` how long after it occurred it was recorded, ``counts`` whether an indicator may read it,
    ``merged_into`` the anchor of the first report of the same conduct through another channel.
    """

    ids: tuple[str, ...]
    lane: str
    type: str
    occurred_at: str
    recorded_at: str
    anchor: str = ""
    days_late: int = 0
    is_late: bool = False
    channel: str | None = None
    assertion: str = "affirmed"
    counts: bool = True
    severity: int | None = None
    specifics: int | None = None
    alcohol: bool = False
    due_at: str | None = None
    scheduled_at: str | None = None
    service: str | None = None
    narrative: str | None = None
    corrected_at: str | None = None
    merged_into: str | None = None
    evidence_of: tuple[str, ...] = field(default=())

    def to_record(self) -> dict[str, Any]:
        """The same as a plain record."""
        return vars(self) | {"ids": list(self.ids), "evidence_of": list(self.evidence_of)}


def microseconds(value: object) -> int:
    """A time of a case record, given as RFC 3339 text or already in microseconds UTC; ``NEVER`` for null."""
    if value is None:
        return NEVER
    if isinstance(value, int):
        return value
    return _moment(str(value))


@lru_cache(maxsize=1 << 13)  # the same few times of a case are asked for by rows, order, duties and merging
def _moment(text: str) -> int:
    moment = parse_time(text)
    if isinstance(moment, Rule):
        raise AssertionError("a stored case record holds a time that is none")
    return moment


def visible_rows(rows: Iterable[RawRow], *, row_id: str, as_of: int) -> Iterator[tuple[RawRow, RawRow]]:
    """The last version of each row recorded before ``as_of``, and the first one, which may be the same."""
    versions: dict[str, list[RawRow]] = {}
    for row in rows:
        if microseconds(row["recorded_at"]) < as_of:
            versions.setdefault(row[row_id], []).append(row)
    for group in versions.values():
        last = max(group, key=lambda row: microseconds(row["recorded_at"]))
        if not last.get("withdrawn"):
            yield last, min(group, key=lambda row: microseconds(row["recorded_at"]))


def timeline(case: Mapping[str, Any], *, as_of: int, care: bool) -> tuple[Row, ...]:
    """The visible rows of a case record in the order in which they occurred, with anchors ``row-1``, ``row-2``...

    Without ``care`` a statement of wanting to die has no row here, and leaves no gap in the anchors.
    """
    rows = [*_dispute_rows(case, as_of), *_priors(case, as_of), *_events(case, as_of, care=care)]
    rows += _answers_owed(case, as_of)
    rows.sort(key=lambda row: (row.occurred_at, row.recorded_at, row.ids))
    into = _merged(rows)
    return tuple(
        replace(row, anchor=f"row-{place + 1}", merged_into=f"row-{into[place] + 1}" if place in into else None)
        for place, row in enumerate(rows)
    )


def lane_of(type_: str) -> str:
    """The lane of an event type."""
    if type_ in _PLACE:
        return "conduct"
    if type_ in HANDLING_TYPES:
        return "handling"
    return "proceedings" if type_ in PROCEEDING_TYPES else "support"


def _events(case: Mapping[str, Any], as_of: int, *, care: bool) -> Iterator[Row]:
    for event, first in visible_rows(case["events"], row_id="event_id", as_of=as_of):
        if event["type"] == NEVER_SEVERE and not care:
            continue
        lane, assertion = lane_of(event["type"]), event.get("assertion") or "affirmed"
        yield Row(
            ids=(event["event_id"],), lane=lane, type=event["type"], channel=event["channel"],
            severity=None if event["type"] == NEVER_SEVERE else event.get("severity"), specifics=event.get("specifics"),
            alcohol=bool(event.get("alcohol")), service=event.get("service"), narrative=event.get("narrative"),
            due_at=_time(event.get("due_at")), scheduled_at=_time(event.get("scheduled_at")),
            assertion=assertion, counts=lane != "conduct" or assertion == "affirmed",
            **_versioned(event["occurred_at"], event, first),
        )  # fmt: skip


def _dispute_rows(case: Mapping[str, Any], as_of: int) -> Iterator[Row]:
    for dispute, first in visible_rows(_versions(case), row_id="dispute_id", as_of=as_of):
        yield Row(
            ids=(dispute["dispute_id"],), lane="handling", type="opened", channel=dispute["channel"],
            **_versioned(dispute["opened_at"], dispute, first),
        )  # fmt: skip


def _versions(case: Mapping[str, Any]) -> list[RawRow]:
    given = case["dispute"]
    return [given] if isinstance(given, Mapping) else list(given)


def facts_of(case: Mapping[str, Any], *, as_of: int) -> dict[str, Any]:
    """What the visible version of the dispute says of itself; never its pair token."""
    last = [row for row, _ in visible_rows(_versions(case), row_id="dispute_id", as_of=as_of)]
    dispute = last[0] if last else _versions(case)[0]
    names = ("kind", "channel", "relation", "proximity", "stakes", "amount_cny", "area", "narrative")
    return {name: dispute.get(name) for name in names}


def _priors(case: Mapping[str, Any], as_of: int) -> Iterator[Row]:
    for prior, _ in visible_rows(case.get("prior_disputes") or (), row_id="dispute_id", as_of=as_of):
        if microseconds(prior.get("closed_recorded_at")) < as_of:
            known = max(microseconds(prior["recorded_at"]), microseconds(prior["closed_recorded_at"]))
            yield Row(
                ids=(prior["dispute_id"],), lane="handling", type="earlier_dispute",
                **_clocks(prior.get("closed_at") or prior["opened_at"], known),
            )  # fmt: skip


def _answers_owed(case: Mapping[str, Any], as_of: int) -> Iterator[Row]:
    """What an institution owed: one row for all unanswered petitions, one for all that were found justified.

    A petition that was answered has no row.  How many there were is nobody's business here: petitioning is a right.
    """
    seen = [row for row, _ in visible_rows(case["petitions"], row_id="petition_id", as_of=as_of)]
    answered = [row for row in seen if microseconds(row.get("answer_recorded_at")) < as_of]
    owed = [row for row in seen if row not in answered and microseconds(row["due_at"]) < as_of]
    upheld = [row for row in answered if row.get("upheld")]
    for type_, group, occurred in (("answer_overdue", owed, "due_at"), ("petition_upheld", upheld, "answered_at")):
        if group:
            first = min(group, key=lambda row: microseconds(row[occurred]))
            known = microseconds(first["recorded_at" if occurred == "due_at" else "answer_recorded_at"])
            at = microseconds(first[occurred])
            yield Row(
                ids=tuple(sorted(row["petition_id"] for row in group)), lane="handling", type=type_,
                due_at=_time(first["due_at"]), **_clocks(at, known, may_be_late=occurred != "due_at"),
            )  # fmt: skip


def _clocks(occurred: object, recorded: object, *, may_be_late: bool = True) -> dict[str, Any]:
    """Both clocks of a row; a deadline is known before it passes, so that it is never late."""
    occurred_at, recorded_at = microseconds(occurred), microseconds(recorded)
    days = max(0, recorded_at - occurred_at) // DAY_US if may_be_late else 0
    return {
        "occurred_at": format_time(occurred_at), "recorded_at": format_time(recorded_at),
        "days_late": int(days), "is_late": bool(days >= LATE_DAYS),
    }  # fmt: skip


def _versioned(occurred: object, last: RawRow, first: RawRow) -> dict[str, Any]:
    """The clocks of a row that may have been corrected: known since its first version, as it stands since its last.

    A version that moves the event past the time it was first known begins anew.
    """
    if first is last:
        return _clocks(occurred, last["recorded_at"])
    known = first if microseconds(first["recorded_at"]) >= microseconds(occurred) else last
    return _clocks(occurred, known["recorded_at"]) | {"corrected_at": _time(last["recorded_at"])}


def _time(value: object) -> str | None:
    return None if value is None else format_time(microseconds(value))


def _merged(rows: list[Row]) -> dict[int, int]:
    """Of each report that repeats another channel's within 48 hours: its place, and that of the first one."""
    conduct = sorted(
        (place for place, row in enumerate(rows) if row.lane == "conduct" and row.counts),
        key=lambda place: (_PLACE[rows[place].type], rows[place].occurred_at, rows[place].ids),
    )
    if not conduct:
        return {}
    types, times, channels = (
        np.array(column, np.int64)
        for column in (
            [_PLACE[rows[place].type] for place in conduct],
            [microseconds(rows[place].occurred_at) for place in conduct],
            [CHANNELS.index(rows[place].channel or "") for place in conduct],
        )
    )
    first = leaders(np.zeros(len(conduct), np.int64), types, times, channels)
    return {place: conduct[at] for place, at in zip(conduct, first, strict=True) if conduct[at] != place}
