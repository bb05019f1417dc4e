"""Everything that happened and was recorded, block of disputes by block, before any of it is a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data_samples.simulator import petitions as petition_room
from data_samples.simulator import rows as event_room
from data_samples.simulator.clock import HORIZON_WEEKS, NEVER, WEEK, Times
from data_samples.simulator.conduct import conduct_events, last_fight
from data_samples.simulator.handling import closed_after_incident, handling_events
from data_samples.simulator.incidents import first_incidents
from data_samples.simulator.petitions import PetitionRows, petition_rows
from data_samples.simulator.proceedings import proceeding_events
from data_samples.simulator.process import run_weeks
from data_samples.simulator.reporting import Block, register
from data_samples.simulator.rows import EVENT, EventRows
from data_samples.simulator.support import support_events
from data_samples.simulator.truth import TruthRows, truth_rows
from data_samples.simulator.world import Cases, Setting

BLOCK = 25_000
_UNDERTAKINGS = ("mediation_agreed", "protection_order_filed")


@dataclass(frozen=True)
class History:
    """What was recorded before the end, and the truth beside it.  Rows of disputes count over all blocks.

    ``closed_known``: when the first closing of each dispute was known; ``incident``: when its first incident was.
    """

    cases: Cases
    known: Times
    closed_known: Times
    incident: Times
    events: EventRows
    petitions: PetitionRows
    truth: list[TruthRows]


@dataclass(frozen=True)
class _Part:
    known: Times
    closed_known: Times
    incident: Times
    events: EventRows
    petitions: PetitionRows
    truth: TruthRows


def run_history(
    seeds: np.random.SeedSequence, setting: Setting, cases: Cases, *, progress: Callable[[str, float], None]
) -> History:
    """The history of all disputes.  Every block has a seed of its own."""
    starts = range(0, len(cases), BLOCK)
    parts = []
    for number, (start, seed) in enumerate(zip(starts, seeds.spawn(len(starts)), strict=True)):
        progress("living through the weeks", number / len(starts))
        block = cases.part(slice(start, start + BLOCK))
        parts.append(_run_block(np.random.default_rng(seed), setting, block, first_case=start))
    return History(
        cases=cases,
        known=np.concatenate([part.known for part in parts]),
        closed_known=np.concatenate([part.closed_known for part in parts]),
        incident=np.concatenate([part.incident for part in parts]),
        events=event_room.together([part.events for part in parts]),
        petitions=petition_room.together([part.petitions for part in parts]),
        truth=[part.truth for part in parts],
    )


def _run_block(rng: np.random.Generator, setting: Setting, cases: Cases, *, first_case: int) -> _Part:
    weeks = int((setting.end - cases.opened[0]) // WEEK) + 1 + HORIZON_WEEKS
    paths = run_weeks(rng, setting, cases, weeks=weeks)
    incident = first_incidents(rng, cases, paths)
    block = Block(setting, cases, register(rng, setting, cases))
    offices = event_room.together([
        handling_events(rng, block, paths),
        proceeding_events(rng, block, paths),
        support_events(rng, block, paths),
    ])  # fmt: skip
    undertaken = _first(offices, _UNDERTAKINGS, offices.occurred, len(cases))
    events = event_room.together([offices, conduct_events(rng, block, paths, undertaken)])
    events = events.keep(events.occurred <= incident[events.case])
    closed_known = _first(events, ("closed",), events.recorded, len(cases))
    hit = np.flatnonzero(incident < NEVER)
    afterwards = [last_fight(rng, block, hit, incident[hit]), closed_after_incident(rng, block, hit, incident[hit])]
    events = event_room.together([events, *afterwards])
    petitions = petition_rows(rng, block, paths)
    lodged = (petitions.lodged <= incident[petitions.case]) & (petitions.recorded < setting.end)
    return _Part(
        known=block.known,
        closed_known=closed_known,
        incident=incident,
        events=events.keep(events.recorded < setting.end).shifted(first_case),
        petitions=petitions.keep(lodged).unanswered_after(setting.end).shifted(first_case),
        truth=truth_rows(cases, paths, incident, first_case=first_case, end=setting.end),
    )


def _first(events: EventRows, kinds: tuple[str, ...], times: Times, count: int) -> Times:
    """The first of the given times among a dispute's events of some kinds; ``NEVER`` where there is none."""
    of_kind = np.isin(events.type, [EVENT[name] for name in kinds])
    first = np.full(count, NEVER, np.int64)
    np.minimum.at(first, events.case[of_kind], times[of_kind])
    return first
