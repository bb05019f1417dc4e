"""The five tables as Arrow, column by column as the record contract defines them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_samples.simulator.clock import NO_TIME, Times
from data_samples.simulator.dispute_rows import DisputeRows
from data_samples.simulator.intake import Intake
from data_samples.simulator.narratives import intake_texts, texts_at
from data_samples.simulator.outcomes import OutcomeRows
from data_samples.simulator.petitions import PetitionRows
from data_samples.simulator.rows import NO_CODE, EventRows
from data_samples.simulator.world import AUDIT_VALUES, Cases
from features.schema import (
    ASSERTIONS,
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
_NO_SUCH_CODE = "not_in_the_list"
"""The code of bad rows."""


def arrow_schema(table: Table) -> pa.Schema:
    """The Arrow schema of a table of the contract."""
    return pa.schema([pa.field(column.name, ARROW_TYPES[column.kind], column.nullable) for column in table.columns])


def numbered(letter: str, numbers: NDArray[np.integer], *, digits: int) -> pa.Array:
    """Ids such as D0000001; null where the number is negative."""
    text = np.empty((len(numbers), digits + 1), np.uint8)
    text[:, 0] = ord(letter)
    rest = np.maximum(numbers, 0).astype(np.int32)
    for place in range(digits, 0, -1):
        shorter = rest // 10
        text[:, place] = rest - 10 * shorter + ord("0")
        rest = shorter
    return _fixed_width(text, numbers < 0)


def tokens(rng: np.random.Generator, root: NDArray[np.int32]) -> NDArray[np.uint8]:
    """A random token of letters for each dispute, the same for all disputes with the same root."""
    return _TOKEN_LETTERS[rng.integers(0, len(_TOKEN_LETTERS), (len(root), _TOKEN_LENGTH))][root]


def disputes_table(
    cases: Cases,
    intake: Intake,
    rows: DisputeRows,
    *,
    dispute_number: NDArray[np.integer],
    token: NDArray[np.uint8],
    confidence: NDArray[np.float64],
) -> pa.Table:
    """All versions of the disputes; ``dispute_number`` is the id number of each dispute, ``token`` what it shows."""
    case, count = rows.case, len(rows.case)
    area = 990_100_000 + (cases.district[case].astype(np.int64) + 1) * 1_000 + cases.township[case]
    no_needs = rows.needs_lost
    return _table(DISPUTES, {
        "dispute_id": numbered("D", dispute_number[case], digits=DISPUTE_DIGITS),
        "opened_at": _times(cases.opened[case]),
        "recorded_at": _times(rows.recorded),
        "channel": _codes(cases.channel[case], CHANNELS),
        "kind": _codes(rows.kind, (*DISPUTE_KINDS, _NO_SUCH_CODE)),
        "relation": _codes(intake.relation[case], RELATIONS),
        "proximity": _codes(intake.proximity[case], PROXIMITIES),
        "stakes": _stakes(intake.first_stake[case], intake.second_stake[case]),
        "amount_cny": _numbers(np.where(rows.bad_amount, -1.0, intake.amount_cny[case])),
        "wage_arrears_months": _numbers(np.where(no_needs, np.nan, intake.wage_arrears_months[case])),
        "unpaid_medical_cny": _numbers(np.where(no_needs, np.nan, intake.unpaid_medical_cny[case])),
        "minors_in_household": _flags(np.where(no_needs, NO_CODE, intake.minors[case])),
        "pair_token": _fixed_width(token[case], np.zeros(count, np.bool_)),
        "pair_confidence": _numbers(confidence[case]),
        "area": pa.array(area).cast(pa.string()),
        "narrative": texts_at(intake_texts().all, rows.text),
        "withdrawn": pa.array(rows.withdrawn == 1),
    })  # fmt: skip


def events_table(
    events: EventRows, *, dispute_number: NDArray[np.integer], event_number: NDArray[np.integer], texts: pa.Array
) -> pa.Table:
    """Events in their order; the id numbers of disputes and events are given, an unknown dispute has the last one."""
    number = np.where(events.case == NO_CODE, 10**DISPUTE_DIGITS - 1, dispute_number[events.case])
    return _table(EVENTS, {
        "event_id": event_ids(event_number[events.event]),
        "dispute_id": numbered("D", number, digits=DISPUTE_DIGITS),
        "type": _codes(events.type, (*EVENT_TYPES, _NO_SUCH_CODE)),
        "occurred_at": _times(events.occurred),
        "recorded_at": _times(events.recorded),
        "channel": _codes(events.channel, CHANNELS),
        "severity": pa.array(events.severity, pa.int8(), mask=events.severity == NO_CODE),
        "specifics": pa.array(events.specifics, pa.int8(), mask=events.specifics == NO_CODE),
        "assertion": _codes(events.assertion, ASSERTIONS),
        "alcohol": _flags(events.alcohol),
        "due_at": _times(events.due),
        "scheduled_at": _times(events.scheduled),
        "service": _codes(events.service, SERVICES),
        "narrative": texts_at(texts, events.text),
        "withdrawn": pa.array(events.withdrawn == 1),
    })  # fmt: skip


def event_ids(numbers: NDArray[np.integer]) -> pa.Array:
    """The ids of events with these numbers."""
    return numbered("E", numbers, digits=ROW_DIGITS)


def petitions_table(petitions: PetitionRows, dispute_number: NDArray[np.integer]) -> pa.Table:
    """Petitions in their order."""
    return _table(PETITIONS, {
        "petition_id": numbered("P", petitions.number + 1, digits=ROW_DIGITS),
        "dispute_id": numbered("D", dispute_number[petitions.case], digits=DISPUTE_DIGITS),
        "lodged_at": _times(petitions.lodged),
        "recorded_at": _times(petitions.recorded),
        "due_at": _times(petitions.due),
        "answered_at": _times(petitions.answered),
        "answer_recorded_at": _times(petitions.answer_recorded),
        "upheld": _flags(petitions.upheld),
        "withdrawn": pa.array(petitions.withdrawn == 1),
    })  # fmt: skip


def incidents_table(outcomes: OutcomeRows, dispute_number: NDArray[np.integer]) -> pa.Table:
    """Incidents in their order; no dispute where there was none on the books."""
    incidents = outcomes.rows
    return _table(INCIDENTS, {
        "incident_id": incident_ids(outcomes.number),
        "dispute_id": dispute_ids(incidents.case, dispute_number),
        "occurred_at": _times(incidents.occurred),
        "verified_at": _times(incidents.verified),
        "type": _codes(incidents.type, INCIDENT_TYPES),
        "link_confidence": _numbers(incidents.confidence),
        "withdrawn": pa.array(outcomes.withdrawn == 1),
    })  # fmt: skip


def incident_ids(numbers: NDArray[np.integer]) -> pa.Array:
    """The ids of incidents, counted from 0; null where the number is negative."""
    return numbered("I", np.where(numbers < 0, -1, numbers + 1), digits=DISPUTE_DIGITS)


def dispute_ids(case: NDArray[np.integer], dispute_number: NDArray[np.integer]) -> pa.Array:
    """The ids of disputes given by their row; null where the row is negative."""
    return numbered("D", np.where(case < 0, -1, dispute_number[np.maximum(case, 0)]), digits=DISPUTE_DIGITS)


def audit_table(cases: Cases, order: NDArray[np.integer]) -> pa.Table:
    """The audit attributes of the disputes in order."""
    ids = numbered("D", np.arange(1, len(order) + 1), digits=DISPUTE_DIGITS)
    columns = {
        name: _codes(cases.audit[order, place], list(values))
        for place, (name, values) in enumerate(AUDIT_VALUES.items())
    }
    return _table(AUDIT, {"dispute_id": ids} | columns)


def _table(table: Table, columns: dict[str, pa.Array]) -> pa.Table:
    """A table with every column of the contract."""
    schema = arrow_schema(table)
    arrays = [columns[field.name].cast(field.type) for field in schema]
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
