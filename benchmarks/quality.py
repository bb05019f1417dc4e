"""How good the ranking is where the truth is known: five families and the oracle on SYNTHETIC worlds, by soft labels.

A soft label is the true 90-day probability of a row: it takes the noise of the sampled outcome out of a comparison.
The rows are the headline population at the last origin: one a month for each open or lately closed dispute.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.figure import Figure
from data_samples.known_truth import Truth, read_truth
from data_samples.simulator import Constants, simulate
from data_samples.simulator.imperfections import Imperfections
from features import catalogue, read_records
from features.history import Array
from features.view import Values
from training.artifact.home import Home
from training.artifact.scale import sigmoid
from training.calibration_line import calibration_line
from training.experiment import Experiment, read_experiment
from training.families.choosing import choose
from training.family_settings import Family
from training.modelling import calibrated
from training.population import matrix_for, monthly_matrix
from training.rows import Sampling, SplitRows, matrix_bounds, split_rows
from training.split import last_origin

EXPERIMENT = Path(__file__).parents[1] / "experiments" / "five_families.toml"
CAPACITIES = (0.0015, 0.01, 0.05, 0.10)
BINS = 4_096
SEEDS = (101, 102, 103, 104, 105)
SEED_NAMES = tuple(f"seed {seed}" for seed in SEEDS)
FAMILIES: tuple[Family, ...] = ("points", "logistic", "lightgbm", "tuned_lightgbm", "explainable_boosting")
PLAIN: tuple[Family, ...] = ("points", "lightgbm")
NEGATIVE_RATE = 0.02  # with 3,000 negatives per incident this costs no precision and saves nine tenths of the time


@dataclass(frozen=True)
class World:
    """One simulated world to judge on."""

    name: str
    disputes: int
    seed: int
    constants: Constants | None = None
    imperfect: bool | Imperfections = True
    families: tuple[Family, ...] = FAMILIES


@dataclass(frozen=True)
class Judged:
    """The test rows of a world: soft labels, pairs, and the score of each ranker; arrays (rows,)."""

    soft: Values
    pair: Array
    scores: dict[str, Values]
    probability: dict[str, Values]


def run(*, quick: bool) -> Iterator[Figure]:
    """Five seeds and one perturbed world of 250,000 disputes a year; quick: one seed of 60,000, no ablation."""
    size = 60_000 if quick else 250_000
    seeds = SEEDS[:1] if quick else SEEDS
    worlds = [World(f"seed {seed}", size, seed) for seed in seeds]
    if not quick:
        worlds.append(World("perturbed", size, 201, Constants().perturbed(201)))
        worlds += [
            World(f"without {group}", 60_000, seeds[0], imperfect=Imperfections.without(group), families=PLAIN)
            for group in Imperfections.names()
            if group not in ("bad_rows", "narratives")
        ]
        worlds += [
            World("everything on", 60_000, seeds[0], families=PLAIN),
            World("clean", 60_000, seeds[0], imperfect=False, families=PLAIN),
        ]
    figures = []
    for world in worlds:
        for figure in _figures(world.name, judge(world), draws=50 if quick else 200):
            figures.append(figure)
            yield figure
    yield from across_seeds(figures)


def across_seeds(figures: Iterable[Figure]) -> Iterator[Figure]:
    """The mean over the seeds of each difference and share, with Student's 95% interval: luck of a world included.

    The interval of one world holds for that world's few training incidents only; between worlds the differences vary more.
    """
    of_worlds: dict[str, list[float]] = {}
    for figure in figures:
        world, _, name = figure.figure.partition("/")
        if (
            world in SEED_NAMES
            and name.startswith(("lightgbm - ", "share of the gap closed"))
            and not name.endswith((".low", ".high"))
        ):
            of_worlds.setdefault(name, []).append(figure.value)
    for name, values in of_worlds.items():
        if len(values) > 1:
            half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
            mean = float(np.mean(values))
            yield from _value_and_interval(f"mean of the seeds/{name}", mean, mean - half, mean + half)


def judge(world: World) -> Judged:
    """Simulate, train and score one world; everything it writes is taken away again."""
    experiment = read_experiment(EXPERIMENT)
    sampling = experiment.sampling.model_copy(update={"negative_rate": NEGATIVE_RATE})
    experiment = experiment.model_copy(update={"sampling": sampling})
    work = Path(tempfile.mkdtemp(prefix="defuse-quality-"))
    try:
        folder, home = work / "records", Home(work / "home")
        simulate(
            folder, preset="bench", disputes=world.disputes, years=4, seed=world.seed, constants=world.constants,
            imperfect=world.imperfect,
        )  # fmt: skip
        with read_records(folder) as records:
            matrix = matrix_for(experiment, records, home=home, progress=_quiet)
            _, first = matrix_bounds(matrix)
            split = last_origin(experiment, first_as_of=first, known_at=records.known_at)
            monthly = monthly_matrix(experiment, records, (split,), home=home, progress=_quiet)
        columns = catalogue.columns_of()
        rows = split_rows(
            matrix, monthly, split, columns, label="label_90", sampling=Sampling(NEGATIVE_RATE, experiment.seed)
        )
        margins: dict[str, Values] = {family: _margin(experiment, rows, family) for family in world.families}
        truth = read_truth(f"{folder}.truth")
        soft = truth.soft_labels(rows.test_dispute_ids, rows.test.as_of)
        oracle = truth.hazards(rows.test_dispute_ids, rows.test.as_of)
        known = ~np.isnan(soft)
        scores = {**margins, **_partial_oracles(truth, rows, world), "oracle": oracle}
        return Judged(
            soft=soft[known],
            pair=np.unique(rows.test.pair[known], return_inverse=True)[1],
            scores={ranker: score[known] for ranker, score in scores.items()},
            probability={family: sigmoid(margin[known]) for family, margin in margins.items()},
        )
    finally:
        shutil.rmtree(work)


def _margin(experiment: Experiment, rows: SplitRows, family: Family) -> Values:
    """Calibrated log-odds of the test rows by a family that is chosen, fitted and calibrated on the training rows."""
    chosen = choose(family, experiment, catalogue.INDICATORS, rows.train)
    return calibrated(experiment, rows, family, chosen, step=_quiet).margin(rows.test.values)


def _partial_oracles(truth: Truth, rows: SplitRows, world: World) -> dict[str, Values]:
    """What a ranker could reach that knows all of the hazard but one of its two hidden parts: where the gap lies.

    Hostility never shows in a record; the state shows only through events, as far as they are recorded.
    """
    constants = world.constants or Constants()
    ids, as_of = rows.test_dispute_ids, rows.test.as_of
    hidden = truth.weekly(ids, as_of, "state", "u")
    log_hazard = np.log(truth.hazards(ids, as_of))
    of_state = np.log(constants.world.state_hazard)[np.nan_to_num(hidden["state"]).astype(np.int64)]
    return {
        "oracle without hostility": log_hazard - constants.world.hazard_per_hostility * hidden["u"],
        "oracle without the state": log_hazard - of_state,
    }


def soft_metrics(soft: Values, score_bin: Array, weight: Values) -> dict[str, float]:
    """AUC, recall and precision at capacity of scores in bins (ascending), where a row is positive by ``soft``.

    ``soft``, ``weight`` and ``score_bin`` have shape (rows,); rows of one bin are tied and count in part.
    """
    positive = np.bincount(score_bin, weights=weight * soft, minlength=BINS)[::-1]
    total = np.bincount(score_bin, weights=weight, minlength=BINS)[::-1]
    negative = total - positive
    below = negative.sum() - np.cumsum(negative)
    found = {"auc": float((positive * (below + 0.5 * negative)).sum() / (positive.sum() * negative.sum()))}
    for capacity in CAPACITIES:
        taken = capacity * total.sum()
        hits = float(np.interp(taken, np.cumsum(total), np.cumsum(positive)))
        found[f"recall_at_{100 * capacity:g}pct"] = hits / float(positive.sum())
        found[f"precision_at_{100 * capacity:g}pct"] = hits / float(taken)
    return found


def _figures(name: str, judged: Judged, *, draws: int) -> Iterator[Figure]:
    """Every metric of every ranker with its interval, the paired difference, and the share of the gap closed."""
    bins = {ranker: _bins(score) for ranker, score in judged.scores.items()}
    weights = np.ones(len(judged.soft))
    found = {ranker: soft_metrics(judged.soft, bins[ranker], weights) for ranker in bins}
    rng = np.random.default_rng(7)
    drawn: dict[str, dict[str, list[float]]] = {ranker: {metric: [] for metric in found[ranker]} for ranker in bins}
    for _ in range(draws):
        times = rng.poisson(1.0, judged.pair.max() + 1)[judged.pair].astype(np.float64)
        for ranker, own in bins.items():
            for metric, value in soft_metrics(judged.soft, own, times).items():
                drawn[ranker][metric].append(value)
    for metric in found["lightgbm"]:
        for ranker in bins:
            yield from _with_interval(f"{name}/{ranker}/{metric}", found[ranker][metric], drawn[ranker][metric])
        for other in (family for family in judged.probability if family != "lightgbm"):
            difference = found["lightgbm"][metric] - found[other][metric]
            paired = np.subtract(drawn["lightgbm"][metric], drawn[other][metric])
            yield from _with_interval(f"{name}/lightgbm - {other}/{metric}", difference, paired.tolist())
    for metric in ("auc", "recall_at_5pct"):
        gap = np.subtract(drawn["oracle"][metric], drawn["points"][metric])
        for family in (one for one in judged.probability if one != "points"):
            closed = np.subtract(drawn[family][metric], drawn["points"][metric]) / gap
            share = (found[family][metric] - found["points"][metric]) / (
                found["oracle"][metric] - found["points"][metric]
            )
            of = "" if family == "lightgbm" else f" by {family}"
            yield from _with_interval(f"{name}/share of the gap closed{of}/{metric}", share, closed.tolist())
    yield from _calibration(name, judged)


def _calibration(name: str, judged: Judged) -> Iterator[Figure]:
    yield Figure(f"{name}/rows", len(judged.soft), "rows")
    yield Figure(f"{name}/expected incidents ahead of rows", round(float(judged.soft.sum()), 1), "rows, SYNTHETIC")
    for ranker, probability in judged.probability.items():
        ratio = float(judged.soft.sum() / probability.sum())
        logit = np.log(probability) - np.log1p(-probability)
        ones = np.ones((len(logit), 1))
        line = calibration_line(logit, total=ones, positive=judged.soft[:, None])
        yield Figure(f"{name}/{ranker}/observed_over_expected", round(ratio, 4), "ratio, SYNTHETIC soft labels")
        yield Figure(f"{name}/{ranker}/slope", round(float(line.slope[0]), 4), "slope, SYNTHETIC soft labels")


def _with_interval(name: str, value: float, drawn: list[float]) -> Iterator[Figure]:
    low, high = np.percentile(drawn, [2.5, 97.5])
    yield from _value_and_interval(name, value, float(low), float(high))


def _value_and_interval(name: str, value: float, low: float, high: float) -> Iterator[Figure]:
    for ending, number in (("", value), (".low", low), (".high", high)):
        yield Figure(f"{name}{ending}", round(number, 5), "SYNTHETIC soft labels")


def _bins(score: Values) -> Array:
    """The bin of each score, 0 to BINS - 1, ascending; equal scores share a bin."""
    order = np.argsort(score, kind="stable")
    first_of_tie = np.searchsorted(score[order], score, side="left")
    return (first_of_tie * BINS // len(score)).astype(np.int64)


def _quiet(_stage: str, _done: float) -> None:
    """Nobody watches a benchmark."""
