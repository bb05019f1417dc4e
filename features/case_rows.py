"""The case records of all disputes at once, by partition: what ``case_export`` gives for one, by one query a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.case_export import ANSWER, OF_KNOWN, PRIORS, last_versions
from features.clock import format_time
from features.history import Array
from features.request_model import PRIOR_DISPUTES
from features.schema import DISPUTES, EVENTS, PETITIONS, Kind, Table

Row = dict[str, Any]
TABLES = (DISPUTES, EVENTS, PETITIONS)
PRIORS_FILE = "prior_disputes.parquet"
TURNS = ("closed", "reopened")
SECOND_US = 1_000_000
OF_A_VERSION = ["recorded_at", "area", "kind", "channel"]
OF_A_TURN = ["type", "occurred_at", "recorded_at", "withdrawn"]


def write_case_rows(connection: duckdb.DuckDBPyConnection, folders: list[Path], *, as_of: int) -> None:
    """Write into each partition folder the rows of its disputes' case records at ``as_of`` (microseconds UTC).

    ``connection`` is that of ``write_partitions``, after it: the same disputes stand in the same folders.
    """
    for table in TABLES:
        names = ", ".join(column.name for column in table.columns if not column.free_text)
        order = ", ".join(("dispute_id", *table.key))
        _deal(connection, f"case_{table.name}.parquet", _rows_of_all(table, names, as_of), folders, order=order)
    disputes, events = (
        last_versions(name, row_id) for name, row_id in (("disputes", "dispute_id"), ("events", "event_id"))
    )
    priors = PRIORS.replace(
        "WITH here AS (SELECT * FROM last WHERE dispute_id = $id)",
        f"WITH last AS ({disputes}), last_events AS ({events}), here AS (SELECT * FROM last)",
    ).replace("SELECT there.dispute_id,", "SELECT here.dispute_id AS of_dispute, there.dispute_id,")
    priors = priors.replace("$as_of", str(as_of)).replace("ORDER BY there.dispute_id", "")
    _deal(connection, PRIORS_FILE, priors, folders, key="of_dispute", order="of_dispute, dispute_id")


def _rows_of_all(table: Table, names: str, as_of: int) -> str:
    return (
        f"SELECT {names} FROM (SELECT *, arg_max(dispute_id, {table.recorded}) OVER (PARTITION BY {table.row_id}) "
        f"AS belongs_to FROM {table.name} WHERE {table.recorded} < $as_of AND {OF_KNOWN}) WHERE belongs_to = dispute_id"
    ).replace("$as_of", str(as_of))


def _deal(
    connection: duckdb.DuckDBPyConnection, name: str, query: str, folders: list[Path], *, order: str, key: str = "dispute_id"
) -> None:  # fmt: skip
    """Write the rows of a query into the folder of their dispute's partition, in order."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE dealt AS SELECT r.*, g.part FROM ({query}) r "
        f"JOIN (SELECT dispute_id AS of_group, part FROM pair_groups) g ON g.of_group = r.{key}"
    )
    for part, folder in enumerate(folders):
        connection.execute(
            f"COPY (SELECT * EXCLUDE (part) FROM dealt WHERE part = {part} ORDER BY {order}) "
            f"TO '{str(folder / name).replace(chr(39), chr(39) * 2)}' (FORMAT parquet, COMPRESSION zstd)"
        )
    connection.execute("DROP TABLE dealt")


@dataclass(frozen=True)
class CaseRows:
    """The rows of one dispute: its case record as ``case_export.case_record`` gives it, and what routing reads of them.

    ``dispute`` holds its versions and ``turns`` its closures and reopenings, times as microseconds UTC.
    """

    record: Row
    dispute: list[Row]
    turns: list[Row]


