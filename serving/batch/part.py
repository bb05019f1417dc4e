"""One partition of a batch: its waiting disputes scored, explained and written as one Parquet file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic_core import to_json

from features.history import History, Spine
from features.loading import Partition
from features.manifest import finish_file
from features.parts import write_count
from features.spine import lately_open
from features.view import View
from serving.assessment import Scored, assessment
from serving.batch.logged import log_group
from serving.batch.plan import PARTS, Batch
from serving.policy import Policy
from serving.scorer import Scorer
from training.artifact.points_model import Model
from training.artifact.store import load_model

CLOSED_DAYS = 90
ROWS_PER_GROUP = 8_192
"""Rows that are made and written at a time: explanations are long texts."""
NESTED = ("model", "floors", "reasons", "cautions", "routing")
SCHEMA = pa.schema([
    *(pa.field(name, pa.int64() if name == "schema_version" else pa.string(), nullable=False)
      for name in ("schema_version", "assessment_id", "dispute_id", "as_of", "scored_at", "model")),
    *(pa.field(name, pa.float64(), nullable=False) for name in ("probability", "interval_low", "interval_high", "base_rate")),
    *(pa.field(name, pa.string(), nullable=False) for name in ("tier", "floors")),
    *(pa.field(name, pa.float64(), nullable=False) for name in ("margin", "base_margin")),
    pa.field("reasons", pa.string(), nullable=False), pa.field("other_contribution", pa.float64(), nullable=False),
    *(pa.field(name, pa.string(), nullable=False) for name in ("cautions", "routing")),
])  # fmt: skip
"""The columns of an assessment; nested fields are JSON text."""
REPEATED = ["as_of", "scored_at", "model", "tier", "floors", "cautions", "routing"]
"""Columns of few different texts: these are kept once a group."""


@dataclass(frozen=True)
class ScoredPart:
    """What one part holds: assessments by tier, and the sha256 of its file."""

    tiers: dict[str, int]
    files: dict[str, str]


def score_part(batch: Batch, folder: Path, built: Path, number: int) -> ScoredPart:
    """Score one partition: a plain function of files to files, so that any pool or cluster can run it.

    What is logged is logged before it stands in a file.  ``parts/part-NNNN.parquet`` and then ``counts/part-NNNN.json`` appear under ``built``, each whole or not at all.
    """
    name = f"{PARTS}/part-{number:04d}.parquet"
    unfinished = built / "unfinished" / Path(name).name
    tiers: Counter[str] = Counter()
    with pq.ParquetWriter(unfinished, SCHEMA, compression="lz4", use_dictionary=REPEATED) as writer:
        scorer = _scorer(batch.model_folder, batch.policy.model_dump_json())
        scored = _scored(scorer, batch, folder)
        while group := list(islice(scored, ROWS_PER_GROUP)):
            if batch.log_url is not None:
                log_group(batch, folder, group, part=number, first=tiers.total())
            writer.write_table(_table([_record(one, batch, scorer.model) for one in group]))
            tiers.update(one.tier.value for one in group)
    part = ScoredPart(dict(sorted(tiers.items())), {name: finish_file(built, unfinished, name)})
    write_count(built, number, part)
    return part


def waiting(history: History, *, as_of: int) -> Spine:
    """One landmark for every visible dispute that is open, or closed less than 90 days ago."""
    everyone = Spine(np.arange(len(history)), np.full(len(history), as_of))
    known = everyone[View(history, everyone, reference_income_cny=np.nan).is_visible]
    return lately_open(history, known, closed_within_days=CLOSED_DAYS)


def _scored(scorer: Scorer, batch: Batch, folder: Path) -> Iterator[Scored]:
    partition = Partition(folder, with_ids=True)
    history = partition.history()
    partition.close()
    yield from scorer.score_history(history, waiting(history, as_of=batch.as_of))


@lru_cache(maxsize=1)
def _scorer(model_folder: Path, policy: str) -> Scorer:
    """The verified model of a worker, loaded once."""
    return Scorer(load_model(model_folder), watch=Policy.model_validate_json(policy).watch)


def _record(scored: Scored, batch: Batch, model: Model) -> dict[str, Any]:
    return assessment(
        scored, model, batch.policy, version=batch.version, role=batch.role, scored_at=batch.scored_at,
        assessment_id=batch.assessment_id(scored.dispute_id),
    )  # fmt: skip


def _table(records: list[dict[str, Any]]) -> pa.Table:
    """Assessments as a table: intervals in two columns, nested fields as JSON text."""
    columns: dict[str, list[Any]] = {
        "interval_low": [record["interval"][0] for record in records],
        "interval_high": [record["interval"][1] for record in records],
    }
    for name in SCHEMA.names:
        if name in NESTED:
            columns[name] = [to_json(record[name]).decode() for record in records]
        elif name not in columns:
            columns[name] = [record[name] for record in records]
    return pa.table([pa.array(columns[field.name], field.type) for field in SCHEMA], schema=SCHEMA)
