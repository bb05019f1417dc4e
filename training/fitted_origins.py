"""Every origin of an experiment in turn, the earliest first: rows, a fit of each family, and what each says of the test."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.catalogue import columns_of
from features.errors import UserError
from features.indicator import Indicator
from features.view import Values
from training.artifact.home import Home
from training.artifact.model import RiskModel
from training.artifact.points import points_by_item
from training.artifact.scale import sigmoid
from training.calibration import margins
from training.evaluation.held_out import Scores
from training.experiment import Experiment
from training.families import chosen_items, fitter_of
from training.modelling import Calibrated, calibrated, check_positives, points_line, saved_model
from training.openings import open_last_origin
from training.origin import POINTS, Origin
from training.rows import Sampling, SplitRows, split_rows
from training.split import Split

Step = Callable[[str, float], None]


@dataclass(frozen=True)
class Material:
    """What an experiment works on: both matrices, the manifest of the first, the splits (earliest first), the columns."""

    matrix: Path
    test_matrix: Path
    manifest: dict[str, Any]
    splits: tuple[Split, ...]
    indicators: tuple[Indicator, ...]

    def rows(self, experiment: Experiment, split: Split) -> SplitRows:
        """The rows of one split."""
        return split_rows(
            self.matrix, self.test_matrix, split, columns_of(self.indicators), label=experiment.label.column,
            sampling=Sampling(
                experiment.sampling.negative_rate, experiment.seed, by_pair=experiment.split.group == "pair"
            ),
        )  # fmt: skip


@dataclass(frozen=True)
class FittedOrigins:
    """The origins that were judged, the earliest first, the model of the last of them, and what a reader must know."""

    origins: tuple[Origin, ...]
    model: RiskModel
    notes: tuple[str, ...]


def fit_origins(
    experiment: Experiment, material: Material, *, home: Home, sealed: bool, step: Step
) -> FittedOrigins:  # fmt: skip
    """Fit every family at every origin and score its test rows.

    ``sealed``: no test row of the last origin is given out, and the model is saved nowhere.  An earlier origin whose
    rows can't carry a fit is left out, and told.  Raises UserError where the last of them can't.
    """
    fitting = _Fitting(experiment, material, step)
    splits = material.splits[:-1] if sealed else material.splits
    if not splits:
        raise UserError(
            "the records leave training rows for the last origin alone, which a sealed run doesn't open: bring longer "
            "records, or shorten split.test_days"
        )
    notes = fitting.origins_missing()
    origins: list[Origin] = []
    for number, split in enumerate(splits[:-1], 1):
        try:
            origins.append(fitting.at(number, split).origin(draws=experiment.evaluation.draws_before))
        except UserError as error:
            notes.append(f"Origin {number} of {len(material.splits)} is left out: {error}")
    last = fitting.at(len(splits), splits[-1])
    if sealed:
        notes.append(
            f"SEALED: the last origin stays unopened; the headline is origin {len(splits)} of {len(splits) + 1}."
        )
        with tempfile.TemporaryDirectory() as nowhere:
            model = last.saved(Path(nowhere))
        draws = experiment.evaluation.draws_before
    else:
        model = last.saved(home.models)
        notes.append(_opened(open_last_origin(home, experiment, material.manifest, splits[-1])))
        draws = experiment.evaluation.draws
    return FittedOrigins((*origins, last.origin(draws=draws)), model, tuple(notes))


def _opened(before: int) -> str:
    if not before:
        return "The last origin of these records was opened for the first time by this run."
    times = "once" if before == 1 else f"{before} times"
    return (
        f"The last origin of these records had been opened {times} before this run: the more often, the less it proves."
    )


@dataclass(frozen=True)
class _Fitting:
    """How the families of an experiment are fitted at one origin after the other."""

    experiment: Experiment
    material: Material
    step: Step

    def origins_missing(self) -> list[str]:
        """What to tell of origins that the records are too short for."""
        asked, found = self.experiment.split.origins, len(self.material.splits)
        if asked == found:
            return []
        return [
            f"The records are long enough for {found} of the {asked} origins asked for: how stable the model is over time "
            "is the less known."
        ]

    def at(self, number: int, split: Split) -> _FittedOrigin:
        """Every family fitted on the training rows of one origin.  Raises UserError where they are too few."""
        experiment, rows = self.experiment, self.material.rows(self.experiment, split)
        check_positives(rows, folds=experiment.calibration.folds)

        def step(stage: str, done: float) -> None:
            self.step(f"origin {number} of {len(self.material.splits)}: {stage}", done)

        indicators = self.material.indicators
        fitted = tuple(
            calibrated(experiment, rows, family, fitter_of(family, experiment, indicators, rows.train), step=step)
            for family in experiment.model.families
        )
        return _FittedOrigin(self, number, split, rows, fitted)


@dataclass(frozen=True)
class _FittedOrigin:
    """One origin with its rows and every family fitted on them, the model's own first."""

    fitting: _Fitting
    number: int
    split: Split
    rows: SplitRows
    fitted: tuple[Calibrated, ...]

    def saved(self, models: Path) -> RiskModel:
        """The model's family with its intervals, saved under ``models``."""
        experiment, material, step = self.fitting.experiment, self.fitting.material, self.fitting.step
        return saved_model(
            experiment, self.rows, material.indicators, material.manifest, self.split,
            made=self.fitted[0], models=models, step=step,
        )  # fmt: skip

    def origin(self, *, draws: int) -> Origin:
        """What every ranker says of the test rows: the model first, then its peers, then the points score."""
        rankers: dict[str, Scores] = {one.family: _scores(one.margin(self.rows.test.values)) for one in self.fitted}
        if POINTS not in rankers:
            rankers[POINTS] = self._points()
        return Origin(number=self.number, split=self.split, rows=self.rows, rankers=rankers, draws=draws)

    def _points(self) -> Scores:
        names = columns_of(self.fitting.material.indicators)
        items = chosen_items(self.fitting.experiment, names)
        points = points_by_item(self.rows.test.columns(names), items).sum(axis=1)
        return _scores(margins(points, points_line(self.rows.calibration, names, self.fitting.experiment)))


def _scores(margin: Values) -> Scores:
    return Scores(score=margin, probability=sigmoid(margin))
