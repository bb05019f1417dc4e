"""The probes of a run: the test rows a week late, without a channel, and a model trained on shuffled labels."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from features.history import Array
from features.records import Records
from training.artifact.model import RiskModel
from training.artifact.scale import sigmoid
from training.cores import by_blocks
from training.evaluation.held_out import HeldOutRows, Scores
from training.evaluation.probe_record import Probe, ProbeName
from training.evaluation.probes import paired_probe, shuffled_by_pair, trained_on_shuffled_labels
from training.experiment import Experiment
from training.families.fitter import TreeFitter
from training.rows import Rows
from training.spoilt_rows import Spoiling, SpoiltMargins, Wanted, spoilt_margins

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
    step("probes", 0.0)
    with ThreadPoolExecutor(1) as beside:
        shuffled = beside.submit(_shuffled, probing)  # one core fits while the other deals out the records
        spoilt = _spoilt(probing, records, step=step) if probing.experiment.cohort.population == "monthly" else ()
        probes = (shuffled.result(), *spoilt)
    step("probes", 1.0)
    return probes


def _shuffled(probing: Probing) -> Probe:
    train = probing.train
    shuffled = replace(train, label=shuffled_by_pair(train.label, train.pair, seed=probing.seed))
    raw = by_blocks(probing.fitter.fit(shuffled).raw, probing.test.values)
    raw = raw - raw.mean()
    scores = Scores(score=raw, probability=sigmoid(np.clip(raw, -30, 30)))
    return trained_on_shuffled_labels(probing.held, scores, draws=probing.draws, seed=probing.seed)


def _spoilt(probing: Probing, records: Records, *, step: Step) -> tuple[Probe, ...]:
    """The week's delay and the missing channels.

    A sound model loses a little by a week, what that week told.  A model whose columns know the future falls off a cliff: a
    week earlier the future was further away.
    """
    spoilings: list[tuple[ProbeName, str, Spoiling]] = [
        ("delayed_features", f"{DELAY_DAYS} days", Spoiling(days_earlier=DELAY_DAYS))
    ]
    for channel in busiest_channels(records, before=int(probing.test.as_of.max())):
        spoilings.append(("missing_channel", channel, Spoiling(silent_channel=channel)))
    wanted = Wanted(
        dispute_ids=probing.dispute_ids, as_of=probing.test.as_of,
        closed_within_days=probing.experiment.cohort.closed_within_days + 1,  # a day more than any test row
    )  # fmt: skip
    found = spoilt_margins(
        records, probing.model, wanted, [how for *_, how in spoilings], step=lambda done: step("probes", 0.8 * done)
    )
    return tuple(
        _paired(probe, subject, probing, one) for (probe, subject, _), one in zip(spoilings, found, strict=True)
    )


def _paired(probe: ProbeName, subject: str, probing: Probing, spoilt: SpoiltMargins) -> Probe:
    return paired_probe(
        probe, subject, probing.held.taken(spoilt.found), as_it_is=probing.scores.taken(spoilt.found),
        probed=Scores(score=spoilt.margin, probability=sigmoid(spoilt.margin)), draws=probing.draws, seed=probing.seed,
    )  # fmt: skip


def busiest_channels(records: Records, *, before: int) -> tuple[str, ...]:
    """The channels that told of the most events before a time (microseconds), the busiest first."""
    found = records.connection.sql(
        f"SELECT channel FROM events WHERE recorded_at < {before} AND channel IS NOT NULL "
        f"GROUP BY channel ORDER BY count(*) DESC, channel LIMIT {CHANNELS_TRIED}"
    ).fetchall()
    return tuple(str(row[0]) for row in found)
