"""A second opinion on every split: each promise recomputed from matrix and records by other means than those that made it.

The splitter works with NumPy on numbered rows, file by file.  This reads the Parquet files and the incidents anew, in SQL, by
the ids of the disputes, and shares no line of code with it.  What differs is a bug, and stops the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from features.labels import LabelRule
from features.records import Records
from training.rows import Rows, SplitRows
from training.split import Split

DAY = 24 * 60 * 60 * 1_000_000


class SplitPromiseBroken(Exception):
    """A split that does not hold what it promises: a bug, never the user's fault."""


@dataclass(frozen=True)
class Promise:
    """What a split of an experiment promises, and from where it can be checked.

    ``effect_days`` None: risk as treated.  Else under usual care: rows censored by extra support don't train.
    """

    train_matrix: Path
    test_matrix: Path
    label: LabelRule
    known_at: int
    pairs_stay_apart: bool
    effect_days: int | None = None


def check_split(rows: SplitRows, split: Split, promise: Promise, records: Records) -> None:
    """Raise SplitPromiseBroken, naming every broken promise with a count and an example, or return.

    Checked: every row is one of its matrix, once; its label is what the incidents say; it was complete by the end of the
    records; the embargo lies between the last training and the first test landmark; no row lies after the incident that
    ended its dispute; no pair is on both sides; every row of the test period is in the test; every positive before the
    embargo, of no pair of the test, is kept.
    """
    with duckdb.connect() as found:
        _load(found, rows, promise, records)
        faults = [*_faults(found, split, promise)]
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise SplitPromiseBroken(f"the split breaks {len(faults)} of its promises:\n{listed}")


def check_origins(splits: Sequence[Split], *, label: LabelRule, known_at: int) -> None:
    """Raise SplitPromiseBroken where tests overlap, leave a gap, stand out of order or end too late for their labels."""
    faults = []
    for first, second in pairwise(splits):
        if first.test_end != second.test_start:
            faults.append(
                f"tests do not lie end to end: one ends at {first.test_end}, the next starts at {second.test_start}"
            )
    embargo = _embargo(label)
    for split in splits:
        if not split.train_start < split.train_end < split.test_start < split.test_end:
            faults.append(f"times out of order: {split}")
        if split.train_end - 1 + embargo > split.test_start:
            faults.append(f"training of {split} ends less than {embargo / DAY:g} days before its test")
        if split.test_end - 1 + embargo > known_at:
            faults.append(f"the last labels of {split} are not complete at {known_at}")
    if faults:
        raise SplitPromiseBroken("\n".join(faults))


def _embargo(label: LabelRule) -> int:
    return round((label.horizon_days + label.label_delay_days) * DAY)


def _load(
    found: duckdb.DuckDBPyConnection, rows: SplitRows, promise: Promise, records: Records
) -> None:  # fmt: skip
    """Both matrices, the sure incidents and what the splitter gave out as tables of this very connection."""
    found.execute("SET TimeZone = 'UTC'")
    for name, folder in (("training_matrix", promise.train_matrix), ("test_matrix", promise.test_matrix)):
        found.execute(
            f"CREATE VIEW {name} AS SELECT dispute_id, epoch_us(as_of) AS as_of, pair "
            f"FROM read_parquet('{folder}/outcomes/part-*.parquet')"
        )
        found.execute(
            f"CREATE VIEW {name}_support AS SELECT dispute_id, epoch_us(as_of) AS as_of, epoch_us(support_before) AS past, "
            f"epoch_us(support_at) AS next FROM read_parquet('{folder}/treatments/part-*.parquet')"
        )
    incidents = records.connection.sql(
        "SELECT incident_id, dispute_id, occurred_at, verified_at, withdrawn, link_confidence FROM incidents"
    ).to_arrow_table()
    found.register("all_incidents", incidents)
    found.execute(
        "CREATE TABLE incidents AS SELECT dispute_id, occurred_at FROM (SELECT * FROM all_incidents WHERE "
        f"verified_at <= {promise.known_at} QUALIFY row_number() OVER (PARTITION BY incident_id ORDER BY verified_at DESC) "
        "= 1) WHERE NOT coalesce(withdrawn, false) AND dispute_id IS NOT NULL "
        f"AND link_confidence >= {promise.label.min_link_confidence}"
    )
    given = (
        ("train", rows.train, rows.train_dispute_ids),
        ("calibration", rows.calibration, rows.calibration_dispute_ids),
        ("test", rows.test, rows.test_dispute_ids),
    )
    for name, own, ids in given:
        matrix = "training_matrix" if name == "train" else "test_matrix"
        found.register(f"given_{name}", _given(own, ids))
        found.execute(
            f"CREATE TABLE {name} AS SELECT g.*, m.pair FROM given_{name} g LEFT JOIN {matrix} m USING (dispute_id, as_of)"
        )


