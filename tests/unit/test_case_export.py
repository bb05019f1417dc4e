"""The case record that a folder exports, where the records are odd but lawful; and priors with versions in a request."""

import pyarrow.parquet as pq
import pytest

from features import build_matrix
from features.case_export import case_record
from features.case_text import case_text
from features.case_view import case_timeline
from features.catalogue import BY_ID, INDICATORS, columns_of
from features.clock import format_time
from features.errors import MissingInput
from features.records import read_records
from tests import rows as r

START = r.NEW_YEAR


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    tables = r.no_rows()
    tables["disputes"] = [
        r.dispute("D1", START, pair_token="pt", pair_confidence=1.0),
        r.dispute("D2", START + 30 * r.DAY, pair_token="pt", pair_confidence=1.0),
        r.dispute("D3", START + 30 * r.DAY, START + 40 * r.DAY),
    ]
    knife = r.event("E1", "D1", "weapon", START + r.DAY)
    tables["events"] = [
        r.event("E0", "D1", "closed", START - 9 * r.DAY, START - 8 * r.DAY),
        knife,
        knife | {"dispute_id": "D2", "recorded_at": START + 50 * r.DAY},
        knife | {"recorded_at": START + 60 * r.DAY},
    ]
    tables["petitions"] = [
        r.petition(
            "P1", "D1", START, due_at=START + 5 * r.DAY, answered_at=START + r.DAY,
            answer_recorded_at=START + 9 * r.DAY, upheld=True,
        )
    ]  # fmt: skip
    folder = r.write_records(tmp_path_factory.mktemp("export") / "records", tables)
    with read_records(folder, strict=True, now=r.NOW) as opened:
        yield opened


@pytest.mark.parametrize(("day", "weapon"), [(50, (1, 0)), (51, (0, 1)), (60, (0, 1)), (61, (1, 0))])
def test_an_event_that_moved_to_another_dispute_goes_with_its_last_version(records, day, weapon):
    """It was seen here first, then there, then here again; at the very instant of a move it has not moved yet."""
    as_of = START + day * r.DAY
    found = tuple(r.online(case_record(records, name, as_of=as_of))["B06"] for name in ("D1", "D2"))
    assert found == weapon


def test_a_prior_dispute_closed_before_it_was_opened_still_passes_the_door(records):
    """A late correction of opened_at can make it so; the request is built to be accepted, and counts it."""
    record = case_record(records, "D2", as_of=START + 40 * r.DAY)
    (prior,) = record["prior_disputes"]
    assert prior["closed_at"] == prior["closed_recorded_at"] == prior["opened_at"] == format_time(START)
    assert r.online(record)["A09"] == 1


def test_what_is_not_known_yet_is_not_exported(records):
    record = case_record(records, "D1", as_of=START + 9 * r.DAY)
    assert [row["event_id"] for row in record["events"]] == ["E0", "E1"]
    assert set(record["petitions"][0]) == {"petition_id", "dispute_id", "lodged_at", "recorded_at", "due_at"}
    later = case_record(records, "D1", as_of=START + 9 * r.DAY + 1)
    assert later["petitions"][0]["upheld"] is True
    with pytest.raises(MissingInput, match="no dispute D3"):
        case_record(records, "D3", as_of=START + 40 * r.DAY)


def test_no_token_and_no_narrative_leave(records):
    record = case_record(records, "D2", as_of=START + 40 * r.DAY)
    assert "pair_token" not in str(record)
    assert "narrative" not in str(record)


def test_the_timeline_shows_what_was_known_beside_the_values(records):
    shown = case_timeline(records, "D1", as_of=START + 20 * r.DAY)
    assert [row.row_id for row in shown.timeline] == ["E0", "D1", "P1", "E1"]
    values = {one.column[:3]: one for one in shown.values}
    assert [one.column for one in shown.values] == list(
        columns_of(indicator for indicator in INDICATORS if not indicator.care_only)
    )
    assert (values["B06"].value, values["B06"].evidence) == (1, ("E1",))
    assert values["D01"].value is None
    assert "weapon" in case_text(shown)


def prior(recorded, **changes):
    row = {
        "dispute_id": "D0", "opened_at": START - 90 * r.DAY, "closed_at": START - 50 * r.DAY,
        "closed_recorded_at": START - 50 * r.DAY, "recorded_at": recorded, "pair_confidence": 1.0,
    } | changes  # fmt: skip
    return {name: format_time(value) if name.endswith("_at") and value else value for name, value in row.items()}


@pytest.mark.parametrize(("changes", "after"), [
    ({"pair_confidence": 0.5}, 0), ({"pair_confidence": None}, 0), ({"closed_at": None, "closed_recorded_at": None}, 0),
    ({"opened_at": START - 4000 * r.DAY}, 0), ({}, 1),
])  # fmt: skip
def test_a_later_version_of_a_prior_dispute_replaces_the_earlier(changes, after):
    """The key of a prior dispute is its id and recorded time, as everywhere: the last version known counts."""
    tables = r.no_rows()
    tables["disputes"] = [r.dispute("D1", START)]
    priors = [prior(START), prior(START + 5 * r.DAY, **changes)]
    for sent in (priors, priors[::-1]):
        for as_of, count in ((START + 5 * r.DAY, 1), (START + 5 * r.DAY + 1, after)):
            assert r.online(r.case_record(tables, "D1", as_of, sent))["A09"] == count


def moved_to_a_dispute_not_on_record_yet():
    """D1's weapon, and the closure of D0, D1's prior: both moved on day 20 to D9, which is on record from day 40."""
    tables = r.no_rows()
    tables["disputes"] = [
        r.dispute("D0", START - 90 * r.DAY, pair_token="pt", pair_confidence=1.0),
        r.dispute("D1", START, pair_token="pt", pair_confidence=1.0),
        r.dispute("D9", START + 5 * r.DAY, START + 40 * r.DAY),
        r.dispute("D10", START + 50 * r.DAY),
    ]
    knife = r.event("E1", "D1", "weapon", START + r.DAY)
    closure = r.event("E0", "D0", "closed", START - 50 * r.DAY)
    tables["events"] = [
        version
        | {"dispute_id": dispute_id, "recorded_at": version["recorded_at"] if day is None else START + day * r.DAY}
        for version in (knife, closure)
        for day, dispute_id in ((None, version["dispute_id"]), (20, "D9"))
    ]
    return tables


@pytest.mark.parametrize(("day", "there"), [(20, 1), (21, 1), (40, 1), (41, 0)])
def test_a_move_counts_from_when_its_dispute_is_on_record(tmp_path, day, there):
    """Batch, request and yesterday's matrix agree: until D9 is known, the rows stay where they were."""
    folder = r.write_records(tmp_path / "records", moved_to_a_dispute_not_on_record_yet())
    as_of = START + day * r.DAY
    with read_records(folder, strict=True, now=r.NOW) as records:
        found = r.online(case_record(records, "D1", as_of=as_of))
        assert (found["A09"], found["B06"]) == (there, there)
        for known_at in (None, as_of):
            build_matrix(records, tmp_path / "matrix", as_of=format_time(as_of), as_known_at=known_at)
            rows = pq.read_table(tmp_path / "matrix" / "matrix", filters=[("dispute_id", "=", "D1")]).to_pylist()
            assert [(row[BY_ID["A09"].column], row[BY_ID["B06"].column]) for row in rows] == [(there, there)]
