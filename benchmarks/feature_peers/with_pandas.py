"""The workload as a pandas user would write it: landmark by landmark, one group-by per column."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.feature_peers.workload import COUNTS, KINDS, LANDMARKS, ROW_DAYS, SUMS, WINDOWS, columns


def build(data: Path, out: Path) -> None:
    """Write one file a landmark."""
    out.mkdir(parents=True, exist_ok=True)
    cases = pd.read_parquet(data / "cases.parquet", columns=["case_id", "opened_at"])
    events = pd.read_parquet(data / "events.parquet")
    events["kind"] = events["kind"].astype("category")
    for number, at in enumerate(LANDMARKS):
        as_of = pd.Timestamp(at)
        since = as_of - pd.Timedelta(days=ROW_DAYS)
        rows = cases[(cases["opened_at"] <= as_of) & (cases["opened_at"] > since)].set_index("case_id")
        seen = events[(events["recorded_at"] <= as_of) & events["case_id"].isin(rows.index)]
        matrix = _landmark(rows, seen, as_of)
        matrix.reset_index()[["case_id", "as_of", *columns()]].to_parquet(
            out / f"part-{number:02d}.parquet", compression="zstd"
        )


def _landmark(rows: pd.DataFrame, seen: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    made = {"as_of": pd.Series(as_of, rows.index)}
    for window, days in WINDOWS:
        part = seen if days is None else seen[seen["occurred_at"] > as_of - pd.Timedelta(days=days)]
        by_case = part.groupby("case_id")
        made[f"n_{window}"] = by_case.size()
        for kind in KINDS:
            made[f"n_{kind}_{window}"] = part[part["kind"] == kind].groupby("case_id").size()
        severity = by_case["severity"].agg(["sum", "max", "mean"])
        for what in ("sum", "max", "mean"):
            made[f"sev_{what}_{window}"] = severity[what]
        made[f"amt_sum_{window}"] = by_case["amount"].sum()
    day = pd.Timedelta(days=1)
    made["dsl_any"] = (as_of - seen.groupby("case_id")["occurred_at"].max()) / day
    for kind in KINDS:
        made[f"dsl_{kind}"] = (as_of - seen[seen["kind"] == kind].groupby("case_id")["occurred_at"].max()) / day
    made["ds_opened"] = (as_of - rows["opened_at"]) / day
    matrix = pd.DataFrame(made, index=rows.index)
    matrix[list(COUNTS)] = matrix[list(COUNTS)].fillna(0).astype("int64")
    matrix[list(SUMS)] = matrix[list(SUMS)].fillna(0.0)
    return matrix
