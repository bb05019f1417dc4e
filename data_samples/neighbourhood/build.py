"""Builds the sample: a small simulated background at a raised rate, and the planted disputes among it.

The background has no imperfection but what its channels do not ask, so that every trap in the sample is a planted one.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from data_samples.neighbourhood.planted import Row, Rows, planted_rows
from data_samples.simulator import Imperfections, simulate
from data_samples.simulator.clock import SHANGHAI
from data_samples.simulator.run import SOURCE
from features.schema import TABLES, Table

FOLDER = Path(__file__).parent
PRESET, DISPUTES, YEARS, SEED = "unit", 260, 1, 2020


def sample_files() -> dict[str, str]:
    """The text of every file of the sample, by file name: the five tables and what says they are synthetic."""
    background, planted = _background(), planted_rows()
    texts = {f"{table.name}.csv": _csv(table, background[table.name] + planted[table.name]) for table in TABLES}
    source = {"synthetic": True, "note": "SYNTHETIC: simulated background and planted disputes; see README.md"}
    return texts | {SOURCE: json.dumps(source, indent=2) + "\n"}


def write_sample(folder: Path = FOLDER) -> list[Path]:
    """Writes the files to the folder and returns their paths."""
    paths = []
    for name, text in sample_files().items():
        path = folder / name
        path.write_text(text, encoding="utf-8", newline="")
        paths.append(path)
    return paths


def _background() -> Rows:
    """Simulated disputes.  Their truth is thrown away: what the sample teaches is in the planted ones."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "background"
        asked = Imperfections.only("missingness")
        simulate(out, preset=PRESET, disputes=DISPUTES, years=YEARS, seed=SEED, imperfect=asked)
        tables = {table.name: pq.read_table(out / f"{table.name}.parquet").to_pylist() for table in TABLES}
    return {name: [{key: _text(value) for key, value in row.items()} for row in rows] for name, rows in tables.items()}


def _csv(table: Table, rows: list[Row]) -> str:
    """A CSV text in order of recorded time, then id."""
    ordered = sorted(rows, key=lambda row: (row[table.recorded] if table.recorded else "", row[table.row_id]))
    text = io.StringIO()
    writer = csv.DictWriter(text, table.names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(ordered)
    return text.getvalue()


def _text(value: Any) -> str:
    """A value as the record contract writes it in CSV; times to the second."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(SHANGHAI).replace(microsecond=0).isoformat()
    if isinstance(value, list):
        return "|".join(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
