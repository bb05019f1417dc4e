"""From the name of a family to a way to fit it, with every setting chosen: by the file, or by a search on training rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from features.catalogue import columns_of
from features.indicator import Indicator
from training.experiment import Experiment
from training.families.boosting import BoostingFitter
from training.families.fitter import Fitter, TreeFitter, settings_for
from training.families.logistic import LogisticFitter
from training.families.points import PointsFitter, chosen_items
from training.families.search import Place, Search, cross_validated_log_loss, fewer_negatives, search_trees
from training.family_settings import Family
from training.matrix_parts import Rows

NEGATIVES_PER_POSITIVE = 20.0
"""Enough to choose a penalty by: a further negative of a thousand says next to nothing."""


@dataclass(frozen=True)
class Chosen:
    """A family with its settings chosen.

    ``often`` fits the models of cross-fitting and of the interval, of which there are many: the same family, cheaper
    where it can be.  ``search`` is what was tried, None where nothing was.
    """

    fitter: Fitter
    often: Fitter
    search: Search | None = None


def choose(
    family: Family, experiment: Experiment, indicators: tuple[Indicator, ...], train: Rows, *,
    studies: Path | None = None, of: tuple[str, ...] = (), step: Callable[[float], None] = lambda _done: None,
) -> Chosen:  # fmt: skip
    """How a family is fitted.  What is searched for is searched on ``train`` alone, the training rows of one split.

    A search is kept under ``studies`` by the experiment and ``of`` (records and split); None keeps it in memory.
    """
    seed = experiment.seed
    if family == "points":
        columns = columns_of(indicators)
        return _plain(PointsFitter(chosen_items(experiment, columns), columns, seed))
    if family == "logistic":
        return _plain(_logistic(experiment, indicators, train))
    if family == "explainable_boosting":
        own = experiment.explainable_boosting
        whole = BoostingFitter(own, indicators, seed, own.outer_bags)
        return Chosen(whole, replace(whole, bags=min(own.cross_fit_bags, own.outer_bags)))
    trees = settings_for(experiment.lightgbm, train)
    if family == "lightgbm":
        return _plain(TreeFitter(trees, indicators, seed))
    search = search_trees(
        experiment.tuned_lightgbm, trees, indicators, train,
        seed=seed, place=Place(studies, (experiment.digest, *of)), step=step,
    )  # fmt: skip
    fitter = TreeFitter(search.settings, indicators, seed)
    return Chosen(fitter, fitter, search)


def _plain(fitter: Fitter) -> Chosen:
    return Chosen(fitter, fitter)


def _logistic(experiment: Experiment, indicators: tuple[Indicator, ...], train: Rows) -> LogisticFitter:
    """The penalty with the lowest cross-validated log loss, the strongest of equals."""
    own, seed = experiment.logistic, experiment.seed
    fitters = [LogisticFitter(penalty, indicators, seed) for penalty in sorted(own.penalties, reverse=True)]
    if len(fitters) == 1:
        return fitters[0]
    few = fewer_negatives(train, per_positive=NEGATIVES_PER_POSITIVE, seed=seed)
    return min(fitters, key=lambda one: cross_validated_log_loss(one, few, folds=own.folds))
