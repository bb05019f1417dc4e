"""Event rows in columns, before they become a table: codes are positions in the lists of ``features.schema``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.clock import NO_TIME, Times
from features.schema import CHANNELS, EVENT_TYPES, SERVICES

NO_CODE = -1
"""Stands for null in the code, severity, specifics and alcohol columns."""

EVENT = {name: code for code, name in enumerate(EVENT_TYPES)}
CHANNEL = {name: code for code, name in enumerate(CHANNELS)}
SERVICE = {name: code for code, name in enumerate(SERVICES)}

Codes = NDArray[np.integer]


@dataclass(frozen=True)
class EventRows:
    """Events of a block or of the whole world.  ``case`` is the row of the dispute."""

    case: NDArray[np.int32]
    type: NDArray[np.int8]
    occurred: Times
    recorded: Times
    channel: NDArray[np.int8]
    severity: NDArray[np.int8]
    specifics: NDArray[np.int8]
    alcohol: NDArray[np.int8]
    due: Times
    scheduled: Times
    service: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.case)

    def keep(self, which: NDArray[np.bool_] | NDArray[np.integer]) -> EventRows:
        """The rows of a mask or in an order."""
        return EventRows(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    def shifted(self, first_case: int) -> EventRows:
        """The same rows, disputes counted from another first one."""
        return replace(self, case=self.case + np.int32(first_case))


def event_rows(
    case: NDArray[np.integer],
    kind: str | Codes,
    *,
    occurred: Times,
    recorded: Times,
    channel: int | Codes,
    severity: Codes | None = None,
    specifics: Codes | None = None,
    alcohol: Codes | None = None,
    due: Times | None = None,
    scheduled: Times | None = None,
    service: Codes | None = None,
) -> EventRows:
    """Event rows; ``kind`` is a type name or an array of type codes, columns left out are null."""
    count = len(case)

    def codes(values: int | Codes | None) -> NDArray[np.int8]:
        return np.broadcast_to(np.asarray(NO_CODE if values is None else values), count).astype(np.int8)

    def times(values: Times | None) -> Times:
        return np.full(count, NO_TIME, np.int64) if values is None else values

    return EventRows(
        case=np.asarray(case, np.int32),
        type=codes(EVENT[kind] if isinstance(kind, str) else kind),
        occurred=occurred,
        recorded=recorded,
        channel=codes(channel),
        severity=codes(severity),
        specifics=codes(specifics),
        alcohol=codes(alcohol),
        due=times(due),
        scheduled=times(scheduled),
        service=codes(service),
    )


def together(parts: Sequence[EventRows]) -> EventRows:
    """All rows of the parts, in their order."""
    return EventRows(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(EventRows)})
