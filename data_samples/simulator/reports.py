"""Reports beside the plain ones: a second or third report of one event, and reports that affirm nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.clock import HOUR, WEEK, Times
from data_samples.simulator.conduct import alcohol_noted
from data_samples.simulator.process import Paths
from data_samples.simulator.reporting import Block, draw_channels, reported_at
from data_samples.simulator.rows import ASSERTION, CHANNEL, EVENT, NO_CODE, EventRows, event_rows, together
from data_samples.simulator.world import pick, shares
from features.schema import ASSERTIONS, CHANNELS, CONDUCT_TYPES

_COPY_WITHIN_HOURS = 48
_SPARE = ("police_110", "grid", "hotline_12345")
"""Of three channels one is neither of two others."""


def copies(rng: np.random.Generator, block: Block, events: EventRows) -> EventRows:
    """The reports of some events through a second, and of a few through a third channel, told within 48 hours."""
    flaws = block.setting.constants.flaws
    told = events.keep(events.is_conduct)
    chance = rng.random(len(told))
    second, third = told.keep(chance < flaws.second_channel), told.keep(chance < flaws.third_channel)
    copied = _told_again(rng, block, second, taken=(second.channel, second.channel))
    thrice = chance[chance < flaws.second_channel] < flaws.third_channel
    again = _told_again(rng, block, third, taken=(third.channel, copied.channel[thrice]))
    return together([copied, again])


def _told_again(
    rng: np.random.Generator, block: Block, first: EventRows, *, taken: tuple[NDArray[np.int8], NDArray[np.int8]]
) -> EventRows:
    flaws, recording, count = block.setting.constants.flaws, block.setting.constants.recording, len(first)
    hours = np.minimum(rng.exponential(flaws.copy_after_mean_hours, count), _COPY_WITHIN_HOURS * 0.99)
    occurred = first.occurred + (hours * HOUR).astype(np.int64)
    channel = pick(rng, shares(CHANNELS, {k: c.share for k, c in recording.channels.items()}), count)
    channel = np.where(block.setting.changes.not_yet_there(channel, occurred), CHANNEL["grid"], channel)
    for name in _SPARE:
        is_taken = (channel == taken[0]) | (channel == taken[1])
        channel = np.where(is_taken, CHANNEL[name], channel)
    differs = rng.random(count) < flaws.copy_differs
    graver = np.where(first.severity == NO_CODE, NO_CODE, np.minimum(first.severity + 1, 5))
    named = np.where(first.specifics > 0, rng.integers(1, 5, count), first.specifics)
    return event_rows(
        first.case,
        first.type,
        occurred=occurred,
        recorded=reported_at(rng, block, first.case, occurred, channel),
        channel=channel,
        severity=np.where(differs, np.where(rng.random(count) < 0.5, NO_CODE, graver), first.severity),
        specifics=np.where(differs, named, first.specifics),
        alcohol=np.where(differs, NO_CODE, first.alcohol),
    ).changed(copy_of=first.event)


def unaffirmed(rng: np.random.Generator, block: Block, paths: Paths, events: EventRows, incident: Times) -> EventRows:
    """What is denied, feared, only heard of or long past, in proportion to what is affirmed.

    It comes at one rate in every open week, whatever the state, so that it tells next to nothing.
    """
    flaws = block.setting.constants.flaws
    per_affirmed = sum(flaws.assertions.values()) / flaws.affirmed
    rows = stray_conduct(rng, block, paths, events, incident, ratio=per_affirmed)
    share = shares(ASSERTIONS, flaws.assertions)
    assertion = pick(rng, share, len(rows))
    return rows.changed(assertion=np.where(assertion == ASSERTION["affirmed"], ASSERTION["denied"], assertion))


def stray_conduct(
    rng: np.random.Generator, block: Block, paths: Paths, events: EventRows, incident: Times, *, ratio: float
) -> EventRows:
    """Conduct on record in open weeks drawn at random, so much for each of the events that are conduct.

    No trace of the state is in it.  It lies before the incident and the end, as all conduct does.
    """
    flaws, end = block.setting.constants.flaws, block.setting.end
    number = rng.poisson(ratio * int((events.is_conduct & (events.recorded < end)).sum()))
    last_week = (np.minimum(incident, end) - block.cases.opened) // WEEK
    possible = paths.is_open & (np.arange(len(paths.is_open))[:, None] < last_week)
    cells = np.flatnonzero(possible.reshape(-1))
    number = number if len(cells) else 0
    week, case = np.divmod(cells[rng.integers(0, max(len(cells), 1), number)], len(block.cases))
    occurred: Times = block.cases.opened[case] + week * WEEK + rng.integers(0, WEEK, number)
    channel = draw_channels(rng, block, case, occurred)
    kind = pick(rng, shares(CONDUCT_TYPES, flaws.unaffirmed_types), number)
    specifics = np.where(kind == EVENT["threat"], rng.integers(0, 3, number), NO_CODE)
    return event_rows(
        case,
        kind,
        occurred=occurred,
        recorded=reported_at(rng, block, case, occurred, channel),
        channel=channel,
        specifics=specifics,
        alcohol=alcohol_noted(rng, block, kind),
    )
