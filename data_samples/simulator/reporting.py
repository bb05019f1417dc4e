"""From what happened to what is recorded: by which channel, whether at all, and when it becomes known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.clock import MINUTE, SECOND, Times, days, next_month_start
from data_samples.simulator.paperwork import Lag
from data_samples.simulator.world import AUDIT_VALUES, Cases, Setting, by_name, pick, shares
from features.schema import CHANNELS


@dataclass(frozen=True)
class Block:
    """A block of disputes with the time each became known; what every room that writes rows is given."""

    setting: Setting
    cases: Cases
    known: Times

    def delay_factor(self, case: NDArray[np.integer]) -> NDArray[np.float64]:
        """How slow the offices of each dispute's district are; 1 is usual."""
        return self.setting.districts.delay[self.cases.district[case]]


def lag(rng: np.random.Generator, kind: Lag, size: int) -> NDArray[np.float64]:
    """Lognormal delays in days."""
    return kind.median_days * np.exp(kind.sigma * rng.standard_normal(size))


def register(rng: np.random.Generator, setting: Setting, cases: Cases) -> Times:
    """When each dispute is known: a short while after it was first registered by anyone."""
    return cases.opened + days(lag(rng, setting.constants.paperwork.registered, len(cases))) + SECOND


def draw_channels(
    rng: np.random.Generator, block: Block, case: NDArray[np.integer], occurred: Times
) -> NDArray[np.int8]:
    """Through which channel each event is reported: mostly that of its dispute."""
    recording, own = block.setting.constants.recording, block.cases.channel[case]
    other = pick(rng, shares(CHANNELS, {k: c.share for k, c in recording.channels.items()}), len(case))
    channel = np.where(rng.random(len(case)) < recording.same_channel, own, other)
    return np.where(block.setting.changes.not_yet_there(channel, occurred), own, channel)


def is_recorded(
    rng: np.random.Generator, block: Block, case: NDArray[np.integer], channel: NDArray[np.int8]
) -> NDArray[np.bool_]:
    """Whether each event is recorded at all, by channel, district and who the parties are."""
    recording = block.setting.constants.recording
    by_channel = np.array([recording.channels[name].recorded for name in CHANNELS])
    chance = by_channel[channel] * block.setting.districts.recording[block.cases.district[case]]
    chance *= _by_audit_attributes(block)[case]
    return rng.random(len(case)) < np.minimum(chance, recording.recorded_cap)


def _by_audit_attributes(block: Block) -> NDArray[np.float64]:
    """How much more or less of each dispute is recorded because of who the parties are: what the audit must find."""
    factor, flaws = np.ones(len(block.cases)), block.setting.constants.flaws
    if block.setting.imperfections.recording_gap:
        factor[_is(block.cases, "urban_rural", "urban")] *= 1.0 + flaws.urban_recorded
        factor[_is(block.cases, "origin", "elsewhere")] *= 1.0 + flaws.elsewhere_recorded
    return factor


def _is(cases: Cases, attribute: str, value: str) -> NDArray[np.bool_]:
    return cases.audit[:, list(AUDIT_VALUES).index(attribute)] == list(AUDIT_VALUES[attribute]).index(value)


def reported_at(
    rng: np.random.Generator, block: Block, case: NDArray[np.integer], occurred: Times, channel: NDArray[np.int8]
) -> Times:
    """When reported events are known: the channel's delay, batched at month end by some, never before their dispute."""
    recording = block.setting.constants.recording
    channels = [recording.channels[name] for name in CHANNELS]
    median = np.array([c.delay_median_days for c in channels])[channel]
    sigma = np.array([c.delay_sigma for c in channels])[channel]
    recorded = occurred + days(median * np.exp(sigma * rng.standard_normal(len(case)))) + SECOND
    batched = rng.random(len(case)) < by_name(CHANNELS, recording.month_end, 0.0)[channel]
    batch = next_month_start(recorded) + rng.integers(0, 120, len(case)) * MINUTE
    return _after_dispute(block, case, np.where(batched, batch, recorded))


def entered_at(rng: np.random.Generator, block: Block, case: NDArray[np.integer], occurred: Times) -> Times:
    """When an office's own act is known: soon, never before its dispute."""
    wait = lag(rng, block.setting.constants.paperwork.entered, len(case))
    return _after_dispute(block, case, occurred + days(wait) + SECOND)


def verified_at(rng: np.random.Generator, setting: Setting, occurred: Times) -> Times:
    """When an incident is verified."""
    recording = setting.constants.recording
    wait = lag(rng, Lag(recording.verified_median_days, recording.verified_sigma), len(occurred))
    return occurred + days(wait) + SECOND


def _after_dispute(block: Block, case: NDArray[np.integer], recorded: Times) -> Times:
    return np.maximum(recorded, block.known[case] + SECOND)
