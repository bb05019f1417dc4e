"""Weekly lists: in each area the cases with the highest scores of the week, as many as can be looked at there.

In each bootstrap draw the lists are made anew.  Only what ranks above a positive row decides whether it is listed, and
only where it could be: so a draw costs the positive rows times the length of the lists, not all rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from training.evaluation.bootstrap import Draws, Floats, Integers, Weights

REACH = 4
"""Rows further down than so many lists (and ten rows) are on the list in no draw worth the name: in it more than three
quarters of the rows above would have to be left out by chance."""


@dataclass(frozen=True, kw_only=True)
class TiedList:
    """How many positive rows the lists hold, in the mean and at both ends of the order inside ties."""

    hits_worst: float
    hits_best: float
    n_tied: int
    listed: float


class WeeklyLists:
    """One ranker's lists for several capacities: recall of rows and of disputes, and precision, in each draw.

    Arrays (n,): ``group`` is the code of (area, week), ``cluster`` that of the pair, from 0.  ``capacities`` are cases
    a list.
    """

    def __init__(
        self, *, label: Integers, score: Floats, dispute: Integers, cluster: Integers, group: Integers,
        n_clusters: int, capacities: tuple[int, ...],
    ) -> None:  # fmt: skip
        self.capacities = capacities
        order = np.lexsort((-score, group))
        group, score, hit = group[order], score[order], label[order] == 1
        starts = np.flatnonzero(np.r_[True, np.diff(group) != 0])
        ends = np.r_[starts[1:], len(group)]
        block = np.r_[True, (np.diff(group) != 0) | (np.diff(score) != 0)]
        first = np.flatnonzero(block)
        last = np.r_[first[1:], len(group)]
        of_block = np.cumsum(block) - 1
        of_group = np.cumsum(np.r_[True, np.diff(group) != 0]) - 1
        self._sizes = ends - starts
        rows = np.flatnonzero(hit)
        self._above = first[of_block[rows]] - starts[of_group[rows]]
        self._tied = last[of_block[rows]] - first[of_block[rows]]
        self._block = of_block[rows]
        self._cluster = cluster[order][rows]
        self._dispute = np.unique(dispute[order][rows], return_inverse=True)[1]
        near = self._above < REACH * max(capacities) + 10
        self._near = np.flatnonzero(near)
        begin, tie, end = starts[of_group[rows[near]]], first[of_block[rows[near]]], last[of_block[rows[near]]]
        self._clusters_above = _spans(cluster[order], begin, tie, n_clusters)
        self._clusters_tied = _spans(cluster[order], tie, end, n_clusters)
        self._of_dispute = csr_array(
            (np.ones(len(near)), (self._dispute, np.arange(len(near)))),
            shape=(int(self._dispute.max(initial=-1)) + 1, len(near)),
        )

    def listed(self, capacity: int) -> float:
        """Returns how many rows all lists hold together."""
        return float(np.minimum(self._sizes, capacity).sum())

    def values(self) -> dict[tuple[int, str], float]:
        """Returns the numbers of the sample itself, keyed (capacity, name)."""
        ones = np.ones((int(self._clusters_above.shape[1]), 1), dtype=np.float32)
        return {(int(key[0]), key[1]): float(values[0]) for key, values in self.draw(ones).items()}

    def draw(self, weights: Weights) -> Draws:
        """Returns arrays (draws,) keyed (capacity, name): weekly_recall, weekly_dispute_recall, weekly_precision."""
        dense = weights[self._cluster].astype(np.float64)
        above = np.asarray(self._clusters_above @ weights, dtype=np.float64)
        tied = np.asarray(self._clusters_tied @ weights, dtype=np.float64)
        n_disputes = self._of_dispute.shape[0]
        of_dispute = np.zeros((n_disputes, weights.shape[1]))
        of_dispute[self._dispute] = dense  # rows of a dispute share its pair, and so its weight
        found: Draws = {}
        for capacity in self.capacities:
            with np.errstate(invalid="ignore", divide="ignore"):
                chance = np.clip((capacity - above) / tied, 0.0, 1.0)
            chance = np.where(dense[self._near] > 0, chance, 0.0)
            hits = (dense[self._near] * chance).sum(axis=0)
            missed = np.zeros((len(dense), weights.shape[1]))
            missed[self._near] = np.log(np.maximum(1.0 - chance, 1e-300))
            listed = 1.0 - np.exp(np.asarray(self._of_dispute @ missed))
            key = str(capacity)
            with np.errstate(invalid="ignore", divide="ignore"):
                found[key, "weekly_recall"] = hits / dense.sum(axis=0)
                found[key, "weekly_dispute_recall"] = (of_dispute * listed).sum(axis=0) / of_dispute.sum(axis=0)
            found[key, "weekly_precision"] = hits / self.listed(capacity)
        return found

    def ties(self, capacity: int) -> TiedList:
        """Returns what the order inside ties at the end of the lists could change."""
        _, place, positives = np.unique(self._block, return_index=True, return_counts=True)
        above, tied = self._above[place], self._tied[place]
        room = np.clip(capacity - above, 0, tied)
        cut = (room > 0) & (room < tied)
        return TiedList(
            hits_worst=float(np.maximum(0, room - (tied - positives)).sum()),
            hits_best=float(np.minimum(positives, room).sum()),
            n_tied=int(tied[cut].sum()),
            listed=self.listed(capacity),
        )


def _spans(cluster: Integers, begin: Integers, end: Integers, n_clusters: int) -> csr_array:
    """Returns (spans, clusters): how many rows of each cluster lie in ``[begin, end)`` of each span."""
    lengths = end - begin
    offsets = np.r_[0, np.cumsum(lengths)]
    places = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths) + np.repeat(begin, lengths)
    ones: npt.NDArray[np.float32] = np.ones(len(places), dtype=np.float32)
    return csr_array((ones, cluster[places].astype(np.int64), offsets), shape=(len(begin), n_clusters))
