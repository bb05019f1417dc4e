"""What a report holds beside the evaluation: the weekly view, the probes, and the champion on the same rows."""

from __future__ import annotations

from collections.abc import Callable

from features.records import Records
from training.against_champion import against_champion
from training.artifact.home import Home
from training.evaluation.origins import numbers_of
from training.evaluation.rankers import ALL
from training.evaluation.record import OriginRecord, ReportRecord, Weekly
from training.families.fitter import TreeFitter, settings_for
from training.judging import Attempt, stretches_of
from training.probing import Probing, run_probes
from training.weekly_rows import weekly_view


def scrutinise(
    record: ReportRecord, attempt: Attempt, records: Records, *, home: Home, step: Callable[[str, float], None]
) -> ReportRecord:
    """The record with what a sceptic asks for next."""
    experiment, test, model = attempt.experiment, attempt.rows.test, attempt.model
    name, draws, seed = record.evaluation.rankers[0], record.evaluation.draws, experiment.seed
    scores, held = attempt.scores, test.held_out(experiment.label.horizon_days)
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
        fitter=TreeFitter(settings_for(experiment.lightgbm, attempt.rows.train), attempt.indicators, seed),
    )  # fmt: skip
    probes = run_probes(probing, records, step=step)
    return record.model_copy(
        update={"origins": _origins(record, attempt), "weekly": weekly, "champion": champion, "probes": probes}
    )


def _origins(record: ReportRecord, attempt: Attempt) -> tuple[OriginRecord, ...]:
    """The numbers of every origin; those of the last are the evaluation's own."""
    found = []
    for origin in attempt.origins[:-1]:
        rows = origin.rows.test.held_out(attempt.experiment.label.horizon_days)
        numbers = numbers_of(rows, origin.rankers, draws=origin.draws, seed=attempt.experiment.seed)
        found.append(
            OriginRecord(
                number=origin.number, splits=stretches_of(origin), draws=origin.draws,
                measured=numbers.measured, differences=numbers.differences,
            )
        )  # fmt: skip
    last, evaluation = attempt.origins[-1], record.evaluation
    found.append(
        OriginRecord(
            number=last.number, splits=stretches_of(last), draws=last.draws,
            measured=tuple(one for one in evaluation.measured if one.population == ALL),
            differences=tuple(one for one in evaluation.differences if one.difference.population == ALL),
        )
    )  # fmt: skip
    return tuple(found)


def _weekly(attempt: Attempt, records: Records, name: str, *, draws: int) -> Weekly | None:
    """Only the spine looks at every open case each week."""
    experiment = attempt.experiment
    if experiment.matrix.as_of != "spine":
        return None
    return weekly_view(
        attempt.model, name, attempt.matrix, attempt.split, records, label=experiment.label.column,
        horizon_days=experiment.label.horizon_days, draws=draws, seed=experiment.seed,
    )  # fmt: skip
