"""A batch by columns says to the letter what the service says of each case: every field, every role, whole records."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic_core import to_json

from features.clock import parse_time
from features.loading import Partition
from features.partition import write_partitions
from features.records import read_records
from serving.access import Role
from serving.assessment import assessment, due_at
from serving.batch.columns import Columns
from serving.batch.evidence import escaped
from serving.batch.halves import written
from serving.batch.part import NESTED, SCHEMA, table_of, waiting
from serving.batch.plan import Batch
from serving.batch.texts import Texts
from serving.cautions import Watch
from serving.log.stored import Written, halves_of
from serving.policy import Policy, Route
from serving.scorer import Scorer
from tests.serving.drawn_records import LANDMARKS, drawn_folder
from training.artifact.floors import FLOORS
from training.artifact.tiers import Tier

POLICY = Policy(
    watch=Watch(late_days=1, silent_days=5), yellow=Route(actions=("housing",), owner_rank="one", due_hours=7)
)
SCORED_AT = parse_time("2026-01-02T03:04:05.000006Z")


@pytest.fixture(scope="module")
def blocks(model, tmp_path_factory):
    """The computed blocks of drawn records: versions, withdrawals, ties, duplicates and nulls of every kind."""
    folder = tmp_path_factory.mktemp("drawn")
    scorer = Scorer(model, watch=POLICY.watch)
    found = []
    with read_records(drawn_folder(folder / "records", seed=11, disputes=120)) as records:
        for number, time in enumerate(LANDMARKS):
            as_of = parse_time(time.isoformat())
            for part in write_partitions(records.connection, folder / str(number), known_at=as_of - 1):
                partition = Partition(part, with_ids=True)
                history = partition.history()
                partition.close()
                found += scorer.compute_history(history, waiting(history, as_of=as_of))
    return scorer, found


def by_columns(scorer, computed, batch):
    texts = Texts(scorer.model, POLICY, version=batch.version)
    return table_of(Columns(computed, texts, role=batch.role), batch).to_pylist()


def one_by_one(scorer, computed, batch):
    for scored in scorer.told(computed):
        record = assessment(
            scored, scorer.model, POLICY, version=batch.version, role=batch.role, scored_at=batch.scored_at,
            assessment_id=batch.assessment_id(scored.dispute_id),
        )  # fmt: skip
        record["interval_low"], record["interval_high"] = record.pop("interval")
        yield {
            name: to_json(record[name]).decode() if name in NESTED else record[name] for name in SCHEMA.names
        }, scored  # fmt: skip


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.CARE])
def test_every_field_is_that_of_the_service(role, blocks):
    scorer, found = blocks
    batch = Batch(0, Path(), "7", POLICY, role, scored_at=SCORED_AT, run="of a test")
    met = Counter()
    for computed in found:
        made = by_columns(scorer, computed, batch)
        for row, (wanted, scored) in zip(made, one_by_one(scorer, computed, batch), strict=True):
            assert row == wanted
            assert [type(value) for value in row.values()] == [type(value) for value in wanted.values()]
            met.update(_kinds(scored))
    least = {*(floor.id for floor in FLOORS), *(tier.value for tier in Tier), "care", "family tie", "late_source",
             "silent_source", "outside_training_range", "evidence of many rows", "unknown value"}  # fmt: skip
    assert least <= set(met), least - set(met)


def _kinds(scored):
    """What a case shows of the ways in which cases differ."""
    yield scored.tier.value
    yield from (name for name, _ in scored.floors)
    yield from (code.partition(":")[0] for code in scored.cautions)
    yield from ["care"] if scored.care_rows else []
    yield from ["family tie"] if scored.violent_family_tie else []
    yield from (
        ["unknown value"] if any(part.evidence == () and part.value != part.value for part in scored.parts) else []
    )
    if any(len(part.evidence) > 1 for part in scored.parts):
        yield "evidence of many rows"


def test_ids_are_escaped_as_json_escapes_them():
    ids = ["plain", 'a"b', '","', "\\", '\\","', "行", "", "\n", "a,b", '"', "\u2028"]
    assert escaped(ids) == [json.dumps(one, ensure_ascii=False)[1:-1] for one in ids]
    assert escaped([]) == []


def test_the_log_keeps_the_same_bytes_of_both_halves(blocks):
    """What is made by columns for the log is what is made of each case, with its case record or without."""
    scorer, found = blocks
    texts = Texts(scorer.model, POLICY, version="7")
    by_columns = whole = 0
    for computed in found:
        made = written(Columns(computed, texts, role=Role.REVIEWER), scorer)
        for told, scored in zip(made, scorer.told(computed), strict=True):
            if isinstance(told, Written):
                assert replace(told, floors=scored.floors) == halves_of(scored)
                assert [name for name, _ in told.floors] == [name for name, _ in scored.floors]
                assert due_at(told, POLICY) == due_at(scored, POLICY) == due_at(told, POLICY, care=True)
                by_columns += 1
            else:
                assert repr(told) == repr(scored) and scored.care_rows
                whole += 1
    assert by_columns > 100 and whole > 20
