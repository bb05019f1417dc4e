"""The workload as a SQL user would write it: one join of rows and visible events, one filtered aggregate a column."""

from __future__ import annotations

from pathlib import Path

import duckdb

from benchmarks.feature_peers.workload import KINDS, LANDMARKS, ROW_DAYS, WINDOWS, columns


def build(data: Path, out: Path) -> None:
    """Write the matrix by one COPY."""
    out.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(config={"threads": 1, "preserve_insertion_order": False}) as connection:
        connection.execute("CREATE TABLE landmarks (as_of TIMESTAMP)")
        connection.executemany("INSERT INTO landmarks VALUES (?)", [(at,) for at in LANDMARKS])
        listed = ", ".join(f"{expression} AS {name}" for name, expression in aggregates().items())
        connection.execute(f"""
            COPY (
                WITH wanted AS (
                    SELECT case_id, opened_at, as_of FROM '{data}/cases.parquet'
                    JOIN landmarks ON opened_at <= as_of AND opened_at > as_of - INTERVAL {ROW_DAYS} DAY
                )
                SELECT r.case_id, r.as_of, {listed} FROM wanted r
                LEFT JOIN '{data}/events.parquet' e ON e.case_id = r.case_id AND e.recorded_at <= r.as_of
                GROUP BY r.case_id, r.as_of
            ) TO '{out}/part.parquet' (FORMAT parquet, COMPRESSION zstd)
        """)


def aggregates() -> dict[str, str]:
    """The SQL expression of every column, in order."""
    found = {}
    for window, days in WINDOWS:
        inside = f"e.occurred_at > r.as_of - INTERVAL {days} DAY" if days else "e.occurred_at IS NOT NULL"
        found[f"n_{window}"] = f"count(*) FILTER ({inside})"
        for kind in KINDS:
            found[f"n_{kind}_{window}"] = f"count(*) FILTER ({inside} AND e.kind = '{kind}')"
        found[f"sev_sum_{window}"] = f"coalesce(sum(e.severity) FILTER ({inside}), 0)"
        found[f"sev_max_{window}"] = f"max(e.severity) FILTER ({inside})"
        found[f"sev_mean_{window}"] = f"avg(e.severity) FILTER ({inside})"
        found[f"amt_sum_{window}"] = f"coalesce(sum(e.amount) FILTER ({inside}), 0)"
    found["dsl_any"] = _days_since("max(e.occurred_at)")
    for kind in KINDS:
        found[f"dsl_{kind}"] = _days_since(f"max(e.occurred_at) FILTER (e.kind = '{kind}')")
    found["ds_opened"] = _days_since("any_value(r.opened_at)")
    return {name: found[name] for name in columns()}


def _days_since(time: str) -> str:
    return f"(epoch_us(r.as_of) - epoch_us({time})) / 86400e6"
