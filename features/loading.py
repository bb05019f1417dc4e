"""One partition's files to a history: DuckDB scans and sorts, NumPy gets the columns."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import duckdb
import numpy as np

from features.clock import NEVER
from features.history import Array, History, Log, offsets_of
from features.schema import CHANNELS
from features.treatments import EXTRA_SUPPORT
from features.view import TYPE_CODE

CASE_COLUMNS = (
    "opened_at", "channel", "kind", "relation", "proximity", "stakes", "amount_cny", "wage_arrears_months",
    "unpaid_medical_cny", "minors_in_household", "first_recorded",
)  # fmt: skip
CONDUCT_COLUMNS = ("type", "occurred_at", "channel", "severity", "specifics", "alcohol", "id_order")
STEP_COLUMNS = ("type", "occurred_at", "due_at", "scheduled_at", "service")
PETITION_COLUMNS = ("lodged_at", "due_at", "answered_at", "answer_recorded_at", "upheld")
PRIOR_COLUMNS = ("prior", "opened_at", "confidence")
INCIDENT_COLUMNS = ("occurred_at", "link_confidence")

_CONDUCT = """
SELECT *, dense_rank() OVER (PARTITION BY dispute_id ORDER BY row_id) - 1 AS id_order
FROM events_file WHERE is_conduct AND affirmed
"""


_PRIORS = f"""
SELECT here.dispute_id, there.dispute_id AS row_id, number.dispute AS prior, there.opened_at AS opened_at,
       least(here.confidence, there.confidence) AS confidence,
       greatest(here.known_from, there.known_from, closure.known_from) AS known_from,
       least(here.known_until, there.known_until, closure.known_until) AS known_until
FROM cases_file here
JOIN cases_file there ON here.pair_token = there.pair_token AND here.dispute_id <> there.dispute_id
JOIN events_file closure ON closure.dispute_id = there.dispute_id AND closure.type = {TYPE_CODE["closed"]}
JOIN numbered number ON number.dispute_id = there.dispute_id
WHERE greatest(here.known_from, there.known_from, closure.known_from)
    < least(here.known_until, there.known_until, closure.known_until)
"""


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """One database for all partitions of a process: to open one takes longer than to read a small partition.

    It holds nothing itself: what a partition makes is its connection's own and goes with it, and no file is kept in memory.
    """
    database = duckdb.connect(config={"threads": 1, "enable_external_file_cache": False})
    database.execute("SET enable_progress_bar = false")
    return database


class Partition:
    """One partition folder, open for reading; without the versions of events that name ``silent_channel``."""

    def __init__(self, folder: Path, *, with_ids: bool = False, silent_channel: str | None = None) -> None:
        self._with_ids = with_ids
        self._connection = _database().cursor()
        for name in ("cases", "events", "petitions", "incidents"):
            files = ", ".join(_quoted(path) for path in sorted(folder.glob(f"{name}-*.parquet")))
            told = (
                ""
                if silent_channel is None or name != "events"
                else f"WHERE channel <> {CHANNELS.index(silent_channel)}"
            )
            self._connection.execute(f"CREATE TEMP VIEW {name}_file AS SELECT * FROM read_parquet([{files}]) {told}")
        self._connection.execute(
            "CREATE TEMP TABLE numbered AS SELECT dispute_id, pair, row_number() OVER (ORDER BY dispute_id) - 1 AS dispute "
            "FROM (SELECT dispute_id, any_value(pair) AS pair FROM cases_file GROUP BY dispute_id)"
        )
        numbered = self._connection.sql("SELECT dispute_id, pair FROM numbered ORDER BY dispute").to_arrow_table()
        self.dispute_ids: Array = numbered["dispute_id"].to_numpy(zero_copy_only=False)
        self.pairs: Array = numbered["pair"].to_numpy(zero_copy_only=False)

    def close(self) -> None:
        """Give the memory back."""
        self._connection.close()

    def history(self) -> History:
        """The partition's rows as sorted ragged logs."""
        return History(
            dispute_ids=self.dispute_ids,
            cases=self._log("cases_file", CASE_COLUMNS, "known_from"),
            conduct=self._log(f"({_CONDUCT})", CONDUCT_COLUMNS, "type, occurred_at, row_id"),
            steps=self._log("events_file", STEP_COLUMNS, "occurred_at, row_id", "NOT is_conduct"),
            petitions=self._log("petitions_file", PETITION_COLUMNS, "lodged_at, row_id"),
            priors=self._log(f"({_PRIORS})", PRIOR_COLUMNS, "row_id, known_from"),
        )

    def all_events(self) -> Log:
        """Every event version in order of its recorded time: what the spine is made from."""
        return self._log("events_file", ("type",), "known_from, row_id")

    def incidents(self) -> Log:
        """The incidents as they were known in the end, by occurred time."""
        return self._log("incidents_file", INCIDENT_COLUMNS, "occurred_at, row_id", f"known_until = {NEVER}")

    def extra_support(self) -> Log:
        """Deliveries of extra support as they were known in the end, by occurred time."""
        condition = f"t.type = {TYPE_CODE[EXTRA_SUPPORT]} AND affirmed AND known_until = {NEVER}"
        return self._log("events_file", ("occurred_at",), "occurred_at, row_id", condition)

    def _log(self, source: str, columns: tuple[str, ...], order: str, condition: str = "true") -> Log:
        ids = ", row_id" if self._with_ids else ""
        listed = ", ".join(f"t.{name}" for name in columns)
        table = self._connection.sql(
            f"SELECT n.dispute, t.known_from, t.known_until, {listed}{ids} FROM {source} t "
            f"JOIN numbered n USING (dispute_id) WHERE {condition} "
            f"ORDER BY n.dispute, {', '.join('t.' + part.strip() for part in order.split(','))}, t.known_from"
        ).to_arrow_table()
        arrays = {name: _plain(table[name].to_numpy(zero_copy_only=False)) for name in table.column_names}
        counts = np.bincount(arrays["dispute"], minlength=len(self.dispute_ids))
        return Log(
            offsets=offsets_of(counts),
            known_from=arrays["known_from"],
            known_until=arrays["known_until"],
            columns={name: arrays[name] for name in columns},
            ids=arrays["row_id"] if self._with_ids else np.zeros(0, object),
        )


def _plain(values: Array) -> Array:
    """Whole numbers as int64: the compiled loops exist once, for that type."""
    return values.astype(np.int64, copy=False) if values.dtype.kind == "i" else values


def _quoted(path: Path) -> str:
    """A path as SQL text, whatever characters it holds."""
    return "'" + str(path).replace("'", "''") + "'"
