"""An additive model as tables: one function of each column, read off by hand if need be.

Points, penalised logistic regression and explainable boosting are all of this form, so that one small scorer serves
them.  A value that is not known has its own entry in every table.
"""

from __future__ import annotations

import json
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from features.history import Array
from features.view import Values
from training.artifact.contract import ScorerKind

Shape = Literal["steps", "line", "codes"]


class Table(BaseModel):
    """The log-odds that one column adds, by its value.

    ``steps``: ``at`` are ascending edges and ``adds`` one number more than edges; a value at an edge is in the step
    above.  ``line``: ``adds`` at the ascending knots ``at``, straight in between, flat outside.  ``codes``: ``adds`` by
    code from 0; a code beyond is taken for ``missing``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    column: str
    shape: Shape
    at: tuple[float, ...] = ()
    adds: tuple[float, ...] = Field(min_length=1)
    missing: float

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        wanted = {"steps": len(self.at) + 1, "line": len(self.at), "codes": len(self.adds)}[self.shape]
        if len(self.adds) != wanted:
            raise ValueError(f"{self.column}: {len(self.adds)} values for {len(self.at)} places")
        if any(low >= high for low, high in zip(self.at, self.at[1:], strict=False)):
            raise ValueError(f"{self.column}: the places must ascend")
        return self

    @property
    def arrays(self) -> tuple[Values, Values]:
        """``at`` and ``adds`` as arrays."""
        return np.array(self.at), np.array(self.adds)


class Tables(BaseModel):
    """A whole additive model: where it starts, and a table for each column it reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    base: float
    columns: tuple[Table, ...]


class TableScorer:
    """Tables at work.  A row's bits do not depend on the rows beside it: columns are added one by one, in order."""

    kind: ScorerKind = "tables"

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self._arrays = [table.arrays for table in tables.columns]

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The scorer of what ``to_text`` wrote.  Raises ValueError for anything else."""
        return cls(Tables.model_validate_json(text))

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns read, in the order of a row."""
        return tuple(table.column for table in self.tables.columns)

    @property
    def base(self) -> float:
        """The raw score before any column speaks."""
        return self.tables.base

    def raw(self, rows: Values) -> Values:
        """The raw scores of rows: shape (rows,)."""
        total = np.full(len(rows), self.base)
        for position in range(len(self._arrays)):
            total += self._adds(position, rows[:, position])
        return total

    def explained(self, rows: Values) -> tuple[Values, Values]:
        """The same scores to the bit, and the part of every column: shapes (rows,) and (rows, columns)."""
        total, parts = np.full(len(rows), self.base), np.empty((len(rows), len(self._arrays)))
        for position in range(len(self._arrays)):
            parts[:, position] = self._adds(position, rows[:, position])
            total += parts[:, position]
        return total, parts

    def to_text(self) -> str:
        """The tables as JSON, one column a line."""
        columns = ",\n".join(json.dumps(t.model_dump(), ensure_ascii=False) for t in self.tables.columns)
        return f'{{"base": {json.dumps(self.base)}, "columns": [\n{columns}\n]}}\n'

    def _adds(self, position: int, values: Values) -> Values:
        table, (at, adds) = self.tables.columns[position], self._arrays[position]
        known = ~np.isnan(values)
        if table.shape == "steps":
            found = adds[np.searchsorted(at, values, side="right")]
        elif table.shape == "line":
            found = _on_line(values, at, adds)
        else:
            code = np.where(known, values, -1.0).astype(np.int64)
            known &= (code >= 0) & (code < len(adds))
            found = adds[np.where(known, code, 0)]
        return np.where(known, found, table.missing)


def _on_line(values: Values, at: Values, adds: Values) -> Values:
    """Straight between knots, flat outside; the same bits for a value alone and among others."""
    if len(at) == 1:
        return np.full(len(values), adds[0])
    inside = np.clip(np.nan_to_num(values), at[0], at[-1])
    left: Array = np.clip(np.searchsorted(at, inside, side="right") - 1, 0, len(at) - 2)
    share = (inside - at[left]) / (at[left + 1] - at[left])
    return adds[left] + share * (adds[left + 1] - adds[left])
