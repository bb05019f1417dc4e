"""The points score as a family: its lines as tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.history import Array
from training.artifact.contract import PointsItem
from training.artifact.points import default_items
from training.artifact.tables import Table, Tables, TableScorer
from training.experiment import Experiment
from training.matrix_parts import Rows


def chosen_items(experiment: Experiment, columns: tuple[str, ...]) -> tuple[PointsItem, ...]:
    """The lines of the points score: those of the file, or of the usual ten those whose column is in the matrix."""
    return experiment.points.items or tuple(item for item in default_items() if item.column in columns)


@dataclass(frozen=True)
class PointsFitter:
    """The points score as tables.  Nothing is fitted: the lines were fixed before any data were seen."""

    items: tuple[PointsItem, ...]
    columns: tuple[str, ...]
    seed: int

    def fit(self, rows: Rows, *, times: Array | None = None) -> TableScorer:  # noqa: ARG002
        """The same tables, whatever the rows."""
        return TableScorer(Tables(base=0.0, columns=tuple(self._table(column) for column in self.columns)))

    def _table(self, column: str) -> Table:
        items = [item for item in self.items if item.column == column]
        at = sorted({_edge(item) for item in items})
        below = [-np.inf, *at]  # a value that each step holds: its lower edge
        adds = tuple(float(sum(item.points for item in items if _holds(item, low))) for low in below)
        return Table(column=column, shape="steps", at=tuple(at), adds=adds, missing=0.0)


def _edge(item: PointsItem) -> float:
    """Where a line changes: a value at an edge lies in the step above, so "at most" ends just above its threshold."""
    return item.threshold if item.at == "least" else float(np.nextafter(item.threshold, np.inf))


def _holds(item: PointsItem, value: float) -> bool:
    return value >= item.threshold if item.at == "least" else value <= item.threshold
