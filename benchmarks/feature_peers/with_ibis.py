"""The workload as one Ibis expression, run by DuckDB."""

from __future__ import annotations

from pathlib import Path

import ibis

from benchmarks.feature_peers.workload import KINDS, LANDMARKS, ROW_DAYS, WINDOWS, columns


def build(data: Path, out: Path) -> None:
    """Write the matrix by one export."""
    out.mkdir(parents=True, exist_ok=True)
    connection = ibis.duckdb.connect(threads=1)
    connection.raw_sql("SET preserve_insertion_order = false")
    cases = connection.read_parquet(data / "cases.parquet", table_name="cases")
    events = connection.read_parquet(data / "events.parquet", table_name="events")
    landmarks = ibis.memtable({"as_of": list(LANDMARKS)}, schema={"as_of": "timestamp"})
    connection.to_parquet(matrix(cases, events, landmarks), out / "part.parquet", compression="zstd")


def matrix(cases: ibis.Table, events: ibis.Table, landmarks: ibis.Table) -> ibis.Table:
    """The expression of the 52 columns."""
    wanted = cases.select("case_id", "opened_at").cross_join(landmarks)
    wanted = wanted.filter(
        wanted.opened_at <= wanted.as_of, wanted.opened_at > wanted.as_of - ibis.interval(days=ROW_DAYS)
    )
    renamed = events.rename(event_case="case_id")
    seen = wanted.left_join(renamed, [wanted.case_id == renamed.event_case, renamed.recorded_at <= wanted.as_of])
    found = {}
    for window, days in WINDOWS:
        inside = seen.occurred_at > seen.as_of - ibis.interval(days=days) if days else seen.occurred_at.notnull()
        found[f"n_{window}"] = seen.count(where=inside)
        for kind in KINDS:
            found[f"n_{kind}_{window}"] = seen.count(where=inside & (seen.kind == kind))
        found[f"sev_sum_{window}"] = seen.severity.sum(where=inside).fill_null(0.0)
        found[f"sev_max_{window}"] = seen.severity.max(where=inside)
        found[f"sev_mean_{window}"] = seen.severity.mean(where=inside)
        found[f"amt_sum_{window}"] = seen.amount.sum(where=inside).fill_null(0.0)
    found["last_any"] = seen.occurred_at.max()
    for kind in KINDS:
        found[f"last_{kind}"] = seen.occurred_at.max(where=seen.kind == kind)
    made = seen.group_by("case_id", "as_of").aggregate(**found, opened_at=seen.opened_at.max())
    since = {f"dsl_{what}": _days(made.as_of, made[f"last_{what}"]) for what in ("any", *KINDS)}
    made = made.mutate(**since, ds_opened=_days(made.as_of, made.opened_at))
    return made.select("case_id", "as_of", *columns())


def _days(later: ibis.Value, earlier: ibis.Value) -> ibis.Value:
    return later.delta(earlier, unit="microsecond").cast("float64") / 86400e6
