"""One partition of a batch: its waiting disputes scored, explained and written as one Parquet file."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.history import History, Spine
from features.loading import Partition
from features.manifest import finish_file
from features.parts import write_count
from features.spine import is_lately_open, is_visible
from serving.access import Role
from serving.assessment import CARE_ROLES
from serving.batch.columns import Columns
from serving.batch.logged import log_block
from serving.batch.plan import PARTS, Batch
from serving.batch.texts import Texts
from serving.policy import Policy
from serving.scorer import Computed, Scorer
from training.artifact.store import load_model

CLOSED_DAYS = 90
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
        worker = _worker(batch.model_folder, batch.policy.model_dump_json(), batch.version)
        for computed in _computed(worker.scorer, batch, folder):
            block = Columns(computed, worker.texts, role=batch.role)
            if batch.log_url is not None:
                reviewers = Columns(computed, worker.texts, role=Role.REVIEWER) if batch.role in CARE_ROLES else block
                log_block(batch, folder, reviewers, worker.scorer, part=number, first=tiers.total())
            writer.write_table(table_of(block, batch))
            tiers.update(tier.value for tier in block.tiers)
    part = ScoredPart(dict(sorted(tiers.items())), {name: finish_file(built, unfinished, name)})
    write_count(built, number, part)
    return part


def waiting(history: History, *, as_of: int) -> Spine:
    """One landmark for every visible dispute that is open, or closed less than 90 days ago."""
    everyone = Spine(np.arange(len(history)), np.full(len(history), as_of))
    known = everyone[is_visible(history, everyone)]
    return known[is_lately_open(history, known, closed_within_days=CLOSED_DAYS)]


@dataclass(frozen=True)
class _Worker:
    """What a process keeps from one part to the next."""

    scorer: Scorer
    texts: Texts


@lru_cache(maxsize=1)
def _worker(model_folder: Path, policy: str, version: str) -> _Worker:
    """The verified model of a process, loaded once, and the texts that follow from it."""
    model, rules = load_model(model_folder), Policy.model_validate_json(policy)
    gc.collect()
    gc.freeze()  # modules and model stay: the collector need not walk them at every block, which took a tenth of the time
    return _Worker(Scorer(model, watch=rules.watch), Texts(model, rules, version=version))


def _computed(scorer: Scorer, batch: Batch, folder: Path) -> Iterator[Computed]:
    partition = Partition(folder, with_ids=True)
    history = partition.history()
    partition.close()
    yield from scorer.compute_history(history, waiting(history, as_of=batch.as_of))


def table_of(block: Columns, batch: Batch) -> pa.Table:
    """Assessments as a table of the columns of ``SCHEMA``."""
    ids = [batch.assessment_id(dispute_id) for dispute_id in block.dispute_ids]
    columns = block.columns(ids, scored_at=batch.scored_at)
    return pa.table([pa.array(columns[field.name], field.type) for field in SCHEMA], schema=SCHEMA)
