"""Exact metrics of a ranking over test rows, with ties taken as they are.

A row is a dispute at a date.  Everything here is the plain definition over all rows, without binning: the
bootstrap's faster way (``training.evaluation.bootstrap``) is held against it in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, gammaincinv
from scipy.stats import rankdata

from training.calibration_line import calibration_intercept, calibration_line

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer]

INTERVAL_LEVEL = 0.95


def at_capacity(stem: str, capacity: float) -> str:
    """Returns the name of a metric at a capacity: ``at_capacity("recall", 0.0015)`` is ``recall_at_0.15pct``."""
    return f"{stem}_at_{capacity * 100:g}pct"


def split_capacity(name: str) -> tuple[str, float | None]:
    """Returns the stem of a metric's name and its capacity, None without one: the inverse of ``at_capacity``."""
    stem, mark, share = name.partition("_at_")
    return stem, float(share.removesuffix("pct")) / 100 if mark else None


def auc(label: Integers, score: Floats) -> float | None:
    """Returns the chance that a positive row scores above a negative one, ties half; None without both kinds.

    The rank-sum formula with mid-ranks (Hanley and McNeil 1982).  ``label`` 0 or 1 and ``score``, both (n,).
    """
    positive = label == 1
    n_positive = int(positive.sum())
    n_negative = len(label) - n_positive
    if n_positive == 0 or n_negative == 0:
        return None
    rank_sum = float(rankdata(score)[positive].sum())
    return (rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)


def average_precision(label: Integers, score: Floats) -> float | None:
    """Returns the step-wise average precision, rows of one score taken as one step; None without positives.

    Sum over the distinct scores, from the top, of (recall gained) x (precision so far); never interpolated.
    """
    n_positive = int((label == 1).sum())
    if n_positive == 0:
        return None
    _, group, size = np.unique(-score, return_inverse=True, return_counts=True)
    hits = np.bincount(group, weights=label == 1)
    precision = np.cumsum(hits) / np.cumsum(size)
    return float((hits * precision).sum() / n_positive)


@dataclass(frozen=True, kw_only=True)
class CapacityCut:
    """The top ``capacity`` of the rows: what it holds when the rows tied at the cut come in random order.

    ``rows_taken`` is ``capacity x n`` and need not be whole; ``hits`` is the expected number of positive rows,
    ``hits_worst`` and ``hits_best`` its bounds over all orders of the tied rows.
    """

    cut_score: float
    rows_taken: float
    rows_tied: int
    taken_of_tied: float
    hits: float
    hits_worst: float
    hits_best: float


def cut_at_capacity(label: Integers, score: Floats, *, capacity: float) -> CapacityCut:
    """Returns the cut that takes the top ``capacity`` (0 to 1) of the rows; ``label`` and ``score`` are (n,)."""
    taken = capacity * len(score)
    last = min(max(int(np.ceil(taken - 1e-9)), 1), len(score))
    cut = float(np.partition(score, len(score) - last)[len(score) - last])
    above, tied = score > cut, score == cut
    n_tied = int(tied.sum())
    room = taken - int(above.sum())
    hits_above = int(label[above].sum())
    hits_tied = int(label[tied].sum())
    return CapacityCut(
        cut_score=cut,
        rows_taken=taken,
        rows_tied=n_tied,
        taken_of_tied=room,
        hits=hits_above + hits_tied * room / n_tied,
        hits_worst=hits_above + max(0.0, room - (n_tied - hits_tied)),
        hits_best=hits_above + min(float(hits_tied), room),
    )


def chance_of_any(tied: npt.NDArray, taken: npt.NDArray, copies: Integers) -> Floats:
    """Returns the chance that ``taken`` of ``tied`` rows, drawn without replacement, hold one of ``copies`` rows.

    1 - product over j < copies of (tied - taken - j) / (tied - j), each factor at least 0: the hypergeometric
    chance, which also takes parts of rows.  The three arguments broadcast.
    """
    shape = np.broadcast_shapes(np.shape(tied), np.shape(taken), np.shape(copies))
    none_found = np.ones(shape)
    for step in range(int(np.max(copies, initial=0))):
        left = np.maximum(tied - step, 1e-12)
        factor = np.clip((tied - taken - step) / left, 0.0, 1.0)
        none_found *= np.where(step < copies, factor, 1.0)
    return 1.0 - none_found


