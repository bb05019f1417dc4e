"""All metrics of one ranker for many bootstrap draws at once.

Rows are put into bins of their score, once.  Every distinct score of a positive row is a bin of its own, so what
lies between two bins' borders is all negative: AUC, AP, recall and precision of a draw are then *exact*, not
approximated, though only counts per bin are kept.  Positive rows stay dense.  The calibration line alone takes the
mean margin of each bin's negatives; 512 quantile borders keep that error far below the interval's width.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_array

from training.calibration_line import calibration_intercept, calibration_line
from training.evaluation.bootstrap import Draws, Floats, Integers, Weights, totals_by_cluster
from training.evaluation.metrics import at_capacity, chance_of_any, dispute_tops

Mask = npt.NDArray[np.bool_]

QUANTILE_BORDERS = 512
MOST_POSITIVE_SCORES = 4096


def score_borders(score: Floats, positive_score: Floats) -> Floats:
    """Returns the ascending borders of the bins; a bin holds ``border <= score < next border``.

    Each distinct positive score s gets the borders s and the next number after s.  Above ``MOST_POSITIVE_SCORES``
    of them (never so with rare events) evenly ranked ones stand for all, and rows inside a bin count as tied.
    """
    alone = np.unique(positive_score)
    if len(alone) > MOST_POSITIVE_SCORES:
        kept = alone[np.linspace(0, len(alone) - 1, MOST_POSITIVE_SCORES).astype(np.int64)]
        edges = kept
    else:
        edges = np.r_[alone, np.nextafter(alone, np.inf)]
    quantiles = np.quantile(score, np.linspace(0, 1, QUANTILE_BORDERS + 1), method="lower")
    return np.unique(np.r_[edges, quantiles])


class RankingDraws:
    """One ranker's binned rows: answers every metric, for each population of positive rows, in each draw.

    Arrays over rows (n,): ``label``, ``score``, ``probability``, ``margin`` (log-odds), ``dispute``, ``cluster``
    (codes from 0).  ``populations`` names masks over *positive* rows: the ones that count (the others are removed
    from the sample); negative rows are in every population.  ``gains`` are further capacities for recall alone,
    in the first population; ``lines`` False leaves the calibration line out.
    """

    def __init__(
        self,
        *,
        label: Integers,
        score: Floats,
        probability: Floats,
        margin: Floats,
        dispute: Integers,
        cluster: Integers,
        n_clusters: int,
        populations: Mapping[str, Mask],
        capacities: tuple[float, ...],
        gains: tuple[float, ...] = (),
        lines: bool = True,
    ) -> None:
        positive = label == 1
        borders = score_borders(score, score[positive])
        bin_of = len(borders) - np.searchsorted(borders, score, side="right")  # 0 = the highest scores
        self.n_bins = len(borders) + 1
        self.capacities, self.gains, self.lines = capacities, gains, lines
        negative_bin = bin_of[~positive]
        self.negatives = totals_by_cluster(
            negative_bin, cluster[~positive], n_groups=self.n_bins, n_clusters=n_clusters
        )
        expected = np.bincount(cluster, weights=probability, minlength=n_clusters)
        self.expected = expected.astype(np.float32)
        in_bin = np.bincount(negative_bin, minlength=self.n_bins)
        sums = np.bincount(negative_bin, weights=margin[~positive], minlength=self.n_bins)
        self.filled = in_bin > 0
        self.bin_margin = (sums / np.maximum(in_bin, 1))[self.filled]
        self.positive_bin = bin_of[positive]
        self.positive_cluster = cluster[positive]
        self.positive_probability = probability[positive]
        self.positive_margin = margin[positive]
        self.score, self.dispute = score[positive], dispute[positive]
        self.populations = {name: _Positives(self, mask) for name, mask in populations.items()}

    def draw(self, weights: Weights) -> Draws:
        """Returns every metric of every population for a block of draws, keyed (population, metric)."""
        negatives = (self.negatives @ weights).astype(np.float64)
        expected = (self.expected @ weights).astype(np.float64)
        found: Draws = {}
        for order, (name, positives) in enumerate(self.populations.items()):
            with np.errstate(invalid="ignore", divide="ignore"):
                answers = positives.draw(weights, negatives, expected, gains=self.gains if order == 0 else ())
            found |= {(name, metric): values for metric, values in answers.items()}
        return found


class _Positives:
    """The positive rows of one population, dense, with what is needed to score them in a block of draws."""

    def __init__(self, ranking: RankingDraws, mask: Mask) -> None:
        self._ranking = ranking
        self._bin = ranking.positive_bin[mask]
        self._cluster = ranking.positive_cluster[mask]
        self._margin = ranking.positive_margin[mask]
        self._removed_cluster = ranking.positive_cluster[~mask]
        self._removed_probability = ranking.positive_probability[~mask]
        n_positive = len(self._bin)
        self._scatter = csc_array(
            (np.ones(n_positive), (self._bin, np.arange(n_positive))), shape=(ranking.n_bins, n_positive)
        )
        tops = dispute_tops(-self._bin.astype(np.float64), ranking.dispute[mask])
        self._top_row, self._top_copies = tops.row, tops.copies

    def draw(
        self, weights: Weights, negatives: Floats, expected: Floats, *, gains: tuple[float, ...]
    ) -> dict[str, Floats]:
        """Returns each metric of this population, (draws,); ``negatives`` is (bins, draws), ``expected`` (draws,)."""
        ranking = self._ranking
        dense = weights[self._cluster].astype(np.float64)
        hits = self._scatter @ dense
        observed = dense.sum(axis=0)
        rows = hits + negatives
        rows_above, hits_above = np.cumsum(rows, axis=0), np.cumsum(hits, axis=0)
        n_rows = rows_above[-1]
        expected = expected - self._removed_probability @ weights[self._removed_cluster]
        found = {
            "auc": _auc(hits, negatives),
            "ap_over_base": _average_precision(hits, hits_above, rows_above) * n_rows / observed,
            "observed_over_expected": observed / expected,
            "base_rate": observed / n_rows,
            "mean_probability": expected / n_rows,
        }
        for capacity in ranking.capacities:
            found |= self._at_capacity(capacity, dense, rows=rows, hits=hits, above=(rows_above, hits_above))
        for capacity in gains:
            recall, _, _ = _recall(capacity, rows=rows, hits=hits, above=(rows_above, hits_above))
            found[at_capacity("gain", capacity)] = recall
        if ranking.lines:
            found |= self._line(dense, negatives)
        return found

    def _at_capacity(
        self, capacity: float, dense: Floats, *, rows: Floats, hits: Floats, above: tuple[Floats, Floats]
    ) -> dict[str, Floats]:
        recall, cut, room = _recall(capacity, rows=rows, hits=hits, above=above)
        tops, top_bin = dense[self._top_row], self._bin[self._top_row][:, None]
        tied = np.take_along_axis(rows, cut[None, :], axis=0)
        at_cut = top_bin == cut
        chance = (top_bin < cut).astype(np.float64)
        if at_cut.any():
            dispute, draw = np.nonzero(at_cut)
            chance[dispute, draw] = chance_of_any(tied[0, draw], room[draw], self._top_copies[dispute])
        return {
            at_capacity("recall", capacity): recall,
            at_capacity("precision", capacity): recall * above[1][-1] / (capacity * above[0][-1]),
            at_capacity("dispute_recall", capacity): (tops * chance).sum(axis=0) / tops.sum(axis=0),
        }

    def _line(self, dense: Floats, negatives: Floats) -> dict[str, Floats]:
        ranking = self._ranking
        filled = negatives[ranking.filled]
        margin = np.r_[ranking.bin_margin, self._margin]
        total = np.concatenate([filled, dense])
        positive = np.concatenate([np.zeros_like(filled), dense])
        return {
            "calibration_slope": calibration_line(margin, total=total, positive=positive).slope,
            "calibration_intercept": calibration_intercept(margin, total=total, positive=positive),
        }


def _auc(hits: Floats, negatives: Floats) -> Floats:
    below = negatives.sum(axis=0) - np.cumsum(negatives, axis=0) + 0.5 * negatives
    return (hits * below).sum(axis=0) / (hits.sum(axis=0) * negatives.sum(axis=0))


def _average_precision(hits: Floats, hits_above: Floats, rows_above: Floats) -> Floats:
    return (hits * hits_above / np.maximum(rows_above, 1.0)).sum(axis=0) / hits_above[-1]


def _recall(
    capacity: float, *, rows: Floats, hits: Floats, above: tuple[Floats, Floats]
) -> tuple[Floats, Integers, Floats]:
    """Returns recall, the bin that the cut falls into and the rows taken of that bin, (draws,) each."""
    rows_above, hits_above = above
    taken = capacity * rows_above[-1]
    cut = np.minimum((rows_above < taken - 1e-9).sum(axis=0), len(rows) - 1)
    where = cut[None, :]
    tied = np.take_along_axis(rows, where, axis=0)[0]
    tied_hits = np.take_along_axis(hits, where, axis=0)[0]
    before = np.take_along_axis(rows_above, where, axis=0)[0] - tied
    hits_before = np.take_along_axis(hits_above, where, axis=0)[0] - tied_hits
    room = taken - before
    return (hits_before + tied_hits * room / tied) / hits_above[-1], cut, room
