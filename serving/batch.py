"""``defuse score``: every open or lately closed dispute of a records folder, with the service's own scorer."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.clock import format_time
from features.errors import UserError
from features.history import History, Spine
from features.loading import Partition
from features.partition import write_partitions
from features.records import Records
from features.spine import lately_open
from features.view import View
from serving.access import Role
from serving.assessment import assessment
from serving.desk import now_us
from serving.policy import Policy
from serving.scorer import Scorer
from training.artifact.model import RiskModel

CLOSED_DAYS = 90
ASSESSMENTS_FILE = "assessments.parquet"
NESTED = ("model", "floors", "reasons", "cautions", "routing")
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class BatchResult:
    """What a batch wrote."""

    path: Path
    disputes: int
    tiers: dict[str, int]


def score_records(
    records: Records, out: Path, *, as_of: int, model: RiskModel, version: str, policy: Policy,
    role: Role = Role.REVIEWER, progress: Progress | None = None,
) -> BatchResult:  # fmt: skip
    """Score every dispute that is open at ``as_of``, or closed less than 90 days before, into one Parquet file.

    Nested fields are JSON text.  The same bits as the service gives for the same records.  Raises UserError where
    ``out`` is a file, or ``as_of`` lies in the future (which the service refuses as well).
    """
    if as_of > now_us():
        raise UserError(f"--as-of {format_time(as_of)} lies in the future: a case is scored on what is known by now")
    if out.is_file():
        raise UserError(f"{out} is a file: name a folder for {ASSESSMENTS_FILE}")
    out.mkdir(parents=True, exist_ok=True)
    step = progress or (lambda _stage, _done: None)
    scorer, scored_at = Scorer(model, watch=policy.watch), now_us()
    tiers: dict[str, int] = {}
    with tempfile.TemporaryDirectory(dir=out, prefix=".scoring-") as work:
        step("partition", 0.0)
        folders = write_partitions(records.connection, Path(work) / "parts", known_at=as_of - 1)
        target = Path(work) / ASSESSMENTS_FILE
        writer: pq.ParquetWriter | None = None
        for number, folder in enumerate(folders):
            rows = [
                _row(assessment(one, model, policy, version=version, role=role, scored_at=scored_at))
                for one in _scored(scorer, folder, as_of)
            ]
            if rows:
                table = pa.Table.from_pylist(rows)
                writer = writer or pq.ParquetWriter(target, table.schema, compression="zstd")
                writer.write_table(table)
                for row in rows:
                    tiers[row["tier"]] = tiers.get(row["tier"], 0) + 1
            step("score", (number + 1) / len(folders))
        if writer is None:
            raise UserError("no dispute is open at this time, or was closed in the 90 days before")
        writer.close()
        target.replace(out / ASSESSMENTS_FILE)
    return BatchResult(out / ASSESSMENTS_FILE, sum(tiers.values()), tiers)


def waiting(history: History, *, as_of: int) -> Spine:
    """One landmark for every visible dispute that is open, or closed less than 90 days ago."""
    everyone = Spine(np.arange(len(history)), np.full(len(history), as_of))
    known = everyone[View(history, everyone, reference_income_cny=np.nan).is_visible]
    return lately_open(history, known, closed_within_days=CLOSED_DAYS)


def _scored(scorer: Scorer, folder: Path, as_of: int) -> Iterator[Any]:
    partition = Partition(folder, with_ids=True)
    history = partition.history()
    yield from scorer.score_history(history, waiting(history, as_of=as_of))
    partition.close()


def _row(record: dict[str, Any]) -> dict[str, Any]:
    low, high = record.pop("interval")
    flat = {
        name: json.dumps(value, ensure_ascii=False) if name in NESTED else value for name, value in record.items()
    }  # fmt: skip
    return flat | {"interval_low": low, "interval_high": high}
