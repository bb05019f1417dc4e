"""Every origin of an experiment in turn, the earliest first: rows, a fit of each family, and what each says of the test."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from features.catalogue import columns_of
from features.clock import format_time
from features.errors import UserError
from features.indicator import Bilingual, Indicator
from features.records import Records
from features.view import Values
from training.artifact.home import Home
from training.artifact.model import RiskModel
from training.artifact.points import points_by_item
from training.artifact.scale import sigmoid
from training.calibration import margins
from training.cores import in_order
from training.evaluation.held_out import Scores
from training.experiment import Experiment
from training.families.choosing import choose
from training.families.points import chosen_items
from training.families.search import Search
from training.family_settings import Family
from training.modelling import Calibrated, calibrated, check_positives, points_line, saved_model
from training.openings import open_last_origin
from training.origin import POINTS, Origin
from training.rows import Sampling, SplitRows, split_rows
from training.split import Split
from training.split_check import Promise, check_split
from training.treatment.weights import UsualCare

Step = Callable[[str, float], None]
FAMILIES_AT_ONCE = 2
"""The folds of one family leave cores idle at the end of each trial and each cross-fit: another one fills them."""


@dataclass(frozen=True)
class Material:
    """What an experiment works on: both matrices, the manifest of the first, the splits (earliest first), the columns,
    and what the checker needs.
    """

    matrix: Path
    test_matrix: Path
    manifest: dict[str, Any]
    splits: tuple[Split, ...]
    indicators: tuple[Indicator, ...]
    promise: Promise
    records: Records

    def rows(self, experiment: Experiment, split: Split) -> SplitRows:
        """The rows of one split, weighed for the estimand, looked over by the checker.

        Raises SplitPromiseBroken where it finds a fault.
        """
        columns, care = columns_of(self.indicators), None
        if experiment.treatment.estimand == "usual_care":
            care = UsualCare.fitted(
                self.matrix, columns, split, horizon_days=experiment.label.horizon_days,
                settings=experiment.treatment, seed=experiment.seed,
            ).weights  # fmt: skip
        rows = split_rows(
            self.matrix, self.test_matrix, split, columns, label=experiment.label.column, care=care,
            sampling=Sampling(
                experiment.sampling.negative_rate, experiment.seed, by_pair=experiment.split.group == "pair"
            ),
        )  # fmt: skip
        check_split(rows, split, self.promise, self.records)
        return rows


@dataclass(frozen=True)
class FittedOrigins:
    """The origins that were judged, the earliest first, the model of the last of them, what a reader must know, and what
    was searched at the last of them.
    """

    origins: tuple[Origin, ...]
    model: RiskModel
    notes: tuple[Bilingual, ...]
    search: Search | None = None


def fit_origins(
    experiment: Experiment, material: Material, *, home: Home, sealed: bool, step: Step
) -> FittedOrigins:  # fmt: skip
    """Fit every family at every origin and score its test rows.

    ``sealed``: no test row of the last origin is given out, and the model is saved nowhere.  An earlier origin whose
    rows can't carry a fit is left out, and told.  Raises UserError where the last of them can't.
    """
    fitting = _Fitting(experiment, material, home.studies, step)
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
            origins.append(fitting.at(number, split).origin(draws=experiment.evaluation.draws_before).bare)
        except UserError as error:
            notes.append(
                Bilingual(
                    f"Origin {number} of {len(material.splits)} is left out: {error}",
                    f"第 {number} 个起点（共 {len(material.splits)} 个）略去：{error}",
                )
            )
    last = fitting.at(len(splits), splits[-1])
    if sealed:
        notes.append(
            Bilingual(
                f"SEALED: the last origin stays unopened; the headline is origin {len(splits)} of {len(splits) + 1}.",
                f"封存运行：最后一个起点未打开；本页以第 {len(splits)} 个起点（共 {len(splits) + 1} 个）为准。",
            )
        )
        with tempfile.TemporaryDirectory() as nowhere:
            model = last.saved(Path(nowhere))
        draws = experiment.evaluation.draws_before
    else:
        model = last.saved(home.models)
        notes.append(_opened(open_last_origin(home, experiment, material.manifest, splits[-1])))
        draws = experiment.evaluation.draws
    return FittedOrigins((*origins, last.origin(draws=draws)), model, tuple(notes), last.search)


def _opened(before: int) -> Bilingual:
    if not before:
        return Bilingual(
            "The last origin of these records was opened for the first time by this run.",
            "这些记录的最后一个起点由本次运行首次打开。",
        )
    times = "once" if before == 1 else f"{before} times"
    return Bilingual(
        f"The last origin of these records had been opened {times} before this run: the more often, the less it proves.",
        f"在本次运行之前，这些记录的最后一个起点已打开过 {before} 次：打开越多，能证明的越少。",
    )


@dataclass(frozen=True)
class _Fitting:
    """How the families of an experiment are fitted at one origin after the other."""

    experiment: Experiment
    material: Material
    studies: Path
    step: Step

    def origins_missing(self) -> list[Bilingual]:
        """What to tell of origins that the records are too short for."""
        asked, found = self.experiment.split.origins, len(self.material.splits)
        if asked == found:
            return []
        return [
            Bilingual(
                f"The records are long enough for {found} of the {asked} origins asked for: how stable the model is over "
                "time is the less known.",
                f"记录的长度只够 {found} 个起点（要求 {asked} 个）：模型随时间是否稳定，所知更少。",
            )
        ]

    def at(self, number: int, split: Split) -> _FittedOrigin:
        """Every family fitted on the training rows of one origin.  Raises UserError where they are too few."""
        given_up = Event()

        def step(stage: str, done: float) -> None:
            if given_up.is_set():
                raise CancelledError
            self.step(f"origin {number} of {len(self.material.splits)}: {stage}", done)

        step("rows and their check", 0.0)
        rows = self.material.rows(self.experiment, split)
        step("rows and their check", 1.0)
        check_positives(rows, folds=self.experiment.calibration.folds)
        with ThreadPoolExecutor(FAMILIES_AT_ONCE) as pool:
            fitting = [
                pool.submit(self._family, family, rows, split, step) for family in self.experiment.model.families
            ]
            try:
                fitted = _all_of(fitting)
            except BaseException:  # also an interrupt: what is under way ends with its next step
                given_up.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return _FittedOrigin(self, number, split, rows, fitted)

    def _family(self, family: Family, rows: SplitRows, split: Split, step: Step) -> Calibrated:
        """A family with its settings chosen on the training rows, fitted and calibrated."""
        chosen = choose(
            family, self.experiment, self.material.indicators, rows.train, studies=self.studies,
            of=(str(self.material.manifest["digest"]), format_time(split.train_end)),
            step=lambda done: step(f"search {family}", done),
        )  # fmt: skip
        return calibrated(self.experiment, rows, family, chosen, step=step)


def _all_of(fitting: list[Future[Calibrated]]) -> tuple[Calibrated, ...]:
    """What all have made, in order; the first error as soon as there is one."""
    done, _ = wait(fitting, return_when=FIRST_EXCEPTION)
    for error in (one.exception() for one in done):
        if error is not None:
            raise error
    return tuple(one.result() for one in fitting)


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

    @property
    def search(self) -> Search | None:
        """What was searched here."""
        return next((one.chosen.search for one in self.fitted if one.chosen.search), None)

    def origin(self, *, draws: int) -> Origin:
        """What every ranker says of the test rows: the model first, then its peers, then the points score."""
        said = in_order(lambda one: _scores(one.margin(self.rows.test.values)), self.fitted)
        rankers: dict[str, Scores] = {one.family: scores for one, scores in zip(self.fitted, said, strict=True)}
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
