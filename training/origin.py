"""One origin of an experiment: its split, its rows, and what every ranker says of its test rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from training.evaluation.held_out import Scores
from training.rows import SplitRows
from training.split import Split

POINTS = "points"
"""The name of the points score among the rankers."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """``number`` counts from 1, the earliest.  ``rankers``: the model first, then its peers, then the points score.

    ``draws`` are the bootstrap draws behind the intervals of its numbers.
    """

    number: int
    split: Split
    rows: SplitRows
    rankers: Mapping[str, Scores]
    draws: int

    @property
    def bare(self) -> Origin:
        """The same without the values of its rows, which only the last origin is asked for: they are gigabytes."""
        return replace(self, rows=self.rows.bare)
