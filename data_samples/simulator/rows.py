"""Event rows in columns, before they become a table: codes are positions in the lists of ``features.schema``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.clock import NO_TIME, Times
from features.schema import ASSERTIONS, CHANNELS, CONDUCT_TYPES, EVENT_TYPES, SERVICES

NO_CODE = -1
"""Stands for null in the code, severity, specifics, alcohol and text columns; for no event; for no dispute."""
UNKNOWN_CODE = len(EVENT_TYPES)
"""An event type that the contract does not know: a bad row."""

EVENT = {name: code for code, name in enumerate(EVENT_TYPES)}
ASSERTION = {name: code for code, name in enumerate(ASSERTIONS)}
CHANNEL = {name: code for code, name in enumerate(CHANNELS)}
SERVICE = {name: code for code, name in enumerate(SERVICES)}

Codes = NDArray[np.integer]


@dataclass(frozen=True)
class EventRows:
    """Events of a block or of the whole world.  ``case`` is the row of the dispute.

    ``event`` numbers the events: versions of one event share it.  ``copy_of`` is the event of which this one is a
    report through another channel.  ``text`` is the place of the narrative among all texts.
    """

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
    assertion: NDArray[np.int8]
    withdrawn: NDArray[np.int8]
    text: NDArray[np.int32]
    event: NDArray[np.int32]
    copy_of: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.case)

    def keep(self, which: NDArray[np.bool_] | NDArray[np.integer]) -> EventRows:
        """The rows of a mask or in an order."""
        return EventRows(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    def shifted(self, first_case: int, first_event: int) -> EventRows:
        """The same rows, disputes and events counted from other first ones."""
        return replace(
            self,
            case=np.where(self.case == NO_CODE, NO_CODE, self.case + first_case).astype(np.int32),
            event=self.event + np.int32(first_event),
            copy_of=np.where(self.copy_of == NO_CODE, NO_CODE, self.copy_of + first_event).astype(np.int32),
        )

    def changed(self, **columns: NDArray[np.generic]) -> EventRows:
        """The same rows with other columns, in the types of these."""
        return replace(self, **{name: values.astype(getattr(self, name).dtype) for name, values in columns.items()})

    def numbered(self, first: int) -> EventRows:
        """The same rows, each an event of its own."""
        return replace(self, event=np.arange(first, first + len(self), dtype=np.int32))

    @property
    def is_conduct(self) -> NDArray[np.bool_]:
        """Which rows are conduct."""
        return self.type < len(CONDUCT_TYPES)


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
    assertion: Codes | None = None,
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
        assertion=codes(assertion),
        withdrawn=codes(0),
        text=np.full(count, NO_CODE, np.int32),
        event=np.full(count, NO_CODE, np.int32),
        copy_of=np.full(count, NO_CODE, np.int32),
    )


def together(parts: Sequence[EventRows]) -> EventRows:
    """All rows of the parts, in their order."""
    return EventRows(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(EventRows)})
