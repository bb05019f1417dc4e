"""One family on the rows of one split: fitted, calibrated by cross-fitting, and made into a model that can be saved."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from features import catalogue
from features.clock import format_time
from features.errors import UserError
from features.indicator import Indicator
from features.view import Values
from training.artifact.contract import Calibration, ColumnContract, ModelContract, PointsContract, Provenance
from training.artifact.model import RiskModel
from training.artifact.points import points_by_item
from training.artifact.scorer import Scorer
from training.artifact.store import load_model, save_model
from training.calibration import cross_fit, fit_line, line_intervals, margins, refit_intervals, tier_cuts
from training.experiment import Experiment
from training.families.choosing import Chosen, choose
from training.families.points import chosen_items
from training.family_settings import Family
from training.rows import Rows, SplitRows
from training.split import Split

Step = Callable[[str, float], None]
POINTS_REFITS = 200


@dataclass(frozen=True)
class Calibrated:
    """A family at one origin: how it was chosen, the scorer, the line, and the cross-fitted raw scores under it."""

    family: Family
    chosen: Chosen
    scorer: Scorer
    line: Calibration
    raw: Values

    def margin(self, rows: Values) -> Values:
        """Calibrated log-odds of rows (rows, columns)."""
        return margins(self.scorer.raw(rows), self.line)


def check_positives(rows: SplitRows, *, folds: int) -> None:
    """Raise UserError where the rows can't carry a fit, a calibration or a judgement."""
    for name, part in (("training", rows.train), ("calibration", rows.calibration)):
        disputes = len(np.unique(part.dispute[part.label == 1]))
        if disputes < 2 * folds:
            raise UserError(
                f"only {disputes} disputes before the embargo have an incident ahead of a {name} row; {folds} folds "
                f"need at least {2 * folds}: bring longer or more records"
            )
    if len(rows.test) == 0:
        raise UserError("no row has a complete label in the test period: bring longer records")


def calibrated(experiment: Experiment, rows: SplitRows, family: Family, chosen: Chosen, *, step: Step) -> Calibrated:
    """A family fitted on the training rows and calibrated on scores of models that never saw the row's pair.

    The fit on all rows, the longest of them, is begun first and goes on beside the fits of the folds.
    """
    with ThreadPoolExecutor(1) as beside:
        fitting = beside.submit(chosen.fitter.fit, rows.train)
        raw = cross_fit(
            rows.train, rows.calibration, chosen.often, folds=experiment.calibration.folds,
            step=lambda done: step(f"cross-fit {family}", done),
        )  # fmt: skip
        rate = 0.0 if family == "points" else float(np.log(experiment.sampling.negative_rate))
        line = fit_line(raw, rows.calibration.label, rows.calibration.weight, log_sampling_rate=rate)
        step(f"fit {family}", 0.0)
        scorer = fitting.result()
    step(f"fit {family}", 1.0)
    return Calibrated(family, chosen, scorer, line, raw)


def fit_model(
    experiment: Experiment, rows: SplitRows, indicators: tuple[Indicator, ...], manifest: dict[str, Any], split: Split,
    *, models: Path, step: Step,
) -> RiskModel:  # fmt: skip
    """Fit, calibrate and save the experiment's model; as loaded back and verified."""
    family = experiment.model.family
    chosen = choose(family, experiment, indicators, rows.train)
    made = calibrated(experiment, rows, family, chosen, step=step)
    return saved_model(experiment, rows, indicators, manifest, split, made=made, models=models, step=step)


def saved_model(
    experiment: Experiment, rows: SplitRows, indicators: tuple[Indicator, ...], manifest: dict[str, Any], split: Split,
    *, made: Calibrated, models: Path, step: Step,
) -> RiskModel:  # fmt: skip
    """A calibrated family with intervals, tiers, points and contract, saved; as loaded back and verified."""
    held = rows.calibration
    intervals = refit_intervals(
        rows.train, held, made.raw, made.line, made.chosen.often, refits=experiment.interval.refits,
        step=lambda done: step("intervals", done),
    )  # fmt: skip
    text = made.scorer.to_text()
    contract = ModelContract(
        horizon_days=experiment.label.horizon_days,
        reference_income_cny=experiment.matrix.reference_income_cny,
        columns=tuple(
            _column_contract(indicator, column, held.values[:, place], held.weight, fitted=rows.train.values[:, place])
            for place, (indicator, column) in enumerate((i, name) for i in indicators for name in i.columns)
        ),
        calibration=made.line,
        intervals=intervals,
        tiers=tier_cuts(margins(made.raw, made.line), held.weight, shares=experiment.tiers.shares),
        base_rate=float(np.average(held.label, weights=held.weight)),
        raw_base=made.scorer.base,
        points=points_contract(held, catalogue.columns_of(indicators), experiment),
        provenance=Provenance(
            experiment=experiment.name,
            experiment_digest=experiment.digest,
            data_digest=str(manifest["digest"]),
            catalogue_digest=catalogue.digest(),
            trained_through=format_time(split.train_end),
            synthetic=bool(manifest["synthetic"]),
        ),
        family=made.family,
        scorer=made.scorer.kind,
        scorer_sha256=hashlib.sha256(text.encode()).hexdigest(),
    )
    return load_model(save_model(text, contract, models))


def points_line(held: Rows, names: tuple[str, ...], experiment: Experiment) -> Calibration:
    """The line that calibrates the points score on these rows."""
    return _points_line(_points_of(held, names, experiment), held)


def _points_of(held: Rows, names: tuple[str, ...], experiment: Experiment) -> Values:
    return points_by_item(held.columns(names), chosen_items(experiment, names)).sum(axis=1)


def _points_line(points: Values, held: Rows) -> Calibration:
    return fit_line(points, held.label, held.weight, log_sampling_rate=0.0)


def points_contract(held: Rows, names: tuple[str, ...], experiment: Experiment) -> PointsContract:
    """The points score calibrated on these rows: items, line, intervals and tier cut-offs."""
    points = _points_of(held, names, experiment)
    line = _points_line(points, held)
    return PointsContract(
        items=chosen_items(experiment, names),
        calibration=line,
        intervals=line_intervals(points, held, line, refits=POINTS_REFITS, seed=experiment.seed),
        tiers=tier_cuts(margins(points, line), held.weight, shares=experiment.tiers.shares),
    )


def _column_contract(
    indicator: Indicator, column: str, values: Values, weight: Values, *, fitted: Values
) -> ColumnContract:
    """What the calibration rows hold of a column, and the categories that neither they nor the training rows do."""
    known = ~np.isnan(values)
    seen = {*values[known].tolist(), *fitted[~np.isnan(fitted)].tolist()} if indicator.categories else set()
    if not known.any():
        typical, low, high = None, None, None
    else:
        order = np.argsort(values[known], kind="stable")
        share = np.cumsum(weight[known][order]) / weight[known].sum()
        ordered = values[known][order]
        typical, low, high = float(ordered[np.searchsorted(share, 0.5)]), float(ordered[0]), float(ordered[-1])
        if indicator.categories:
            typical = float(np.bincount(values[known].astype(np.int64), weights=weight[known]).argmax())
    return ColumnContract(
        indicator=indicator.id, column=column, categories=indicator.category_codes,
        typical=typical, low=low, high=high, unseen=tuple(c for n, c in enumerate(indicator.category_codes) if n not in seen),
    )  # fmt: skip
