"""The cluster bootstrap: whole pairs are drawn again, and every number is computed anew for each draw.

Rows of one pair rise and fall together, so a pair is what is drawn.  A draw gives each pair a Poisson(1) weight
(Chamandy et al. 2012, Estimating uncertainty for massive data streams), which stands for drawing with replacement
when pairs are many.  A statistic sees a block of draws as one matrix of weights (pairs x draws).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_array

from training.cores import in_order

Floats = npt.NDArray[np.float64]
Weights = npt.NDArray[np.float32]
Integers = npt.NDArray[np.integer]
Draws = dict[tuple[str, ...], Floats]
Progress = Callable[[int, int], None]

BLOCK_OF_DRAWS = 64
TABLE_SIZE = 1 << 16


class Statistic(Protocol):
    """Something that answers, for a block of weights (pairs x draws), with named arrays (draws,)."""

    def draw(self, weights: Weights) -> Draws:
        """Returns each number for each draw of the block; NaN where a draw cannot say."""
        ...


def poisson_table() -> Weights:
    """Returns 65,536 equally likely values that follow Poisson(1) to within 1/65,536; to index it is to draw."""
    chance = np.exp(-1.0) / np.cumprod(np.r_[1.0, np.arange(1, 12)])
    edges = np.round(np.cumsum(chance) * TABLE_SIZE).astype(np.int64)
    return np.searchsorted(edges, np.arange(TABLE_SIZE), side="right").astype(np.float32)


def bootstrap(
    statistics: Mapping[str, Statistic],
    *,
    n_clusters: int,
    draws: int,
    seed: int,
    progress: Progress | None = None,
) -> Draws:
    """Returns ``{(statistic, ...name): array (draws,)}``, all statistics on the same draws, so that they can be paired.

    ``progress`` is called with (draws done, draws) after each block.  The same ``seed`` gives the same draws.
    """
    generator = np.random.default_rng(seed)
    table = poisson_table()
    blocks: dict[tuple[str, ...], list[Floats]] = {}
    for done in range(0, draws, BLOCK_OF_DRAWS):
        width = min(BLOCK_OF_DRAWS, draws - done)
        weights = table[generator.integers(0, TABLE_SIZE, size=(n_clusters, width), dtype=np.uint16)]
        drawn = in_order(partial(_drawn, weights=weights), statistics.values())
        for name, answers in zip(statistics, drawn, strict=True):
            for key, values in answers.items():
                blocks.setdefault((name, *key), []).append(values)
        if progress is not None:
            progress(done + width, draws)
    return {key: np.concatenate(parts) for key, parts in blocks.items()}


def _drawn(statistic: Statistic, *, weights: Weights) -> Draws:
    return statistic.draw(weights)


class FewSums:
    """Sums by cluster (clusters,) of which most are 0, as those of listed or of positive rows: times weights, their totals."""

    def __init__(self, sums: Floats | Integers) -> None:
        self._clusters = np.flatnonzero(sums)
        self._sums: Floats = sums[self._clusters].astype(np.float64)

    def __matmul__(self, weights: Weights) -> Floats:
        """Returns the total of each draw, (draws,)."""
        total: Floats = self._sums @ weights[self._clusters]
        return total


def percentile_interval(values: Floats) -> tuple[float, float] | None:
    """Returns the 2.5 and 97.5 percentiles of the draws; None where more than one draw in ten could not say."""
    sound = values[np.isfinite(values)]
    if len(sound) < 0.9 * len(values) or len(sound) == 0:
        return None
    low, high = np.percentile(sound, [2.5, 97.5])
    return float(low), float(high)


def totals_by_cluster(
    group: Integers, cluster: Integers, *, n_groups: int, n_clusters: int, value: npt.NDArray[np.floating] | None = None
) -> csc_array:
    """Returns the sparse matrix (groups x clusters) of row counts, or of sums of ``value``.

    Times a block of weights it gives the weighted totals of every group for every draw.  By column, since the
    product then reads each cluster's weights once.
    """
    entries = np.ones(len(group), dtype=np.float32) if value is None else value.astype(np.float32)
    matrix = csc_array((entries, (group, cluster)), shape=(n_groups, n_clusters), dtype=np.float32)
    matrix.sum_duplicates()
    return matrix
