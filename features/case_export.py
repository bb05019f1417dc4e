"""One dispute of a records folder as the case record that the scoring service takes."""

from __future__ import annotations

from typing import Any

from features.clock import format_time
from features.errors import MissingInput
from features.records import Records
from features.request_model import PRIOR_DISPUTES
from features.schema import DISPUTES, EVENTS, PETITIONS, Kind, Table

ANSWER = ("answered_at", "answer_recorded_at", "upheld")

OF_KNOWN = "dispute_id IN (SELECT dispute_id FROM disputes WHERE recorded_at < $as_of)"
"""A version that names a dispute not on record yet does not count yet."""

PRIORS = """
WITH here AS (SELECT * FROM last WHERE dispute_id = $id)
SELECT there.dispute_id, there.opened_at,
       CASE WHEN closure.occurred_at IS NOT NULL THEN greatest(closure.occurred_at, there.opened_at) END AS closed_at,
       CASE WHEN closure.recorded_at IS NOT NULL THEN greatest(closure.recorded_at, there.opened_at) END
           AS closed_recorded_at,
       greatest(here.recorded_at, there.recorded_at) AS recorded_at,
       least(coalesce(here.pair_confidence, 0), coalesce(there.pair_confidence, 0)) AS pair_confidence
FROM here JOIN last there ON here.pair_token = there.pair_token AND here.dispute_id <> there.dispute_id
LEFT JOIN (
    SELECT dispute_id, min(recorded_at) AS recorded_at, arg_min(occurred_at, (recorded_at, event_id)) AS occurred_at
    FROM last_events WHERE type = 'closed' GROUP BY dispute_id
) closure ON closure.dispute_id = there.dispute_id
ORDER BY there.dispute_id
"""


def case_record(records: Records, dispute_id: str, *, as_of: int) -> dict[str, Any]:
    """The case record of a dispute, with the rows that were recorded before ``as_of`` (microseconds UTC).

    ``prior_disputes`` is derived from the pair token as it was known then; the token itself is left out.
    Raises MissingInput where the dispute was not known before ``as_of``.
    """
    dispute = _rows(records, DISPUTES, dispute_id, as_of)
    if not dispute:
        raise MissingInput(f"no dispute {dispute_id} was on record before {format_time(as_of)}")
    return {
        "dispute": [plain(row, DISPUTES, without=("pair_token",)) for row in dispute],
        "events": [plain(row, EVENTS) for row in _rows(records, EVENTS, dispute_id, as_of)],
        "petitions": [
            plain(row, PETITIONS, without=() if (row["answer_recorded_at"] or as_of) < as_of else ANSWER)
            for row in _rows(records, PETITIONS, dispute_id, as_of)
        ],
        "prior_disputes": _priors(records, dispute_id, as_of),
        "as_of": format_time(as_of),
    }


def _rows(records: Records, table: Table, dispute_id: str, as_of: int) -> list[dict[str, Any]]:
    """Every version of a dispute's rows in a table that was recorded before ``as_of``, without narratives.

    A row that a later version moved to another dispute known by then is left out: this dispute's record would not show
    that it went.
    """
    names = [column.name for column in table.columns if not column.free_text]
    found = records.connection.execute(
        f"SELECT {', '.join(names)} FROM (SELECT *, arg_max(dispute_id, {table.recorded}) "
        f"OVER (PARTITION BY {table.row_id}) AS belongs_to FROM {table.name} WHERE {table.recorded} < $as_of "
        f"AND {table.row_id} IN (SELECT {table.row_id} FROM {table.name} WHERE dispute_id = $id) AND {OF_KNOWN}) "
        f"WHERE dispute_id = $id AND belongs_to = $id ORDER BY {', '.join(table.key)}",
        {"id": dispute_id, "as_of": as_of},
    ).fetchall()
    return [dict(zip(names, row, strict=True)) for row in found]


def plain(row: dict[str, Any], table: Table, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """A row as JSON takes it: times as text, nulls left out."""
    return {
        name: format_time(value) if table[name].kind is Kind.TIME else value
        for name, value in row.items()
        if value is not None and name not in without
    }


def _priors(records: Records, dispute_id: str, as_of: int) -> list[dict[str, Any]]:
    paired = (
        "SELECT dispute_id FROM disputes WHERE pair_token IN (SELECT pair_token FROM disputes WHERE dispute_id = $id)"
    )
    closures = f"SELECT event_id FROM events WHERE type = 'closed' AND dispute_id IN ({paired})"
    disputes = last_versions("disputes", "dispute_id", among=paired)
    events = last_versions("events", "event_id", among=closures)
    found = records.connection.execute(
        PRIORS.replace("WITH here AS", f"WITH last AS ({disputes}), last_events AS ({events}), here AS"),
        {"id": dispute_id, "as_of": as_of},
    ).fetchall()
    names = PRIOR_DISPUTES.names
    return [plain(dict(zip(names, row, strict=True)), PRIOR_DISPUTES) for row in found]


def last_versions(table: str, row_id: str, *, among: str | None = None) -> str:
    """SQL for the version of each row that was the last word before ``$as_of``, wherever it moved the row.

    ``among`` is a query of row ids; None looks at every row.
    """
    some = "" if among is None else f"AND {row_id} IN ({among}) "
    return (
        f"SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY {row_id} ORDER BY recorded_at DESC) AS latest "
        f"FROM {table} WHERE recorded_at < $as_of {some}AND {OF_KNOWN}) "
        "WHERE latest = 1 AND NOT coalesce(withdrawn, false)"
    )
