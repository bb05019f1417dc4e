"""The points score: ten yes-or-no lines a person can add up.  The compulsory baseline, and the fallback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from features.catalogue import BY_ID
from features.view import Values
from training.artifact.contract import PointsContract, PointsItem


def _item(indicator: str, threshold: float, points: int, *, at: Literal["least", "most"] = "least") -> PointsItem:
    return PointsItem(
        indicator=indicator, column=BY_ID[indicator].column, at=at, threshold=threshold, points=points
    )  # fmt: skip


def default_items() -> tuple[PointsItem, ...]:
    """The ten lines, fixed before any data were seen, from the published instruments (see the model notes)."""
    return (
        _item("A02", 1, 2),
        _item("A06", 1, 1),
        _item("A09", 1, 1),
        _item("B02", 1, 2),
        _item("B03", 1, 2),
        _item("B04", 1, 3),
        _item("B06", 1, 3),
        _item("B13", 1, 2),
        _item("D06", 1, 1),
        _item("E01", 30, 1, at="most"),
    )


def points_by_item(columns: Mapping[str, Values], items: tuple[PointsItem, ...]) -> Values:
    """Points per row and item, shape (rows, items).  An unknown value earns no points."""
    earned = []
    for item in items:
        values = columns[item.column]
        holds = values >= item.threshold if item.at == "least" else values <= item.threshold
        earned.append(np.where(holds, float(item.points), 0.0))
    return np.column_stack(earned)


def points_margin(points: Values, contract: PointsContract) -> Values:
    """The calibrated log-odds of a sum of points."""
    calibration = contract.calibration
    return calibration.intercept + calibration.slope * (points + calibration.log_sampling_rate)
