"""The world before anything happens: districts, and every dispute with its traits, seen and unseen."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.clock import WEEK, Times, new_year, quarter_start
from data_samples.simulator.constants import Constants
from data_samples.simulator.drift import Changes
from data_samples.simulator.imperfections import Imperfections
from features.schema import CHANNELS, DISPUTE_KINDS

BURN_IN_WEEKS = 52
LEAST_BURN_IN = 500
"""Disputes before the first day, so that even a tiny world has an earlier dispute for every pair with a history."""
AUDIT_VALUES: dict[str, dict[str, float]] = {
    "sex_mix": {"mixed": 0.45, "men": 0.40, "women": 0.15},
    "age_band": {"under_35": 0.30, "35_to_59": 0.55, "60_and_over": 0.15},
    "urban_rural": {"urban": 0.55, "rural": 0.45},
    "origin": {"local": 0.80, "elsewhere": 0.20},
}
"""The protected attributes of the audit table with the share of each value.  They have no effect on any hazard."""


@dataclass(frozen=True)
class Districts:
    """What differs between districts: log hazard, recording factor, handling delay factor.  One row each."""

    log_hazard: NDArray[np.float64]
    recording: NDArray[np.float64]
    delay: NDArray[np.float64]


@dataclass(frozen=True)
class Cases:
    """Disputes, one row each, in order of opening.  ``hostility`` is never observed."""

    opened: Times
    kind: NDArray[np.int8]
    channel: NDArray[np.int8]
    district: NDArray[np.int8]
    township: NDArray[np.int16]
    hostility: NDArray[np.float32]
    history: NDArray[np.bool_]
    indivisible: NDArray[np.bool_]
    close: NDArray[np.bool_]
    trusted: NDArray[np.bool_]
    trigger_week: NDArray[np.int16]
    audit: NDArray[np.int8]
    """The place of each audit attribute in ``AUDIT_VALUES``: one column each."""

    def __len__(self) -> int:
        return len(self.opened)

    def part(self, which: slice) -> Cases:
        """A range of the disputes."""
        return Cases(**{f.name: getattr(self, f.name)[which] for f in fields(self)})


@dataclass(frozen=True)
class Setting:
    """What every room of the simulator needs to know: constants, base hazard, districts and the written period."""

    constants: Constants
    base_hazard: float
    districts: Districts
    start: int
    end: int
    imperfections: Imperfections
    changes: Changes


def by_name(names: tuple[str, ...], values: dict[str, Any], default: Any) -> NDArray[Any]:
    """The values in the order of the names, with a default for those left out."""
    return np.array([values.get(name, default) for name in names])


def shares(names: tuple[str, ...], values: dict[str, float]) -> NDArray[np.float64]:
    """Shares in the order of the names, summing to one."""
    raw = by_name(names, values, 0.0).astype(np.float64)
    return raw / raw.sum()


def pick(rng: np.random.Generator, probabilities: NDArray[np.float64], size: int) -> NDArray[np.int8]:
    """Indices drawn with these probabilities."""
    return _place(probabilities, rng.random(size))


def _place(probabilities: NDArray[np.float64], chance: NDArray[np.float64]) -> NDArray[np.int8]:
    return np.searchsorted(np.cumsum(probabilities)[:-1], chance, side="right").astype(np.int8)


def draw_setting(
    rng: np.random.Generator,
    *,
    constants: Constants,
    base_hazard: float,
    years: int,
    imperfections: Imperfections | None = None,
) -> Setting:
    """The setting of one world: the districts are drawn once per seed.  It is a clean one unless told otherwise."""
    imperfections = imperfections or Imperfections.only()
    count, recording = constants.districts, constants.recording
    districts = Districts(
        log_hazard=rng.normal(0.0, constants.world.district_hazard_sigma, count),
        recording=np.exp(rng.normal(0.0, recording.district_recorded_sigma, count)),
        delay=np.exp(rng.normal(0.0, recording.district_speed_sigma, count)),
    )
    changes = Changes(constants.flaws.drift, on=imperfections.drift)
    return Setting(constants, base_hazard, districts, new_year(0), new_year(years), imperfections, changes)


def draw_cases(rng: np.random.Generator, setting: Setting, *, disputes: int, years: int) -> Cases:
    """All disputes of the burn-in and of the written period, in order of opening.

    ``disputes`` a year are opened in the written period; a burn-in of 52 weeks gives the earlier disputes of pairs.
    Disputes of the burn-in have no history of their own: the books begin with them.
    """
    world, recording = setting.constants.world, setting.constants.recording
    burn_in = max(disputes, LEAST_BURN_IN)
    count = burn_in + disputes * years
    opened = np.concatenate([
        np.sort(rng.integers(setting.start - BURN_IN_WEEKS * WEEK, setting.start, burn_in)),
        np.sort(rng.integers(setting.start, setting.end, disputes * years)),
    ])  # fmt: skip
    traits = [world.kinds[name] for name in DISPUTE_KINDS]
    kind = _kinds(rng, setting, opened)
    channel_shares = {name: channel.share for name, channel in recording.channels.items()}
    channel = pick(rng, shares(CHANNELS, channel_shares), count)
    instead = pick(rng, shares(CHANNELS, channel_shares | {setting.constants.flaws.drift.late_channel: 0.0}), count)
    channel = np.where(setting.changes.not_yet_there(channel, opened), instead, channel)
    hostility = rng.normal(0.0, 1.0, count).astype(np.float32)
    by_kind = by_name(DISPUTE_KINDS, world.history_kinds, 0.0)
    logit = world.history_base + world.history_hostility * hostility + by_kind[kind]
    history = rng.random(count) < 1.0 / (1.0 + np.exp(-logit))
    history[:burn_in] = False
    townships = int(np.clip(disputes // 2_000, 2, 20))
    return Cases(
        opened=opened,
        kind=kind,
        channel=channel,
        district=rng.integers(0, setting.constants.districts, count).astype(np.int8),
        township=rng.integers(1, townships + 1, count).astype(np.int16),
        hostility=hostility,
        history=history,
        indivisible=rng.random(count) < np.array([trait.indivisible for trait in traits])[kind],
        close=rng.random(count) < np.array([trait.proximity for trait in traits])[kind],
        trusted=rng.random(count) < world.trusted_third_party,
        trigger_week=rng.integers(0, world.trigger_range_weeks, count).astype(np.int16),
        audit=np.stack([pick(rng, np.array(list(v.values())), count) for v in AUDIT_VALUES.values()], axis=1),
    )


def _kinds(rng: np.random.Generator, setting: Setting, opened: Times) -> NDArray[np.int8]:
    """The kind of each dispute, in order of opening: the shares are those of its quarter."""
    plain = np.array([setting.constants.world.kinds[name].share for name in DISPUTE_KINDS])
    plain = plain / plain.sum()
    chance, kind = rng.random(len(opened)), np.empty(len(opened), np.int8)
    quarter = -5  # the burn-in has four quarters and a day
    while quarter_start(quarter) < setting.end:
        which = slice(*np.searchsorted(opened, (quarter_start(quarter), quarter_start(quarter + 1))))
        kind[which] = _place(setting.changes.kind_shares(plain, quarter), chance[which])
        quarter += 1
    return kind
