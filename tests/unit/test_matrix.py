"""The matrix folder: what is in it, what it refuses to write over, what it never opens."""

import ast
import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import features.matrix
from features import catalogue
from features.clock import format_time
from features.errors import InvalidConfiguration, UserError
from features.matrix import build_matrix
from features.records import read_records
from features.schema import FEATURE_TABLES
from tests import rows as r
from tests import slow_reading as slow
from tests import worlds
from tests.door_records import write_csv

FEATURES = Path(features.matrix.__file__).parent


@pytest.fixture(scope="module")
def tables():
    return worlds.world(random.Random(8), disputes=30)


@pytest.fixture(scope="module")
def built(tables, tmp_path_factory):
    """A matrix folder, with the number of partitions that it really has, and what was returned."""
    place = tmp_path_factory.mktemp("matrix")
    folder = r.write_records(place / "records", tables)
    with read_records(folder, strict=True, now=r.NOW) as records:
        return place / "out", build_matrix(records, place / "out", workers=1), folder


def parts(out, name="matrix"):
    return [pq.read_table(path) for path in sorted((out / name).iterdir())]


# --- what is in it ---------------------------------------------------------------------------------------------------


def test_manifest_reconciles(built, tables):
    out, manifest, _ = built
    assert json.loads((out / "manifest.json").read_text("utf-8")) == manifest
    table = pa.concat_tables(parts(out))
    labels = table["label_90"].to_pylist()
    assert manifest["rows"] == len(table) == sum(manifest["labels"].values())
    assert manifest["disputes"] == len(set(table["dispute_id"].to_pylist()))
    states = {"positive": 1, "negative": 0, "not_yet_known": None}
    assert manifest["labels"] == {name: labels.count(state) for name, state in states.items()}
    assert all(manifest["labels"].values()), "a world with every label state"
    counts = {name: {"rows_in": len(rows), "accepted": len(rows), "quarantined": 0} for name, rows in tables.items()}
    assert manifest["records"] == counts
    assert manifest["known_at"] == format_time(slow.known_at(tables))
    assert (manifest["spine"], manifest["catalogue"]) == ("spine", catalogue.digest())
    assert manifest["columns"] == hashlib.sha256((out / "columns.json").read_bytes()).hexdigest()
    assert manifest["files"] == {
        name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in manifest["files"]
    }  # fmt: skip
    assert set(manifest["inputs"]) == {f"{name}.parquet" for name in tables}
    assert set(manifest["engines"]) == {"duckdb", "numba", "numpy", "pyarrow"}
    assert set(manifest["files"]) == {
        f"{folder}/part-{n:04d}.parquet" for folder in ("matrix", "outcomes", "treatments") for n in range(16)
    }


def test_columns_and_their_order(built):
    out, manifest, _ = built
    expected = ["dispute_id", "as_of", "label_90", *catalogue.columns_of()]
    contract = json.loads((out / "columns.json").read_text("utf-8"))
    assert [column["column"] for column in contract] == expected[3:]
    assert "A03_forced_proximity" in expected
    for table in parts(out):
        assert table.column_names == expected
        types = dict(zip(table.column_names, table.schema.types, strict=True))
        assert types["as_of"] == pa.timestamp("us", "UTC")
        assert types["label_90"] == pa.int8()
        assert {str(types[name]) for name in expected[3:]} == {"double"}
    assert manifest["indicators"] == list(catalogue.BY_ID)


def test_rows_lie_by_dispute_and_time_and_outcomes_beside_them(built):
    out, _, _ = built
    for table, beside in zip(parts(out), parts(out, "outcomes"), strict=True):
        keys = list(zip(table["dispute_id"].to_pylist(), table["as_of"].to_pylist(), strict=True))
        assert keys == sorted(set(keys))
        assert keys == list(zip(beside["dispute_id"].to_pylist(), beside["as_of"].to_pylist(), strict=True))
        assert beside.column_names == ["dispute_id", "as_of", "pair", "incident_at", "after_incident"]


def test_disputes_ever_linked_lie_in_one_part(built, tables):
    """By a token of any version, also through a third dispute; the pair is the smallest id."""
    out, _, _ = built
    place, pair = {}, {}
    for number, beside in enumerate(parts(out, "outcomes")):
        for name, of in zip(beside["dispute_id"].to_pylist(), beside["pair"].to_pylist(), strict=True):
            place[name], pair[name] = number, of
    linked = {name: {name} for name in worlds.names(tables)}
    for one in tables["disputes"]:
        for other in tables["disputes"]:
            if one["pair_token"] is not None and one["pair_token"] == other["pair_token"]:
                joined = linked[one["dispute_id"]] | linked[other["dispute_id"]]
                for name in joined:
                    linked[name] = joined
    assert {name: min(linked[name]) for name in pair} == pair
    assert all(place[name] == place[other] for name in place for other in linked[name] if other in place)
    assert len(set(pair.values())) < len(pair)
    assert len(set(place.values())) > 1


