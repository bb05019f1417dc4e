"""What a sound result cannot look like: the "too good" alarm and the shuffled-label probe."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from training.evaluation.measured import Measured
from training.evaluation.metrics import at_capacity
from training.evaluation.record import Alarm

AUC_LIMIT = 0.90
PRECISION_LIMIT = 0.03
PRECISION_CAPACITY = 0.01
RARE_BASE_RATE = 1e-3


def too_good(*, ranker: str, auc: float | None, precision_at_1pct: float | None, base_rate: float) -> tuple[Alarm, ...]:
    """Returns the alarms of one ranker: AUC above 0.90 always, precision at 1% above 3% where the base is below 1e-3.

    Charter rule 7.  Published scores that good were leaks (domain.md B1: Avon and Somerset, NDAS).
    """
    alarms = []
    if auc is not None and auc > AUC_LIMIT:
        alarms.append(
            Alarm(
                metric="auc",
                ranker=ranker,
                value=auc,
                limit=AUC_LIMIT,
                message_en=f"AUC above {AUC_LIMIT:.2f} is too good to be true for this task: look for a leak. "
                "A release is blocked until it is explained.",
                message_zh=f"AUC 高于 {AUC_LIMIT:.2f}，好得不可信：请先查是否有信息泄漏，查清之前不得发布。",
            )
        )
    if precision_at_1pct is not None and precision_at_1pct > PRECISION_LIMIT and base_rate < RARE_BASE_RATE:
        alarms.append(
            Alarm(
                metric=at_capacity("precision", PRECISION_CAPACITY),
                ranker=ranker,
                value=precision_at_1pct,
                limit=PRECISION_LIMIT,
                message_en=f"Precision above {PRECISION_LIMIT:.0%} in the top {PRECISION_CAPACITY:.0%} is too good to "
                "be true at so low a base rate: look for a leak. A release is blocked until it is explained.",
                message_zh=f"在如此低的基准率下，前 {PRECISION_CAPACITY:.0%} 的命中率高于 {PRECISION_LIMIT:.0%}，"
                "好得不可信：请先查是否有信息泄漏，查清之前不得发布。",
            )
        )
    return tuple(alarms)


def shuffled_label_probe(
    *,
    label: npt.NDArray[np.integer],
    score: npt.NDArray[np.float64],
    dispute: npt.NDArray[np.integer],
    permutations: int = 200,
    seed: int = 0,
) -> Measured:
    """Returns the mean AUC of ``score`` under shuffled labels, with the 95% range of the shuffles; it must hold 0.5.

    Each dispute's run of positive rows is laid on a random place in the list of rows (ordered by dispute), so the
    shuffled labels hang together like the true ones: rows shuffled one by one would give too narrow a range.
    With the scores of a model *trained* on shuffled labels, compare its AUC with this range: above it is a leak.
    With the ordinary scores it shows how far chance alone reaches with this few events.
    Arrays (n,), rows of a dispute in order of as_of; AUC by mid-ranks, so ties are exact.
    """
    n_positive = int(label.sum())
    n_negative = len(label) - n_positive
    counted: dict[str, Any] = {
        "name": "auc_of_shuffled_labels",
        "n_events": len(np.unique(dispute[label == 1])),
        "n_positive_rows": n_positive,
        "n_rows": len(label),
        "unit": "probability",
        "population": "all",
    }
    if n_positive == 0 or n_negative == 0:
        return Measured(value=None, low=None, high=None, reason="no rows of both labels", **counted)
    order = np.argsort(dispute, kind="stable")
    ranks = rankdata(score)[order]
    generator = np.random.default_rng(seed)
    run = np.unique(dispute[order][label[order] == 1], return_inverse=True)[1]
    step = np.arange(n_positive) - np.searchsorted(run, run)
    starts = generator.integers(0, len(ranks), size=(permutations, run[-1] + 1))
    sums = ranks[(starts[:, run] + step) % len(ranks)].sum(axis=1)
    areas = (sums - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)
    low, high = np.percentile(areas, [2.5, 97.5])
    return Measured(value=float(areas.mean()), low=float(low), high=float(high), interval="permutation", **counted)