class CaseFiles:
    """The case rows of one partition folder, in the order of their disputes: each file is read once."""

    def __init__(self, folder: Path, *, as_of: int) -> None:
        self._as_of = as_of
        self._tables = [_Sorted(folder / f"case_{table.name}.parquet", key="dispute_id") for table in TABLES]
        self._priors = _Sorted(folder / PRIORS_FILE, key="of_dispute")

    def of(self, disputes: Sequence[str]) -> dict[str, CaseRows]:
        """The rows of some disputes, by dispute."""
        (cases, _), (events, _), (petitions, _) = found = [table.rows_of(disputes) for table in self._tables]
        priors, of_prior = self._priors.rows_of(disputes)
        is_turn = pc.is_in(events["type"], value_set=pa.array(TURNS))
        plain_rows = [
            _by_dispute(_plain_rows(rows, table, without=without), of, len(disputes))
            for (rows, of), table, without in zip(found, TABLES, (("pair_token",), (), ()), strict=True)
        ]
        answered = _by_dispute(petitions["answer_recorded_at"].to_pylist(), found[2][1], len(disputes))
        earlier = _by_dispute(_plain_rows(priors, PRIOR_DISPUTES, without=("of_dispute",)), of_prior, len(disputes))
        versions = _by_dispute(cases.select(OF_A_VERSION).to_pylist(), found[0][1], len(disputes))
        turns = _by_dispute(
            events.filter(is_turn).select(OF_A_TURN).to_pylist(), found[1][1][np.asarray(is_turn)], len(disputes)
        )
        return {
            dispute: CaseRows(
                {
                    "dispute": plain_rows[0][n], "events": plain_rows[1][n],
                    "petitions": [self._as_known(*one) for one in zip(plain_rows[2][n], answered[n], strict=True)],
                    "prior_disputes": earlier[n], "as_of": format_time(self._as_of),
                },
                versions[n], turns[n],
            )
            for n, dispute in enumerate(disputes)
        }  # fmt: skip

    def _as_known(self, petition: Row, answer_recorded_at: int | None) -> Row:
        """A petition without an answer that was not on record yet."""
        if (answer_recorded_at or self._as_of) < self._as_of:
            return petition
        return {name: value for name, value in petition.items() if name not in ANSWER}


class _Sorted:
    """A file sorted by dispute, and where the rows of each stand."""

    def __init__(self, file: Path, *, key: str) -> None:
        self._rows = pq.read_table(file).combine_chunks()
        disputes = self._rows[key]
        size = len(disputes)
        changes = np.asarray(pc.not_equal(disputes.slice(1), disputes.slice(0, max(size - 1, 0))))
        starts = np.concatenate([[0], np.flatnonzero(changes) + 1]) if size else np.zeros(0, np.int64)
        places = pairwise([*starts.tolist(), size])
        self._places = dict(zip(disputes.take(pa.array(starts)).to_pylist(), places, strict=True))

    def rows_of(self, disputes: Sequence[str]) -> tuple[pa.Table, Array]:
        """The rows of some disputes in their order, and for each row which of them it belongs to."""
        places = np.array([self._places.get(name, (0, 0)) for name in disputes], np.int64).reshape(-1, 2)
        counts = places[:, 1] - places[:, 0]
        of = np.repeat(np.arange(len(disputes)), counts)
        ends = np.cumsum(counts)
        return self._rows.take(pa.array(np.arange(len(of)) + np.repeat(places[:, 1] - ends, counts))), of


def _by_dispute(rows: list[Any], of: Array, disputes: int) -> list[list[Any]]:
    bounds = np.searchsorted(of, np.arange(disputes + 1)).tolist()
    return [rows[low:high] for low, high in pairwise(bounds)]


def _plain_rows(rows: pa.Table, table: Table, *, without: tuple[str, ...] = ()) -> list[Row]:
    """Rows as ``case_export.plain`` gives them."""
    names = [name for name in rows.column_names if name not in without]
    columns = [
        _time_texts(rows[name]) if table[name].kind is Kind.TIME else rows[name].to_pylist() for name in names
    ]  # fmt: skip
    return [
        {name: value for name, value in zip(names, values, strict=True) if value is not None}
        for values in zip(*columns, strict=True)
    ]


def _time_texts(times: pa.ChunkedArray) -> list[str | None]:
    """What ``format_time`` gives for each, None where there is none."""
    known, us = np.asarray(times.is_valid()).tolist(), np.asarray(times.fill_null(0)).astype(np.int64)
    is_whole = (us % SECOND_US == 0).tolist()
    texts = np.datetime_as_string(us.astype("M8[us]")).tolist()
    return [
        None if not there else f"{text[:19]}Z" if whole else f"{text}Z"
        for text, whole, there in zip(texts, is_whole, known, strict=True)
    ]
