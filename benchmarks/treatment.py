"""Does the correction for extra support find the risk under usual care?  SYNTHETIC worlds in which the truth is known.

In a world where extra support halves the hazard, and in one where it does nothing, a model is trained for risk under
usual care and its figures on the test rows are held against the potential outcomes of the very same rows: what would
have become of them had no extra support borne on the hazard.  Beside it, what was observed.

The main figure is observed over expected of the open disputes: what a model is retrained towards, and what a naive one
unlearns.  Precision in the top 5% stands beside it: it speaks of a twentieth of the incidents.

The worlds: eight times the rate of preset unit (far too violent: power), no imperfection of the records (what is measured
is the correction), extra support begun in 12% of open weeks, so that the sicker, who stay open, get more (confounding by
what is visible, week by week), and nothing done by it but to the hazard.  Where it followed the hidden state as well, no
method on these records would do: see docs/explanation/usual-care.md.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figure import Figure
from data_samples.known_truth import read_truth
from data_samples.simulator import Constants, simulate
from features import catalogue, read_records
from features.clock import DAY_US, format_time
from features.matrix import build_matrix
from training.artifact.scale import sigmoid
from training.evaluation.held_out import Scores
from training.evaluation.usual_care_record import UsualCareFigure
from training.experiment import Experiment, read_experiment
from training.families.choosing import Chosen
from training.families.fitter import TreeFitter
from training.modelling import calibrated
from training.rows import Sampling, SplitRows, matrix_bounds, split_rows
from training.split import Split, month_starts
from training.treatment.figures import usual_care_record
from training.treatment.weights import UsualCare

EXPERIMENT = Path(__file__).parents[1] / "experiments" / "shallow_lightgbm.toml"
KEPT = Path(__file__).parents[1] / "scratch" / "treatment"
SEEDS = tuple(range(301, 321))
HAZARD_RATIOS = {"halved": 0.5, "null": 1.0}
WEEKLY, PER_STATE = 0.12, 0.0
RAISED = 8.0
DISPUTES, YEARS, TRAIN_SHARE = 4_000, 3, 0.4
EFFECT_DAYS = 189  # 26 weeks, and the rest of the week in which it began
MAIN = "observed_over_expected"
OTHERS = ("base_rate", "precision_at_5pct", "precision_at_1pct", "recall_at_5pct")
DRAWS = 1_000


def run(*, quick: bool) -> Iterator[Figure]:
    """Twenty seeds of each world; a killed run goes on with the seeds that are missing.  quick: two smaller ones."""
    seeds, disputes = (SEEDS[:2], 800) if quick else (SEEDS, DISPUTES)
    wanted = [(world, seed, disputes) for seed in seeds for world in HAZARD_RATIOS]
    KEPT.mkdir(parents=True, exist_ok=True)
    missing = [one for one in wanted if not _kept(*one).exists()]
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1), mp_context=get_context("spawn")) as pool:
        for _ in pool.map(_judge, *zip(*missing, strict=True)) if missing else ():
            pass
    for world in HAZARD_RATIOS:
        found = [json.loads(_kept(*one).read_text("utf-8")) for one in wanted if one[0] == world]
        yield from _figures(world, found)
    if not quick:
        shutil.rmtree(KEPT)


def _kept(world: str, seed: int, disputes: int) -> Path:
    return KEPT / f"{world}-{seed}-{disputes}.json"


def _figures(world: str, found: list[dict[str, Any]]) -> Iterator[Figure]:
    """How often each interval holds the truth, the naive one beside it, and how far both are off on average."""
    seeds = len(found)
    for name in (MAIN, *OTHERS):
        rows = [one[name] for one in found if one[name]["usual_care"] is not None]
        holds = {kind: sum(_holds(one[kind], one["truth"]) for one in rows) for kind in ("usual_care", "as_observed")}
        yield Figure(
            f"{world}/{name}/seeds whose interval holds the truth", holds["usual_care"], f"of {seeds} seeds, SYNTHETIC",
            "as observed", holds["as_observed"],
        )  # fmt: skip
        yield Figure(
            f"{world}/{name}/naive miss rate", round(1 - holds["as_observed"] / seeds, 3), "share of seeds, SYNTHETIC"
        )
        off = {kind: float(np.mean([one[kind][0] / one["truth"] for one in rows])) for kind in holds}
        yield Figure(
            f"{world}/{name}/estimate over truth, mean", round(off["usual_care"], 4), "ratio, SYNTHETIC",
            "as observed", round(off["as_observed"], 4),
        )  # fmt: skip
        none = sum(one["ratio"][1] <= 1 <= one["ratio"][2] for one in rows)
        yield Figure(f"{world}/{name}/seeds that report no effect", none, f"of {seeds} seeds, SYNTHETIC")
    for name in ("n_rows", "n_events", "n_censored", "n_under_support", "largest_weight", "effective_rows"):
        yield Figure(f"{world}/{name}, mean", round(float(np.mean([one[name] for one in found])), 2), "SYNTHETIC")


def _holds(interval: list[float], truth: float) -> bool:
    return interval[1] <= truth <= interval[2]


def _judge(world: str, seed: int, disputes: int) -> None:
    """One world from its seed to the file with what was found."""
    plain = Constants()
    more = [RAISED * hazard for hazard in plain.world.state_hazard]
    raised = replace(plain, world=replace(plain.world, state_hazard=(more[0], more[1], more[2], more[3])))
    constants = raised.with_extra_support(hazard_ratio=HAZARD_RATIOS[world], weekly=WEEKLY, weekly_per_state=PER_STATE)
    experiment = _experiment()
    work = Path(tempfile.mkdtemp(prefix="defuse-treatment-"))
    try:
        records = work / "records"
        simulate(
            records, preset="unit", disputes=disputes, years=YEARS, seed=seed, constants=constants, imperfect=False
        )
        found = _found(experiment, _rows(experiment, records, work), f"{records}.truth")
        _kept(world, seed, disputes).write_text(json.dumps(found), "utf-8")
    finally:
        shutil.rmtree(work)


def _experiment() -> Experiment:
    experiment = read_experiment(EXPERIMENT)
    treatment = experiment.treatment.model_copy(update={"estimand": "usual_care", "effect_days": EFFECT_DAYS})
    sampling = experiment.sampling.model_copy(update={"negative_rate": 0.25})
    split = experiment.split.model_copy(update={"group": "none", "group_reason": "the long test would leave no pair"})
    folds = experiment.calibration.model_copy(update={"folds": 3})
    return experiment.model_copy(
        update={"treatment": treatment, "sampling": sampling, "split": split, "calibration": folds}
    )


def _rows(experiment: Experiment, folder: Path, work: Path) -> SplitRows:
    """The rows of a split of its own, with a long test and no embargo: what is asked is whether the weights are right."""
    with read_records(folder) as records:
        build_matrix(records, work / "spine", workers=1)
        _, first = matrix_bounds(work / "spine")
        end = records.known_at - round(experiment.embargo_days * DAY_US)
        cut = first + round(TRAIN_SHARE * (end - first))
        split = Split(first, cut, cut, end)
        times = ",".join(format_time(at) for at in month_starts(first, end))
        build_matrix(records, work / "monthly", as_of=times, closed_within_days=0, workers=1)
    columns = catalogue.columns_of()
    care = UsualCare.fitted(
        work / "spine", columns, split, horizon_days=90, settings=experiment.treatment, seed=experiment.seed
    )
    return split_rows(
        work / "spine", work / "monthly", split, columns, label="label_90", care=care.weights,
        sampling=Sampling(experiment.sampling.negative_rate, experiment.seed, by_pair=False),
    )  # fmt: skip


def _found(experiment: Experiment, rows: SplitRows, truth_folder: str) -> dict[str, Any]:
    fitter = TreeFitter(experiment.lightgbm, catalogue.INDICATORS, experiment.seed)
    made = calibrated(experiment, rows, "lightgbm", Chosen(fitter, fitter), step=lambda _stage, _done: None)
    margin = made.margin(rows.test.values)
    scores = Scores(score=margin, probability=sigmoid(margin))
    record = usual_care_record(
        rows.test, {"lightgbm": scores}, settings=experiment.treatment, horizon_days=90, draws=DRAWS, seed=1
    )
    asked = ~np.isnan(rows.test.care)
    truth = read_truth(truth_folder).outcomes_under(
        "without_services", rows.test_dispute_ids[asked], rows.test.as_of[asked]
    )
    true = _true_values(truth, margin[asked], scores.probability[asked])
    found = {name: _told(record.find(name, ranker="lightgbm"), true[name]) for name in (MAIN, *OTHERS)}
    counts = ("n_rows", "n_censored", "n_under_support", "largest_weight", "effective_rows")
    events = record.find("base_rate", ranker="lightgbm").usual_care.n_events
    return found | {name: getattr(record, name) for name in counts} | {"n_events": events}


def _true_values(truth: Any, margin: Any, probability: Any) -> dict[str, float]:
    """The same figures from the potential outcomes of the same rows."""
    tops = {
        share: margin >= np.sort(margin)[len(margin) - max(round(share * len(margin)), 1)] for share in (0.01, 0.05)
    }
    return {
        "base_rate": float(truth.mean()),
        "precision_at_1pct": float(truth[tops[0.01]].mean()),
        "precision_at_5pct": float(truth[tops[0.05]].mean()),
        "recall_at_5pct": float(truth[tops[0.05]].sum() / truth.sum()),
        "observed_over_expected": float(truth.sum() / probability.sum()),
    }


def _told(figure: UsualCareFigure, truth: float) -> dict[str, Any]:
    kinds = {"usual_care": figure.usual_care, "as_observed": figure.as_observed, "ratio": figure.ratio}
    told = {kind: None if one.value is None else [one.value, one.low, one.high] for kind, one in kinds.items()}
    return told | {"truth": truth}
