"""Accepted records to partition files: versions resolved, disputes of one pair together, nothing sorted yet.

A partition holds whole pairs, chosen by a hash of the pair, so that the worker that builds it needs no other file.
The number of partitions is fixed, whatever the number of workers: the same records give the same files.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from features.clock import NEVER, known_by
from features.history import Array
from features.schema import (
    ASSERTIONS,
    CHANNELS,
    CONDUCT_TYPES,
    DEFAULT_SEVERITY,
    DISPUTE_KINDS,
    EVENT_TYPES,
    NEVER_SEVERE,
    PROXIMITIES,
    RELATIONS,
    SERVICES,
    STAKES,
)

PARTITIONS = 16
PARTITION_TABLES = ("cases", "events", "petitions", "incidents")


def write_partitions(connection: duckdb.DuckDBPyConnection, folder: Path, *, known_at: int) -> list[Path]:
    """Write ``folder/NN/{cases,events,petitions,incidents}-N.parquet`` for every partition; return their folders.

    ``connection`` holds the accepted rows (times as microseconds).  Rows recorded after ``known_at`` are left out.  A
    row counts from when both it and the dispute that it names are on record: until then the door of that day would
    have turned it away, and a former version of it stands.  ``pair`` is the smallest dispute id among all disputes that
    any version ever linked by a pair token: it is what a split keeps together.
    """
    group_pairs(connection, known_at=known_at)
    queries = {
        "cases": _cases(known_at),
        "events": _events(known_at),
        "petitions": _petitions(known_at),
        "incidents": _incidents(known_at),
    }
    folders = [folder / f"{part:02d}" for part in range(PARTITIONS)]
    for target in folders:
        target.mkdir(parents=True)
    for name, query in queries.items():
        _write_table(connection, name, query, folders)
    return folders


def _write_table(connection: duckdb.DuckDBPyConnection, name: str, query: str, folders: list[Path]) -> None:
    """Deal one table out into the folders, in one pass: the rows are many, and need not stay in memory."""
    by_part = folders[0].parent / f"{name}.parts"
    rows = f"SELECT t.*, g.pair, g.part FROM ({query}) t JOIN pair_groups g USING (dispute_id)"
    connection.execute(f"COPY ({rows}) TO '{by_part}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (part))")
    for part, target in enumerate(folders):
        written = sorted((by_part / f"part={part}").glob("*.parquet"))  # one for each thread that met the part
        for number, file in enumerate(written):
            file.replace(target / f"{name}-{number}.parquet")
        if not written:
            none = f"COPY (SELECT * EXCLUDE (part) FROM ({rows}) LIMIT 0)"
            connection.execute(f"{none} TO '{target / f'{name}-0.parquet'}' (FORMAT parquet)")
    shutil.rmtree(by_part, ignore_errors=True)  # not there where no part has a row


def group_pairs(connection: duckdb.DuckDBPyConnection, *, known_at: int) -> None:
    """Make the table ``pair_groups(dispute_id, recorded_from, pair, part)``: components of disputes and pair tokens."""
    known = known_by("recorded_at", known_at)
    edges = connection.sql(
        "SELECT DISTINCT dense_rank() OVER (ORDER BY dispute_id) - 1 AS dispute, "
        "dense_rank() OVER (ORDER BY pair_token) - 1 AS token, dispute_id "
        f"FROM disputes WHERE pair_token IS NOT NULL AND {known}"
    ).to_arrow_table()
    dispute = edges["dispute"].to_numpy()
    disputes = int(dispute.max(initial=-1)) + 1
    token = edges["token"].to_numpy() + disputes
    size = int(token.max(initial=-1)) + 1
    graph = coo_array((np.ones(len(dispute), np.int8), (dispute, token)), shape=(size, size))
    component = connected_components(graph, directed=False)[1][dispute] if size else np.zeros(0, np.int64)
    linked = pa.table({"dispute_id": edges["dispute_id"], "component": component.astype(np.int64)})
    connection.register("linked_disputes", linked)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE pair_groups AS "
        "WITH named AS (SELECT component, min(dispute_id) AS pair FROM linked_disputes GROUP BY component), "
        "grouped AS (SELECT DISTINCT l.dispute_id, n.pair FROM linked_disputes l JOIN named n USING (component)), "
        f"everyone AS (SELECT dispute_id, min(recorded_at) AS recorded_from FROM disputes WHERE {known} GROUP BY dispute_id) "
        "SELECT dispute_id, recorded_from, coalesce(pair, dispute_id) AS pair, "
        f"CAST(md5_number_lower(coalesce(pair, dispute_id)) % {PARTITIONS} AS INTEGER) AS part "
        "FROM everyone LEFT JOIN grouped USING (dispute_id)"
    )
    connection.unregister("linked_disputes")


@contextmanager
def pairs_alone(connection: duckdb.DuckDBPyConnection, dispute_ids: Array, *, known_at: int) -> Iterator[None]:
    """The records without disputes of other pairs than these disputes', as long as the block lasts.

    No row of another pair bears on a dispute's columns, so that they stay the same and are built sooner.
    """
    group_pairs(connection, known_at=known_at)
    connection.register("asked_for", pa.table({"dispute_id": pa.array(np.unique(dispute_ids.astype(str)))}))
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE alone AS SELECT dispute_id FROM pair_groups "
        "WHERE pair IN (SELECT pair FROM pair_groups JOIN asked_for USING (dispute_id))"
    )
    connection.unregister("asked_for")
    connection.execute("ALTER VIEW disputes RENAME TO all_disputes")
    try:
        connection.execute("CREATE VIEW disputes AS SELECT * FROM all_disputes SEMI JOIN alone USING (dispute_id)")
        yield
    finally:
        connection.execute("DROP VIEW IF EXISTS disputes")
        connection.execute("ALTER VIEW all_disputes RENAME TO disputes")
        connection.execute("DROP TABLE alone")


def _code(column: str, codes: tuple[str, ...]) -> str:
    """SQL for the position of a code in its list, -1 for null."""
    return f"coalesce(enum_code(CAST({column} AS ENUM ({_listed(codes)})))::TINYINT, -1::TINYINT)"


def _flag(column: str) -> str:
    """SQL for a boolean as 1, 0, or -1 for null."""
    return f"CAST(coalesce(CAST({column} AS TINYINT), -1) AS TINYINT)"


def _time(column: str) -> str:
    return f"coalesce({column}, {NEVER})"


def _versions(table: str, row_id: str, columns: str, *, recorded: str = "recorded_at", known_at: int) -> str:
    """The versions of a table known at ``known_at``, with the time until which each was the last word.

    Most rows have one version, and the others are found by a hash of their id: sorting all of them would cost far more.
    A version ends when a later one counts, which is not before the dispute that the later one names is on record.
    """
    known = known_by(recorded, known_at)
    repeated = f"SELECT hash({row_id}) AS h FROM {table} WHERE {known} GROUP BY h HAVING count(*) > 1"
    counted = (
        f"SELECT v.{row_id} AS same_id, v.{recorded} AS since, greatest(v.{recorded}, g.recorded_from) AS counts_from "
        f"FROM {table} v LEFT JOIN pair_groups g ON g.dispute_id = v.dispute_id WHERE {known} "
        f"AND (v.dispute_id IS NULL OR g.dispute_id IS NOT NULL) AND hash(v.{row_id}) IN ({repeated})"
    )
    following = (
        "SELECT same_id, since, min(counts_from) OVER "
        "(PARTITION BY same_id ORDER BY since ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS until "
        f"FROM ({counted})"
    )
    return (
        f"SELECT {row_id} AS row_id, dispute_id, {recorded} AS known_from, coalesce(until, {NEVER}) AS known_until, "
        f"{columns} FROM {table} LEFT JOIN ({following}) ON same_id = {row_id} AND since = {recorded} "
        f"WHERE {known} AND NOT coalesce(withdrawn, false)"
    )


def _cases(known_at: int) -> str:
    code = f"enum_code(CAST(s AS ENUM ({_listed(STAKES)})))"
    bits = f"list_transform(list_distinct(stakes), lambda s: 1::BIGINT << {code}::BIGINT)"
    columns = (
        f"opened_at, {_code('channel', CHANNELS)} AS channel, {_code('kind', DISPUTE_KINDS)} AS kind, "
        f"{_code('relation', RELATIONS)} AS relation, {_code('proximity', PROXIMITIES)} AS proximity, "
        f"CAST(CASE WHEN stakes IS NULL THEN -1 ELSE coalesce(list_sum({bits}), 0) END AS BIGINT) AS stakes, "
        "coalesce(amount_cny, 'nan'::DOUBLE) AS amount_cny, "
        "coalesce(wage_arrears_months, 'nan'::DOUBLE) AS wage_arrears_months, "
        "coalesce(unpaid_medical_cny, 'nan'::DOUBLE) AS unpaid_medical_cny, "
        f"{_flag('minors_in_household')} AS minors_in_household, pair_token, "
        "coalesce(pair_confidence, 0) AS confidence, area"
    )
    first = (
        "SELECT *, min(recorded_at) OVER (PARTITION BY dispute_id) AS first_recorded "
        f"FROM disputes WHERE {known_by('recorded_at', known_at)}"
    )
    return _versions(f"({first})", "dispute_id", columns + ", first_recorded", known_at=known_at)


def _listed(codes: tuple[str, ...]) -> str:
    return ", ".join(f"'{code}'" for code in codes)


def _events(known_at: int) -> str:
    default = " ".join(f"WHEN '{name}' THEN {severity}" for name, severity in DEFAULT_SEVERITY.items())
    columns = (
        f"{_code('type', EVENT_TYPES)} AS type, occurred_at, {_code('channel', CHANNELS)} AS channel, "
        f"CAST(CASE WHEN type = '{NEVER_SEVERE}' THEN 0 "
        f"ELSE coalesce(severity, CASE type {default} ELSE 0 END) END AS TINYINT) AS severity, "
        "CAST(coalesce(specifics, 0) AS TINYINT) AS specifics, "
        "CAST(coalesce(CAST(alcohol AS TINYINT), 0) AS TINYINT) AS alcohol, "
        f"{_time('due_at')} AS due_at, {_time('scheduled_at')} AS scheduled_at, {_code('service', SERVICES)} AS service, "
        f"coalesce({_code('assertion', ASSERTIONS)}, 0) <= 0 AS affirmed, "
        f"list_contains([{_listed(CONDUCT_TYPES)}], type) AS is_conduct"
    )
    return _versions("events", "event_id", columns, known_at=known_at)


def _petitions(known_at: int) -> str:
    answered = f"answer_recorded_at IS NOT NULL AND {known_by('answer_recorded_at', known_at)}"
    columns = (
        f"lodged_at, due_at, CASE WHEN {answered} THEN answered_at ELSE {NEVER} END AS answered_at, "
        f"CASE WHEN {answered} THEN answer_recorded_at ELSE {NEVER} END AS answer_recorded_at, "
        f"{_flag('upheld')} AS upheld"
    )
    return _versions("petitions", "petition_id", columns, known_at=known_at)


def _incidents(known_at: int) -> str:
    return _versions(
        "incidents", "incident_id", "occurred_at, type, coalesce(link_confidence, 0) AS link_confidence",
        recorded="verified_at", known_at=known_at,
    )  # fmt: skip
