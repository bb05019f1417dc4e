"""What is on the books at the end: which disputes are written, their numbers, and the five tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_samples.simulator.bad_rows import count_faults, spoil_petitions
from data_samples.simulator.clock import NEVER, Times, days
from data_samples.simulator.dispute_rows import DisputeRows, dispute_rows
from data_samples.simulator.history import History
from data_samples.simulator.incidents import IncidentRows, on_and_off_book
from data_samples.simulator.intake import fill_in
from data_samples.simulator.links import draw_links
from data_samples.simulator.narratives import conduct_texts
from data_samples.simulator.outcomes import outcome_rows
from data_samples.simulator.pairs import link_pairs, roots, with_histories
from data_samples.simulator.petitions import PetitionRows
from data_samples.simulator.petitions import together as petitions_together
from data_samples.simulator.rows import NO_CODE, EventRows
from data_samples.simulator.tables import (
    audit_table,
    disputes_table,
    events_table,
    incidents_table,
    petitions_table,
    tokens,
)
from data_samples.simulator.world import Setting

EVENTS_AT_A_TIME = 1_000_000
_STREAMS = ("links", "disputes", "outcomes", "petitions")


@dataclass(frozen=True)
class Books:
    """The small tables by name, the events still in columns, and what stands behind them.

    ``event_order`` are the rows of ``events`` that are written, in order.  ``dispute_number`` is the id number of each
    dispute (0 = not written), ``event_number`` that of each event (0 likewise).
    ``root`` is the first dispute of each true pair; ``incidents`` are the true ones, with ``incident_number`` counted
    from 0 (-1: not yet verified).  ``planted`` counts the faults of each table by rule.
    """

    tables: dict[str, pa.Table]
    events: EventRows
    event_order: NDArray[np.intp]
    event_number: NDArray[np.int32]
    dispute_number: NDArray[np.int64]
    root: NDArray[np.int32]
    incidents: IncidentRows
    incident_number: NDArray[np.intp]
    planted: dict[str, dict[str, int]]

    def event_tables(self) -> Iterator[pa.Table]:
        """The events table part by part."""
        texts = conduct_texts().all
        for start in range(0, max(len(self.event_order), 1), EVENTS_AT_A_TIME):
            part = self.events.keep(self.event_order[start : start + EVENTS_AT_A_TIME])
            yield events_table(
                part, dispute_number=self.dispute_number, event_number=self.event_number, texts=texts
            )  # fmt: skip


def keep_books(rng: np.random.Generator, setting: Setting, history: History) -> Books:
    """The five tables: disputes of the written period, and earlier ones that are the history of one of these.

    Rows stand in order of their recorded time, rows known at the same instant in random order; ids count along.
    What a missing port would have recorded is not there, disputes included.
    """
    streams = dict(zip(_STREAMS, rng.spawn(len(_STREAMS)), strict=True))
    cases = history.cases
    lost = setting.changes.lost(cases.channel, history.known)
    earlier = link_pairs(rng, cases, np.where(lost, NEVER, history.closed_known))
    root = roots(earlier)
    wanted = (cases.opened >= setting.start) & (history.known < setting.end)
    written = with_histories(earlier, wanted & ~lost)
    order = np.flatnonzero(written)
    order = order[_in_order(rng, history.known[order])]
    number = np.zeros(len(cases), np.int64)
    number[order] = np.arange(1, len(order) + 1)
    on_book = np.flatnonzero(np.append(written, True)[history.events.case])  # an event of no dispute has case -1
    event_order = on_book[_in_order(rng, history.events.recorded[on_book])]
    event_number = _numbers(history.events, event_order)
    rows = dispute_rows(
        streams["disputes"], setting, cases, order=order, known=history.known, overdue=history.overdue
    )  # fmt: skip
    links = draw_links(streams["links"], setting, root, written)
    disputes = disputes_table(
        cases,
        fill_in(rng, setting, cases, root),
        rows,
        dispute_number=number,
        token=tokens(rng, links.shown),
        confidence=links.confidence,
    )
    true = on_and_off_book(rng, setting, np.where(written | (wanted & lost), history.incident, NEVER), written)
    true = true.keep(np.argsort(true.verified, kind="stable"))
    verified = true.keep(true.verified < setting.end)
    outcomes = outcome_rows(streams["outcomes"], setting, verified, order=order, known=history.known)
    petitions, misanswered = _petitions(streams["petitions"], setting, history, written)
    return Books(
        tables={
            "disputes": disputes,
            "incidents": incidents_table(outcomes, number),
            "audit": audit_table(cases, order),
            "petitions": petitions_table(petitions, number),
        },
        events=history.events,
        event_order=event_order,
        event_number=event_number,
        dispute_number=number,
        root=root,
        incidents=true,
        incident_number=np.where(true.verified < setting.end, np.arange(len(true)), -1),
        planted=_planted(setting, history, order=event_order, number=event_number, rows=rows, misanswered=misanswered),
    )


def _planted(
    setting: Setting,
    history: History,
    *,
    order: NDArray[np.intp],
    number: NDArray[np.int32],
    rows: DisputeRows,
    misanswered: int,
) -> dict[str, dict[str, int]]:
    if not setting.imperfections.bad_rows:
        return {}
    of_events = count_faults(history.events, order, end=setting.end)
    of_events["repeated_key"] = int((number[history.repeated] > 0).sum())
    return {"disputes": rows.planted, "events": of_events, "petitions": {"answer_before_lodged": misanswered}}


def _petitions(
    rng: np.random.Generator, setting: Setting, history: History, written: NDArray[np.bool_]
) -> tuple[PetitionRows, int]:
    """The petitions in order, with bad rows and withdrawals; and how many bad rows."""
    flaws, misanswered = setting.constants.flaws, 0
    petitions = history.petitions.keep(written[history.petitions.case])
    petitions = petitions.in_order(_in_order(rng, petitions.recorded))
    bad_rng, withdrawn_rng = rng.spawn(2)
    if setting.imperfections.bad_rows:
        petitions, misanswered = spoil_petitions(bad_rng, flaws, petitions)
    if setting.imperfections.wrong_codes:
        after = days(withdrawn_rng.uniform(*flaws.withdrawn_after_days, len(petitions)))
        which = withdrawn_rng.random(len(petitions)) < flaws.petition_withdrawn
        which &= (petitions.recorded + after < setting.end) & (petitions.answered >= petitions.lodged)
        withdrawn = petitions.withdrawn_later(which, (petitions.recorded + after)[which])
        petitions = petitions_together([petitions, withdrawn])
        petitions = petitions.keep(np.argsort(petitions.recorded, kind="stable"))
    return petitions, misanswered


def _numbers(events: EventRows, order: NDArray[np.intp]) -> NDArray[np.int32]:
    """The id number of each event: ids count along with the first written row of each; 0 where there is none."""
    in_order, place = events.event[order], np.arange(len(order), dtype=np.int32)
    first = np.full(int(events.event.max(initial=-1)) + 1, NO_CODE, np.int32)
    first[in_order[::-1]] = place[::-1]  # of repeated places the last one stays
    number = np.cumsum(first[in_order] == place, dtype=np.int32)
    return np.where(first == NO_CODE, 0, number[first]) if len(order) else np.zeros_like(first)


def _in_order(rng: np.random.Generator, recorded: Times) -> NDArray[np.intp]:
    return np.lexsort((rng.random(len(recorded), np.float32), recorded))
