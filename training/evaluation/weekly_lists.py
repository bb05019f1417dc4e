"""Weekly lists: in each area the cases with the highest scores of the week, as many as can be looked at there.

A draw weighs the cases of the lists as they are.  It does not make the lists anew: a case drawn twice would take two
places of a list of three, so that no draw could do better than the list that was made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.evaluation.bootstrap import Draws, FewSums, Floats, Integers, Weights


@dataclass(frozen=True, kw_only=True)
class TiedList:
    """How many positive rows the lists hold at both ends of the order inside ties, and how many rows tie at a cut."""

    hits_worst: float
    hits_best: float
    n_tied: int
    listed: float


class WeeklyLists:
    """One ranker's lists for several capacities: recall of rows and of disputes, and precision, in each draw.

    Arrays (n,): ``group`` is the code of (area, week), ``cluster`` that of the pair, from 0.  ``capacities`` are cases
    a list.  A tie at the end of a list is broken by lot, each week anew.
    """

    def __init__(
        self, *, label: Integers, score: Floats, dispute: Integers, cluster: Integers, group: Integers,
        n_clusters: int, capacities: tuple[int, ...],
    ) -> None:  # fmt: skip
        self.capacities, self.n_clusters = capacities, n_clusters
        order = np.lexsort((-score, group))
        group, score, hit, cluster = group[order], score[order], label[order] == 1, cluster[order]
        starts = np.flatnonzero(np.r_[True, np.diff(group) != 0])
        first = np.flatnonzero(np.r_[True, (np.diff(group) != 0) | (np.diff(score) != 0)])
        self._tied = np.diff(np.r_[first, len(group)])
        self._above = first - starts[np.searchsorted(starts, first, side="right") - 1]
        self._hits = np.add.reduceat(hit.astype(np.int64), first)
        of_row = np.repeat(np.arange(len(first)), self._tied)
        self._positives = FewSums(np.bincount(cluster[hit], minlength=n_clusters))
        ids, of_dispute = np.unique(dispute[order][hit], return_inverse=True)
        self._dispute_cluster = np.zeros(len(ids), dtype=np.int64)
        self._dispute_cluster[of_dispute] = cluster[hit]
        self._listed, self._found, self._disputes = {}, {}, {}
        for capacity in capacities:
            chance = np.clip((capacity - self._above) / self._tied, 0.0, 1.0)[of_row]
            self._listed[capacity] = FewSums(np.bincount(cluster, weights=chance, minlength=n_clusters))
            self._found[capacity] = FewSums(np.bincount(cluster[hit], weights=chance[hit], minlength=n_clusters))
            missed = np.ones(len(ids))
            np.multiply.at(missed, of_dispute, 1.0 - chance[hit])
            self._disputes[capacity] = 1.0 - missed

    def values(self) -> dict[tuple[int, str], float]:
        """Returns the numbers of the sample itself, keyed (capacity, name); NaN without a positive row."""
        drawn = self.draw(np.ones((self.n_clusters, 1), dtype=np.float32))
        return {(int(key[0]), key[1]): float(values[0]) for key, values in drawn.items()}

    def draw(self, weights: Weights) -> Draws:
        """Returns arrays (draws,) keyed (capacity, name): weekly_recall, weekly_dispute_recall, weekly_precision."""
        positives = self._positives @ weights
        of_dispute = weights[self._dispute_cluster].astype(np.float64)
        found: Draws = {}
        for capacity in self.capacities:
            hits, key = self._found[capacity] @ weights, str(capacity)
            with np.errstate(invalid="ignore", divide="ignore"):
                found[key, "weekly_recall"] = hits / positives
                found[key, "weekly_dispute_recall"] = (self._disputes[capacity] @ of_dispute) / of_dispute.sum(axis=0)
                found[key, "weekly_precision"] = hits / (self._listed[capacity] @ weights)
        return found

    def ties(self, capacity: int) -> TiedList:
        """Returns what the order inside ties at the end of the lists could change."""
        room = np.clip(capacity - self._above, 0, self._tied)
        cut = (room > 0) & (room < self._tied)
        return TiedList(
            hits_worst=float(np.maximum(0, room - (self._tied - self._hits)).sum()),
            hits_best=float(np.minimum(self._hits, room).sum()),
            n_tied=int(self._tied[cut].sum()),
            listed=float(room.sum()),
        )
