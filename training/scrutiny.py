"""What a report holds beside the evaluation: the weekly view, the probes, and the champion on the same rows."""

from __future__ import annotations

from collections.abc import Callable

from features.records import Records
from training.against_champion import against_champion
from training.artifact.home import Home
from training.artifact.scale import sigmoid
from training.evaluation.held_out import HeldOutRows, Scores
from training.evaluation.record import ReportRecord, Weekly
from training.fit import TreeFitter
from training.judging import Attempt
from training.probing import Probing, run_probes
from training.weekly_rows import weekly_view


def scrutinise(
    record: ReportRecord, attempt: Attempt, records: Records, *, home: Home, step: Callable[[str, float], None]
) -> ReportRecord:
    """The record with what a sceptic asks for next."""
    experiment, test, model = attempt.experiment, attempt.rows.test, attempt.model
    name, draws, seed = record.evaluation.rankers[0], record.evaluation.draws, experiment.seed
    margin = model.margin_of_rows(test.values)
    scores = Scores(score=margin, probability=sigmoid(margin))
    held = HeldOutRows(
        dispute=test.dispute, pair=test.pair, as_of_us=test.as_of, incident_at_us=test.incident_at, label=test.label,
        horizon_days=experiment.label.horizon_days,
    )  # fmt: skip
    step("weekly view", 0.0)
    weekly = _weekly(attempt, records, name, draws=draws)
    step("weekly view", 1.0)
    champion = against_champion(
        home, model, name, scores, test, indicators=attempt.indicators, held=held,
        test_start=attempt.split.test_start, draws=draws, seed=seed,
    )  # fmt: skip
    probing = Probing(
        experiment=experiment, model=model, scores=scores, train=attempt.rows.train, test=test,
        dispute_ids=attempt.rows.test_dispute_ids, held=held, draws=draws,
        fitter=TreeFitter(experiment.lightgbm, attempt.indicators, seed),
    )  # fmt: skip
    probes = run_probes(probing, records, step=step)
    return record.model_copy(update={"weekly": weekly, "champion": champion, "probes": probes})


def _weekly(attempt: Attempt, records: Records, name: str, *, draws: int) -> Weekly | None:
    """Only the spine looks at every open case each week."""
    experiment = attempt.experiment
    if experiment.matrix.as_of != "spine":
        return None
    return weekly_view(
        attempt.model, name, attempt.matrix, attempt.split, records, label=experiment.label.column,
        horizon_days=experiment.label.horizon_days, draws=draws, seed=experiment.seed,
    )  # fmt: skip
