"""The rows behind the values of a view: each selection is divided among its landmarks once, not once a landmark."""

from __future__ import annotations

import numpy as np

from features.view import Extreme, Measure, Selection, View


class Evidence:
    """The row ids behind the measures of one view, by landmark."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._divided: dict[int, tuple[Selection, list[int]]] = {}
        self._sources: list[Selection | Extreme] = []  # kept: their identity is what they are found by

    def of(self, measure: Measure, row: int) -> tuple[str, ...]:
        """The ids that made a value, each once; the dispute's own where its columns took part.

        The same as ``measure.row_ids(row)`` gives, with the dispute's own id first.
        """
        own = [self._view.dispute_id(row)] if measure.from_case else []
        found = dict.fromkeys(name for source in measure.evidence for name in self.ids_in(source, row))
        return (*own, *found)

    def ids_in(self, source: Selection | Extreme, row: int) -> list[str]:
        """The ids of the selected rows of one landmark."""
        selection, bounds = self._divided.get(id(source)) or self._divide(source)
        low, high = bounds[row], bounds[row + 1]
        return selection.pairs.ids_of(selection.index[low:high]) if low < high else []

    def _divide(self, source: Selection | Extreme) -> tuple[Selection, list[int]]:
        """The selection with the place from which each landmark's rows stand in it."""
        selection = reaching(source) if isinstance(source, Extreme) else source
        if len(self._view) == 1:
            bounds = [0, selection.index.size]
        else:
            bounds = np.searchsorted(selection.row, np.arange(len(self._view) + 1)).tolist()
        self._sources.append(source)
        found = self._divided[id(source)] = selection, bounds
        return found


def reaching(extreme: Extreme) -> Selection:
    """The rows that reach the extreme value of their landmark."""
    selection, best = extreme.selection, extreme.best
    values = selection.column(extreme.values) if isinstance(extreme.values, str) else extreme.values
    return selection.where(values == best[selection.row])
