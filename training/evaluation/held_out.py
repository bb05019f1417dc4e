"""The held-out rows and the scores to be judged on them, checked at the door."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logit

from features.clock import DAY_US
from features.clock import NEVER as NEVER_US

Integers = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

LOCAL_ZONE = "Asia/Shanghai"
_ROW_COLUMNS = ("dispute", "pair", "as_of_us", "incident_at_us", "label")


@dataclass(frozen=True, kw_only=True)
class HeldOutRows:
    """The test rows, one per (dispute, as_of); arrays (n,), n at least 1.

    ``dispute`` and ``pair`` are whole-number codes; ``as_of_us`` and ``incident_at_us`` microseconds UTC, the latter
    of the dispute's first incident as known to the label, ``NEVER_US`` without one; ``label`` 0 or 1.
    Raises ``ValueError`` for unequal lengths, other labels, a positive row without an incident within
    ``horizon_days`` of as_of, and a negative one with an incident there.
    """

    dispute: Integers
    pair: Integers
    as_of_us: npt.NDArray[np.int64]
    incident_at_us: npt.NDArray[np.int64]
    label: npt.NDArray[np.int8]
    horizon_days: int = 90

    def __post_init__(self) -> None:
        n_rows = len(self.label)
        columns = (self.dispute, self.pair, self.as_of_us, self.incident_at_us)
        if n_rows == 0 or any(column.shape != (n_rows,) for column in columns):
            raise ValueError("the test rows must be columns of one length, at least 1")
        if not np.isin(self.label, (0, 1)).all():
            raise ValueError("a label is 0 or 1: rows that are not yet known must be left out before")
        if (self.within(self.horizon_days * DAY_US) != (self.label == 1)).any():
            raise ValueError("labels and incident_at_us disagree about an incident within the horizon")

    def taken(self, chosen: Mask) -> HeldOutRows:
        """Returns the rows of a mask (n,)."""
        columns = {name: getattr(self, name)[chosen] for name in _ROW_COLUMNS}
        return HeldOutRows(**columns, horizon_days=self.horizon_days)

    def within(self, width_us: int) -> Mask:
        """Returns which rows have their incident in [as_of, as_of + width), (n,)."""
        happens = self.incident_at_us != NEVER_US
        wait_us = np.where(happens, self.incident_at_us, self.as_of_us) - self.as_of_us
        return happens & (wait_us >= 0) & (wait_us < width_us)

    @property
    def month(self) -> npt.NDArray[np.datetime64]:
        """The calendar month of as_of in Asia/Shanghai, (n,) datetime64[M]."""
        local = pd.to_datetime(self.as_of_us, unit="us", utc=True).tz_convert(LOCAL_ZONE).tz_localize(None)
        return local.to_numpy().astype("datetime64[M]")


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What one ranker says of the test rows: ``score`` orders them, ``probability`` (0 to 1, open) is calibrated.

    Arrays (n,).  Raises ``ValueError`` for a score that is not finite and a probability of 0, 1 or NaN.
    """

    score: Floats
    probability: Floats

    def __post_init__(self) -> None:
        if self.score.shape != self.probability.shape or not np.isfinite(self.score).all():
            raise ValueError("scores and probabilities must be finite and of one length")
        if not ((self.probability > 0) & (self.probability < 1)).all():
            raise ValueError("a calibrated probability lies between 0 and 1 and is never either")

    def taken(self, chosen: Mask) -> Scores:
        """Returns the scores of the rows of a mask (n,)."""
        return Scores(score=self.score[chosen], probability=self.probability[chosen])

    @property
    def margin(self) -> Floats:
        """The log-odds of ``probability``, (n,)."""
        return logit(self.probability)
