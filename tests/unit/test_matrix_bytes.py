"""The bytes of a matrix: the same for yesterday rebuilt, for any number of workers, for any order of input files."""

import random

import pytest

from features.clock import format_time
from features.matrix import build_matrix
from features.records import read_records
from tests import rows as r
from tests import worlds


@pytest.fixture(scope="module")
def tables():
    return worlds.world(random.Random(17), disputes=40)


def known_by(tables, time):
    """The rows that were recorded (incidents: verified) by a time; an answer that came later is not in them."""
    cut = {
        name: [dict(row) for row in rows if row["verified_at" if name == "incidents" else "recorded_at"] <= time]
        for name, rows in tables.items()
    }
    for row in cut["petitions"]:
        if row["answer_recorded_at"] is not None and row["answer_recorded_at"] > time:
            row |= {"answered_at": None, "answer_recorded_at": None, "upheld": None}
    return cut


def times_of_knowledge(tables):
    """Three recorded times, early to late, none of them the last."""
    times = sorted({row["recorded_at"] for name in ("disputes", "events") for row in tables[name]})
    return [times[len(times) * share // 100] for share in (30, 60, 95)]


def bytes_of(out):
    return {
        str(path.relative_to(out)): path.read_bytes()
        for name in ("matrix", "outcomes", "treatments")
        for path in (out / name).iterdir()
    }


@pytest.mark.parametrize("which", range(3))
def test_yesterdays_matrix_is_built_again(tables, tmp_path, which):
    """From the records as they were then, and from those of today with ``as_known_at``: the same digest and bytes."""
    then = times_of_knowledge(tables)[which]
    cut = known_by(tables, then)
    assert sum(map(len, cut.values())) < sum(map(len, tables.values()))
    built = {}
    for name, rows, options in (("then", cut, {}), ("now", tables, {"as_known_at": then}), ("late", tables, {})):
        folder = r.write_records(tmp_path / name / "records", rows)
        with read_records(folder, now=r.NOW) as records:  # what names a dispute not known yet stays at the door
            built[name] = r.build_records(records, tmp_path / name / "out", **options).manifest
    assert built["then"]["known_at"] == built["now"]["known_at"] == format_time(then)
    for field in ("digest", "files", "rows", "disputes", "labels", "columns"):
        assert built["then"][field] == built["now"][field], field
    assert bytes_of(tmp_path / "then" / "out") == bytes_of(tmp_path / "now" / "out")
    assert built["then"]["inputs"] != built["now"]["inputs"]
    assert built["late"]["digest"] != built["now"]["digest"], "the cut matters"
    assert built["now"]["rows"] > 0


def test_the_cuts_take_what_the_test_above_needs(tables):
    """Guards it: answers, incidents, later versions, and versions that name a dispute that was not known yet."""
    lost = {"answers": 0, "incidents": 0, "versions": 0, "moved": 0}
    for then in times_of_knowledge(tables):
        cut = known_by(tables, then)
        before = [row for row in tables["petitions"] if row["recorded_at"] <= then]
        lost["answers"] += sum(map(answered, before)) - sum(map(answered, cut["petitions"]))
        lost["incidents"] += len(tables["incidents"]) - len(cut["incidents"])
        ids = {row["event_id"] for row in cut["events"]}
        lost["versions"] += sum(row["event_id"] in ids for row in tables["events"] if row["recorded_at"] > then)
        known = {row["dispute_id"] for row in cut["disputes"]}
        lost["moved"] += sum(row["dispute_id"] not in known for row in cut["events"])
    assert all(lost.values()), lost


def answered(petition):
    return petition["answered_at"] is not None


def test_one_two_or_three_workers(tables, tmp_path, monkeypatch):
    monkeypatch.setattr("features.partition.PARTITIONS", 4)
    folder = r.write_records(tmp_path / "records", tables)
    options = {"as_of": r.at(r.NEW_YEAR + 200 * r.DAY, r.NEW_YEAR + 400 * r.DAY)}
    with read_records(folder, now=r.NOW) as records:
        manifests = [build_matrix(records, tmp_path / str(n), workers=n, **options) for n in (1, 2, 3)]
    assert manifests[0] == manifests[1] == manifests[2]
    assert manifests[0]["rows"] > 0
    for n in (1, 2, 3):
        names = {str(path.relative_to(tmp_path / str(n))) for path in (tmp_path / str(n)).rglob("*") if path.is_file()}
        assert names == {*manifests[0]["files"], "columns.json", "manifest.json"}
    assert bytes_of(tmp_path / "1") == bytes_of(tmp_path / "2") == bytes_of(tmp_path / "3")


def test_part_files_in_another_order(tables, tmp_path):
    """The same part files under names that turn their order round."""
    digests = set()
    for turned in (False, True):
        folder = r.write_records(tmp_path / f"{turned}" / "records", tables, parts=3)
        if turned:
            for table in sorted(path for path in folder.iterdir() if path.is_dir()):
                for number, part in enumerate(sorted(table.iterdir(), reverse=True)):
                    part.rename(table / f"turned-{number}.parquet")
        digests.add(r.build_folder(folder, tmp_path / f"{turned}" / "out").manifest["digest"])
    assert len(digests) == 1


@pytest.mark.parametrize("rows_per_group", [1, 7, 1_000_000])
def test_values_do_not_depend_on_how_many_rows_are_written_at_a_time(tables, tmp_path, monkeypatch, rows_per_group):
    as_it_is = r.build(tables, tmp_path / "as-it-is", as_of=r.at(r.NEW_YEAR + 300 * r.DAY))
    monkeypatch.setattr("features.matrix.ROWS_PER_GROUP", rows_per_group)
    other = r.build(tables, tmp_path / "other", as_of=r.at(r.NEW_YEAR + 300 * r.DAY))
    assert other.keys == as_it_is.keys
    assert other.values.tobytes() == as_it_is.values.tobytes()
    assert other.labels == as_it_is.labels
