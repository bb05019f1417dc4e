"""Support asked for, delivered or refused."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.clock import Times, days
from data_samples.simulator.handling import within_week
from data_samples.simulator.process import Moments, Paths
from data_samples.simulator.reporting import Block, entered_at, lag
from data_samples.simulator.rows import SERVICE, EventRows, event_rows, together
from features.schema import DISPUTE_KINDS

_USUAL_SERVICES = ("legal_aid", "psychological", "hardship")
_TURNS = 60
_REFUSED_AFTER_DAYS = (7.0, 60.0)


def support_events(rng: np.random.Generator, block: Block, paths: Paths) -> EventRows:
    """All support events of a block: every delivery was asked for before; some requests stay unmet or are refused."""
    return together([_delivered(rng, block, paths), _unmet(rng, block, paths)])


def _delivered(rng: np.random.Generator, block: Block, paths: Paths) -> EventRows:
    case = paths.services.case
    given = within_week(rng, block, paths.services, (0.0, 1.0))
    wait = days(lag(rng, block.setting.constants.paperwork.support_wait, len(case)))
    asked = np.maximum(given - wait, block.cases.opened[case])
    service = _service(rng, block, case)
    return together([
        _rows(rng, block, case, "support_requested", occurred=asked, service=service),
        _rows(rng, block, case, "support_delivered", occurred=given, service=service),
    ])  # fmt: skip


def _unmet(rng: np.random.Generator, block: Block, paths: Paths) -> EventRows:
    paperwork, count = block.setting.constants.paperwork, len(block.cases)
    cells = np.flatnonzero(paths.is_open.reshape(-1))
    number = rng.poisson(paperwork.unmet_request_per_week * len(cells)) if len(cells) else 0
    week, case = np.divmod(cells[rng.integers(0, max(len(cells), 1), number)], count)
    moments = Moments(case.astype(np.int32), week.astype(np.int32))
    asked, service = within_week(rng, block, moments, (0.0, 1.0)), _service(rng, block, case)
    refused = rng.random(number) < paperwork.request_refused
    answer = asked[refused] + days(rng.uniform(*_REFUSED_AFTER_DAYS, int(refused.sum())))
    return together([
        _rows(rng, block, case, "support_requested", occurred=asked, service=service),
        _rows(rng, block, case[refused], "support_refused", occurred=answer, service=service[refused]),
    ])  # fmt: skip


def _rows(
    rng: np.random.Generator,
    block: Block,
    case: NDArray[np.integer],
    kind: str,
    *,
    occurred: Times,
    service: NDArray[np.integer],
) -> EventRows:
    return event_rows(
        case,
        kind,
        occurred=occurred,
        recorded=entered_at(rng, block, case, occurred),
        channel=block.cases.channel[case],
        service=service,
    )


def _service(rng: np.random.Generator, block: Block, case: NDArray[np.integer]) -> NDArray[np.integer]:
    """A service that fits the kind of dispute, each of its kind's services equally often."""
    services = block.setting.constants.paperwork.services
    lists = [services.get(name, _USUAL_SERVICES) for name in DISPUTE_KINDS]
    table = np.array([[SERVICE[names[turn % len(names)]] for turn in range(_TURNS)] for names in lists])
    return table[block.cases.kind[case], rng.integers(0, _TURNS, len(case))]