def _given(rows: Rows, ids: np.ndarray) -> pa.Table:
    return pa.table({
        "dispute_id": pa.array(ids, pa.string()), "as_of": pa.array(rows.as_of, pa.int64()),
        "label": pa.array(rows.label, pa.int8()),
    })  # fmt: skip


def _faults(found: duckdb.DuckDBPyConnection, split: Split, promise: Promise) -> Iterator[str]:
    horizon, embargo = promise.label.horizon_days * DAY, _embargo(promise.label)
    positive = f"EXISTS (FROM incidents i WHERE i.dispute_id = r.dispute_id AND i.occurred_at >= r.as_of AND i.occurred_at < r.as_of + {horizon})"
    ended = "EXISTS (FROM incidents i WHERE i.dispute_id = r.dispute_id AND i.occurred_at < r.as_of)"
    ended = ended if promise.label.ends_with_incident else "false"
    mature = f"r.as_of + {embargo} <= {promise.known_at}"
    for name in ("train", "calibration", "test"):
        yield from _told(found, f"{name}: rows that are not in the matrix", f"FROM {name} r WHERE pair IS NULL")
        yield from _told(
            found, f"{name}: rows given out twice",
            f"FROM (SELECT dispute_id, as_of FROM {name} GROUP BY ALL HAVING count(*) > 1) r",
        )  # fmt: skip
        yield from _told(
            found,
            f"{name}: labels that the incidents do not bear out",
            f"FROM {name} r WHERE (label = 1) != {positive}",
        )
        yield from _told(found, f"{name}: labels that were not complete yet", f"FROM {name} r WHERE NOT ({mature})")
        yield from _told(
            found, f"{name}: rows after the incident that ended the dispute", f"FROM {name} r WHERE {ended}"
        )
    for name in ("train", "calibration"):
        yield from _told(
            found, f"{name}: rows whose label was not complete when the test began",
            f"FROM {name} r WHERE as_of + {embargo} > {split.test_start}",
        )  # fmt: skip
        if promise.pairs_stay_apart:
            yield from _told(
                found, f"{name}: rows of a pair that occurs in the test", f"FROM {name} r WHERE pair IN (SELECT pair FROM test)"
            )  # fmt: skip
    yield from _told(
        found, "test: rows outside its period",
        f"FROM test r WHERE as_of < {split.test_start} OR as_of >= {split.test_end}",
    )  # fmt: skip
    within = f"r.as_of >= {split.test_start} AND r.as_of < {split.test_end} AND {mature} AND NOT ({ended})"
    yield from _told(
        found, "test: rows of its period that were dropped",
        f"FROM test_matrix r WHERE {within} AND NOT EXISTS (FROM test t WHERE t.dispute_id = r.dispute_id AND t.as_of = r.as_of)",
    )  # fmt: skip
    apart = "AND r.pair NOT IN (SELECT pair FROM test WHERE pair IS NOT NULL)" if promise.pairs_stay_apart else ""
    early = f"r.as_of >= {split.train_start} AND r.as_of < {split.train_end} AND NOT ({ended}) AND {positive} {apart}"
    for name, matrix in (("train", "training_matrix"), ("calibration", "test_matrix")):
        censored = _censored(promise, matrix)
        yield from _told(found, f"{name}: rows censored by extra support", f"FROM {name} r WHERE {censored}")
        yield from _told(
            found, f"{name}: positives before the embargo that were dropped",
            f"FROM (FROM {matrix} SEMI JOIN incidents USING (dispute_id)) r WHERE {early} AND NOT ({censored}) AND NOT EXISTS "
            f"(FROM {name} t WHERE t.dispute_id = r.dispute_id AND t.as_of = r.as_of)",
        )  # fmt: skip


def _censored(promise: Promise, matrix: str) -> str:
    """Whether extra support began within the horizon before any incident, or bears on the landmark itself."""
    if promise.effect_days is None:
        return "false"
    first = (
        "(SELECT min(i.occurred_at) FROM incidents i WHERE i.dispute_id = r.dispute_id AND i.occurred_at >= r.as_of)"
    )
    horizon = promise.label.horizon_days * DAY
    return (
        f"EXISTS (FROM {matrix}_support s WHERE s.dispute_id = r.dispute_id AND s.as_of = r.as_of AND "
        f"(s.past >= r.as_of - {promise.effect_days * DAY} OR "
        f"(s.next < r.as_of + {horizon} AND s.next <= coalesce({first}, s.next))))"
    )


def _told(found: duckdb.DuckDBPyConnection, what: str, condition: str) -> Iterator[str]:
    """One sentence with a count and an example where the query finds anything."""
    count, dispute, as_of = found.execute(
        f"SELECT count(*), min(r.dispute_id), min(r.as_of) {condition}"
    ).fetchall()[0]  # fmt: skip
    if count:
        yield f"{what}: {count}, such as dispute {dispute} (first landmark {as_of})"
