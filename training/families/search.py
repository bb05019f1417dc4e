"""Searching the settings of the trees with Optuna: at most 30 trials, on training rows only, killed at any time.

Trials lie in one SQLite file for each experiment, records and split.  What a trial tries depends on the seed, its place and the
trials completed before it, and on nothing else: a search that was killed goes on and ends in the same settings to the
last bit.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold

from features.errors import UserError
from features.history import Array
from features.indicator import Indicator
from features.view import Values
from training.cores import in_order
from training.families.fitter import Fitter, TreeFitter
from training.family_settings import SEARCHED, LightGBMSection, TunedLightGBMSection
from training.matrix_parts import Rows

LOG_SCALE = ("rounds", "learning_rate", "min_data_in_leaf", "lambda_l2")
STARTUP_TRIALS = 8


@dataclass(frozen=True)
class Place:
    """Where a search is kept, and under which name.  ``folder`` None: in memory, for who needs no second attempt."""

    folder: Path | None
    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        """One digest of the experiment, the records and the split."""
        return hashlib.sha256("\n".join(self.parts).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Trial:
    """One trial: its place, what it tried, and its mean log loss."""

    number: int
    settings: dict[str, float]
    log_loss: float


@dataclass(frozen=True)
class Search:
    """What a search tried, in order, and the settings it ends with: those of the lowest log loss, the first of equals."""

    trials: tuple[Trial, ...]
    settings: LightGBMSection


@dataclass(frozen=True)
class _Space:
    """What is searched, from where, on which rows."""

    section: TunedLightGBMSection
    start: LightGBMSection
    indicators: tuple[Indicator, ...]
    seed: int

    def ask(self, trial: Any) -> dict[str, float]:
        """What a trial tries."""
        tried: dict[str, float] = {}
        for name in SEARCHED:
            low, high = getattr(self.section, name)
            kind = trial.suggest_int if isinstance(low, int) else trial.suggest_float
            tried[name] = kind(name, low, high, log=name in LOG_SCALE)
        return tried

    @property
    def first(self) -> dict[str, float]:
        """What ``[lightgbm]`` says, brought into the ranges."""
        return {name: min(max(getattr(self.start, name), getattr(self.section, name)[0]), getattr(self.section, name)[1])
                for name in SEARCHED}  # fmt: skip

    def fitter(self, tried: dict[str, float]) -> TreeFitter:
        """The trees of a trial."""
        settings = LightGBMSection.model_validate(self.start.model_dump() | tried)
        return TreeFitter(settings, self.indicators, self.seed)


def search_trees(
    section: TunedLightGBMSection, start: LightGBMSection, indicators: tuple[Indicator, ...], rows: Rows, *,
    seed: int, place: Place, step: Callable[[float], None],
) -> Search:  # fmt: skip
    """The settings with the lowest cross-validated log loss on training rows, and all that was tried.

    A search that was begun under the same name goes on.  Raises UserError where another command is at it.
    """
    import optuna  # noqa: PLC0415  (a second, and SQLAlchemy: only for who searches)

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = _Space(section, start, indicators, seed)
    few = fewer_negatives(rows, per_positive=section.negatives_per_positive, seed=seed)
    with _kept(place) as storage:
        study = optuna.create_study(study_name=place.name, storage=storage, load_if_exists=True)
        for left in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
            study.tell(left.number, state=optuna.trial.TrialState.FAIL)  # killed in the midst: it is tried again
        while (done := len(_complete(study))) < section.trials:
            study.sampler = optuna.samplers.TPESampler(
                seed=_seed_of(seed, done), n_startup_trials=STARTUP_TRIALS, multivariate=False
            )  # fmt: skip
            if done == 0:
                study.enqueue_trial(space.first)
            trial = study.ask()
            study.tell(trial, cross_validated_log_loss(space.fitter(space.ask(trial)), few, folds=section.folds))
            step((done + 1) / section.trials)
        trials = tuple(
            Trial(number, dict(one.params), float(one.value)) for number, one in enumerate(_complete(study), 1)
        )
    best = min(trials, key=lambda one: one.log_loss)
    return Search(trials, space.fitter(best.settings).settings)


def _complete(study: Any) -> list[Any]:
    from optuna.trial import TrialState  # noqa: PLC0415

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _seed_of(seed: int, done: int) -> int:
    return int(np.random.SeedSequence((seed, 4, done)).generate_state(1)[0])


@contextmanager
def _kept(place: Place) -> Iterator[str | None]:
    """The storage of a search, held alone: by the kernel, so that a kill lets it go."""
    if place.folder is None:
        yield None
        return
    place.folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(place.folder / f"{place.name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"another run is at the same search ({place.folder / place.name}.db): wait for it"
            ) from None
        yield f"sqlite:///{place.folder / place.name}.db"
    finally:
        os.close(lock)


def fewer_negatives(rows: Rows, *, per_positive: float, seed: int) -> Rows:
    """All positives, and at most so many negatives for each, drawn by the seed: enough to choose by, not to fit by."""
    negative = rows.label == 0
    share = per_positive * (~negative).sum() / max(int(negative.sum()), 1)
    drawn: Array = np.random.default_rng((seed, 5)).random(len(rows)) < share
    return rows[~negative | drawn]


def cross_validated_log_loss(fitter: Fitter, rows: Rows, *, folds: int) -> float:
    """The weighted mean log loss of rows by models that never saw their pair."""

    def loss(fold: tuple[Array, Array]) -> float:
        seen, unseen = fold
        raw = fitter.fit(rows[seen]).raw(rows.values[unseen])
        return float(np.sum(rows.pair_weight[unseen] * _log_loss(raw, rows.label[unseen])))

    splitter = GroupKFold(n_splits=folds, shuffle=True, random_state=fitter.seed)
    total = sum(in_order(loss, splitter.split(rows.pair, groups=rows.pair)))
    return total / float(rows.pair_weight.sum())


def _log_loss(raw: Values, label: Array) -> Values:
    return np.logaddexp(0.0, raw) - label * raw
