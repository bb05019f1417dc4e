"""What changes over the years: hazard, kinds, a late channel, a missing port, a new form, a shock."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.clock import NEVER, Times, new_year, quarter_start, years_since_start
from data_samples.simulator.flaws import Drift
from features.schema import CHANNELS, DISPUTE_KINDS


class Changes:
    """What is otherwise at a given time; without drift nothing ever is."""

    def __init__(self, drift: Drift, *, on: bool) -> None:
        self._drift = drift
        self._on = on

    def _from_year(self, year: int) -> int:
        return new_year(year) if self._on else NEVER

    def hazard_factor(self, times: Times) -> NDArray[np.float64]:
        """What the hazard is multiplied with."""
        change = self._drift.hazard_per_year if self._on else 0.0
        return np.exp(np.log1p(change) * years_since_start(times))

    def kind_shares(self, shares: NDArray[np.float64], quarter: int) -> NDArray[np.float64]:
        """The shares of kinds in a quarter (counted from the start), summing to one.

        Growth and shock change the odds of a kind against the others; the number of disputes a year stays.
        """
        if not self._on:
            return shares
        drift, factor = self._drift, np.ones(len(DISPUTE_KINDS))
        for kind, growth in drift.kinds_per_year.items():
            factor[DISPUTE_KINDS.index(kind)] *= (1.0 + growth) ** ((quarter + 0.5) / 4)
        if drift.shock_quarter <= quarter < drift.shock_quarter + drift.shock_quarters:
            factor[DISPUTE_KINDS.index(drift.shock_kind)] *= 1.0 + drift.shock_excess
        changed: NDArray[np.float64] = shares * factor
        return changed / changed.sum()

    def not_yet_there(self, channel: NDArray[np.integer], times: Times) -> NDArray[np.bool_]:
        """Which reports came through a channel that did not exist yet."""
        if not self._on:
            return np.zeros(len(channel), np.bool_)
        late = channel == CHANNELS.index(self._drift.late_channel)
        return late & (times < new_year(self._drift.late_channel_from_year))

    def lost(self, channel: NDArray[np.integer], recorded: Times) -> NDArray[np.bool_]:
        """Which rows are missing: those that one port recorded in one quarter."""
        if not self._on:
            return np.zeros(len(channel), np.bool_)
        quarter = self._drift.missing_port_quarter
        within = (recorded >= quarter_start(quarter)) & (recorded < quarter_start(quarter + 1))
        return within & (channel == CHANNELS.index(self._drift.missing_port))

    def new_form(self, times: Times) -> NDArray[np.bool_]:
        """Which texts were written on the new form."""
        return times >= self._from_year(self._drift.new_form_from_year)

    def split_severity(self, occurred: Times, chance: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which events of severity 3 the new coding calls 2, given a chance from 0 to 1 each."""
        return (occurred >= self._from_year(self._drift.severity_split_from_year)) & (
            chance < self._drift.severity_split
        )

    def deadline_factor(self, lodged: Times) -> NDArray[np.float64]:
        """What the time to answer a petition is multiplied with."""
        shorter = lodged >= self._from_year(self._drift.deadline_from_year)
        return np.where(shorter, self._drift.deadline_factor, 1.0)
