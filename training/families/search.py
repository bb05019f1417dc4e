"""Searching the settings of the trees with Optuna: at most 30 trials, on training rows only, killed at any time.

Completed trials lie in one file for each experiment, records and split.  What a trial tries depends on the seed, its place and the
trials completed before it, and on nothing else: a search that was killed goes on and ends in the same settings to the
last bit.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold

from features.errors import UserError
from features.history import Array
from features.indicator import Indicator
from features.view import Values
from features.working_folder import write_text
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

    @cached_property
    def distributions(self) -> dict[str, Any]:
        """From where to where a trial may try what, and on which scale."""
        from optuna.distributions import FloatDistribution, IntDistribution  # noqa: PLC0415

        made: dict[str, Any] = {}
        for name in SEARCHED:
            low, high = getattr(self.section, name)
            kind = IntDistribution if isinstance(low, int) else FloatDistribution
            made[name] = kind(low, high, log=name in LOG_SCALE)
        return made

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

    A search that was begun under the same name goes on.  Raises UserError where another command is at it, and for a trial
    without a finite log loss.
    """
    import optuna  # noqa: PLC0415  (a second: only for who searches)

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = _Space(section, start, indicators, seed)
    few = fewer_negatives(rows, per_positive=section.negatives_per_positive, seed=seed)
    study = optuna.create_study()
    with _kept(place) as kept:
        for one in kept.trials:
            study.add_trial(
                optuna.trial.create_trial(params=one.settings, distributions=space.distributions, value=one.log_loss)
            )
        while (done := len(kept.trials)) < section.trials:
            study.sampler = optuna.samplers.TPESampler(
                seed=_seed_of(seed, done), n_startup_trials=STARTUP_TRIALS, multivariate=False
            )  # fmt: skip
            if done == 0:
                study.enqueue_trial(space.first)
            trial = study.ask(space.distributions)
            loss = cross_validated_log_loss(space.fitter(trial.params), few, folds=section.folds)
            if not np.isfinite(loss):
                raise UserError(
                    f"a trial of the search has no finite log loss: {trial.params}; narrow [tuned_lightgbm]"
                )
            study.tell(trial, loss)
            kept.add(Trial(done + 1, dict(trial.params), loss))
            step((done + 1) / section.trials)
    trials = tuple(kept.trials)
    best = min(trials, key=lambda one: one.log_loss)
    return Search(trials, space.fitter(best.settings).settings)


def _seed_of(seed: int, done: int) -> int:
    return int(np.random.SeedSequence((seed, 4, done)).generate_state(1)[0])


class _Kept:
    """The completed trials of a search, in a file (none: in memory alone) that is replaced in one step for each."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self.trials: list[Trial] = []
        if file is not None and file.exists():
            self.trials = [Trial(**one) for one in json.loads(file.read_text("utf-8"))]

    def add(self, trial: Trial) -> None:
        """One more."""
        self.trials.append(trial)
        if self._file is not None:
            write_text(self._file, json.dumps([asdict(one) for one in self.trials], indent=1))


@contextmanager
def _kept(place: Place) -> Iterator[_Kept]:
    """What is kept of a search, held alone: by the kernel, so that a kill lets it go."""
    if place.folder is None:
        yield _Kept(None)
        return
    place.folder.mkdir(parents=True, exist_ok=True)
    file = place.folder / f"{place.name}.json"
    lock = os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another run is at the same search ({file}): wait for it") from None
        yield _Kept(file)
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
