"""How soon extra support begins: a pooled model of all stretches between landmarks, cross-fitted by pair.

Between one landmark of the spine and the next, support begins at a rate that the facts visible at the first of the two
may tell (and nothing later than it).  All stretches are pooled into one Poisson regression of trees with the length of
the stretch as offset: the piecewise exponential form of pooled logistic regression (Laird and Olivier 1981; D'Agostino
and others 1990).  The rates of a dispute, one stretch after the other, give the chance that no support began between
any two times.  Each pair's rates come from trees that never saw the pair.

Facts of the landmark alone do not do: support goes to disputes that stay open, these are the worse ones, and who stays
open is known only afterwards.  Measured in ``docs/explanation/usual-care.md``.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pyarrow.parquet as pq

from features.clock import DAY_US, NEVER
from features.history import Array
from features.view import Values

MOST_ROWS = 400_000
"""Stretches without a start beyond so many are sampled for the fit, and weigh accordingly; all starts are kept."""
LONGEST_DAYS = 90
"""A last landmark speaks of so many days after it; then the rate stays what it was."""
SETTINGS = {
    "objective": "poisson", "max_depth": 4, "num_leaves": 15, "learning_rate": 0.1, "min_data_in_leaf": 100,
    "lambda_l2": 1.0, "max_bin": 63, "deterministic": True, "force_row_wise": True, "num_threads": 1, "seed": 1,
    "verbosity": -1,
}  # fmt: skip
ROUNDS = 80


@dataclass(frozen=True)
class Stretches:
    """One part's landmarks of the spine by (dispute, as_of), and what follows each; arrays (rows,).

    ``facts`` (rows, columns) are what was visible, whether the dispute was open among them.  A stretch ends with the
    next landmark, the first incident or the start of support (``begins``).  Only stretches ``at_risk`` are fitted on.
    """

    facts: Values
    dispute_ids: Array
    fold: Array
    as_of: Array
    days: Values
    begins: Array
    at_risk: Array


def read_stretches(
    matrix: Path, part: str, columns: tuple[str, ...], *, effect_days: int, folds: int
) -> Stretches:  # fmt: skip
    """The stretches of one part of a matrix built on the spine.

    Not at risk: landmarks after the incident, and those within ``effect_days`` of a former start of support.
    """
    table = pq.read_table(matrix / "matrix" / part, columns=["dispute_id", "as_of", *columns])
    outcome = pq.read_table(matrix / "outcomes" / part, columns=["pair", "incident_at", "after_incident"])
    given = pq.read_table(matrix / "treatments" / part, columns=["support_before", "support_at", "is_open"])
    dispute_ids, as_of = table["dispute_id"].to_numpy(zero_copy_only=False), _times(table["as_of"], NEVER)
    following = np.append(as_of[1:], 0)
    same = np.append(dispute_ids[1:] == dispute_ids[:-1], False)[: len(as_of)]
    following = np.where(same, following[: len(as_of)], as_of + LONGEST_DAYS * DAY_US)
    incident, support = _times(outcome["incident_at"], NEVER), _times(given["support_at"], NEVER)
    ends = np.minimum(np.minimum(following, incident), support)
    under = _times(given["support_before"], -NEVER) >= as_of - effect_days * DAY_US
    days = (ends - as_of) / DAY_US
    is_open = given["is_open"].to_numpy(zero_copy_only=False).astype(np.float64)
    return Stretches(
        facts=np.column_stack([*(table[name].to_numpy() for name in columns), is_open]),
        dispute_ids=dispute_ids,
        fold=_folds(outcome["pair"].to_numpy(zero_copy_only=False), folds),
        as_of=as_of,
        days=np.where(days > 0, days, 1e-6),
        begins=(support < following) & (support <= incident),
        at_risk=~outcome["after_incident"].to_numpy(zero_copy_only=False) & ~under,
    )


def _times(column: object, absent: int) -> Array:
    return column.cast("int64").fill_null(absent).to_numpy()  # type: ignore[attr-defined]


def _folds(pair: Array, folds: int) -> Array:
    """The fold of every pair, from its name alone: the same in every matrix of the same records."""
    names, codes = np.unique(pair.astype(object), return_inverse=True)
    return np.array([zlib.crc32(name.encode()) % folds for name in names], np.int64)[codes]


@dataclass(frozen=True)
class Uptake:
    """The fitted rates at which support begins: trees for each fold, which never saw its pairs.

    ``starts`` counts the starts that were fitted on; without any the rate is 0 everywhere.
    """

    boosters: tuple[lgb.Booster, ...]
    rate_per_day: float
    starts: int

    def rates(self, stretches: Stretches) -> Values:
        """Starts a day after every landmark, shape (rows,)."""
        rates = np.zeros(len(stretches.as_of))
        for fold, booster in enumerate(self.boosters):
            own = stretches.fold == fold
            if own.any():
                log_ratio = booster.predict(stretches.facts[own], raw_score=True, num_threads=1)
                rates[own] = self.rate_per_day * np.exp(log_ratio)
        return rates


def fit_uptake(
    matrix: Path, columns: tuple[str, ...], *, start: int, end: int, effect_days: int, folds: int, seed: int
) -> Uptake:
    """The uptake of support over the landmarks in ``[start, end)`` of a matrix built on the spine."""
    found = []
    parts = sorted((matrix / "matrix").glob("part-*.parquet"))
    rows = sum(pq.read_metadata(path).num_rows for path in parts)
    share = min(1.0, MOST_ROWS / max(rows, 1))
    for number, path in enumerate(parts):
        one = read_stretches(matrix, path.name, columns, effect_days=effect_days, folds=folds)
        within = one.at_risk & (one.as_of >= start) & (one.as_of < end)
        drawn = np.random.default_rng((seed, number)).random(len(one.as_of)) < share
        found.append(_Fitted(one, np.flatnonzero(within & (one.begins | drawn)), share))
    starts = sum(int(one.begins.sum()) for one in found)
    if not starts:
        return Uptake((), 0.0, 0)
    facts, days, begins, fold, weight = (
        np.concatenate([getattr(one, name) for one in found]) for name in ("facts", "days", "begins", "fold", "weight")
    )
    rate = float((weight * begins).sum() / (weight * days).sum())
    boosters = []
    for number in range(folds):
        seen = fold != number
        data = lgb.Dataset(
            facts[seen], label=begins[seen].astype(np.float64), weight=weight[seen],
            init_score=np.log(days[seen] * rate), params={"max_bin": SETTINGS["max_bin"], "verbosity": -1},
        )  # fmt: skip
        boosters.append(lgb.train(SETTINGS, data, num_boost_round=ROUNDS))
    return Uptake(tuple(boosters), rate, starts)


class _Fitted:
    """The stretches of one part that are fitted on."""

    def __init__(self, one: Stretches, rows: Array, share: float) -> None:
        self.facts, self.days, self.begins = one.facts[rows], one.days[rows], one.begins[rows]
        self.fold = one.fold[rows]
        self.weight = np.where(self.begins, 1.0, 1.0 / share)


def chance_of_none(stretches: Stretches, rates: Values, dispute_ids: Array, start: Array, stop: Array) -> Values:
    """The chance that no support began in ``[start, stop)`` of each (dispute, start, stop), shape (asked,).

    It is ``exp(-`` the rates of the dispute added up over the stretches between ``)``.  1 for a dispute without a
    landmark before ``start``.
    """
    codes = np.unique(np.concatenate([stretches.dispute_ids, dispute_ids]).astype(object), return_inverse=True)[1]
    own, asked = np.split(codes, [len(stretches.as_of)])
    step = np.append(np.diff(stretches.as_of) / DAY_US, 0.0)[: len(own)]
    step[np.append(own[1:] != own[:-1], True)[: len(own)]] = 0.0
    before = np.concatenate([[0.0], np.cumsum(rates * step)])[: len(own)]
    totals = []
    for time in (start, stop):
        last = _last_landmark(own, stretches.as_of, asked, time)
        place = np.maximum(last, 0)
        total = before[place] + rates[place] * (time - stretches.as_of[place]) / DAY_US
        totals.append(np.where((last >= 0) & (own[place] == asked), total, np.nan))
    return np.where(np.isnan(totals[0]), 1.0, np.exp(-np.maximum(totals[1] - totals[0], 0.0)))


def _last_landmark(own: Array, as_of: Array, asked: Array, time: Array) -> Array:
    """The place of the last landmark at or before each asked (dispute, time), -1 for none; landmarks are in order."""
    order = np.lexsort((np.repeat([0, 1], [len(own), len(asked)]), np.append(as_of, time), np.append(own, asked)))
    is_landmark = order < len(own)
    last = np.empty(len(asked), np.int64)
    last[order[~is_landmark] - len(own)] = (np.cumsum(is_landmark) - 1)[~is_landmark]
    return last
