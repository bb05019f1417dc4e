"""What truly happens, week by week: states, treatments, closings, and the hazard of serious violence.

Weeks count from each dispute's own opening.  Petitions are drawn here because slow handling causes them; nothing reads
them afterwards, so they have no way into the hazard.  Mediation and services go to the sicker more often (confounding),
the red package to those a score ranks highest, heavy contact to some of low state; who got what is in the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.clock import WEEK
from data_samples.simulator.constants import Treatment, World
from data_samples.simulator.help import HEAVY_CONTACT, MEDIATION, RED_PACKAGE, SERVICES, Offers, RankedHelp, ratios
from data_samples.simulator.world import Cases, Setting
from features.schema import CHANNELS, DISPUTE_KINDS

Real = NDArray[np.float32]
Flags = NDArray[np.bool_]
_POLICE = CHANNELS.index("police_110")
_KIN = ("neighbour", "marriage_family")
_LONGEST_WAIT_WEEKS = 60


@dataclass(frozen=True)
class Moments:
    """Things that happened: the dispute (row in its block) and the week."""

    case: NDArray[np.int32]
    week: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.case)


@dataclass(frozen=True)
class Paths:
    """The path of every dispute of a block: arrays [week, dispute], and what happened on the way.

    The path goes on after an incident as if there had been none: the 90-day probability is that of the path, and what
    is written stops at the incident.  ``untreated`` is the hazard of the same path had no help and no contact borne on
    it; ``help`` says by bits what was in force.
    """

    state: NDArray[np.int8]
    is_open: Flags
    hazard: Real
    untreated: Real
    help: NDArray[np.int8]
    closings: Moments
    reopenings: Moments
    mediations: Moments
    services: Moments
    petitions: Moments
    offers: Offers


@dataclass
class _Now:
    """The block in the current week."""

    state: NDArray[np.int8]
    is_open: Flags
    weeks_open: NDArray[np.int8]
    mediation_left: NDArray[np.int8]
    services_left: NDArray[np.int8]
    red_left: NDArray[np.int8]
    contact_left: NDArray[np.int8]

    @property
    def help(self) -> NDArray[np.int8]:
        """What is in force, by bits."""
        left = {
            MEDIATION: self.mediation_left,
            SERVICES: self.services_left,
            RED_PACKAGE: self.red_left,
            HEAVY_CONTACT: self.contact_left,
        }
        return np.sum([bit * (weeks > 0) for bit, weeks in left.items()], axis=0).astype(np.int8)


@dataclass(frozen=True)
class _Fixed:
    """What does not change from week to week: per-dispute factors, and tables by district and weeks open."""

    hazard: Real
    family: NDArray[np.int8]
    ratios: Real
    heat: Real
    cool: Real
    district: NDArray[np.int8]
    waiting_heat: Real
    waiting_cool: Real
    petition: Real


class _Log:
    """Collects moments of one kind."""

    def __init__(self) -> None:
        self._cases: list[NDArray[np.int32]] = []
        self._weeks: list[NDArray[np.int32]] = []

    def add(self, cases: NDArray[np.integer], week: int) -> None:
        self._cases.append(cases.astype(np.int32))
        self._weeks.append(np.full(len(cases), week, np.int32))

    def moments(self) -> Moments:
        return Moments(np.concatenate(self._cases), np.concatenate(self._weeks))


def run_weeks(
    rng: np.random.Generator, setting: Setting, cases: Cases, *, weeks: int, red_package: str = "off"
) -> Paths:
    """The paths of a block of disputes over so many weeks.  ``red_package`` is the policy: off, top or band."""
    world, treatments = setting.constants.world, setting.constants.treatments
    ranked = RankedHelp(rng.spawn(1)[0], treatments.red_package, len(cases), policy=red_package)
    fixed = _fixed(setting, cases)
    now = _first_week(rng, setting, cases)
    shape = (weeks, len(cases))
    state, is_open, help_given = np.empty(shape, np.int8), np.empty(shape, np.bool_), np.empty(shape, np.int8)
    hazard, untreated = np.empty(shape, np.float32), np.empty(shape, np.float32)
    closings, reopenings, mediations, services, petitions = (_Log() for _ in range(5))
    for week in range(weeks):
        triggered = (cases.trigger_week <= week) & (week < cases.trigger_week + world.trigger_weeks)
        state[week], is_open[week], help_given[week] = now.state, now.is_open, now.help
        untreated[week] = _untreated(setting, fixed, now, triggered, week)
        hazard[week] = untreated[week] * fixed.ratios[fixed.family, help_given[week]]
        open_cases = np.flatnonzero(now.is_open)
        waiting = fixed.petition[fixed.district[open_cases], now.weeks_open[open_cases]]
        petitions.add(open_cases[rng.random(len(open_cases), np.float32) < waiting], week)
        started = _starts(rng, treatments.mediation, now, open_cases, now.mediation_left)
        mediations.add(started, week)
        helped = _starts(rng, treatments.services, now, open_cases, now.services_left)
        services.add(helped, week)
        favoured = ranked.offered(week, open_cases, untreated[week], now.red_left)
        moved = _moves(rng, setting, fixed, now, triggered)
        closed, reopened, agreed = _close_and_reopen(rng, world, now)
        closings.add(closed, week)
        reopenings.add(reopened, week)
        now.state += moved
        now.state[agreed] = np.maximum(now.state[agreed] - world.settled_by_agreement, 0)
        _tick(now, closed=closed, reopened=reopened)
        now.mediation_left[started] = treatments.mediation.weeks
        now.services_left[helped] = treatments.services.weeks
        now.red_left[favoured] = treatments.red_package.weeks
    return Paths(
        state=state,
        is_open=is_open,
        hazard=hazard,
        untreated=untreated,
        help=help_given,
        closings=closings.moments(),
        reopenings=reopenings.moments(),
        mediations=mediations.moments(),
        services=services.moments(),
        petitions=petitions.moments(),
        offers=ranked.offers(),
    )


def overdue_table(setting: Setting) -> NDArray[np.float64]:
    """How overdue a dispute is, by district and weeks since it was opened or reopened."""
    world = setting.constants.world
    waited = np.maximum(np.arange(_LONGEST_WAIT_WEEKS + 1) - world.overdue_from_week, 0)
    overdue = setting.districts.delay[:, None] * world.overdue_per_week * waited[None, :]
    return np.minimum(overdue, world.overdue_cap)


def _fixed(setting: Setting, cases: Cases) -> _Fixed:
    world = setting.constants.world
    ratio = np.array([world.kinds[name].hazard_ratio for name in DISPUTE_KINDS])
    log_hazard = (
        np.log(ratio)[cases.kind]
        + world.hazard_per_hostility * cases.hostility
        + world.hazard_per_indivisible * cases.indivisible
        + world.hazard_per_history * cases.history
        + setting.districts.log_hazard[cases.district]
    )
    kin = np.array([name in _KIN for name in DISPUTE_KINDS])[cases.kind]
    heat = (
        world.heat_hostility * cases.hostility
        + world.heat_history * cases.history
        + world.heat_close_and_kin * (cases.close & kin)
        + world.heat_trusted * cases.trusted
    )
    overdue = overdue_table(setting)
    waiting = world.heat_overdue * np.minimum(overdue, world.heat_overdue_cap)
    return _Fixed(
        hazard=(setting.base_hazard * setting.changes.hazard_factor(cases.opened) * np.exp(log_hazard)).astype(
            np.float32
        ),
        family=(cases.kind == DISPUTE_KINDS.index("marriage_family")).astype(np.int8),
        ratios=ratios(setting.constants.treatments),
        heat=np.exp(heat).astype(np.float32),
        cool=np.exp(world.heat_on_down * heat).astype(np.float32),
        district=cases.district,
        waiting_heat=np.exp(waiting).astype(np.float32),
        waiting_cool=np.exp(world.heat_on_down * waiting).astype(np.float32),
        petition=(world.petition * np.exp(world.petition_per_overdue * overdue)).astype(np.float32),
    )


def _first_week(rng: np.random.Generator, setting: Setting, cases: Cases) -> _Now:
    world, contact, count = setting.constants.world, setting.constants.treatments.heavy_contact, len(cases)
    police = cases.channel == _POLICE
    exponent = (
        np.outer(world.start_per_hostility, cases.hostility)
        + np.outer(world.start_per_history, cases.history)
        + np.outer(world.start_per_police, police)
    )
    weights = np.cumsum(np.array(world.start_weights)[:, None] * np.exp(exponent), axis=0)
    state = (rng.random(count) * weights[-1] >= weights[:-1]).sum(axis=0).astype(np.int8)
    none = [np.zeros(count, np.int8) for _ in range(4)]
    harmed = (state <= contact.highest_state) & (rng.random(count) < contact.share)
    contact_left = np.where(harmed, contact.weeks, 0).astype(np.int8)
    return _Now(state, np.ones(count, np.bool_), none[0], none[1], none[2], none[3], contact_left)


def _untreated(setting: Setting, fixed: _Fixed, now: _Now, triggered: Flags, week: int) -> Real:
    """The hazard before anything that help or contact does to it."""
    world = setting.constants.world
    later = setting.changes.hazard_factor(np.array([setting.start, setting.start + week * WEEK]))
    hazard = fixed.hazard * np.array(world.state_hazard, np.float32)[now.state]
    hazard[triggered] *= np.float32(np.exp(world.hazard_per_trigger))
    return hazard * np.float32(later[1] / later[0])


def _starts(
    rng: np.random.Generator,
    treatment: Treatment,
    now: _Now,
    open_cases: NDArray[np.integer],
    left: NDArray[np.int8],
) -> NDArray[np.integer]:
    """The open disputes that get a treatment this week."""
    eligible = open_cases[left[open_cases] == 0]
    chance = np.clip(
        treatment.weekly + treatment.weekly_per_state * np.arange(4, dtype=np.float32), 0, treatment.weekly_cap
    )
    return eligible[rng.random(len(eligible), np.float32) < chance[now.state[eligible]]]


def _moves(rng: np.random.Generator, setting: Setting, fixed: _Fixed, now: _Now, triggered: Flags) -> NDArray[np.int8]:
    """One step up, down, or none, for each dispute."""
    world, treatments = setting.constants.world, setting.constants.treatments
    mediated, helped = now.mediation_left > 0, now.services_left > 0
    up = np.array(world.up, np.float32)[now.state] * fixed.heat
    up *= fixed.waiting_heat[fixed.district, now.weeks_open]
    up[triggered] *= np.float32(world.up_in_trigger_weeks)
    up[~now.is_open] *= np.float32(world.up_when_closed)
    up[mediated] *= np.float32(treatments.mediation.on_up)
    up[helped] *= np.float32(treatments.services.on_up)
    down = np.array(world.down, np.float32)[now.state] * fixed.cool
    down *= fixed.waiting_cool[fixed.district, now.weeks_open]
    down[mediated] *= np.float32(treatments.mediation.on_down)
    down[helped] *= np.float32(treatments.services.on_down)
    chance = rng.random(len(up), np.float32)
    return (chance < up).astype(np.int8) - (chance >= 1 - down).astype(np.int8) * (chance >= up)


def _close_and_reopen(
    rng: np.random.Generator, world: World, now: _Now
) -> tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.integer]]:
    """Disputes closed this week, reopened this week, and those of the closed that truly settled."""
    factor = np.array((world.close_otherwise, world.close_when_mediated), np.float32)
    closing = np.array(world.close, np.float32)[now.state] * factor[(now.mediation_left > 0).astype(np.int8)]
    reopening = np.array(world.reopen, np.float32)[now.state]
    turned = rng.random(len(closing), np.float32) < np.where(now.is_open, closing, reopening)
    closed, reopened = np.flatnonzero(turned & now.is_open), np.flatnonzero(turned & ~now.is_open)
    agreed = closed[rng.random(len(closed)) >= world.administrative]
    return closed, reopened, agreed


def _tick(now: _Now, *, closed: NDArray[np.integer], reopened: NDArray[np.integer]) -> None:
    """One week later."""
    now.weeks_open[now.is_open & (now.weeks_open < _LONGEST_WAIT_WEEKS)] += 1
    now.is_open[closed], now.is_open[reopened] = False, True
    now.weeks_open[closed] = now.weeks_open[reopened] = 0
    for left in (now.mediation_left, now.services_left, now.red_left, now.contact_left):
        np.maximum(left - 1, 0, out=left)
