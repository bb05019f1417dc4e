"""What turns rows into raw scores: trees or tables, each with exact parts, as text that can be kept and checked."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Protocol

import lightgbm as lgb

from features.errors import ModelNotVerified
from features.view import Values
from training.artifact.contract import ScorerKind
from training.artifact.tables import TableScorer
from training.artifact.tree_shap import MOST_NODES, TreeTables


class Scorer(Protocol):
    """An additive account of a raw score in log-odds: its base and the parts of a row add up to it."""

    @property
    def kind(self) -> ScorerKind:
        """Whether these are trees or tables."""
        ...

    @property
    def base(self) -> float:
        """The raw score before any column speaks."""
        ...

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns read, in the order of a row."""
        ...

    def raw(self, rows: Values) -> Values:
        """The raw scores of rows (rows, columns): shape (rows,)."""
        ...

    def explained(self, rows: Values) -> tuple[Values, Values]:
        """The same scores to the bit, and the part of every column: shapes (rows,) and (rows, columns)."""
        ...

    def to_text(self) -> str:
        """Everything about the scorer as text."""
        ...


MANY_ROWS = 8_000
"""So many rows are scored sooner by tables, the making of these included."""


class TreeScorer:
    """LightGBM's trees.  The parts are TreeSHAP's (path-dependent): from tables, or LightGBM's own where these get too large."""

    kind: ScorerKind = "trees"

    def __init__(self, booster: lgb.Booster, *, base: float | None = None) -> None:
        self.booster = booster
        self._base = base

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns that the trees number."""
        return tuple(self.booster.feature_name())

    @property
    def base(self) -> float:
        """The mean raw score of the training rows, which TreeSHAP starts from."""
        if self._base is None:
            one = [[float("nan")] * len(self.column_names)]
            self._base = float(self.booster.predict(one, pred_contrib=True, num_threads=1)[0, -1])
        return self._base

    def raw(self, rows: Values) -> Values:
        """The raw scores of rows: shape (rows,).  The same bits by tables, where these are worth making, and by LightGBM."""
        if len(rows) >= MANY_ROWS and self._are_narrow and self._tables is not None:
            return self._tables.raw(rows)
        return self.booster.predict(rows, raw_score=True, num_threads=1)

    def explained(self, rows: Values) -> tuple[Values, Values]:
        """The same scores to the bit, and the part of every column: shapes (rows,) and (rows, columns)."""
        if self._tables is None:
            return self.raw(rows), self.booster.predict(rows, pred_contrib=True, num_threads=1)[:, :-1]
        return self._tables.explained(rows)

    @cached_property
    def _are_narrow(self) -> bool:
        """Whether tables can give the score alone, told without making any."""
        leaves = re.findall(r"^num_leaves=(\d+)$", self.booster.model_to_string(), re.MULTILINE)
        return max(map(int, leaves), default=0) <= MOST_NODES + 1

    @cached_property
    def _tables(self) -> TreeTables | None:
        try:
            return TreeTables(self.booster)
        except OverflowError:
            return None

    def to_text(self) -> str:
        """The trees as LightGBM writes them."""
        return self.booster.model_to_string()


FILES: dict[ScorerKind, str] = {"trees": "booster.txt", "tables": "tables.json"}
"""The file that a scorer of each kind is kept in."""


def read_scorer(data: bytes, kind: ScorerKind, *, place: str) -> Scorer:
    """The scorer that a file of its kind holds.  Raises ModelNotVerified where it can't be read."""
    try:
        if kind == "trees":
            return TreeScorer(lgb.Booster(model_str=data.decode("utf-8")))
        return TableScorer.from_text(data.decode("utf-8"))
    except (lgb.basic.LightGBMError, ValueError) as error:
        raise ModelNotVerified(f"the {kind} of {place} can't be read: {type(error).__name__}") from None
