"""Rows that break a rule of the door, on purpose: ``defuse validate`` must find and count each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.clock import DAY, NO_TIME, Times, days
from data_samples.simulator.flaws import Flaws
from data_samples.simulator.petitions import PetitionRows
from data_samples.simulator.rows import NO_CODE, UNKNOWN_CODE, EventRows, together

_CENTURY = 36_525 * DAY
"""A future date is a slip of the century: 2120 for 2020 is in the future of any clock that reads it."""
_OUT_OF_RANGE = 9
_KNOWN_TOO_EARLY_DAYS = (0.05, 5.0)
_RULES = (
    "recorded_before_occurred", "recorded_in_future", "unknown_code", "out_of_range", "repeated_key",
    "unknown_dispute",
)  # fmt: skip


@dataclass(frozen=True)
class Spoilt:
    """Rows with some bad ones among them.  ``repeated`` names an event once for each fault of a repeated key."""

    events: EventRows
    repeated: NDArray[np.int32]


def spoil_events(rng: np.random.Generator, flaws: Flaws, events: EventRows) -> Spoilt:
    """The events with a few bad rows: each breaks one rule.  A repeated key is a second row; half contradict."""
    chance = rng.random(len(events))
    limits = np.cumsum([getattr(flaws, rule) for rule in _RULES])
    rule = np.searchsorted(limits, chance, side="right")
    early, future, unknown, beyond, repeated, lost = (np.flatnonzero(rule == number) for number in range(len(_RULES)))
    occurred, recorded = events.occurred.copy(), events.recorded.copy()
    recorded[early] = occurred[early] - days(rng.uniform(*_KNOWN_TOO_EARLY_DAYS, len(early)))
    occurred[future] += _CENTURY
    recorded[future] += _CENTURY
    kind, severity, case = events.type.copy(), events.severity.copy(), events.case.copy()
    kind[unknown] = UNKNOWN_CODE
    severity[beyond] = _OUT_OF_RANGE
    case[lost] = NO_CODE
    spoilt = events.changed(occurred=occurred, recorded=recorded, type=kind, severity=severity, case=case)
    again = spoilt.keep(repeated)
    contradicts = rng.random(len(again)) < 0.5
    again = again.changed(severity=np.where(contradicts, np.where(again.severity == 5, 4, 5), again.severity))
    return Spoilt(together([spoilt, again]), np.concatenate([again.event, again.event[contradicts]]))


def count_faults(events: EventRows, order: NDArray[np.intp], *, end: int) -> dict[str, int]:
    """How many of the rows in ``order`` break each rule, repeated keys apart; nothing true is known at ``end``."""
    bad = {
        "recorded_before_occurred": events.recorded[order] < events.occurred[order],
        "recorded_in_future": events.recorded[order] >= end,
        "unknown_code": events.type[order] == UNKNOWN_CODE,
        "out_of_range": events.severity[order] == _OUT_OF_RANGE,
        "unknown_dispute": events.case[order] == NO_CODE,
    }
    return {rule: int(rows.sum()) for rule, rows in bad.items()}


def spoil_petitions(rng: np.random.Generator, flaws: Flaws, petitions: PetitionRows) -> tuple[PetitionRows, int]:
    """The petitions, a few answered before they were lodged; and how many."""
    bad = (rng.random(len(petitions)) < flaws.answer_before_lodged) & (petitions.answered != NO_TIME)
    before: Times = petitions.lodged - days(rng.uniform(1.0, 20.0, len(petitions)))
    return petitions.with_answers(np.where(bad, before, petitions.answered)), int(bad.sum())


def bad_disputes(rng: np.random.Generator, flaws: Flaws, count: int) -> NDArray[np.bool_]:
    """Which disputes have a row that the door refuses, and with it everything that belongs to them."""
    return rng.random(count) < flaws.bad_dispute
