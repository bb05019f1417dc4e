"""When extra support began: last versions only, both sides of the landmark, and never a column of the matrix."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from features import catalogue
from features.matrix import build_matrix
from features.records import read_records
from tests import rows as r

AS_OF = r.NEW_YEAR + 100 * r.DAY
NAMES = ["dispute_id", "as_of", "support_before", "support_at", "is_open"]


def support(number, name, days, **columns):
    """A delivery so many days after the landmark, known an hour later."""
    occurred = AS_OF + days * r.DAY
    return r.event(f"E{number}", name, "support_delivered", occurred, occurred + r.HOUR, **columns)


def world():
    tables = r.no_rows()
    tables["disputes"] = [r.dispute(name, r.NEW_YEAR) for name in ("D1", "D2", "D3", "D4", "D5")]
    later = {"recorded_at": AS_OF + 80 * r.DAY}
    tables["events"] = [
        support(1, "D1", -40), support(2, "D1", -10), support(3, "D1", 0), support(4, "D1", 9),
        support(5, "D2", 5), support(5, "D2", 5) | later | {"withdrawn": True},
        support(6, "D2", 30), support(6, "D2", 20) | later,
        support(7, "D3", 5, assertion="denied"),
        r.event("E8", "D3", "support_requested", AS_OF + 2 * r.DAY), r.event("E9", "D3", "mediation_agreed", AS_OF),
        r.event("EA", "D4", "closed", AS_OF - r.DAY), support(11, "D4", -1),
        r.event("EB", "D4", "reopened", AS_OF + r.DAY),
    ]  # fmt: skip
    return tables


def built(tables, place):
    with read_records(r.write_records(place / "records", tables), now=r.NOW) as records:
        build_matrix(records, place / "out", as_of=r.at(AS_OF), indicators=["A02", "C03"], workers=1)
    read = {name: [pq.read_table(path) for path in sorted((place / "out" / name).iterdir())]
            for name in ("matrix", "treatments")}  # fmt: skip
    return {name: pa.concat_tables(parts) for name, parts in read.items()}


def test_the_last_start_before_and_the_first_at_or_after(tmp_path):
    table = built(world(), tmp_path)["treatments"]
    days = {
        name: [None if at is None else (at - AS_OF) / r.DAY for at in times]
        for name, *times in zip(*(table[name].cast("int64").to_pylist() if name != "dispute_id" else
                                  table[name].to_pylist() for name in (NAMES[0], NAMES[2], NAMES[3])), strict=True)
    }  # fmt: skip
    assert days == {
        "D1": [-10, 0],  # at the equal instant it begins with the landmark
        "D2": [None, 20],  # withdrawn; moved to another day by a later version
        "D3": [None, None],  # denied; asked for; mediation is usual care
        "D4": [-1, None],
        "D5": [None, None],
    }
    is_open = dict(zip(table["dispute_id"].to_pylist(), table["is_open"].to_pylist(), strict=True))
    assert is_open == {"D1": True, "D2": True, "D3": True, "D4": False, "D5": True}


def test_row_by_row_beside_the_matrix_and_never_in_it(tmp_path):
    tables = built(world(), tmp_path)
    assert tables["treatments"].column_names == NAMES
    keys = [[tables[name][column].to_pylist() for column in ("dispute_id", "as_of")] for name in tables]
    assert keys[0] == keys[1]
    assert tables["matrix"].column_names == [
        "dispute_id",
        "as_of",
        "label_90",
        *catalogue.columns_of(catalogue.chosen(("A02", "C03"))),
    ]
    assert not [column for column in catalogue.columns_of() if any(word in column for word in ("support_", "deliver"))
                and not column.startswith("D07_unmet_support_request")]  # fmt: skip


def test_support_after_the_landmark_changes_no_byte_of_the_matrix(tmp_path):
    with_it, without = world(), world()
    without["events"] = [row for row in without["events"]
                         if row["type"] != "support_delivered" or row["occurred_at"] < AS_OF]  # fmt: skip
    found = [built(tables, tmp_path / name) for name, tables in (("with", with_it), ("without", without))]
    files = [
        [path.read_bytes() for path in sorted((tmp_path / name / "out" / "matrix").iterdir())]
        for name in ("with", "without")
    ]
    assert files[0] == files[1]
    assert found[0]["treatments"] != found[1]["treatments"]
