"""The spine: at which landmarks a dispute is looked at, from facts that were known by then.

The default spine (``spine``) of a dispute is: its first recorded time + 24 h; every 7 days from there while no closure
is visible; 1 microsecond after an event was recorded (at most one in 24 h; a petition makes none); and 30 and 90 days
after a closure became visible, while it stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from features.clock import DAY_US, HOUR_US, Times, format_time, parse_time
from features.errors import UserError
from features.history import Array, History, Log, Spine
from features.view import TYPE_CODE, View, blocks

WEEK_US = 7 * DAY_US
AFTER_CLOSURE_DAYS = (30, 90)
SPEC_FORMS = "T, T1,T2, T1..T2/7d (end excluded) or spine, where T is like 2024-05-01T00:00:00+08:00"


@dataclass(frozen=True)
class SpineSpec:
    """Which landmarks to build: the same times for every dispute, or the default spine (``times`` is None)."""

    text: str
    times: tuple[int, ...] | None

    @classmethod
    def parse(cls, text: str) -> SpineSpec:
        """The spec written as ``T``, ``T1,T2``, ``T1..T2/7d`` or ``spine``.  Raises UserError otherwise."""
        if text == "spine":
            return cls("spine", None)
        if ".." not in text:
            times = sorted({parse_time(part.strip()) for part in text.split(",")})
            return cls(",".join(map(format_time, times)), tuple(times))
        first, _, rest = text.partition("..")
        last, _, step = rest.partition("/")
        if re.fullmatch("[1-9][0-9]{0,4}d", step) is None:
            raise UserError(f"--as-of {text!r}: the step {step!r} is not a number of days; write {SPEC_FORMS}")
        start, end, days = parse_time(first), parse_time(last), int(step[:-1])
        if end <= start:
            raise UserError(f"--as-of {text!r}: the end is not after the start")
        landmarks_of_all = range(start, end, days * DAY_US)
        return cls(f"{format_time(start)}..{format_time(end)}/{days}d", tuple(landmarks_of_all))


def landmarks(spec: SpineSpec, history: History, events: Log, *, known_at: int) -> Spine:
    """The landmarks of a spec for every dispute that is visible at them, by dispute and time.

    ``events`` holds every event version in order of its recorded time.
    """
    if spec.times is None:
        spine = _default_spine(history, events, known_at=known_at)
    else:
        disputes = np.arange(len(history))
        times = np.array(spec.times, np.int64)
        spine = Spine(np.repeat(disputes, len(times)), np.tile(times, len(disputes)))
    return spine[is_visible(history, spine)]


def is_visible(history: History, spine: Spine) -> Array:
    """Whether the dispute of each landmark is on record at it, (landmarks,)."""
    seen = spine.as_of > _first_recorded(history)[spine.dispute]
    later = spine[seen]
    views = [View(history, later[block], reference_income_cny=np.nan).is_visible for block in blocks(history, later)]
    seen[seen] = np.concatenate([np.zeros(0, bool), *views])
    return seen


def is_lately_open(history: History, spine: Spine, *, closed_within_days: float) -> Array:
    """Whether the dispute of each landmark is open, or was closed (occurred) less than so many days before, (landmarks,)."""
    views = [View(history, spine[block], reference_income_cny=np.nan).closed_at for block in blocks(history, spine)]
    closed_at = np.concatenate([np.zeros(0, np.int64), *views])
    return (closed_at < 0) | (spine.as_of - closed_at < round(closed_within_days * DAY_US))


def _first_recorded(history: History) -> Times:
    return history.cases.columns["first_recorded"][history.cases.offsets[:-1]]


def _default_spine(history: History, events: Log, *, known_at: int) -> Spine:
    first = _first_recorded(history)
    spans = _closure_spans(history, first, known_at=known_at)
    parts = [
        Spine(np.arange(len(first)), first + DAY_US),
        _weekly(spans, first + DAY_US),
        _after_events(history, events),
        *(_after_closures(spans, days) for days in AFTER_CLOSURE_DAYS),
    ]
    dispute = np.concatenate([part.dispute for part in parts])
    as_of = np.concatenate([part.as_of for part in parts])
    kept = as_of <= known_at
    dispute, as_of = dispute[kept], as_of[kept]
    order = np.lexsort((as_of, dispute))
    dispute, as_of = dispute[order], as_of[order]
    new = np.ones(len(as_of), bool)
    new[1:] = (dispute[1:] != dispute[:-1]) | (as_of[1:] != as_of[:-1])
    return Spine(dispute[new], as_of[new])


@dataclass(frozen=True)
class _Spans:
    """Stretches ``(start, end]`` of landmark time in which the visible closure does not change, by dispute."""

    dispute: Array
    start: Times
    end: Times
    closed: Array


def _closure_spans(history: History, first: Times, *, known_at: int) -> _Spans:
    """Open and closed stretches of each dispute, from its first recorded time to ``known_at``."""
    steps = history.steps
    turning = np.isin(steps.columns["type"], (TYPE_CODE["closed"], TYPE_CODE["reopened"]))
    of_step = np.repeat(np.arange(len(history)), np.diff(steps.offsets))[turning]
    dispute = np.concatenate([np.arange(len(history)), of_step, of_step])
    start = np.concatenate([first, steps.known_from[turning], steps.known_until[turning]])
    kept = (start < known_at) & (start >= first[dispute])
    dispute, start = dispute[kept], start[kept]
    order = np.lexsort((start, dispute))
    dispute, start = dispute[order], start[order]
    fresh = np.ones(len(start), bool)
    fresh[1:] = (dispute[1:] != dispute[:-1]) | (start[1:] != start[:-1])
    dispute, start = dispute[fresh], start[fresh]
    closed = View(history, Spine(dispute, start + 1), reference_income_cny=np.nan).closed_at >= 0
    turn = np.ones(len(start), bool)
    turn[1:] = (dispute[1:] != dispute[:-1]) | (closed[1:] != closed[:-1])
    dispute, start, closed = dispute[turn], start[turn], closed[turn]
    end = np.full(len(start), known_at)
    end[:-1] = np.where(dispute[1:] == dispute[:-1], start[1:], known_at)
    return _Spans(dispute, start, end, closed)


def _weekly(spans: _Spans, origin: Times) -> Spine:
    """Every 7 days from the origin of each dispute, inside its open spans."""
    dispute, start, end = (values[~spans.closed] for values in (spans.dispute, spans.start, spans.end))
    base = origin[dispute]
    low = np.maximum((start - base) // WEEK_US + 1, 0)
    high = (end - base) // WEEK_US
    counts = np.maximum(high - low + 1, 0)
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return Spine(np.repeat(dispute, counts), np.repeat(base + low * WEEK_US, counts) + number * WEEK_US)


def _after_closures(spans: _Spans, days: int) -> Spine:
    """So many days after a closure became visible, where it still stands then."""
    at = spans.start + days * DAY_US
    stands = spans.closed & (at <= spans.end)
    return Spine(spans.dispute[stands], at[stands])


def _after_events(history: History, events: Log) -> Spine:
    """1 microsecond after an event was recorded in a visible dispute, none within 24 h of the one before it.

    Greedy from the first: each round keeps the earliest remaining landmark of every dispute and drops what
    follows within 24 h.
    """
    every = Spine(np.repeat(np.arange(len(events.offsets) - 1), np.diff(events.offsets)), events.known_from + 1)
    seen = every[View(history, every, reference_income_cny=np.nan).is_visible]
    dispute, at = seen.dispute, seen.as_of
    kept_dispute, kept_at = [], []
    while len(at):
        first = np.concatenate([[True], dispute[1:] != dispute[:-1]])
        anchor = at[first][np.cumsum(first) - 1]
        kept_dispute.append(dispute[first])
        kept_at.append(at[first])
        later = at - anchor >= 24 * HOUR_US
        dispute, at = dispute[later], at[later]
    return Spine(
        np.concatenate([np.zeros(0, np.int64), *kept_dispute]), np.concatenate([np.zeros(0, np.int64), *kept_at])
    )
