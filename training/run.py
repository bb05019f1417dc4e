"""One attempt at one experiment: matrix, origins, fits, saved model, evaluation, report, registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from features import catalogue
from features.clock import format_time
from features.errors import MissingInput
from features.records import Records
from training.artifact.home import Home
from training.artifact.model import RiskModel
from training.artifact.store import CHALLENGER_FILE, write_record
from training.audit.groups import audit_run
from training.audit.table import find_audit_table
from training.evaluation.record import ReportRecord
from training.experiment import Experiment
from training.fitted_origins import Material, fit_origins
from training.judging import Attempt, judge
from training.plan import checked_splits
from training.population import matrix_for, monthly_matrix
from training.registry import REPORT_FILE
from training.report.files import ReportFiles, write_report
from training.report.record import AuditedReport, read_report
from training.rows import Counted, matrix_bounds
from training.scrutiny import scrutinise
from training.split import Split, all_origins
from training.split_check import Promise, check_origins
from training.tracking import CHALLENGER, Tracker
from training.treatment.figures import usual_care_record
from training.treatment.telling import told

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class RunResult:
    """What one run left behind; ``version`` None where nothing was registered (a sealed run)."""

    run_id: str
    version: str | None
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
        made = "sealed: no version registered" if self.version is None else f"version {self.version} (challenger)"
        lines = [f"{made}, digest {self.digest[:12]}", f"report: {self.report}"]
        for name, one in self.headline.items():
            if one["value"] is None:
                lines.append(f"  {mark}{name}: too few to say ({one['n_events']} disputes with an incident)")
            else:
                interval = f"{one['low']:.3g} to {one['high']:.3g}, {one['n_events']} disputes with an incident"
                lines.append(f"  {mark}{name}: {one['value']:.3g} ({interval})")
        return "\n".join(lines)


def run_experiment(
    experiment: Experiment, experiment_text: str, records: Records, *, home: Home, progress: Progress | None = None,
    audit_folder: Path | None = None, sealed: bool = False,
) -> RunResult:  # fmt: skip
    """Run an experiment on some records: everything from the matrix to a registered version (alias challenger).

    ``audit_folder`` is where the records lie: the report then has an audit by group, and the audit table, if there
    is one, is read for it.  Nothing else reads it; without a folder the report has no audit.
    ``sealed``: the last origin stays unopened; the one before it is the headline, and nothing is registered.
    Raises UserError where the records are too short or hold too few incidents, and for a faulty audit table.
    """
    step = progress or (lambda _stage, _done: None)
    audit_table = find_audit_table(audit_folder)
    checked_splits(experiment, records)
    material = _material(experiment, records, home=home, step=step)
    fitted = fit_origins(experiment, material, home=home, sealed=sealed, step=step)
    tracker = Tracker(home)
    tags = {"synthetic": str(records.synthetic).lower(), "sealed": str(sealed).lower()}
    with tracker.run(experiment.name, tags=tags) as run_id:
        attempt = Attempt(
            experiment=experiment, experiment_text=experiment_text, run_id=run_id, matrix=material.matrix,
            manifest=material.manifest, origins=fitted.origins, model=fitted.model, indicators=material.indicators,
            notes=fitted.notes,
        )  # fmt: skip
        record = scrutinise(judge(attempt, records, step=step), attempt, records, home=home, step=step)
        if experiment.treatment.estimand == "usual_care":
            record = _with_usual_care(record, attempt)
        if audit_folder is not None:
            record = AuditedReport.of(record, audit_run(attempt, records, audit_table))
        folder = home.reports / run_id
        write_report(record, out=folder)
        tracker.log(
            parameters=_parameters(experiment, attempt.rows.counted, attempt.split, fitted.model),
            metrics=record.evaluation.as_metrics(),
        )
        tracker.log_lineage(_datasets(material), material.manifest["inputs"])
        tracker.log_files(folder, into="report")
        if fitted.search is not None:
            tracker.log_search([(one.settings, one.log_loss) for one in fitted.search.trials], metric="log_loss")
        version = None
        if not sealed:
            tracker.log_files(home.models / fitted.model.digest, into="saved_model")
            version = tracker.register(home.models / fitted.model.digest, fitted.model.contract)
    if version is not None:
        tracker.set_alias(CHALLENGER, version)
        write_record(home.root / CHALLENGER_FILE, {"version": version, "digest": fitted.model.digest})
    return RunResult(run_id, version, fitted.model.digest, folder, _headline(record.evaluation), records.synthetic)


def _material(experiment: Experiment, records: Records, *, home: Home, step: Progress) -> Material:
    """The matrices of an experiment, built or found, and the splits of its origins."""
    matrix = matrix_for(experiment, records, home=home, progress=step)
    manifest, first_as_of = matrix_bounds(matrix)
    splits = all_origins(experiment, first_as_of=first_as_of, known_at=records.known_at)
    test_matrix = matrix
    if experiment.cohort.population == "monthly":
        test_matrix = monthly_matrix(experiment, records, splits, home=home, progress=step)
    check_origins(splits, label=experiment.label, known_at=records.known_at)
    by_pair = experiment.split.group == "pair"
    treatment = experiment.treatment
    effect_days = treatment.effect_days if treatment.estimand == "usual_care" else None
    promise = Promise(
        matrix, test_matrix, experiment.label, records.known_at, pairs_stay_apart=by_pair, effect_days=effect_days
    )
    indicators = catalogue.chosen(experiment.matrix.indicator_ids)
    return Material(matrix, test_matrix, manifest, splits, indicators, promise, records)


def _datasets(material: Material) -> dict[str, tuple[Path, str]]:
    """The matrix that trains and that of the population that is judged, each with its digest."""
    population = matrix_bounds(material.test_matrix)[0]
    return {
        "matrix": (material.matrix, str(material.manifest["digest"])),
        "population": (material.test_matrix, str(population["digest"])),
    }


def _with_usual_care(record: ReportRecord, attempt: Attempt) -> ReportRecord:
    """The record with what the headline's test rows say of risk under usual care, and a caution that says so."""
    experiment, last = attempt.experiment, attempt.origins[-1]
    found = usual_care_record(
        last.rows.test, last.rankers, settings=experiment.treatment, horizon_days=experiment.label.horizon_days,
        draws=last.draws, seed=experiment.seed,
    )  # fmt: skip
    english, chinese = told(found, ranker=next(iter(last.rankers)))
    return record.model_copy(
        update={
            "usual_care": found, "cautions": (*record.cautions, english), "cautions_zh": (*record.cautions_zh, chinese),
        }
    )  # fmt: skip


def _parameters(experiment: Experiment, counted: Counted, split: Split, model: RiskModel) -> dict[str, Any]:
    settings = {f"{section}.{key}": value for section, body in experiment.model_dump(mode="json").items()
                if isinstance(body, dict) for key, value in body.items() if key != "items"}  # fmt: skip
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
