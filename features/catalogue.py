"""The catalogue: every indicator the project computes, what it will never compute, the column contract and its digest."""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
from collections.abc import Iterable
from functools import cache

import numpy as np

from features import clock, duplicates, loops, settlement, view
from features.errors import InvalidConfiguration
from features.families import circumstances, conduct, dynamics, handling, kind_and_stakes
from features.indicator import Indicator
from features.not_inputs import NOT_INPUTS, NotAnInput
from features.view import Measure, Values, View

FAMILIES = (kind_and_stakes, conduct, handling, circumstances, dynamics)
INDICATORS: tuple[Indicator, ...] = tuple(indicator for family in FAMILIES for indicator in family.INDICATORS)
BY_ID: dict[str, Indicator] = {indicator.id: indicator for indicator in INDICATORS}
ROWS: tuple[Indicator | NotAnInput, ...] = tuple(
    sorted((*INDICATORS, *NOT_INPUTS), key=lambda row: row.id)
)  # fmt: skip
"""All 56 rows of the catalogue, by id: the model inputs, and those that no model reads."""

DEFAULT_REFERENCE_INCOME_CNY = 40_000.0
"""The reference income of A05 where a deployment names none: about a year's disposable income per head."""


def chosen(ids: Iterable[str] | None = None) -> tuple[Indicator, ...]:
    """The indicators with these ids, in catalogue order; all of them for None.

    Raises InvalidConfiguration for an id that the catalogue does not hold, or that is no model input.
    """
    if ids is None:
        return INDICATORS
    wanted = set(ids)
    barred = [row for row in NOT_INPUTS if row.id in wanted]
    if barred:
        told = " ".join(f"{row.id} {row.name} is {row.status}: {row.reason.en}" for row in barred)
        raise InvalidConfiguration(f"not a model input: {told} The catalogue has {', '.join(BY_ID)}")
    unknown = sorted(wanted - set(BY_ID))
    if unknown:
        raise InvalidConfiguration(f"no indicator {', '.join(unknown)}; the catalogue has {', '.join(BY_ID)}")
    return tuple(indicator for indicator in INDICATORS if indicator.id in wanted)


def measure_all(seen: View, indicators: tuple[Indicator, ...]) -> dict[str, Measure]:
    """The measure of each indicator over a view whose landmarks all see their dispute, by indicator id."""
    return {indicator.id: seen.measured(indicator.measure) for indicator in indicators}


def values_of(measures: dict[str, Measure]) -> Values:
    """Measures as an array of shape (landmarks, columns), in the order of ``columns_of``."""
    columns = [values for measure in measures.values() for values in (measure.values, *measure.further)]
    return np.ascontiguousarray(np.array(columns, np.float64).T)


def columns_of(indicators: Iterable[Indicator] = INDICATORS) -> tuple[str, ...]:
    """The names of the matrix columns of some indicators, in order."""
    return tuple(column for indicator in indicators for column in indicator.columns)


@cache
def digest() -> str:
    """The catalogue's digest: over every declaration, and over the logic of the modules that compute them.

    Comments, docstrings and layout do not count, so that a tidier line keeps a model in service; a changed window does.
    """
    declarations = json.dumps([i.declaration() for i in INDICATORS], ensure_ascii=False, sort_keys=True)
    logic = "\n".join(
        _logic(inspect.getsource(module)) for module in (*FAMILIES, settlement, view, loops, duplicates, clock)
    )
    return hashlib.sha256((declarations + logic).encode()).hexdigest()


def _logic(source: str) -> str:
    """Source text without comments, docstrings and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def column_contract(indicators: tuple[Indicator, ...]) -> list[dict[str, object]]:
    """The columns of a matrix in order, each with its declaration: what ``columns.json`` and a model hold."""
    return [
        indicator.declaration() | {"column": column} for indicator in indicators for column in indicator.columns
    ]  # fmt: skip
