"""What offices do with a dispute: registration, contact, mediation and its agreements, closing and reopening."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.clock import NEVER, WEEK, Times, days
from data_samples.simulator.help import HEAVY_CONTACT
from data_samples.simulator.paperwork import Paperwork
from data_samples.simulator.process import Moments, Paths, overdue_table
from data_samples.simulator.reporting import Block, entered_at, lag
from data_samples.simulator.rows import EVENT, NO_CODE, EventRows, event_rows, together
from data_samples.simulator.world import by_name
from features.schema import CHANNELS

Between = tuple[float, float]


def within_week(rng: np.random.Generator, block: Block, moments: Moments, part: Between) -> Times:
    """A time for each moment inside its week: ``part`` is the fraction of the week it falls in."""
    fraction = rng.uniform(*part, len(moments))
    return block.cases.opened[moments.case] + moments.week * np.int64(WEEK) + days(7 * fraction)


def office_rows(
    rng: np.random.Generator,
    block: Block,
    case: NDArray[np.integer],
    kind: str | NDArray[np.integer],
    occurred: Times,
    *,
    due: Times | None = None,
) -> EventRows:
    """Rows that an office enters about its own act, through the dispute's own channel."""
    recorded = entered_at(rng, block, case, occurred)
    channel = block.cases.channel[case]
    return event_rows(case, kind, occurred=occurred, recorded=recorded, channel=channel, due=due)


def handling_events(rng: np.random.Generator, block: Block, paths: Paths) -> EventRows:
    """All handling events of a block, as if there were no incident."""
    closed_at = within_week(rng, block, paths.closings, (0.6, 1.0))
    first_closed = np.full(len(block.cases), NEVER, np.int64)
    np.minimum.at(first_closed, paths.closings.case, closed_at)
    return together([
        _registered(block),
        _desk(rng, block, first_closed),
        _neutral_party(rng, block, first_closed),
        _mediation(rng, block, paths),
        _while_open(rng, block, paths, "handed_on"),
        _while_open(rng, block, paths, "error_upheld"),
        _closings(rng, block, paths, closed_at),
        _heavy_contact(rng, block, paths),
    ])  # fmt: skip


def closed_after_incident(
    rng: np.random.Generator, block: Block, case: NDArray[np.integer], incident: Times
) -> EventRows:
    """The closing that follows most incidents."""
    paperwork = block.setting.constants.paperwork
    chosen = rng.random(len(case)) < paperwork.closed_after_incident
    case, incident = case[chosen], incident[chosen]
    occurred = incident + days(rng.uniform(*paperwork.closed_after_incident_days, len(case)))
    return office_rows(rng, block, case, "closed", occurred)


def _registered(block: Block) -> EventRows:
    case = np.arange(len(block.cases))
    return event_rows(
        case, "registered", occurred=block.cases.opened, recorded=block.known, channel=block.cases.channel
    )


def _desk(rng: np.random.Generator, block: Block, first_closed: Times) -> EventRows:
    """Assigned, then contacted, and answered in writing: each only if the dispute is still open by then."""
    paperwork, case = block.setting.constants.paperwork, np.arange(len(block.cases))
    never = by_name(CHANNELS, paperwork.never_assigned, 0.0)[block.cases.channel]
    case = case[rng.random(len(case)) >= never]
    slow = block.delay_factor(case)
    assigned = block.cases.opened[case] + days(lag(rng, paperwork.assigned, len(case)) * slow)
    contacted = assigned + days(lag(rng, paperwork.first_contact, len(case)) * slow)
    replied = assigned + days(lag(rng, paperwork.replied, len(case)) * slow)
    rows = [
        office_rows(rng, block, case, kind, occurred)
        for kind, occurred in (("assigned", assigned), ("first_contact", contacted), ("replied", replied))
    ]
    every = together(rows)
    return every.keep(every.occurred < first_closed[every.case])


def _neutral_party(rng: np.random.Generator, block: Block, first_closed: Times) -> EventRows:
    """Someone both sides trust joins in, where there is such a person."""
    paperwork = block.setting.constants.paperwork
    case = np.flatnonzero(block.cases.trusted & (rng.random(len(block.cases)) < paperwork.neutral_party))
    occurred = block.cases.opened[case] + days(rng.uniform(0.1, paperwork.neutral_party_within_days, len(case)))
    rows = office_rows(rng, block, case, "neutral_party_joined", occurred)
    return rows.keep(rows.occurred < first_closed[rows.case])


