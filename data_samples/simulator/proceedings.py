"""Courts and known dates: filings, judgments, hearings.  Only a trigger date bears on the hazard, through the world."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.clock import WEEK, Times, days
from data_samples.simulator.paperwork import Filing
from data_samples.simulator.process import Paths
from data_samples.simulator.reporting import Block, entered_at
from data_samples.simulator.rows import CHANNEL, EVENT, EventRows, event_rows, together
from features.schema import DISPUTE_KINDS

_USUAL_TRIGGERS = ("hearing_scheduled",)


def proceeding_events(rng: np.random.Generator, block: Block, paths: Paths) -> EventRows:
    """All proceedings of a block."""
    filings = block.setting.constants.paperwork.filings
    return together([*[_filed(rng, block, filing) for filing in filings], _known_triggers(rng, block, paths)])


def _court_rows(
    rng: np.random.Generator,
    block: Block,
    case: NDArray[np.integer],
    kind: str | NDArray[np.integer],
    occurred: Times,
    *,
    scheduled: Times | None = None,
) -> EventRows:
    return event_rows(
        case,
        kind,
        occurred=occurred,
        recorded=entered_at(rng, block, case, occurred),
        channel=CHANNEL["court"],
        scheduled=scheduled,
    )


def _filed(rng: np.random.Generator, block: Block, filing: Filing) -> EventRows:
    concerned = np.array([name in filing.kinds for name in DISPUTE_KINDS])[block.cases.kind]
    case = np.flatnonzero(concerned & (rng.random(len(block.cases)) < filing.share))
    occurred = block.cases.opened[case] + days(rng.uniform(0.5, filing.within_days, len(case)))
    scheduled = None
    if filing.date_after_days is not None:
        scheduled = occurred + days(rng.uniform(0.3, 1.7, len(case)) * filing.date_after_days)
    rows = [_court_rows(rng, block, case, filing.type, occurred, scheduled=scheduled)]
    if filing.performed:
        done = rng.random(len(case)) < filing.performed
        wait = rng.uniform(*block.setting.constants.paperwork.judgment_performed_days, int(done.sum()))
        rows.append(_court_rows(rng, block, case[done], "judgment_performed", occurred[done] + days(wait)))
    return together(rows)


def _known_triggers(rng: np.random.Generator, block: Block, paths: Paths) -> EventRows:
    """The trigger dates that are on a calendar beforehand, of disputes still open by then."""
    paperwork, cases = block.setting.constants.paperwork, block.cases
    case = np.flatnonzero(rng.random(len(cases)) < paperwork.trigger_known)
    week = cases.trigger_week[case]
    case, week = case[week < len(paths.is_open)], week[week < len(paths.is_open)]
    still_open = paths.is_open[week, case]
    case, week = case[still_open], week[still_open].astype(np.int64)
    scheduled = cases.opened[case] + week * WEEK + rng.integers(0, WEEK, len(case))
    notice = scheduled - days(rng.uniform(*paperwork.trigger_notice_days, len(case)))
    occurred = np.maximum(notice, cases.opened[case])
    return _court_rows(rng, block, case, _trigger_kind(rng, block, case), occurred, scheduled=scheduled)


def _trigger_kind(rng: np.random.Generator, block: Block, case: NDArray[np.integer]) -> NDArray[np.integer]:
    types = block.setting.constants.paperwork.trigger_types
    lists = [types.get(name, _USUAL_TRIGGERS) for name in DISPUTE_KINDS]
    table = np.array([[EVENT[names[turn % len(names)]] for turn in range(2)] for names in lists])
    return table[block.cases.kind[case], rng.integers(0, 2, len(case))]
