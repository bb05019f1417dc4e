"""How early a case was flagged, and how steady the flags are from week to week, in each bootstrap draw."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_array

from features.clock import DAY_US
from training.evaluation.bootstrap import Draws, Integers, Weights, totals_by_cluster
from training.evaluation.held_out import Mask

SOON_DAYS = 7


class LeadTimes:
    """Days from the first flag to the incident, of disputes with an incident ahead of a row.

    Arrays over the positive rows (p,): ``flagged``, ``wait_us`` (microseconds to the incident), ``dispute``,
    ``cluster``.
    """

    def __init__(self, *, flagged: Mask, wait_us: Integers, dispute: Integers, cluster: Integers) -> None:
        ids, of_row = np.unique(dispute, return_inverse=True)
        self._days = np.full(len(ids), -1, dtype=np.int64)
        np.maximum.at(self._days, of_row[flagged], wait_us[flagged] // DAY_US)
        self._cluster = np.zeros(len(ids), dtype=np.int64)
        self._cluster[of_row] = cluster
        order = np.argsort(self._days, kind="stable")
        self._days, self._cluster = self._days[order], self._cluster[order]

    @property
    def days(self) -> Integers:
        """Whole days of each dispute, ascending; -1 where it was never flagged."""
        return self._days

    def values(self) -> dict[str, float | None]:
        """Returns the numbers of the sample itself, by name; None where there is nothing to count."""
        clusters = int(self._cluster.max(initial=-1)) + 1
        drawn = self.draw(np.ones((clusters, 1), dtype=np.float32))
        return {key[0]: float(values[0]) if np.isfinite(values[0]) else None for key, values in drawn.items()}

    def draw(self, weights: Weights) -> Draws:
        """Returns arrays (draws,): flagged, flagged_7_days_before, median_lead_days."""
        of_dispute = weights[self._cluster].astype(np.float64)
        total = of_dispute.sum(axis=0)
        seen = self._days >= 0
        summed = np.cumsum(of_dispute[seen], axis=0)
        median = np.full(weights.shape[1], np.nan)
        if seen.any():
            half = summed[-1] / 2
            median = self._days[seen][np.argmax(summed >= half, axis=0)].astype(np.float64)
            median[half == 0] = np.nan
        with np.errstate(invalid="ignore", divide="ignore"):
            return {
                ("flagged",): of_dispute[seen].sum(axis=0) / total,
                ("flagged_7_days_before",): of_dispute[self._days >= SOON_DAYS].sum(axis=0) / total,
                ("median_lead_days",): median,
            }


class Steadiness:
    """Jaccard of the flagged sets of one week and the next, and tiers that change without a new record.

    Arrays (n,), ordered by dispute and week, at most one row of each: ``tier`` is a rank, ``flagged`` red or orange,
    ``known`` how many records of the dispute there were.
    """

    def __init__(
        self, *, dispute: Integers, week: Integers, tier: Integers, flagged: Mask, known: Integers, cluster: Integers,
        n_clusters: int,
    ) -> None:  # fmt: skip
        self._n_weeks = int(week.max()) + 1
        follows = np.r_[(np.diff(dispute) == 0) & (np.diff(week) == 1), False]
        both = follows & flagged & np.r_[flagged[1:], False]

        def by_week(chosen: Mask) -> csc_array:
            return totals_by_cluster(week[chosen], cluster[chosen], n_groups=self._n_weeks, n_clusters=n_clusters)

        self._flagged, self._both = by_week(flagged), by_week(both)
        quiet = follows & (known == np.r_[known[1:], -1])
        changed = quiet & (tier != np.r_[tier[1:], -1])
        self._quiet = np.bincount(cluster[quiet], minlength=n_clusters).astype(np.float32)
        self._changed = np.bincount(cluster[changed], minlength=n_clusters).astype(np.float32)
        self.n_quiet = int(quiet.sum())
        self.flagged_a_week = float(flagged.sum()) / self._n_weeks

    def values(self) -> dict[str, float | None]:
        """Returns the numbers of the sample itself, by name; None where no week has a flagged case."""
        drawn = self.draw(np.ones((len(self._quiet), 1), dtype=np.float32))
        return {key[0]: float(values[0]) if np.isfinite(values[0]) else None for key, values in drawn.items()}

    def draw(self, weights: Weights) -> Draws:
        """Returns arrays (draws,): weekly_jaccard, tier_changed_without_record."""
        flagged = np.asarray(self._flagged @ weights, dtype=np.float64)
        both = np.asarray(self._both @ weights, dtype=np.float64)[:-1]
        either = flagged[:-1] + flagged[1:] - both
        weeks = (either > 0).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            jaccard = np.where(either > 0, both / either, 0.0).sum(axis=0) / weeks
            changed = (self._changed @ weights) / (self._quiet @ weights)
        return {("weekly_jaccard",): jaccard, ("tier_changed_without_record",): changed.astype(np.float64)}
