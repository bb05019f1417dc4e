"""One attempt at one experiment: matrix, split, fit, calibration, saved model, evaluation, report, registry."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from features import catalogue
from features.clock import format_time
from features.errors import MissingInput, UserError
from features.indicator import Indicator
from features.matrix import build_matrix, matrix_plan_digest
from features.records import Records
from features.view import Values
from training.artifact.contract import ColumnContract, ModelContract, PointsContract, Provenance
from training.artifact.home import Home
from training.artifact.model import RiskModel
from training.artifact.points import default_items, points_by_item
from training.artifact.store import load_model, save_model
from training.audit.groups import audit_run
from training.audit.table import find_audit_table
from training.calibration import (
    cross_fit,
    fit_line,
    line_intervals,
    margins,
    tier_cuts,
    tree_intervals,
)
from training.experiment import Experiment
from training.fit import TreeFitter
from training.judging import Attempt, judge
from training.plan import plan_of
from training.registry import REPORT_FILE
from training.report.files import ReportFiles, write_report
from training.report.record import AuditedReport, read_report
from training.rows import Counted, Rows, Sampling, SplitRows, matrix_bounds, split_rows
from training.split import Split, last_origin, month_starts
from training.tracking import CHALLENGER, Tracker

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class RunResult:
    """What one run left behind."""

    run_id: str
    version: str
    digest: str
    report: Path
    headline: dict[str, Any]
    synthetic: bool

    def to_record(self) -> dict[str, Any]:
        """The same as a plain record."""
        return asdict(self) | {"report": str(self.report)}

    def to_text(self) -> str:
        """The same for a terminal: version, digest, report and the headline numbers with their intervals."""
        mark = "SYNTHETIC " if self.synthetic else ""
        lines = [f"version {self.version} (challenger), digest {self.digest[:12]}", f"report: {self.report}"]
        for name, one in self.headline.items():
            if one["value"] is None:
                lines.append(f"  {mark}{name}: too few to say ({one['n_events']} disputes with an incident)")
            else:
                interval = f"{one['low']:.3g} to {one['high']:.3g}, {one['n_events']} disputes with an incident"
                lines.append(f"  {mark}{name}: {one['value']:.3g} ({interval})")
        return "\n".join(lines)


def run_experiment(
    experiment: Experiment, experiment_text: str, records: Records, *, home: Home, progress: Progress | None = None,
    audit_folder: Path | None = None,
) -> RunResult:  # fmt: skip
    """Run an experiment on some records: everything from the matrix to a registered version (alias challenger).

    ``audit_folder`` is where the records lie: the report then has an audit by group, and the audit table, if there
    is one, is read for it.  Nothing else reads it; without a folder the report has no audit.
    Raises UserError where the records are too short or hold too few incidents, and for a faulty audit table.
    """
    step = progress or (lambda _stage, _done: None)
    audit_table = find_audit_table(audit_folder)
    plan_of(experiment, records)
    matrix = matrix_for(experiment, records, home=home, progress=step)
    manifest, first_as_of = matrix_bounds(matrix)
    split = last_origin(experiment, first_as_of=first_as_of, known_at=records.known_at)
    test_matrix = matrix
    if experiment.evaluation.population == "monthly":
        test_matrix = monthly_matrix(experiment, records, split, home=home, progress=step)
    indicators = catalogue.chosen(experiment.matrix.indicator_ids)
    rows = split_rows(
        matrix, test_matrix, split, catalogue.columns_of(indicators), label=experiment.label.column,
        sampling=Sampling(
            experiment.sampling.negative_rate, experiment.seed, by_pair=experiment.split.group == "pair"
        ),
    )  # fmt: skip
    check_positives(rows, folds=experiment.calibration.folds)
    model = fit_model(experiment, rows, indicators, manifest, split, models=home.models, step=step)
    tracker = Tracker(home)
    with tracker.run(experiment.name, tags={"synthetic": str(records.synthetic).lower()}) as run_id:
        attempt = Attempt(
            experiment=experiment, experiment_text=experiment_text, run_id=run_id, matrix=matrix, manifest=manifest,
            split=split, rows=rows, model=model, indicators=indicators,
        )  # fmt: skip
        record = judge(attempt, records, step=step)
        if audit_folder is not None:
            record = AuditedReport.of(record, audit_run(attempt, records, audit_table))
        folder = home.reports / run_id
        write_report(record, out=folder)
        tracker.log(
            parameters=_parameters(experiment, rows.counted, split, model), metrics=record.evaluation.as_metrics()
        )
        tracker.log_dataset(matrix, digest=str(manifest["digest"]), name=experiment.name)
        tracker.log_files(folder, into="report")
        tracker.log_files(home.models / model.digest, into="saved_model")
        version = tracker.register(home.models / model.digest, model.contract)
    tracker.set_alias(CHALLENGER, version)
    return RunResult(run_id, version, model.digest, folder, _headline(record.evaluation), records.synthetic)


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


def matrix_for(experiment: Experiment, records: Records, *, home: Home, progress: Progress) -> Path:
    """The training matrix of an experiment."""
    return _built(experiment, records, home, progress, as_of=experiment.matrix.as_of, closed_within_days=None)


def monthly_matrix(experiment: Experiment, records: Records, split: Split, *, home: Home, progress: Progress) -> Path:
    """The population of the headline: the first instant of each month (Asia/Shanghai) of training period and test,
    for disputes that are open or were closed lately.
    """
    months = month_starts(split.train_start, split.train_end) + month_starts(split.test_start, split.test_end)
    times = ",".join(format_time(at) for at in months)
    days = experiment.evaluation.closed_within_days
    return _built(experiment, records, home, progress, as_of=times, closed_within_days=days)


def _built(
    experiment: Experiment, records: Records, home: Home, progress: Progress, *,
    as_of: str, closed_within_days: int | None,
) -> Path:  # fmt: skip
    """A matrix, built once for everything that its bytes depend on, then found again."""
    settings: dict[str, Any] = {
        "as_of": as_of, "indicators": experiment.matrix.indicator_ids, "label": experiment.label,
        "reference_income_cny": experiment.matrix.reference_income_cny, "closed_within_days": closed_within_days,
    }  # fmt: skip
    folder = home.matrices / matrix_plan_digest(records, **settings)[:16]
    if not (folder / "manifest.json").exists():
        build_matrix(records, folder, **settings, progress=progress)
    return folder


def fit_model(
    experiment: Experiment, rows: SplitRows, indicators: tuple[Indicator, ...], manifest: dict[str, Any], split: Split,
    *, models: Path, step: Progress,
) -> RiskModel:  # fmt: skip
    """Fit, calibrate and save; the model as loaded back and verified."""
    train, held = rows.train, rows.calibration
    fitter = TreeFitter(experiment.lightgbm, indicators, experiment.seed)
    log_rate = float(np.log(experiment.sampling.negative_rate))
    raw = cross_fit(train, held, fitter, folds=experiment.calibration.folds, step=lambda done: step("cross-fit", done))
    line = fit_line(raw, held.label, held.weight, log_sampling_rate=log_rate)
    intervals = tree_intervals(
        train, held, raw, line, fitter, refits=experiment.interval.refits, step=lambda done: step("intervals", done)
    )  # fmt: skip
    step("fit", 0.0)
    booster = fitter.fit(train)
    text = booster.model_to_string()
    step("fit", 1.0)
    contract = ModelContract(
        horizon_days=experiment.label.horizon_days,
        reference_income_cny=experiment.matrix.reference_income_cny,
        columns=tuple(
            _column_contract(indicator, column, held.values[:, place], held.weight)
            for place, (indicator, column) in enumerate((i, name) for i in indicators for name in i.columns)
        ),
        calibration=line,
        intervals=intervals,
        tiers=tier_cuts(margins(raw, line), held.weight),
        base_rate=float(np.average(held.label, weights=held.weight)),
        raw_base=float(booster.predict(train.values[:1], pred_contrib=True)[0, -1]),
        points=_points(held, catalogue.columns_of(indicators), experiment),
        provenance=Provenance(
            experiment=experiment.name,
            experiment_digest=experiment.digest,
            data_digest=str(manifest["digest"]),
            catalogue_digest=catalogue.digest(),
            trained_through=format_time(split.train_end),
            synthetic=bool(manifest["synthetic"]),
        ),
        booster_sha256=hashlib.sha256(text.encode()).hexdigest(),
    )
    return load_model(save_model(text, contract, models))


def _points(held: Rows, names: tuple[str, ...], experiment: Experiment) -> PointsContract:
    items = experiment.points.items or tuple(item for item in default_items() if item.column in names)
    points = points_by_item(held.columns(names), items).sum(axis=1)
    line = fit_line(points, held.label, held.weight, log_sampling_rate=0.0)
    return PointsContract(
        items=items,
        calibration=line,
        intervals=line_intervals(points, held, line, refits=200, seed=experiment.seed),
        tiers=tier_cuts(margins(points, line), held.weight),
    )


def _column_contract(indicator: Indicator, column: str, values: Values, weight: Values) -> ColumnContract:
    known = ~np.isnan(values)
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
        typical=typical, low=low, high=high,
    )  # fmt: skip


def _parameters(experiment: Experiment, counted: Counted, split: Split, model: RiskModel) -> dict[str, Any]:
    settings = {f"{section}.{key}": value for section, body in experiment.model_dump(mode="json").items()
                if isinstance(body, dict) for key, value in body.items()}  # fmt: skip
    rows: dict[str, Any] = {f"rows.{name}": value for name, value in counted.to_record().items()}
    rows |= {f"weights.{name}": value for name, value in counted.weights_record().items()}
    times = {name: format_time(at) for name, at in asdict(split).items()}
    return settings | rows | times | {"seed": experiment.seed, "model.digest": model.digest}


def _headline(evaluation: Any) -> dict[str, Any]:
    names = ("auc", "recall_at_5pct", "precision_at_5pct", "observed_over_expected", "calibration_slope")
    return {
        f"{ranker}/{name}": evaluation.find(name, ranker=ranker).model_dump(
            include={"value", "low", "high", "n_events"}
        )
        for ranker in evaluation.rankers
        for name in names
    }


def write_report_again(home: Home, run_id: str) -> ReportFiles:
    """The report files of a run, written anew from its record.  Raises MissingInput for an unknown run."""
    folder = home.reports / run_id
    try:
        text = (folder / REPORT_FILE).read_text("utf-8")
    except FileNotFoundError:
        raise MissingInput(f"no run {run_id} has a report under {home.reports}") from None
    return write_report(read_report(text), out=folder)
