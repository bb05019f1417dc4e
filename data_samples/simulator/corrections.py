"""Wrong dates and rows in the wrong dispute: some are corrected or withdrawn by a later version of the row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.clock import DAY, Times, days
from data_samples.simulator.process import Paths
from data_samples.simulator.reporting import Block
from data_samples.simulator.reports import stray_conduct
from data_samples.simulator.rows import EventRows, together

_SLIPS_DAYS = (1, 2, 7, 10, 30, 31, 365)
"""A wrong day, week, month or year."""


def wrong_dates(rng: np.random.Generator, block: Block, events: EventRows) -> EventRows:
    """The events, some dated too early; of these, some are followed by a version with the right date."""
    flaws = block.setting.constants.flaws
    wrong = np.flatnonzero(rng.random(len(events)) < flaws.wrong_date)
    slip = np.array(_SLIPS_DAYS, np.int64)[rng.integers(0, len(_SLIPS_DAYS), len(wrong))] * DAY
    occurred = events.occurred.copy()
    occurred[wrong] -= slip
    corrected = events.keep(wrong[rng.random(len(wrong)) < flaws.date_corrected])
    later = corrected.recorded + days(rng.uniform(*flaws.corrected_after_days, len(corrected)))
    return together([events.changed(occurred=occurred), corrected.changed(recorded=later)])


def of_another_dispute(
    rng: np.random.Generator, block: Block, paths: Paths, events: EventRows, incident: Times
) -> EventRows:
    """Conduct entered in the wrong dispute, each followed by a version that withdraws it; events count on."""
    flaws = block.setting.constants.flaws
    first = int(events.event.max(initial=-1)) + 1
    entered = stray_conduct(rng, block, paths, events, incident, ratio=flaws.wrong_dispute).numbered(first)
    withdrawn = entered.changed(
        recorded=_after(rng, entered.recorded, flaws.withdrawn_after_days),
        withdrawn=np.ones(len(entered), np.int8),
    )
    return together([entered, withdrawn])


def _after(rng: np.random.Generator, times: Times, between: tuple[float, float]) -> NDArray[np.int64]:
    return times + days(rng.uniform(*between, len(times)))
