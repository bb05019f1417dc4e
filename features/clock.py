"""The time boundary, in one place: what is visible at a landmark, and what lies in a window.

All times are int64 microseconds since 1970-01-01 UTC.  A null time is ``NEVER``, which lies after every landmark.
Everything is half-open, and strict at the landmark: a row recorded at the very instant ``as_of`` is not visible.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from features.compiled import compilable, compiled
from features.errors import UserError

Times = NDArray[np.int64]
Flags = NDArray[np.bool_]

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
NEVER = int(np.iinfo(np.int64).max)


@compilable
def visible(known_from: Times, known_until: Times, as_of: Times) -> Flags:
    """Which row versions are visible at ``as_of``: recorded before it, and not replaced before it.

    ``known_from`` is the version's recorded time, ``known_until`` when the next version of the same row counts
    (``NEVER`` where there is none).  The visible version is the last one with ``recorded_at < as_of``.
    """
    return (known_from < as_of) & (known_until >= as_of)


def passed(time: Times, as_of: Times) -> Flags:
    """Which times (due, answered, recorded) lie before ``as_of``."""
    return time < as_of


@compilable
def looking_back(occurred_at: Times, as_of: Times, days: float) -> Flags:
    """Which times lie in the look-back window ``[as_of - days, as_of)``."""
    return (occurred_at < as_of) & (occurred_at >= as_of - round(days * DAY_US))


@compilable
def looking_ahead(scheduled_at: Times, as_of: Times, days: float) -> Flags:
    """Which known dates lie in the look-ahead window ``[as_of, as_of + days)``; also the window of the label."""
    return (scheduled_at >= as_of) & (scheduled_at < as_of + round(days * DAY_US))


@compiled
def visible_pairs(
    offsets: Times, known_from: Times, known_until: Times, dispute: Times, as_of: Times
) -> tuple[Times, Times]:
    """The landmark and the log row of every pair, by landmark and then in the log's order."""
    size = 0
    for landmark in range(len(dispute)):
        for place in range(offsets[dispute[landmark]], offsets[dispute[landmark] + 1]):
            if visible(known_from[place], known_until[place], as_of[landmark]):
                size += 1
    row, item = np.empty(size + 1, np.int64), np.empty(size + 1, np.int64)
    pair = 0
    for landmark in range(len(dispute)):
        for place in range(offsets[dispute[landmark]], offsets[dispute[landmark] + 1]):
            row[pair], item[pair] = landmark, place  # written over by the next pair if this one is not visible
            if visible(known_from[place], known_until[place], as_of[landmark]):
                pair += 1
    return row[:size], item[:size]


@compiled
def within_window(chosen: Times, occurred_at: Times, as_of: Times, days: float) -> Times:
    """Those of the chosen pairs that occurred in the look-back window of their landmark."""
    kept = np.empty(len(chosen), np.int64)
    size = 0
    for pair in chosen:
        kept[size] = pair
        if looking_back(occurred_at[pair], as_of[pair], days):
            size += 1
    return kept[:size].copy()


def known_by(recorded_at: str, known_at: int) -> str:
    """The SQL condition that a row was in the records at ``known_at`` (the records' own date, inclusive)."""
    return f"{recorded_at} <= {known_at}"


def label_is_known(as_of: Times, known_at: int, *, horizon_days: float, label_delay_days: float) -> Flags:
    """Which landmarks have a complete label: ``as_of + horizon + label delay <= known_at``."""
    return as_of + round((horizon_days + label_delay_days) * DAY_US) <= known_at


def parse_time(text: str) -> int:
    """Microseconds UTC of an RFC 3339 time with an offset.  Raises UserError for anything else."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"{text!r} is not a time: write it like 2024-05-01T09:30:00+08:00") from None
    if time.tzinfo is None:
        raise UserError(f"{text!r} has no offset: write it like {text}+08:00 or {text}Z")
    return to_us(time)


def to_us(time: datetime) -> int:
    """Microseconds UTC of an aware datetime, exactly."""
    delta = time - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def format_time(us: int) -> str:
    """The RFC 3339 text in Z of a time in microseconds, with a fraction only where there is one."""
    seconds, fraction = divmod(us, 1_000_000)
    text = datetime.fromtimestamp(seconds, UTC).isoformat()[:19]  # strftime would write the year 999 with three digits
    return f"{text}.{fraction:06d}Z" if fraction else f"{text}Z"
