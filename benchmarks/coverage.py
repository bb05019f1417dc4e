"""How often an interval of the report holds the truth: 200 SYNTHETIC worlds of 30,000 disputes, four named metrics.

The worlds come from a light generator with a base hazard of its own, raised so that about 5 in 1,000 rows are positive;
the simulator of the records would take hours.  What is tested is the code of the report: the rows go through
``training.evaluation`` as those of a run do.  The truth is that of the population behind the worlds, by soft labels
(the true 90-day probability of every row) over worlds that are judged nowhere else.

A world that is done is kept under ``.cache/``, so that a killed run goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure
from features.clock import DAY_US, NEVER
from features.history import Array
from features.view import Values
from training.artifact.scale import sigmoid
from training.evaluation.held_out import HeldOutRows, Scores
from training.evaluation.metrics import exact_binomial
from training.evaluation.origins import numbers_of

METRICS = ("auc", "recall_at_5pct", "precision_at_5pct", "observed_over_expected")
CAPACITY = 0.05
WORLDS = 200
TRUTH_WORLDS = 60
TRUTH_SEED = 1_000_000
KEPT = Path(".cache/benchmarks")
MONTH_US = 30 * DAY_US
TEST_MONTHS, HORIZON_MONTHS = 6, 3


@dataclass(frozen=True, kw_only=True)
class Generator:
    """One population of disputes; ``hazard`` is that of an average dispute in a month.

    ``frailty`` is shared by the disputes of a pair and seen by no score; ``trait`` is a dispute's own, ``state`` what
    changes from month to month, ``noise`` what a score gets wrong about a dispute; all are standard deviations.
    """

    disputes: int = 30_000
    hazard: float = 8.5e-4
    sharing: float = 0.15
    frailty: float = 0.6
    trait: float = 0.8
    state: float = 0.6
    persistence: float = 0.7
    noise: float = 0.7
    open_months: float = 3.0
    intercept: float = -5.75
    slope: float = 0.75
    draws: int = 1000

    @property
    def digest(self) -> str:
        """What tells the kept worlds of other settings apart."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class World:
    """The monthly test rows of one world, what a score says of them, and their true 90-day probability; arrays (n,)."""

    rows: HeldOutRows
    scores: Scores
    soft: Values


def world(generator: Generator, seed: int) -> World:
    """One world: a row a month for each dispute that is open and had no incident yet."""
    draw = np.random.default_rng(seed)
    n, months = generator.disputes, TEST_MONTHS + HORIZON_MONTHS
    pair = np.cumsum((draw.random(n) >= generator.sharing).astype(np.int64))
    frailty = draw.normal(0, generator.frailty, int(pair.max()) + 1)[pair]
    trait = draw.normal(0, generator.trait, n)
    steps = draw.normal(0, generator.state, (n, months))
    state = np.empty_like(steps)
    state[:, 0] = steps[:, 0]
    kept = generator.persistence
    for later in range(1, months):
        state[:, later] = kept * state[:, later - 1] + np.sqrt(1 - kept**2) * steps[:, later]
    hazard = generator.hazard * np.exp(frailty[:, None] + trait[:, None] + state)
    start = draw.integers(-3, TEST_MONTHS, n)
    stop = start + draw.geometric(1 / generator.open_months, n)
    incident = _incident_months(hazard, np.maximum(start, 0), draw)
    dispute, month = np.nonzero(
        (np.arange(TEST_MONTHS) >= np.maximum(start, 0)[:, None])
        & (np.arange(TEST_MONTHS) < stop[:, None])
        & (np.arange(TEST_MONTHS) <= incident[:, None])
    )
    ahead = np.cumsum(np.c_[np.zeros(n), hazard], axis=1)
    soft = -np.expm1(-(ahead[dispute, month + HORIZON_MONTHS] - ahead[dispute, month]))
    happened = np.isfinite(incident)
    incident_at = np.full(n, NEVER)
    incident_at[happened] = (incident[happened] * MONTH_US).astype(np.int64)
    as_of = month * MONTH_US
    happens = incident_at[dispute]
    label = ((happens != NEVER) & (happens >= as_of) & (happens - as_of < HORIZON_MONTHS * MONTH_US)).astype(np.int8)
    score = (trait + draw.normal(0, generator.noise, n))[dispute] + state[dispute, month]
    margin = generator.intercept + generator.slope * score
    rows = HeldOutRows(dispute=dispute, pair=pair[dispute], as_of_us=as_of, incident_at_us=happens, label=label)
    return World(rows, Scores(score=margin, probability=sigmoid(margin)), soft)


