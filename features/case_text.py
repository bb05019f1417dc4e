"""One dispute's timeline beside its values for a terminal: aligned, with local times and the names of indicators."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from features.case_view import CaseTimeline, Known, Valued, case_timeline
from features.catalogue import INDICATORS
from features.clock import DAY_US, format_time, parse_time
from features.errors import MissingInput
from features.indicator import Indicator
from features.records import Records

ZONE = ZoneInfo("Asia/Shanghai")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BY_COLUMN = {column: indicator for indicator in INDICATORS for column in indicator.columns}


def case_text(case: CaseTimeline) -> str:
    """What was visible, with how late each row was known, and every value beside the rows that made it."""
    head = f"{case.dispute_id} as of {_local(case.as_of)} Asia/Shanghai ({case.as_of})"
    table = [("occurred", "recorded", "known after", "what", "row")]
    table += [(_local(row.occurred_at), _local(row.recorded_at), _delay(row), row.what, row.row_id)
              for row in case.timeline]  # fmt: skip
    lines = [head, "", *_aligned(table)]
    if len(case.timeline) == 1:
        lines.append("no event and no petition was recorded yet")
    lines += ["", "Every indicator at that landmark; in brackets the rows that made it"]
    for family, values in groupby(case.values, key=lambda one: BY_COLUMN[one.column].family):
        lines += ["", f"{family.id} {family.name.en} {family.name.zh}"]
        lines += _aligned([_value_cells(one) for one in values])
    return "\n".join(lines)


def _value_cells(one: Valued) -> tuple[str, ...]:
    indicator = BY_COLUMN[one.column]
    rows = f"[{', '.join(one.evidence)}]" if one.evidence else ""
    window = one.column.partition("__")[2]
    own = indicator.id if not window else f"{indicator.id} {window}"
    return "", _value(one.value, indicator), own, indicator.title.en, indicator.title.zh, rows


def _value(value: float | None, indicator: Indicator) -> str:
    if value is None:
        return "unknown"
    if indicator.category_codes:
        return indicator.category_codes[int(value)]
    return f"{value:.4g}"


def _aligned(table: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """The rows with their cells one below the other; a Chinese character takes two places."""
    rows = list(table)
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _local(time: str) -> str:
    return (EPOCH + timedelta(microseconds=parse_time(time))).astimezone(ZONE).isoformat(" ").removesuffix("+08:00")


def _delay(row: Known) -> str:
    days = (parse_time(row.recorded_at) - parse_time(row.occurred_at)) / DAY_US
    if days == 0:
        return "at once"
    return f"{days:.1f} days" if days >= 1 else f"{days * 24:.1f} hours"


def timeline_of(records: Records, dispute_id: str, *, as_of: int) -> CaseTimeline:
    """The timeline and values of a dispute.  Raises MissingInput that says why there is none, or which ids are close."""
    try:
        return case_timeline(records, dispute_id, as_of=as_of)
    except MissingInput:
        raise MissingInput(_why_absent(records, dispute_id, as_of)) from None


def _why_absent(records: Records, dispute_id: str, as_of: int) -> str:
    """Why a dispute can't be shown: first recorded later, or no such id, with the ids that come close."""
    found = records.connection.execute(
        "SELECT min(recorded_at) FROM disputes WHERE dispute_id = ?", [dispute_id]
    ).fetchall()[0][0]
    if found is not None:
        return (
            f"no dispute {dispute_id} was on record before {format_time(as_of)}: it was first recorded at "
            f"{format_time(found)}; choose a later --as-of"
        )
    close = records.connection.execute(
        "SELECT dispute_id FROM (SELECT DISTINCT dispute_id FROM disputes) "
        "ORDER BY jaro_winkler_similarity(lower(dispute_id), lower(?)) DESC, dispute_id LIMIT 3", [dispute_id],
    ).fetchall()  # fmt: skip
    listed = ", ".join(name for (name,) in close)
    return f"no dispute {dispute_id!r} in these records" + (f"; the closest ids are {listed}" if listed else "")
