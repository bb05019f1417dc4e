"""Everything that happened and was recorded, block of disputes by block, before any of it is a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator import petitions as petition_room
from data_samples.simulator import rows as event_room
from data_samples.simulator.bad_rows import spoil_events
from data_samples.simulator.clock import HORIZON_WEEKS, NEVER, WEEK, Times
from data_samples.simulator.conduct import conduct_events, last_fight
from data_samples.simulator.corrections import of_another_dispute, wrong_dates
from data_samples.simulator.handling import closed_after_incident, handling_events
from data_samples.simulator.help import Offers
from data_samples.simulator.incidents import PotentialOutcomes, first_incidents
from data_samples.simulator.narratives import conduct_places
from data_samples.simulator.petitions import PetitionRows, petition_rows
from data_samples.simulator.proceedings import proceeding_events
from data_samples.simulator.process import Paths, overdue_table, run_weeks
from data_samples.simulator.reporting import Block, register
from data_samples.simulator.reports import copies, unaffirmed
from data_samples.simulator.rows import EVENT, EventRows
from data_samples.simulator.support import support_events
from data_samples.simulator.truth import TruthSpool, truth_rows
from data_samples.simulator.world import Cases, Setting

BLOCK = 25_000
_UNDERTAKINGS = ("mediation_agreed", "protection_order_filed")
_STREAMS = ("after", "petitions", "copies", "unaffirmed", "dates", "strays", "texts", "bad_rows")
"""The random streams of a block beside its main one: what is left out of one changes no draw of another."""


@dataclass(frozen=True)
class History:
    """What was recorded before the end.  Rows of disputes and numbers of events count over all blocks.

    ``closed_known``: when the first closing of each dispute was known; ``overdue``: since when it was long overdue;
    ``incident``: when its first incident was.  ``repeated``: the events with a repeated key, once for each fault.
    """

    cases: Cases
    known: Times
    closed_known: Times
    overdue: Times
    incident: Times
    events: EventRows
    petitions: PetitionRows
    potential: list[PotentialOutcomes]
    offers: list[Offers]
    repeated: NDArray[np.int32]


@dataclass(frozen=True)
class _Part:
    known: Times
    closed_known: Times
    overdue: Times
    incident: Times
    events: EventRows
    petitions: PetitionRows
    potential: PotentialOutcomes
    offers: Offers
    repeated: NDArray[np.int32]


def run_history(
    seeds: np.random.SeedSequence,
    setting: Setting,
    cases: Cases,
    spool: TruthSpool,
    *,
    red_package: str,
    progress: Callable[[str, float], None],
) -> History:
    """The history of all disputes; its truth goes to the spool.  Every block has a seed of its own."""
    starts = range(0, len(cases), BLOCK)
    parts, events_so_far = [], 0
    for number, (start, seed) in enumerate(zip(starts, seeds.spawn(len(starts)), strict=True)):
        progress("living through the weeks", number / len(starts))
        block = cases.part(slice(start, start + BLOCK))
        rng = np.random.default_rng(seed)
        part = _run_block(rng, setting, block, spool, first_case=start, first_event=events_so_far, policy=red_package)
        events_so_far = int(part.events.event.max(initial=events_so_far - 1)) + 1
        parts.append(part)
    return History(
        cases=cases,
        known=np.concatenate([part.known for part in parts]),
        closed_known=np.concatenate([part.closed_known for part in parts]),
        overdue=np.concatenate([part.overdue for part in parts]),
        incident=np.concatenate([part.incident for part in parts]),
        events=event_room.together([part.events for part in parts]),
        petitions=petition_room.together([part.petitions for part in parts]),
        potential=[part.potential for part in parts],
        offers=[part.offers for part in parts],
        repeated=np.concatenate([part.repeated for part in parts]),
    )


def _run_block(
    rng: np.random.Generator,
    setting: Setting,
    cases: Cases,
    spool: TruthSpool,
    *,
    first_case: int,
    first_event: int,
    policy: str,
) -> _Part:
    streams = dict(zip(_STREAMS, rng.spawn(len(_STREAMS)), strict=True))
    weeks = int((setting.end - cases.opened[0]) // WEEK) + 1 + HORIZON_WEEKS
    paths = run_weeks(rng, setting, cases, weeks=weeks, red_package=policy)
    incident, potential = first_incidents(rng, setting, cases, paths)
    block = Block(setting, cases, register(rng, setting, cases))
    plain = _plain_events(rng, streams["after"], block, paths, incident)
    closed_known = _first(plain, ("closed",), plain.recorded, len(cases))
    events = _flawed_events(streams, block, paths, plain, incident)
    events = events.keep((events.recorded < setting.end) & ~setting.changes.lost(events.channel, events.recorded))
    if setting.imperfections.narratives:
        events = events.changed(text=conduct_places(streams["texts"], setting, events))
    repeated = np.empty(0, np.int32)
    if setting.imperfections.bad_rows:
        spoilt = spoil_events(streams["bad_rows"], setting.constants.flaws, events)
        events, repeated = spoilt.events, spoilt.repeated
    petitions = petition_rows(streams["petitions"], block, paths)
    lodged = (petitions.lodged <= incident[petitions.case]) & (petitions.recorded < setting.end)
    unclosed = _closing_is_lost(plain, events, setting, len(cases))
    spool.add(truth_rows(cases, paths, incident, first_case=first_case, end=setting.end, to_the_end=unclosed))
    return _Part(
        known=block.known,
        closed_known=closed_known,
        overdue=_long_overdue(block, paths),
        incident=incident,
        events=events.shifted(first_case, first_event),
        petitions=petitions.keep(lodged).unanswered_after(setting.end).shifted(first_case),
        potential=potential.shifted(first_case),
        offers=paths.offers.shifted(first_case),
        repeated=repeated + np.int32(first_event),
    )


def _plain_events(
    rng: np.random.Generator, after: np.random.Generator, block: Block, paths: Paths, incident: Times
) -> EventRows:
    """What was recorded, as it was: nothing after the incident but the closing of its dispute."""
    offices = event_room.together([
        handling_events(rng, block, paths),
        proceeding_events(rng, block, paths),
        support_events(rng, block, paths),
    ])  # fmt: skip
    undertaken = _first(offices, _UNDERTAKINGS, offices.occurred, len(block.cases))
    events = event_room.together([offices, conduct_events(rng, block, paths, undertaken)])
    events = events.keep(events.occurred <= incident[events.case])
    hit = np.flatnonzero(incident < NEVER)
    afterwards = [last_fight(after, block, hit, incident[hit]), closed_after_incident(after, block, hit, incident[hit])]
    return event_room.together([events, *afterwards]).numbered(0)


def _flawed_events(
    streams: dict[str, np.random.Generator], block: Block, paths: Paths, plain: EventRows, incident: Times
) -> EventRows:
    """The events with the copies, idle reports, wrong dates and corrections that the world has."""
    wanted = block.setting.imperfections
    if wanted.duplicates:
        again = copies(streams["copies"], block, plain)
        again = again.keep(again.occurred <= incident[again.case])
        plain = event_room.together([plain, again.numbered(len(plain))])
    if wanted.unaffirmed:
        idle = unaffirmed(streams["unaffirmed"], block, paths, plain, incident)
        plain = event_room.together([plain, idle.numbered(len(plain))])
    if wanted.wrong_codes:
        strays = of_another_dispute(streams["strays"], block, paths, plain, incident)
        plain = event_room.together([wrong_dates(streams["dates"], block, plain), strays])
    return plain


def _closing_is_lost(plain: EventRows, events: EventRows, setting: Setting, count: int) -> NDArray[np.bool_]:
    """Disputes whose closings are not all on record as they were: to the records they may seem open for ever."""
    closed = plain.keep((plain.type == EVENT["closed"]) & (plain.recorded < setting.end))
    whole = events.keep((events.type == EVENT["closed"]) & (events.recorded < setting.end) & (events.case >= 0))
    whole = whole.keep(whole.recorded >= whole.occurred)
    kept = np.zeros(int(plain.event.max(initial=-1)) + 1, np.bool_)
    kept[whole.event] = True
    lost = np.zeros(count, np.bool_)
    lost[closed.case[~kept[closed.event]]] = True
    return lost


def _long_overdue(block: Block, paths: Paths) -> Times:
    """Since when each dispute is so long overdue that needs go missing; ``NEVER`` if it closed before."""
    overdue = overdue_table(block.setting) > block.setting.constants.flaws.needs_lost_when_overdue
    week = np.where(overdue.any(axis=1), np.argmax(overdue, axis=1), len(paths.is_open))[block.cases.district]
    there = week < len(paths.is_open)
    always_open = np.argmin(paths.is_open, axis=0)
    always_open = np.where(paths.is_open.all(axis=0), len(paths.is_open), always_open)
    since = block.cases.opened + week.astype(np.int64) * WEEK
    return np.where(there & (always_open > week), since, NEVER)


def _first(events: EventRows, kinds: tuple[str, ...], times: Times, count: int) -> Times:
    """The first of the given times among a dispute's events of some kinds; ``NEVER`` where there is none."""
    of_kind = np.isin(events.type, [EVENT[name] for name in kinds])
    first = np.full(count, NEVER, np.int64)
    np.minimum.at(first, events.case[of_kind], times[of_kind])
    return first
