"""The five tables as Arrow, column by column as the record contract defines them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_samples.simulator.clock import NO_TIME, Times
from data_samples.simulator.incidents import OFF_BOOK, IncidentRows
from data_samples.simulator.intake import Intake
from data_samples.simulator.petitions import PetitionRows
from data_samples.simulator.rows import NO_CODE, EventRows
from data_samples.simulator.world import Cases
from features.schema import (
    AUDIT,
    CHANNELS,
    DISPUTE_KINDS,
    DISPUTES,
    EVENT_TYPES,
    EVENTS,
    INCIDENT_TYPES,
    INCIDENTS,
    PETITIONS,
    PROXIMITIES,
    RELATIONS,
    SERVICES,
    STAKES,
    Kind,
    Table,
)

ARROW_TYPES: dict[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.TIME: pa.timestamp("us", tz="UTC"),
    Kind.CODE: pa.string(),
    Kind.CODES: pa.list_(pa.string()),
    Kind.NUMBER: pa.float64(),
    Kind.INTEGER: pa.int8(),
    Kind.BOOLEAN: pa.bool_(),
}
DISPUTE_DIGITS = 7
ROW_DIGITS = 9
_TOKEN_LETTERS = np.frombuffer(b"bcdfghjkmnpqrstv", np.uint8)
_TOKEN_LENGTH = 12


def arrow_schema(table: Table) -> pa.Schema:
    """The Arrow schema of a table of the contract."""
    return pa.schema([pa.field(column.name, ARROW_TYPES[column.kind], column.nullable) for column in table.columns])


def numbered(letter: str, numbers: NDArray[np.integer], *, digits: int) -> pa.Array:
    """Ids such as D0000001; null where the number is negative."""
    powers = 10 ** np.arange(digits - 1, -1, -1, dtype=np.int64)
    text = np.empty((len(numbers), digits + 1), np.uint8)
    text[:, 0] = ord(letter)
    text[:, 1:] = np.maximum(numbers, 0)[:, None] // powers % 10 + ord("0")
    return _fixed_width(text, numbers < 0)


def tokens(rng: np.random.Generator, root: NDArray[np.int32]) -> NDArray[np.uint8]:
    """A random token of letters for each dispute, the same for all disputes with the same root."""
    return _TOKEN_LETTERS[rng.integers(0, len(_TOKEN_LETTERS), (len(root), _TOKEN_LENGTH))][root]


def disputes_table(
    cases: Cases,
    intake: Intake,
    *,
    order: NDArray[np.integer],
    known: Times,
    token: NDArray[np.uint8],
    confidence: NDArray[np.float64],
) -> pa.Table:
    """Disputes in the given order; the row at position n has id number n + 1."""
    count = len(order)
    area = 990_100_000 + (cases.district[order].astype(np.int64) + 1) * 1_000 + cases.township[order]
    return _table(DISPUTES, {
        "dispute_id": numbered("D", np.arange(1, count + 1), digits=DISPUTE_DIGITS),
        "opened_at": _times(cases.opened[order]),
        "recorded_at": _times(known[order]),
        "channel": _codes(cases.channel[order], CHANNELS),
        "kind": _codes(cases.kind[order], DISPUTE_KINDS),
        "relation": _codes(intake.relation[order], RELATIONS),
        "proximity": _codes(intake.proximity[order], PROXIMITIES),
        "stakes": _stakes(intake.first_stake[order], intake.second_stake[order]),
        "amount_cny": _numbers(intake.amount_cny[order]),
        "wage_arrears_months": _numbers(intake.wage_arrears_months[order]),
        "unpaid_medical_cny": _numbers(intake.unpaid_medical_cny[order]),
        "minors_in_household": _flags(intake.minors[order]),
        "pair_token": _fixed_width(token[order], np.zeros(count, np.bool_)),
        "pair_confidence": _numbers(confidence[order]),
        "area": pa.array(area).cast(pa.string()),
    })  # fmt: skip


def events_table(events: EventRows, dispute_number: NDArray[np.integer]) -> pa.Table:
    """Events in their order, with ids that count up; ``dispute_number`` is the id number of each dispute's row."""
    return _table(EVENTS, {
        "event_id": numbered("E", np.arange(1, len(events) + 1), digits=ROW_DIGITS),
        "dispute_id": numbered("D", dispute_number[events.case], digits=DISPUTE_DIGITS),
        "type": _codes(events.type, EVENT_TYPES),
        "occurred_at": _times(events.occurred),
        "recorded_at": _times(events.recorded),
        "channel": _codes(events.channel, CHANNELS),
        "severity": pa.array(events.severity, pa.int8(), mask=events.severity == NO_CODE),
        "specifics": pa.array(events.specifics, pa.int8(), mask=events.specifics == NO_CODE),
        "alcohol": _flags(events.alcohol),
        "due_at": _times(events.due),
        "scheduled_at": _times(events.scheduled),
        "service": _codes(events.service, SERVICES),
    })  # fmt: skip


