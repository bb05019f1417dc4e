"""The same records give the same bytes: whatever the order of rows, the files they lie in, the format, the workers."""

import random

import pytest

from features.matrix import build_matrix
from features.records import read_records
from tests import rows as r
from tests import worlds


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A world, and the digests of every file of its matrix as it comes."""
    tables = worlds.world(random.Random(5), disputes=40)
    return tables, r.build(tables, tmp_path_factory.mktemp("plain")).manifest["files"]


@pytest.mark.parametrize("change", [
    {"form": "csv"}, {"parts": 3}, {"form": "csv", "parts": 5}, {"shuffled": 1}, {"shuffled": 2, "parts": 2},
])  # fmt: skip
def test_another_way_to_write_them(tmp_path, plain, change):
    tables, files = plain
    tables = {table: list(rows) for table, rows in tables.items()}
    if "shuffled" in change:
        for rows in tables.values():
            random.Random(change["shuffled"]).shuffle(rows)
    options = {name: value for name, value in change.items() if name != "shuffled"}
    assert r.build(tables, tmp_path, **options).manifest["files"] == files


def test_a_row_more_changes_the_bytes(tmp_path, plain):
    """Guards the tests above."""
    tables, files = plain
    event = r.event("MORE", "D000", "weapon", tables["disputes"][0]["recorded_at"])
    assert r.build({**tables, "events": [*tables["events"], event]}, tmp_path).manifest["files"] != files


def test_however_many_workers(tmp_path, plain, monkeypatch):
    """In processes of their own."""
    monkeypatch.setattr("features.partition.PARTITIONS", 4)
    folder = r.write_records(tmp_path / "records", plain[0])
    with read_records(folder, now=r.NOW) as records:
        alone, together = (build_matrix(records, tmp_path / str(n), workers=n) for n in (1, 2))
    parts = [f"part-{number:04d}.parquet" for number in range(4)]
    assert sorted(alone["files"]) == [
        f"{folder}/{part}" for folder in ("matrix", "outcomes", "treatments") for part in parts
    ]
    assert alone == together
    for name in alone["files"]:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_whatever_the_blocks(tmp_path, plain, monkeypatch):
    """Views of one landmark at a time give the bits of views of a million pairs."""
    months = f"{r.at(r.NEW_YEAR)}..{r.at(r.NEW_YEAR + 500 * r.DAY)}/60d"
    at_once = r.build(plain[0], tmp_path / "at-once", as_of=months)
    monkeypatch.setattr("features.view.blocks.__kwdefaults__", {"pairs": 1})
    assert r.build(plain[0], tmp_path / "one-by-one", as_of=months).manifest["files"] == at_once.manifest["files"]
