"""The workload as a Polars user would write it: one join of rows and visible events, one filtered aggregate a column."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from benchmarks.feature_peers.workload import COUNTS, KINDS, LANDMARKS, ROW_DAYS, SUMS, WINDOWS, columns


def build(data: Path, out: Path) -> None:
    """Write the matrix in one go."""
    out.mkdir(parents=True, exist_ok=True)
    landmarks = pl.LazyFrame({"as_of": list(LANDMARKS)}, schema={"as_of": pl.Datetime("us")})
    wanted = (
        pl.scan_parquet(data / "cases.parquet")
        .select("case_id", "opened_at")
        .join(landmarks, how="cross")
        .filter(
            pl.col("opened_at") <= pl.col("as_of"),
            pl.col("opened_at") > pl.col("as_of") - pl.duration(days=ROW_DAYS),
        )
    )
    seen = (
        wanted.select("case_id", "as_of")
        .join(pl.scan_parquet(data / "events.parquet"), on="case_id")
        .filter(pl.col("recorded_at") <= pl.col("as_of"))
    )
    made = seen.group_by("case_id", "as_of").agg(_aggregates())
    matrix = (
        wanted.join(made, on=["case_id", "as_of"], how="left")
        .with_columns(pl.col(*COUNTS).fill_null(0).cast(pl.Int64), pl.col(*SUMS).fill_null(0.0))
        .with_columns(_days_since("opened_at").alias("ds_opened"))
    )
    matrix.select("case_id", "as_of", *columns()).collect().write_parquet(out / "part.parquet", compression="zstd")


def _aggregates() -> list[pl.Expr]:
    found = []
    for window, days in WINDOWS:
        inside = pl.lit(True) if days is None else pl.col("occurred_at") > pl.col("as_of") - pl.duration(days=days)
        severity, amount = pl.col("severity").filter(inside), pl.col("amount").filter(inside)
        found += [severity.len().alias(f"n_{window}"), severity.sum().alias(f"sev_sum_{window}")]
        found += [severity.max().alias(f"sev_max_{window}"), severity.mean().alias(f"sev_mean_{window}")]
        found.append(amount.sum().alias(f"amt_sum_{window}"))
        found += [(inside & (pl.col("kind") == kind)).sum().alias(f"n_{kind}_{window}") for kind in KINDS]
    last = pl.col("occurred_at")
    found.append(_since(last.max()).alias("dsl_any"))
    return found + [_since(last.filter(pl.col("kind") == kind).max()).alias(f"dsl_{kind}") for kind in KINDS]


def _since(time: pl.Expr) -> pl.Expr:
    return (pl.col("as_of").first() - time).dt.total_microseconds() / 86400e6


def _days_since(column: str) -> pl.Expr:
    return (pl.col("as_of") - pl.col(column)).dt.total_microseconds() / 86400e6