def petitions_table(petitions: PetitionRows, dispute_number: NDArray[np.integer]) -> pa.Table:
    """Petitions in their order, with ids that count up."""
    return _table(PETITIONS, {
        "petition_id": numbered("P", np.arange(1, len(petitions) + 1), digits=ROW_DIGITS),
        "dispute_id": numbered("D", dispute_number[petitions.case], digits=DISPUTE_DIGITS),
        "lodged_at": _times(petitions.lodged),
        "recorded_at": _times(petitions.recorded),
        "due_at": _times(petitions.due),
        "answered_at": _times(petitions.answered),
        "answer_recorded_at": _times(petitions.answer_recorded),
        "upheld": _flags(petitions.upheld),
    })  # fmt: skip


def incidents_table(incidents: IncidentRows, dispute_number: NDArray[np.integer]) -> pa.Table:
    """Incidents in their order, with ids that count up; no dispute where there was none on the books."""
    on_book = incidents.case != OFF_BOOK
    number = np.where(on_book, dispute_number[np.where(on_book, incidents.case, 0)], -1)
    return _table(INCIDENTS, {
        "incident_id": numbered("I", np.arange(1, len(incidents) + 1), digits=DISPUTE_DIGITS),
        "dispute_id": numbered("D", number, digits=DISPUTE_DIGITS),
        "occurred_at": _times(incidents.occurred),
        "verified_at": _times(incidents.verified),
        "type": _codes(incidents.type, INCIDENT_TYPES),
        "link_confidence": _numbers(incidents.confidence),
    })  # fmt: skip


def audit_table(attributes: dict[str, NDArray[np.str_]]) -> pa.Table:
    """The audit attributes, in the order of the disputes table."""
    count = len(next(iter(attributes.values())))
    ids = numbered("D", np.arange(1, count + 1), digits=DISPUTE_DIGITS)
    return _table(AUDIT, {"dispute_id": ids} | {name: pa.array(values) for name, values in attributes.items()})


def _table(table: Table, columns: dict[str, pa.Array]) -> pa.Table:
    """A table with every column of the contract: those left out are null, nothing is withdrawn."""
    schema, count = arrow_schema(table), len(next(iter(columns.values())))
    if "withdrawn" in table.names:
        columns = columns | {"withdrawn": pa.repeat(pa.scalar(False), count)}
    arrays = [
        columns[field.name].cast(field.type) if field.name in columns else pa.nulls(count, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _codes(codes: NDArray[np.integer], names: Sequence[str]) -> pa.Array:
    indices = pa.array(codes.astype(np.int8), mask=codes == NO_CODE)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(names))).cast(pa.string())


def _times(times: Times) -> pa.Array:
    return pa.array(times, pa.int64(), mask=times == NO_TIME).cast(pa.timestamp("us", tz="UTC"))


def _numbers(values: NDArray[np.float64]) -> pa.Array:
    return pa.array(values, pa.float64(), mask=np.isnan(values))


def _flags(values: NDArray[np.integer]) -> pa.Array:
    return pa.array(values == 1, pa.bool_(), mask=values == NO_CODE)


def _stakes(first: NDArray[np.int8], second: NDArray[np.int8]) -> pa.Array:
    both = np.stack([first, second], axis=1)
    offsets = np.concatenate([[0], np.cumsum((both != NO_CODE).sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), _codes(both[both != NO_CODE], STAKES))


def _fixed_width(text: NDArray[np.uint8], null: NDArray[np.bool_]) -> pa.Array:
    """Text of one width a row, made without a Python string per row."""
    count, width = text.shape
    values = pa.Array.from_buffers(pa.binary(width), count, [None, pa.py_buffer(np.ascontiguousarray(text))])
    strings = values.cast(pa.binary()).cast(pa.string())
    return strings.take(pa.array(np.arange(count), mask=null)) if null.any() else strings