@dataclass(frozen=True, kw_only=True)
class DisputeTops:
    """For each dispute with a positive row: which positive row scores highest, and how many share that score."""

    row: Integers
    copies: Integers


def dispute_tops(score: Floats, dispute: Integers) -> DisputeTops:
    """Returns the highest row of each dispute, as positions in ``score``; both arguments (n,) over positive rows."""
    if len(score) == 0:
        return DisputeTops(row=np.zeros(0, dtype=np.int64), copies=np.zeros(0, dtype=np.int64))
    order = np.lexsort((-score, dispute))
    starts = np.flatnonzero(np.r_[True, np.diff(dispute[order]) != 0])
    top = np.repeat(score[order][starts], np.diff(np.r_[starts, len(order)]))
    copies = np.add.reduceat((score[order] == top).astype(np.int64), starts)
    return DisputeTops(row=order[starts], copies=copies)


def dispute_recall(label: Integers, score: Floats, dispute: Integers, *, capacity: float) -> float | None:
    """Returns the share of disputes with an incident that have a positive row in the top ``capacity``.

    A dispute counts once however many of its rows are found.  None without a positive row.
    """
    positive = label == 1
    if not positive.any():
        return None
    cut = cut_at_capacity(label, score, capacity=capacity)
    tops = dispute_tops(score[positive], dispute[positive])
    best = score[positive][tops.row]
    tied = chance_of_any(np.array(cut.rows_tied), np.array(cut.taken_of_tied), tops.copies)
    return float(np.where(best > cut.cut_score, 1.0, np.where(best == cut.cut_score, tied, 0.0)).mean())


def exact_binomial(count: float, total: int) -> tuple[float, float]:
    """Returns the exact 95% interval of a share (Clopper and Pearson 1934); ``total`` at least 1."""
    tail = (1 - INTERVAL_LEVEL) / 2
    low = 0.0 if count <= 0 else float(betaincinv(count, total - count + 1, tail))
    high = 1.0 if count >= total else float(betaincinv(count + 1, total - count, 1 - tail))
    return low, high


def exact_poisson(count: int) -> tuple[float, float]:
    """Returns the exact 95% interval of a Poisson mean (Garwood 1936) after ``count`` events."""
    tail = (1 - INTERVAL_LEVEL) / 2
    low = 0.0 if count == 0 else float(gammaincinv(count, tail))
    return low, float(gammaincinv(count + 1, 1 - tail))


def rank_metrics(
    label: Integers, score: Floats, dispute: Integers, *, capacities: tuple[float, ...]
) -> dict[str, float | None]:
    """Returns AUC, AP over base, and recall, dispute recall and precision at each capacity, exact, by name."""
    n_positive = int((label == 1).sum())
    precision = average_precision(label, score)
    found: dict[str, float | None] = {
        "auc": auc(label, score),
        "ap_over_base": None if precision is None else precision * len(label) / n_positive,
    }
    for capacity in capacities:
        cut = cut_at_capacity(label, score, capacity=capacity)
        found[at_capacity("recall", capacity)] = cut.hits / n_positive if n_positive else None
        found[at_capacity("dispute_recall", capacity)] = dispute_recall(label, score, dispute, capacity=capacity)
        found[at_capacity("precision", capacity)] = cut.hits / cut.rows_taken
    return found


def calibration_metrics(
    label: Integers, probability: Floats, margin: Floats, *, lines: bool = True
) -> dict[str, float | None]:
    """Returns O/E, base rate, mean probability and, with ``lines``, calibration slope and intercept, by name."""
    expected = float(probability.sum())
    found: dict[str, float | None] = {
        "observed_over_expected": float(label.sum()) / expected,
        "base_rate": float(label.mean()),
        "mean_probability": expected / len(label),
    }
    if lines:
        total, positive = np.ones((len(label), 1)), label[:, None].astype(np.float64)
        slope = float(calibration_line(margin, total=total, positive=positive).slope[0])
        shift = float(calibration_intercept(margin, total=total, positive=positive)[0])
        found["calibration_slope"] = slope if np.isfinite(slope) else None
        found["calibration_intercept"] = shift if np.isfinite(shift) else None
    return found
