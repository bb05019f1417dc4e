"""The workload: 100,000 cases with 1.1 million events known on two clocks, 24 monthly landmarks, 52 columns.

A row is (case_id, as_of) with ``as_of - 365 days < opened_at <= as_of``.  An event is visible when
``recorded_at <= as_of``, and in a window of w days when ``occurred_at > as_of - w`` as well; the last window has no
bound.  Of no event, counts and sums are 0, the rest is null.  Times are naive microseconds.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

DAY_US = 86_400_000_000
ROW_DAYS = 365
WINDOWS: tuple[tuple[str, int | None], ...] = (("30", 30), ("90", 90), ("365", 365), ("all", None))
KINDS = ("hearing", "complaint", "dispute", "petition", "incident", "payment")
EVERY_KIND = (
    "filed", "hearing", "adjourned", "complaint", "dispute", "petition", "incident", "payment", "notice", "inspection",
    "appeal", "settled", "letter", "call", "visit",
)  # fmt: skip
LANDMARKS = tuple(dt.datetime(2024 + month // 12, month % 12 + 1, 1) for month in range(1, 25))

COUNTS = tuple(f"n_{window}" for window, _ in WINDOWS) + tuple(f"n_{k}_{w}" for w, _ in WINDOWS for k in KINDS)
SUMS = tuple(f"{what}_sum_{window}" for what in ("sev", "amt") for window, _ in WINDOWS)


def columns() -> list[str]:
    """The 52 columns in order."""
    names = []
    for window, _ in WINDOWS:
        names += [f"n_{window}", *(f"n_{kind}_{window}" for kind in KINDS)]
        names += [f"sev_sum_{window}", f"sev_max_{window}", f"sev_mean_{window}", f"amt_sum_{window}"]
    return [*names, "dsl_any", *(f"dsl_{kind}" for kind in KINDS), "ds_opened"]


def generate(folder: Path, *, scale: float = 1.0) -> int:
    """Write ``cases.parquet`` and ``events.parquet``; return the number of events.  The same bytes every time."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20260101)
    size = round(100_000 * scale)
    start = int(np.datetime64("2023-01-01", "us").astype(np.int64))
    opened = np.sort(start + (rng.random(size) * 1095 * 86_400).astype(np.int64) * 1_000_000)
    case_id = np.arange(1, size + 1)
    shares = 1 / np.arange(1, 13)
    kind = rng.choice(12, size, p=shares / shares.sum())
    district = rng.integers(0, 200, size)
    cases = pa.table({
        "case_id": case_id, "opened_at": pa.array(opened, pa.timestamp("us")),
        "kind": pa.array(np.char.mod("type_%02d", kind)), "district": pa.array(np.char.mod("district_%03d", district)),
    })  # fmt: skip
    events = _events(rng, case_id, opened)
    for name, table in (("cases", cases), ("events", events)):
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd", row_group_size=122_880)
    return len(events)


def _events(rng: np.random.Generator, case_id: np.ndarray, opened: np.ndarray) -> pa.Table:
    """Events in the order of their arrival: a heavy tail per case, a fifth before the opening, late by some hours."""
    each = rng.poisson(12 * np.exp(rng.normal(0, 1.2, len(case_id)) - 0.72))
    case, base = np.repeat(case_id, each), np.repeat(opened, each)
    size = len(case)
    before = rng.random(size) < 0.20
    days = np.where(before, -rng.random(size) * 500, rng.exponential(150, size))
    occurred = base + (days * 86_400).astype(np.int64) * 1_000_000
    hours = np.maximum(np.minimum(rng.lognormal(np.log(30), 1.1, size), 24 * 45), 1)
    lag = (hours * 3_600).astype(np.int64) * 1_000_000
    by_day = rng.random(size) < 0.03
    occurred = np.where(by_day, occurred // DAY_US * DAY_US, occurred)
    recorded = occurred + np.where(by_day, np.maximum(lag // DAY_US, 1) * DAY_US, lag)
    shares = 1 / np.arange(1, 16) ** 0.7
    kind = np.array(EVERY_KIND)[rng.choice(15, size, p=shares / shares.sum())]
    severity = np.round(rng.beta(2, 4, size) * 5, 2)
    amount, unknown = np.round(rng.lognormal(6, 1.5, size), 2), rng.random(size) < 0.6
    order = np.argsort(recorded, kind="stable")
    order = order[recorded[order] < np.datetime64("2026-02-01", "us").astype(np.int64)]
    return pa.table({
        "case_id": case[order], "occurred_at": pa.array(occurred[order], pa.timestamp("us")),
        "recorded_at": pa.array(recorded[order], pa.timestamp("us")), "kind": pa.array(kind[order]),
        "severity": severity[order], "amount": pa.array(amount[order], mask=unknown[order]),
    })  # fmt: skip
