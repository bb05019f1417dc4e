"""What is on the books at the end: which disputes are written, their numbers, and the five tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_samples.simulator.clock import NEVER, Times
from data_samples.simulator.history import History
from data_samples.simulator.incidents import IncidentRows, on_and_off_book
from data_samples.simulator.intake import audit_attributes, fill_in
from data_samples.simulator.pairs import link_pairs, roots, with_histories
from data_samples.simulator.tables import (
    audit_table,
    disputes_table,
    events_table,
    incidents_table,
    petitions_table,
    tokens,
)
from data_samples.simulator.world import Setting


@dataclass(frozen=True)
class Books:
    """The tables by name, and the id number of each dispute's row (0 = not written)."""

    tables: dict[str, pa.Table]
    dispute_number: NDArray[np.int64]


def keep_books(rng: np.random.Generator, setting: Setting, history: History) -> Books:
    """The five tables: disputes of the written period, and earlier ones that are the history of one of these.

    Rows stand in order of their recorded time, rows known at the same instant in random order; ids count along.
    """
    cases = history.cases
    earlier = link_pairs(rng, cases, history.closed_known)
    root = roots(earlier)
    written = with_histories(earlier, (cases.opened >= setting.start) & (history.known < setting.end))
    order = np.flatnonzero(written)
    order = order[_in_order(rng, history.known[order])]
    number = np.zeros(len(cases), np.int64)
    number[order] = np.arange(1, len(order) + 1)
    events = history.events.keep(written[history.events.case])
    events = events.keep(_in_order(rng, events.recorded))
    tables = {
        "disputes": disputes_table(
            cases,
            fill_in(rng, setting, cases, root),
            order=order,
            known=history.known,
            token=tokens(rng, root),
            confidence=np.round(rng.uniform(0.9, 1.0, len(cases)), 2),
        ),
        "events": events_table(events, number),
        "incidents": incidents_table(_incidents(rng, setting, history, written), number),
        "audit": audit_table(audit_attributes(rng, len(order))),
    }
    # Last of all draws: more petitions leave every other table as it is.
    petitions = history.petitions.keep(written[history.petitions.case])
    petitions = petitions.keep(_in_order(rng, petitions.recorded))
    tables["petitions"] = petitions_table(petitions, number)
    return Books(tables, number)


def _incidents(
    rng: np.random.Generator, setting: Setting, history: History, written: NDArray[np.bool_]
) -> IncidentRows:
    incidents = on_and_off_book(rng, setting, np.where(written, history.incident, NEVER))
    return incidents.keep(_in_order(rng, incidents.verified))


def _in_order(rng: np.random.Generator, recorded: Times) -> NDArray[np.intp]:
    return np.lexsort((rng.random(len(recorded), np.float32), recorded))
