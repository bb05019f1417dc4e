"""The probes of a run: the test rows a week late, without a channel, and a model trained on shuffled labels."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from features.clock import DAY_US, format_time
from features.history import Array
from features.matrix import build_matrix
from features.partition import group_pairs
from features.records import Records
from features.view import Values
from training.artifact.model import RiskModel
from training.artifact.scale import sigmoid
from training.cores import by_blocks
from training.evaluation.held_out import HeldOutRows, Scores
from training.evaluation.probe_record import Probe
from training.evaluation.probes import paired_probe, shuffled_by_pair, trained_on_shuffled_labels
from training.experiment import Experiment
from training.families.fitter import TreeFitter
from training.rows import Rows, matrix_values

DELAY_DAYS = 7
CHANNELS_TRIED = 2
Step = Callable[[str, float], None]


@dataclass(frozen=True, kw_only=True)
class Probing:
    """What the probes work on.  ``test`` are the test rows, one a month for each dispute, ``dispute_ids`` beside them."""

    experiment: Experiment
    model: RiskModel
    scores: Scores
    train: Rows
    test: Rows
    dispute_ids: Array
    held: HeldOutRows
    fitter: TreeFitter
    draws: int

    @property
    def seed(self) -> int:
        """The experiment's."""
        return self.experiment.seed


def run_probes(probing: Probing, records: Records, *, step: Step) -> tuple[Probe, ...]:
    """Every probe that this experiment allows, shuffled labels first.

    A week's delay and a missing channel need test rows at set times: with the landmarks of the spine as test they are
    left out, since spoilt records would have another spine.
    """
    probes = [_shuffled(probing)]
    step("probes", 0.25)
    if probing.experiment.cohort.population == "monthly":
        channels = busiest_channels(records, before=int(probing.test.as_of.max()))
        with pairs_alone(records, probing.dispute_ids):
            probes.append(_delayed(probing, records))
            step("probes", 0.5)
            for place, channel in enumerate(channels):
                probes.append(_without(channel, probing, records))
                step("probes", 0.5 + 0.5 * (place + 1) / len(channels))
    return tuple(probes)


def _shuffled(probing: Probing) -> Probe:
    train = probing.train
    shuffled = replace(train, label=shuffled_by_pair(train.label, train.pair, seed=probing.seed))
    raw = by_blocks(probing.fitter.fit(shuffled).raw, probing.test.values)
    raw = raw - raw.mean()
    scores = Scores(score=raw, probability=sigmoid(np.clip(raw, -30, 30)))
    return trained_on_shuffled_labels(probing.held, scores, draws=probing.draws, seed=probing.seed)


def _delayed(probing: Probing, records: Records) -> Probe:
    """Each row's columns as they were a week earlier, against its own label.

    A sound model loses a little, what the last week told.  A model whose columns know the future falls off a cliff: a
    week earlier the future was further away.
    """
    delay = DELAY_DAYS * DAY_US
    values, found = _columns_at(probing, records, probing.test.as_of - delay, closed_for=DELAY_DAYS + 1)
    return _paired("delayed_features", f"{DELAY_DAYS} days", probing, values, found)


def _without(channel: str, probing: Probing, records: Records) -> Probe:
    """The columns as they would be had this channel never told of an event."""
    with channel_dropped(records, channel):
        values, found = _columns_at(probing, records, probing.test.as_of)
    return _paired("missing_channel", channel, probing, values, found)


def _paired(probe: Any, subject: str, probing: Probing, values: Values, found: Array) -> Probe:
    margin = by_blocks(probing.model.margin_of_rows, values)
    return paired_probe(
        probe, subject, probing.held.taken(found), as_it_is=probing.scores.taken(found),
        probed=Scores(score=margin, probability=sigmoid(margin)), draws=probing.draws, seed=probing.seed,
    )  # fmt: skip


def _columns_at(
    probing: Probing, records: Records, as_of: Array, *, closed_for: int = 1
) -> tuple[Values, Array]:  # fmt: skip
    """The model's columns of the test disputes at other times (found rows, columns), and which test rows were found.

    A row is not found where its dispute was not on the books at that time.
    """
    experiment = probing.experiment
    with tempfile.TemporaryDirectory(prefix="defuse-probe-") as folder:
        build_matrix(
            records, Path(folder) / "matrix", as_of=",".join(format_time(int(at)) for at in np.unique(as_of)),
            indicators=experiment.matrix.indicator_ids, label=experiment.label,
            reference_income_cny=experiment.matrix.reference_income_cny,
            closed_within_days=experiment.cohort.closed_within_days + closed_for,
        )  # fmt: skip
        return matrix_values(
            Path(folder) / "matrix", probing.model.contract.column_names, dispute_ids=probing.dispute_ids, as_of=as_of
        )


def busiest_channels(records: Records, *, before: int) -> tuple[str, ...]:
    """The channels that told of the most events before a time (microseconds), the busiest first."""
    found = records.connection.sql(
        f"SELECT channel FROM events WHERE recorded_at < {before} AND channel IS NOT NULL "
        f"GROUP BY channel ORDER BY count(*) DESC, channel LIMIT {CHANNELS_TRIED}"
    ).fetchall()
    return tuple(str(row[0]) for row in found)


@contextmanager
def channel_dropped(records: Records, channel: str) -> Iterator[None]:
    """The records without the events of a channel, as long as the block lasts."""
    quoted = channel.replace("'", "''")
    with _seen_as(records, "events", f"SELECT * FROM events_as_they_are WHERE channel IS DISTINCT FROM '{quoted}'"):
        yield


@contextmanager
def pairs_alone(records: Records, dispute_ids: Array) -> Iterator[None]:
    """The records without disputes of other pairs than these disputes', as long as the block lasts.

    No row of another pair bears on a dispute's columns, so that they stay the same and are built sooner.
    """
    connection = records.connection
    group_pairs(connection, known_at=records.known_at)
    connection.register("asked_for", pa.table({"dispute_id": pa.array(np.unique(dispute_ids.astype(str)))}))
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE alone AS SELECT dispute_id FROM pair_groups "
        "WHERE pair IN (SELECT pair FROM pair_groups JOIN asked_for USING (dispute_id))"
    )
    connection.unregister("asked_for")
    try:
        with _seen_as(records, "disputes", "SELECT * FROM disputes_as_they_are SEMI JOIN alone USING (dispute_id)"):
            yield
    finally:
        connection.execute("DROP TABLE alone")


@contextmanager
def _seen_as(records: Records, table: str, query: str) -> Iterator[None]:
    """A table of the records as a query gives it, which finds its rows in ``TABLE_as_they_are``."""
    connection = records.connection
    connection.execute(f"ALTER VIEW {table} RENAME TO {table}_as_they_are")
    try:
        connection.execute(f"CREATE VIEW {table} AS {query}")
        yield
    finally:
        connection.execute(f"DROP VIEW IF EXISTS {table}")
        connection.execute(f"ALTER VIEW {table}_as_they_are RENAME TO {table}")