def _incident_months(hazard: Values, first: Array, draw: np.random.Generator) -> Values:
    """When the first incident happens, in months from the start of the test, (n,); infinite where none does."""
    alive = np.where(np.arange(hazard.shape[1]) >= first[:, None], hazard, 0.0)
    summed = np.cumsum(alive, axis=1)
    due = draw.exponential(size=len(hazard))
    month = (summed < due[:, None]).sum(axis=1)
    happens = month < hazard.shape[1]
    place = np.minimum(month, hazard.shape[1] - 1)
    rows = np.arange(len(hazard))
    before = summed[rows, place] - alive[rows, place]
    part = np.clip((due - before) / alive[rows, place].clip(1e-300), 0, 1 - 1e-6)
    return np.where(happens, place + part, np.inf)


def truth_of(generator: Generator, worlds: int) -> dict[str, float]:
    """The four metrics of the population, by soft labels over many worlds."""
    drawn = [world(generator, TRUTH_SEED + number) for number in range(worlds)]
    soft = np.concatenate([one.soft for one in drawn])
    score = np.concatenate([one.scores.score for one in drawn])
    expected = sum(float(one.scores.probability.sum()) for one in drawn)
    order = np.argsort(-score)
    soft = soft[order]
    taken = round(CAPACITY * len(soft))
    below = np.cumsum((1 - soft)[::-1])[::-1] - (1 - soft) / 2
    return {
        "auc": float((soft * below).sum() / (soft.sum() * (1 - soft).sum())),
        "recall_at_5pct": float(soft[:taken].sum() / soft.sum()),
        "precision_at_5pct": float(soft[:taken].mean()),
        "observed_over_expected": float(soft.sum() / expected),
    }


def intervals_of(generator: Generator, seed: int) -> dict[str, tuple[float, float]]:
    """The intervals that the report's own code gives in one world, and the count of disputes with an incident."""
    drawn = world(generator, seed)
    found = numbers_of(
        drawn.rows, {"model": drawn.scores}, draws=generator.draws, seed=seed, capacities=(CAPACITY,), lines=False
    )
    told = {name: found.find(name, ranker="model") for name in METRICS}
    events = told["auc"].n_events
    ends = {name: (one.low or 0.0, one.high or 0.0) for name, one in told.items()}
    return ends | {"events": (events, events)}


def run(*, quick: bool) -> Iterator[Figure]:
    """200 worlds of 30,000 disputes; quick: 20 of 5,000 at a rate six times as high."""
    generator = Generator(disputes=5_000, hazard=5e-3, intercept=-4.0, draws=100) if quick else Generator()
    worlds = 20 if quick else WORLDS
    truth = truth_of(generator, 10 if quick else TRUTH_WORLDS)
    found = _all_intervals(generator, worlds)
    events = [one["events"][0] for one in found]
    yield Figure("worlds", worlds, "worlds")
    yield Figure("disputes with an incident, mean", round(float(np.mean(events)), 1), "disputes")
    for name in METRICS:
        ends = np.array([one[name] for one in found])
        held = (ends[:, 0] <= truth[name]) & (truth[name] <= ends[:, 1])
        low, high = exact_binomial(int(held.sum()), worlds)
        yield Figure(f"{name}: intervals that hold the truth", round(float(held.mean()), 4), "share", "nominal", 0.95)
        yield Figure(f"{name}: the same, low end", round(low, 4), "share")
        yield Figure(f"{name}: the same, high end", round(high, 4), "share")
        yield Figure(f"{name}: truth above the interval", round(float((ends[:, 1] < truth[name]).mean()), 4), "share")
        yield Figure(f"{name}: truth below the interval", round(float((ends[:, 0] > truth[name]).mean()), 4), "share")
        yield Figure(f"{name}: truth", round(truth[name], 5), "value")
        yield Figure(f"{name}: mean width", round(float(np.diff(ends, axis=1).mean()), 5), "value")


def _all_intervals(generator: Generator, worlds: int) -> list[dict[str, tuple[float, float]]]:
    """The intervals of every world, those that a former run left included; two processes."""
    kept = KEPT / f"coverage-{generator.digest}.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    done = _read(kept)
    missing = [seed for seed in range(worlds) if seed not in done]
    with (
        ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool,
        kept.open("a", encoding="utf-8") as file,
    ):
        for seed, ends in zip(missing, pool.map(intervals_of, [generator] * len(missing), missing), strict=True):
            done[seed] = ends
            file.write(json.dumps({"seed": seed, "ends": ends}) + "\n")
            file.flush()
    return [done[seed] for seed in range(worlds)]


def _read(kept: Path) -> dict[int, dict[str, tuple[float, float]]]:
    """The worlds of a former run; a line that a kill cut off is left out."""
    if not kept.exists():
        return {}
    found = {}
    for line in kept.read_text("utf-8").split("\n")[:-1]:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        found[record["seed"]] = {name: (ends[0], ends[1]) for name, ends in record["ends"].items()}
    return found
