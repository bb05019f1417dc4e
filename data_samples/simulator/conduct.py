"""Conduct events by state: quarrels, blows, threats.  Drawn by superposition over the weeks spent in each state."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.clock import MINUTE, SECOND, WEEK, Times
from data_samples.simulator.process import Paths
from data_samples.simulator.reporting import Block, draw_channels, is_recorded, reported_at
from data_samples.simulator.rows import CHANNEL, EVENT, NO_CODE, EventRows, event_rows
from features.schema import DEFAULT_SEVERITY, DISPUTE_KINDS, EVENT_TYPES

_PHYSICAL = ("physical_contact", "injury", "weapon", "property_damage", "strangulation")
_FAMILY = DISPUTE_KINDS.index("marriage_family")
_SPECIFIC_THREAT = len(EVENT_TYPES)
"""A code of this room alone: a threat to kill that names time, place, means or target; recorded as a threat."""
_SPLIT = 3
"""The severity that the new form splits: a light shove or vague threat becomes 2."""


def conduct_events(rng: np.random.Generator, block: Block, paths: Paths, undertaken: Times) -> EventRows:
    """All recorded conduct events of a block.  ``undertaken``: when a dispute got its first order or agreement."""
    case, week, code = _happened(rng, block, paths)
    occurred = block.cases.opened[case] + week * WEEK + rng.integers(0, WEEK, len(case))
    channel = draw_channels(rng, block, case, occurred)
    kept = is_recorded(rng, block, case, channel) & _possible(block, case, occurred, code, undertaken)
    case, occurred, code, channel = case[kept], occurred[kept], code[kept], channel[kept]
    specific = code == _SPECIFIC_THREAT
    kind = np.where(specific, EVENT["threat"], code)
    return event_rows(
        case,
        kind,
        occurred=occurred,
        recorded=reported_at(rng, block, case, occurred, channel),
        channel=channel,
        severity=_severity(rng, block, kind, specific, occurred),
        specifics=_specifics(rng, kind, specific),
        alcohol=alcohol_noted(rng, block, kind),
    )


def last_fight(
    rng: np.random.Generator, block: Block, case: NDArray[np.integer], incident: NDArray[np.int64]
) -> EventRows:
    """The fight itself, reported to the police minutes before some of the incidents."""
    chosen = rng.random(len(case)) < block.setting.constants.world.fight_row_share
    case, incident = case[chosen], incident[chosen]
    channel = np.full(len(case), CHANNEL["police_110"], np.int8)
    occurred = incident - rng.integers(2 * MINUTE // SECOND, 60 * MINUTE // SECOND, len(case)) * SECOND
    occurred = np.maximum(occurred, block.cases.opened[case])
    kind = np.where(rng.random(len(case)) < 0.5, EVENT["physical_contact"], EVENT["weapon"])
    return event_rows(
        case,
        kind,
        occurred=occurred,
        recorded=reported_at(rng, block, case, occurred, channel),
        channel=channel,
        severity=default_severity()[kind],
        alcohol=alcohol_noted(rng, block, kind),
    )


def _rates(block: Block) -> dict[int, NDArray[np.float64]]:
    """Events a week by state, for every conduct code of this room."""
    world = block.setting.constants.world
    rates = {
        EVENT.get(name, _SPECIFIC_THREAT): np.array(by_state, np.float64) for name, by_state in world.conduct.items()
    }
    threat = rates[EVENT["threat"]]
    return rates | {EVENT[name]: share * threat for name, share in world.conduct_of_threat.items()}


def _happened(
    rng: np.random.Generator, block: Block, paths: Paths
) -> tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.integer]]:
    """What happened, recorded or not: dispute, week and code."""
    count, rates = len(block.cases), _rates(block)
    flat = paths.state.reshape(-1)
    cells, codes = [], []
    for state in range(4):
        weeks_in_state = np.flatnonzero(flat == state)
        for code, by_state in rates.items():
            number = rng.poisson(by_state[state] * len(weeks_in_state))
            if number:
                cells.append(weeks_in_state[rng.integers(0, len(weeks_in_state), number)])
                codes.append(np.full(number, code, np.int16))
    if not cells:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int16)
    week, case = np.divmod(np.concatenate(cells), count)
    return case, week, np.concatenate(codes)


def _possible(
    block: Block, case: NDArray[np.integer], occurred: Times, code: NDArray[np.integer], undertaken: Times
) -> NDArray[np.bool_]:
    """Strangulation occurs between family and partners only; a breach needs an undertaking that was made before."""
    strangled, breached = code == EVENT["strangulation"], code == EVENT["breach_of_order"]
    family = block.cases.kind[case] == _FAMILY
    return (~strangled | family) & (~breached | (undertaken[case] < occurred))


def default_severity() -> NDArray[np.int8]:
    """The severity of each event type where none is written; ``NO_CODE`` for what is not conduct."""
    table = np.full(len(EVENT_TYPES), NO_CODE, np.int8)
    for name, severity in DEFAULT_SEVERITY.items():
        table[EVENT[name]] = severity
    return table


def _severity(
    rng: np.random.Generator, block: Block, kind: NDArray[np.integer], specific: NDArray[np.bool_], occurred: Times
) -> NDArray[np.integer]:
    """Severity written down, or left to the type's default.  The new form splits 3 and is always filled in there."""
    left_out = rng.random(len(kind)) < block.setting.constants.paperwork.severity_left_out
    lighter = block.setting.changes.split_severity(occurred, rng.random(len(kind)))
    usual = default_severity()[kind]
    written = np.where(left_out, NO_CODE, usual)
    written = np.where(lighter & (usual == _SPLIT), _SPLIT - 1, written)
    return np.where(specific, DEFAULT_SEVERITY["threat"] + 1, written)


def _specifics(rng: np.random.Generator, kind: NDArray[np.integer], specific: NDArray[np.bool_]) -> NDArray[np.integer]:
    named = rng.integers(1, 5, len(kind))
    return np.where(specific, named, np.where(kind == EVENT["threat"], 0, NO_CODE))


def alcohol_noted(rng: np.random.Generator, block: Block, kind: NDArray[np.integer]) -> NDArray[np.integer]:
    """Drinking recorded at the scene of a physical event: yes, no or not asked."""
    paperwork = block.setting.constants.paperwork
    chance = rng.random(len(kind))
    answer = np.where(chance < paperwork.alcohol, 1, 0)
    answer = np.where(chance > 1 - paperwork.alcohol_not_asked, NO_CODE, answer)
    physical = np.array([name in _PHYSICAL for name in EVENT_TYPES])
    return np.where(physical[kind], answer, NO_CODE)