def test_only_the_indicators_asked_for_in_catalogue_order(built, tmp_path):
    _, _, folder = built
    matrix = r.build_folder(folder, tmp_path / "out", indicators=["E04", "A02", "B04"], as_of=r.at(r.NEW_YEAR + 10**13))
    assert [r.short(column) for column in matrix.columns] == ["A02", "B04", "B04__30d", "E04"]
    with read_records(folder, now=r.NOW) as records, pytest.raises(InvalidConfiguration, match="no indicator Z99"):
        build_matrix(records, tmp_path / "no", indicators=["Z99"])


def test_without_incidents_every_label_is_unknown(built, tables, tmp_path):
    matrix = r.build({name: rows for name, rows in tables.items() if name != "incidents"}, tmp_path)
    assert set(matrix.labels) == {None}
    assert matrix.manifest["label"]["incidents_read"] is False
    assert matrix.manifest["labels"]["not_yet_known"] == matrix.manifest["rows"] > 0


def test_records_without_a_landmark_make_an_empty_matrix(tables, tmp_path):
    """Before anything was known: all files are there, with all columns and no row."""
    first = min(row["recorded_at"] for row in tables["disputes"])
    matrix = r.build(tables, tmp_path, as_known_at=first - 1)
    assert (matrix.keys, matrix.manifest["rows"]) == ([], 0)
    assert matrix.columns == list(catalogue.columns_of())


def test_quarantined_rows_are_counted(tables, tmp_path):
    bad = r.event("BAD", "D000", "threat", r.NEW_YEAR) | {"severity": 9}
    folder = r.write_records(tmp_path / "records", {**tables, "events": [*tables["events"], bad]})
    with read_records(folder, now=r.NOW) as records:
        counts = build_matrix(records, tmp_path / "out", as_of=r.at(r.NEW_YEAR), workers=1)["records"]["events"]
    total = len(tables["events"]) + 1
    assert counts == {"rows_in": total, "accepted": total - 1, "quarantined": 1}


# --- what it writes over ---------------------------------------------------------------------------------------------


def test_a_foreign_folder_is_left_alone(built, tmp_path):
    _, _, folder = built
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    for name in ("chapter.txt", "manifest.json"):  # somebody else's manifest makes it no matrix
        (foreign / name).write_text("mine", "utf-8")
        with (
            read_records(folder, now=r.NOW) as records,
            pytest.raises(UserError, match="not empty and holds no matrix"),
        ):
            build_matrix(records, foreign, workers=1)
        assert (foreign / name).read_text("utf-8") == "mine"