def _mediation(rng: np.random.Generator, block: Block, paths: Paths) -> EventRows:
    """Sessions held, and what became of their agreements."""
    paperwork, sessions = block.setting.constants.paperwork, paths.mediations
    case, state = sessions.case, paths.state[sessions.week, sessions.case]
    held = within_week(rng, block, sessions, (0.1, 0.6))
    agreed = rng.random(len(case)) < np.array(paperwork.agreed)[state]
    due = held + days(rng.uniform(*paperwork.agreement_due_days, len(case)))
    failures = office_rows(rng, block, case[~agreed], "mediation_failed", held[~agreed])
    agreements = office_rows(rng, block, case[agreed], "mediation_agreed", held[agreed], due=due[agreed])
    kind, when = _kept_or_broken(rng, paperwork, state=state[agreed], held=held[agreed], due=due[agreed])
    said = kind != NO_CODE
    kept = office_rows(rng, block, case[agreed][said], kind[said], when[said])
    return together([failures, agreements, kept])


def _kept_or_broken(
    rng: np.random.Generator, paperwork: Paperwork, *, state: NDArray[np.integer], held: Times, due: Times
) -> tuple[NDArray[np.integer], Times]:
    """What became of each agreement and when: performed mostly in time, broken about its due date, or no word."""
    count = len(state)
    chance = rng.random(count)
    performed_share = np.array(paperwork.performed)[state]
    performed = chance < performed_share
    broken = ~performed & (chance < performed_share + np.array(paperwork.broken)[state])
    in_time = held + ((due - held) * rng.uniform(0.2, 1.1, count)).astype(np.int64)
    about_due = due + days(rng.uniform(-10.0, 20.0, count))
    kind = np.where(performed, EVENT["agreement_performed"], np.where(broken, EVENT["agreement_broken"], NO_CODE))
    return kind, np.maximum(np.where(performed, in_time, about_due), held)


def _while_open(rng: np.random.Generator, block: Block, paths: Paths, kind: str) -> EventRows:
    """Acts that come at a steady rate while a dispute is open; an upheld error only once it is overdue."""
    paperwork, count = block.setting.constants.paperwork, len(block.cases)
    late = kind == "error_upheld"
    rate = paperwork.error_upheld_per_week if late else paperwork.handed_on_per_week
    cells = np.flatnonzero(paths.is_open.reshape(-1))
    number = rng.poisson(rate * len(cells)) if len(cells) else 0
    week, case = np.divmod(cells[rng.integers(0, max(len(cells), 1), number)], count)
    if late:
        overdue = overdue_table(block.setting)
        waited = np.minimum(week, overdue.shape[1] - 1)
        kept = overdue[block.cases.district[case], waited] > 0
        week, case = week[kept], case[kept]
    moments = Moments(case.astype(np.int32), week.astype(np.int32))
    return office_rows(rng, block, moments.case, kind, within_week(rng, block, moments, (0.0, 0.6)))


def _closings(rng: np.random.Generator, block: Block, paths: Paths, closed_at: Times) -> EventRows:
    paperwork, closings, again = block.setting.constants.paperwork, paths.closings, paths.reopenings
    reopened_at = within_week(rng, block, again, (0.0, 0.6))
    visited = rng.random(len(closings)) < paperwork.followed_up
    visit = closed_at[visited] + days(rng.uniform(*paperwork.followed_up_after_days, int(visited.sum())))
    return together([
        office_rows(rng, block, closings.case, "closed", closed_at),
        office_rows(rng, block, again.case, "reopened", reopened_at),
        office_rows(rng, block, closings.case[visited], "followed_up", visit),
    ])  # fmt: skip


def _heavy_contact(rng: np.random.Generator, block: Block, paths: Paths) -> EventRows:
    """The visits that some disputes of low state get again and again while they are open."""
    every = block.setting.constants.treatments.heavy_contact.visit_every_weeks
    week, case = np.nonzero(((paths.help & HEAVY_CONTACT) > 0) & paths.is_open)
    visited = week % every == 1
    visits = Moments(case[visited].astype(np.int32), week[visited].astype(np.int32))
    return office_rows(rng, block, visits.case, "followed_up", within_week(rng, block, visits, (0.0, 1.0)))
