"""The geometry of the page's pictures as plain records; the templates draw them as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from serving.pages.numbers import ZONE
from serving.pages.timeline import LANES

LEFT, RIGHT, TOP, LANE_HEIGHT = 92.0, 780.0, 6.0, 26.0
LEAST, MOST = 1e-6, 1.0


@dataclass(frozen=True)
class Mark:
    """One row in a lane: where it occurred, and where we knew it if that was later."""

    x: float
    known_x: float
    y: float
    kind: str


@dataclass(frozen=True)
class Tick:
    """A place on an axis with its words."""

    x: float
    words: str


@dataclass(frozen=True)
class TimelinePicture:
    """The rows of a case in four lanes, from the first to ``as_of``."""

    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    lanes: tuple[tuple[str, float], ...]
    height: float


def timeline_picture(rows: Sequence[Mapping[str, Any]], *, as_of: str) -> TimelinePicture:
    """Where each row of a page's timeline stands."""
    end = datetime.fromisoformat(as_of)
    times = [datetime.fromisoformat(row["occurred_at"]) for row in rows]
    start = min([*times, end - timedelta(days=1)])

    def place(time: datetime) -> float:
        return round(LEFT + (RIGHT - LEFT) * ((time - start) / (end - start)), 1)

    marks = tuple(
        Mark(place(at), place(datetime.fromisoformat(row["recorded_at"])), _lane_y(row["lane"]), _kind(row))
        for row, at in zip(rows, times, strict=True)
    )
    lanes = tuple((lane, _lane_y(lane)) for lane in LANES)
    return TimelinePicture(marks, _ticks(start, end, place), lanes, TOP + LANE_HEIGHT * len(LANES) + 18)


def _lane_y(lane: str) -> float:
    return TOP + LANE_HEIGHT * (LANES.index(lane) + 0.5)


def _kind(row: Mapping[str, Any]) -> str:
    if not row["counts"]:
        return "apart"
    return "late" if row["is_late"] else "plain"


def _ticks(start: datetime, end: datetime, place: Any) -> tuple[Tick, ...]:
    """About five dates, evenly spaced."""
    return tuple(
        Tick(place(at), at.astimezone(ZONE).strftime("%Y-%m-%d"))
        for at in (start + (end - start) * part / 4 for part in range(5))
    )


@dataclass(frozen=True)
class ScalePicture:
    """The case's frequency with its interval beside that of all cases, on an axis of powers of ten."""

    case_x: float
    low_x: float
    high_x: float
    base_x: float
    ticks: tuple[Tick, ...]


def scale_picture(score: Mapping[str, Any]) -> ScalePicture:
    """Where the score, its interval and the base rate stand."""
    low, high = score["interval"]
    ticks = ((1e-6, "0.01"), (1e-5, "0.1"), (1e-4, "1"), (1e-3, "10"), (1e-2, "100"), (1e-1, "1,000"), (1.0, "10,000"))
    return ScalePicture(
        _on_scale(score["probability"]), _on_scale(low), _on_scale(high), _on_scale(score["base_rate"]),
        tuple(Tick(_on_scale(at), words) for at, words in ticks),
    )  # fmt: skip


def _on_scale(probability: float) -> float:
    share = math.log(max(probability, LEAST) / LEAST) / math.log(MOST / LEAST)
    return round(24 + 740 * min(share, 1.0), 1)


@dataclass(frozen=True)
class Bar:
    """One part of the margin as a bar from the middle: to the right where it raises, to the left where it lowers."""

    x: float
    width: float


def bars(score: Mapping[str, Any]) -> dict[str, Bar]:
    """The bars of the reasons by indicator, and of everything else as ``rest``, all on one scale of 0 to 100."""
    parts = {one["indicator"]: one["contribution"] for one in (*score["raising"], *score["lowering"])}
    parts["rest"] = score["rest"]
    widest = max([*(abs(part) for part in parts.values()), 1e-9])
    widths = {name: 50 * abs(part) / widest for name, part in parts.items()}
    return {
        name: Bar(round(50.0 if parts[name] >= 0 else 50 - width, 2), round(max(width, 0.4), 2))
        for name, width in widths.items()
    }