def test_a_file_in_the_way_is_a_user_error(built, tmp_path):
    _, _, folder = built
    (tmp_path / "out").write_text("mine", "utf-8")
    with read_records(folder, now=r.NOW) as records, pytest.raises(UserError, match="is a file"):
        build_matrix(records, tmp_path / "out", workers=1)
    assert (tmp_path / "out").read_text("utf-8") == "mine"


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_former_matrix_is_replaced_whole_or_not_at_all(built, tmp_path, monkeypatch):
    _, _, folder = built
    out = tmp_path / "out"
    first = r.build_folder(folder, out, as_of=r.at(r.NEW_YEAR + 100 * r.DAY))
    before = contents(out)
    real, calls = features.matrix.build_part, []

    def fails_late(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise OSError("no space left on device")
        return real(*arguments)

    monkeypatch.setattr("features.matrix.build_part", fails_late)
    with pytest.raises(OSError, match="no space left"):
        r.build_folder(folder, out)
    assert contents(out) == before
    monkeypatch.undo()
    second = r.build_folder(folder, out)
    assert contents(out).keys() == before.keys()
    assert second.manifest["rows"] > first.manifest["rows"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "nothing half-made is left beside it"


def test_known_later_than_the_records_is_refused(built, tmp_path, tables):
    _, _, folder = built
    late = slow.known_at(tables) + 1
    with read_records(folder, now=r.NOW) as records, pytest.raises(UserError, match="--as-known-at"):
        build_matrix(records, tmp_path / "out", as_known_at=late, workers=1)
    assert not (tmp_path / "out").exists()


# --- what it never opens ---------------------------------------------------------------------------------------------


def test_audit_is_never_opened_and_narratives_never_read(built, tables, tmp_path):
    """An audit table that cannot even be read changes nothing; nor does what narratives say."""
    _, manifest, _ = built
    told = {name: [dict(row) for row in rows] for name, rows in tables.items()}
    for row in [*told["disputes"], *told["events"]]:
        row["narrative"] = "扬言要杀人,准备汽油"
    folder = r.write_records(tmp_path / "records", told)
    audit = folder / "audit.parquet"
    audit.write_bytes(b"not a table")
    audit.chmod(0)
    with read_records(folder, strict=True, now=r.NOW) as records:
        again = build_matrix(records, tmp_path / "out", workers=1)
        held = {row[0] for row in records.connection.execute("SELECT column_name FROM duckdb_columns()").fetchall()}
    assert again["files"] == manifest["files"]
    assert "audit.parquet" not in again["inputs"]
    assert not any(name.endswith("narrative") and not name.startswith("f_") for name in held)


def test_neither_area_nor_token_nor_channel_is_an_input(built, tables, tmp_path):
    """Another township, other tokens for the same pairs, another first channel: no value moves."""
    _, manifest, _ = built
    told = {name: [dict(row) for row in rows] for name, rows in tables.items()}
    for row in told["disputes"]:
        row |= {"area": "110101001", "channel": "petition_office"}
        row["pair_token"] = row["pair_token"] and "other-" + row["pair_token"]
    matrix = r.build(told, tmp_path)
    assert matrix.manifest["rows"] == manifest["rows"]
    same = r.build(tables, tmp_path / "same")
    assert matrix.keys == same.keys
    assert matrix.values.tobytes() == same.values.tobytes()


FEATURE_CODE = ("families", "view.py", "indicator.py", "history.py", "loading.py", "case_history.py", "spine.py",
                "labels.py", "matrix.py", "partition.py", "duplicates.py", "catalogue.py", "clock.py",
                "manifest.py", "working_folder.py", "loops.py", "settlement.py")  # fmt: skip


def feature_modules():
    for name in FEATURE_CODE:
        path = FEATURES / name
        assert path.exists(), name
        yield from path.glob("*.py") if path.is_dir() else [path]


def words(path):
    """The names, attributes and short texts of a module's code, without comments and docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.unparse(tree)


@pytest.mark.parametrize("path", list(feature_modules()), ids=lambda path: path.name)
def test_no_feature_module_names_audit_or_narrative(path):
    code = words(path)
    assert "audit" not in code.lower()
    assert "narrative" not in code.lower()


def test_audit_is_no_feature_table():
    assert [table.name for table in FEATURE_TABLES] == ["disputes", "events", "petitions", "incidents"]


def test_petitions_are_asked_for_only_by_two_indicators():
    """Only C02 and C12 read the view's petitions, and only through their answers."""
    users = {
        path.name: words(path).count("view.petitions") for path in (FEATURES / "families").glob("*.py")
    }  # fmt: skip
    assert {name for name, count in users.items() if count} == {"handling.py"}
    reading = [
        node.name
        for node in ast.walk(ast.parse((FEATURES / "families" / "handling.py").read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and "view.petitions" in ast.unparse(node)
    ]
    assert reading == ["procedural_error_upheld", "_unanswered_petitions"]


SILENT = """
import os, sys, threading, logging
before = (set(os.listdir()), dict(os.environ), threading.active_count(), len(logging.getLogger().handlers))
import features, features.catalogue, features.case_history, features.request_model
assert "duckdb" not in sys.modules, "a service that only scores must not load DuckDB"
import features.matrix, features.records, features.validation, features.case_view
assert (set(os.listdir()), dict(os.environ), threading.active_count(), len(logging.getLogger().handlers)) == before
heavy = {"lightgbm", "mlflow", "bentoml", "pandas", "sklearn", "training", "serving"} & set(sys.modules)
assert not heavy, heavy
"""


def test_importing_features_does_nothing_else(tmp_path):
    """No file, no thread, no logging, no changed environment; neither a model nor the floors above are loaded."""
    environment = {**os.environ, "PYTHONPATH": str(FEATURES.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SILENT],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_csv_written_by_hand_gives_the_same_matrix(built, tables, tmp_path):
    """The writer of these tests is not the one of the door's tests; both folders mean the same."""
    _, manifest, _ = built
    text = {name: [r.as_text(name, row) for row in rows] for name, rows in tables.items()}
    folder = write_csv(tmp_path / "records", text)
    with read_records(folder, strict=True, now=r.NOW) as records:
        assert build_matrix(records, tmp_path / "out", workers=1)["digest"] == manifest["digest"]
