"""What the records say of incidents: some are linked to the wrong dispute, reclassified or withdrawn later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.clock import Times, days
from data_samples.simulator.incidents import OFF_BOOK, IncidentRows
from data_samples.simulator.world import Setting
from features.schema import INCIDENT_TYPES

_SURE, _SURE_BUT_WRONG, _UNSURE = (0.85, 1.0), (0.80, 0.95), (0.30, 0.79)


@dataclass(frozen=True)
class OutcomeRows:
    """Versions of incidents in order of verification.  ``number`` is the incident, ``rows.case`` the dispute linked."""

    rows: IncidentRows
    number: NDArray[np.intp]
    withdrawn: NDArray[np.int8]


def outcome_rows(
    rng: np.random.Generator,
    setting: Setting,
    incidents: IncidentRows,
    *,
    order: NDArray[np.intp],
    known: Times,
) -> OutcomeRows:
    """The incidents as recorded, given the true ones in order of verification.

    ``order`` lists the disputes by the time they were ``known``: a wrong one is taken from those known by then.
    """
    flaws, count = setting.constants.flaws, len(incidents)
    number = np.arange(count)
    chance = rng.random((3, count))
    there = np.searchsorted(known[order], incidents.occurred)
    other = order[(chance[0] * there).astype(np.intp)] if len(order) else np.full(count, OFF_BOOK)
    sure, high, low = rng.random(count), rng.uniform(*_SURE, count), rng.uniform(*_UNSURE, count)
    almost = rng.uniform(*_SURE_BUT_WRONG, count)
    turn = rng.integers(1, len(INCIDENT_TYPES), count)
    after = days(rng.uniform(*flaws.reclassified_after_days, count))
    if not setting.imperfections.outcome_errors:
        return OutcomeRows(incidents, number, np.zeros(count, np.int8))
    linked = incidents.case != OFF_BOOK
    wrong = linked & (chance[1] < flaws.wrong_case) & (there > 0)
    right = np.where(sure < flaws.link_sure_when_right, high, low)
    mistaken = np.where(sure < flaws.link_sure_when_wrong, almost, low)
    confidence = np.where(linked, np.round(np.where(wrong, mistaken, right), 2), np.nan)
    case = np.where(wrong, other, incidents.case).astype(np.int32)
    said = IncidentRows(case, incidents.occurred, incidents.verified, incidents.type, confidence)
    again = np.flatnonzero((chance[2] < flaws.reclassified) & (incidents.verified + after < setting.end))
    gone = chance[2][again] < flaws.reclassified * flaws.reclassified_withdrawn
    later = said.keep(again)
    kind = np.where(gone, later.type, (later.type + turn[again]) % len(INCIDENT_TYPES)).astype(np.int8)
    versions = IncidentRows(later.case, later.occurred, later.verified + after[again], kind, later.confidence)
    return _in_order(said, versions, number=np.concatenate([number, again]), gone=gone)


def _in_order(
    first: IncidentRows, later: IncidentRows, *, number: NDArray[np.intp], gone: NDArray[np.bool_]
) -> OutcomeRows:
    rows = first.followed_by(later)
    by_time = np.argsort(rows.verified, kind="stable")
    withdrawn = np.concatenate([np.zeros(len(first), np.int8), gone.astype(np.int8)])
    return OutcomeRows(rows.keep(by_time), number[by_time], withdrawn[by_time])
