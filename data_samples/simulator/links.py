"""Which disputes the records say belong to one pair: some links are wrong, some are missing, and each has a confidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.world import Setting

_SURE = (0.90, 1.00)
_UNSURE = (0.30, 0.80)
"""Of the links in this range about as many are right as their confidence says."""


@dataclass(frozen=True)
class Links:
    """For each dispute the one whose token it shows, and how sure that is."""

    shown: NDArray[np.int32]
    confidence: NDArray[np.float64]


def draw_links(
    rng: np.random.Generator, setting: Setting, root: NDArray[np.int32], written: NDArray[np.bool_]
) -> Links:
    """The links on record, given the true ones (``root``: the first dispute of each pair).

    A wrong link is mostly an unsure one: of the links with a confidence of 0.9 and more nearly all are right.
    """
    flaws, count = setting.constants.flaws, len(root)
    chance, own = rng.random(count), np.arange(count, dtype=np.int32)
    others = np.flatnonzero(written)
    merged = others[rng.integers(0, len(others), count)] if len(others) else own
    sure, high, low = rng.random(count), rng.uniform(*_SURE, count), rng.uniform(*_UNSURE, count)
    if not setting.imperfections.mislinks:
        return Links(root, np.round(high, 2))
    wrong = written & (chance < flaws.false_merge)
    missed = (root != own) & (chance >= 1 - flaws.missed_link)
    shown = np.where(wrong, root[merged], np.where(missed, own, root)).astype(np.int32)
    is_sure = sure < np.where(wrong, flaws.sure_when_wrong, flaws.sure_when_right)
    confidence: NDArray[np.float64] = np.where(is_sure, high, low)
    return Links(shown, np.round(confidence, 2))
