"""The records of a clean world: they obey the contract, keep the two clocks, and tell nothing of the truth."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from data_samples.simulator import SimulationSummary, simulate
from features.schema import AUDIT, CHANNELS, DISPUTE_KINDS, EVENT_TYPES, INCIDENT_TYPES, TABLES
from features.validation import validate_records

DISPUTES, YEARS, SEED = 6_000, 1, 11
START, END = pd.Timestamp("2020-01-01", tz="Asia/Shanghai"), pd.Timestamp("2021-01-01", tz="Asia/Shanghai")
WEEK = pd.Timedelta(days=7)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SimulationSummary:
    """A clean unit world: its hazard is raised, so that there are incidents to look at."""
    out = tmp_path_factory.mktemp("simulated") / "world"
    return simulate(out, preset="unit", disputes=DISPUTES, years=YEARS, seed=SEED, imperfect=False)


@pytest.fixture(scope="module")
def tables(world: SimulationSummary) -> dict[str, pd.DataFrame]:
    return {table.name: pq.read_table(world.out / f"{table.name}.parquet").to_pandas() for table in TABLES}


@pytest.fixture(scope="module")
def truth(world: SimulationSummary) -> pd.DataFrame:
    return pq.read_table(world.truth / "truth.parquet").to_pandas()


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_same_seed_same_bytes_and_another_seed_other_bytes(tmp_path: Path) -> None:
    worlds = [
        simulate(tmp_path / name, preset="unit", disputes=80, years=1, seed=seed)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    same, again, other = [digests(world.out) | digests(world.truth) for world in worlds]
    assert same == again
    assert all(same[name] != other[name] for name in same)
    simulate(tmp_path / "a", preset="unit", disputes=80, years=1, seed=2)
    assert digests(tmp_path / "a") == digests(tmp_path / "c"), "a world may be written over a simulated one"


def test_records_pass_the_door_without_a_fault(world: SimulationSummary) -> None:
    report = validate_records(world.out)
    assert [str(fault) for fault in report.faults] == []
    assert {name: count.rows_in for name, count in report.reconciliation.items()} == world.rows


def test_tables_have_the_columns_of_the_contract_and_only_these_files(world: SimulationSummary) -> None:
    for table in TABLES:
        assert tuple(pq.read_schema(world.out / f"{table.name}.parquet").names) == table.names
    assert {path.name for path in world.out.iterdir()} == {f"{table.name}.parquet" for table in TABLES} | {
        "source.json"
    }
    assert world.truth.name == "world.truth"


def test_source_says_synthetic_and_names_the_world(world: SimulationSummary) -> None:
    for path in (world.out / "source.json", world.truth / "meta.json"):
        source = json.loads(path.read_text(encoding="utf-8"))
        assert source["synthetic"] is True
        assert "SYNTHETIC" in source["note"]
        assert (source["preset"], source["disputes_per_year"], source["years"], source["seed"]) == (
            "unit", DISPUTES, YEARS, SEED,
        )  # fmt: skip
        assert source["constants_digest"] == world.constants_digest


def test_so_many_disputes_are_opened_in_the_written_period(tables: dict[str, pd.DataFrame]) -> None:
    opened = tables["disputes"]["opened_at"]
    assert DISPUTES - 10 <= (opened >= START).sum() <= DISPUTES, "the few known only after the end are not written"
    assert (opened < END).all()


def test_nothing_is_known_after_the_end_nor_before_it_happened(tables: dict[str, pd.DataFrame]) -> None:
    for name, occurred, recorded in (
        ("disputes", "opened_at", "recorded_at"),
        ("events", "occurred_at", "recorded_at"),
        ("petitions", "lodged_at", "recorded_at"),
        ("petitions", "answered_at", "answer_recorded_at"),
        ("incidents", "occurred_at", "verified_at"),
    ):
        table = tables[name].dropna(subset=[occurred, recorded])
        assert (table[recorded] < END).all()
        assert (table[recorded] >= table[occurred]).all()


def test_an_answer_known_after_the_end_is_not_there_yet(tables: dict[str, pd.DataFrame]) -> None:
    petitions = tables["petitions"]
    unanswered = petitions["answered_at"].isna()
    assert (unanswered == petitions["answer_recorded_at"].isna()).all()
    assert (unanswered == petitions["upheld"].isna()).all()
    assert unanswered[petitions["lodged_at"] > END - pd.Timedelta(days=3)].mean() > 0.9


def test_events_are_known_after_their_dispute_and_rows_stand_in_order(tables: dict[str, pd.DataFrame]) -> None:
    disputes = tables["disputes"].set_index("dispute_id")
    events = tables["events"].join(disputes[["opened_at", "recorded_at"]], on="dispute_id", suffixes=("", "_dispute"))
    assert (events["recorded_at"] >= events["recorded_at_dispute"]).all()
    assert (events["occurred_at"] >= events["opened_at"]).all()
    for name, row_id, recorded in (
        ("disputes", "dispute_id", "recorded_at"),
        ("events", "event_id", "recorded_at"),
        ("petitions", "petition_id", "recorded_at"),
        ("incidents", "incident_id", "verified_at"),
    ):
        table = tables[name]
        assert table.equals(table.sort_values([recorded, row_id], ignore_index=True))


def test_every_code_is_emitted(tables: dict[str, pd.DataFrame]) -> None:
    assert set(tables["disputes"]["kind"]) == set(DISPUTE_KINDS)
    assert set(tables["disputes"]["channel"]) == set(CHANNELS)
    assert set(tables["incidents"]["type"]) == set(INCIDENT_TYPES)
    assert set(EVENT_TYPES) - set(tables["events"]["type"]) == set()


def test_a_dispute_leaves_after_its_first_incident(tables: dict[str, pd.DataFrame], truth: pd.DataFrame) -> None:
    incidents = tables["incidents"].dropna(subset=["dispute_id"])
    assert incidents["dispute_id"].is_unique
    first = incidents.set_index("dispute_id")["occurred_at"]
    later = tables["events"].join(first.rename("incident"), on="dispute_id")
    later = later[later["occurred_at"] > later["incident"]]
    assert set(later["type"]) == {"closed"}
    rows = truth.join(first.rename("incident"), on="dispute_id").dropna(subset=["incident"])
    assert (rows["at"] <= rows["incident"]).all()


def test_the_fight_itself_precedes_some_incidents_by_minutes(tables: dict[str, pd.DataFrame]) -> None:
    first = tables["incidents"].dropna(subset=["dispute_id"]).set_index("dispute_id")["occurred_at"]
    events = tables["events"].join(first.rename("incident"), on="dispute_id").dropna(subset=["incident"])
    fights = events[events["type"].isin(["physical_contact", "weapon"]) & (events["channel"] == "police_110")]
    minutes = (fights["incident"] - fights["occurred_at"]) / pd.Timedelta(minutes=1)
    assert 0.05 < minutes.between(0, 61).sum() / len(first) < 0.15


def test_half_of_the_incidents_were_on_no_book(world: SimulationSummary) -> None:
    on_book, off_book = world.incidents_on_book, world.incidents_off_book
    assert on_book > 100
    assert abs(off_book / (on_book + off_book) - 0.5) < 0.1


def test_verification_takes_three_weeks_in_the_middle_and_months_at_worst(tables: dict[str, pd.DataFrame]) -> None:
    incidents = tables["incidents"][tables["incidents"]["occurred_at"] < END - pd.Timedelta(days=150)]
    delay = (incidents["verified_at"] - incidents["occurred_at"]) / pd.Timedelta(days=1)
    assert 17 < delay.median() < 25
    assert 45 < delay.quantile(0.9) < 75


def test_pairs_have_an_earlier_dispute_that_was_known_to_be_closed(tables: dict[str, pd.DataFrame]) -> None:
    disputes, events = tables["disputes"], tables["events"]
    closed = events[events["type"] == "closed"].groupby("dispute_id")["recorded_at"].min()
    pairs = disputes.join(closed.rename("closed"), on="dispute_id").sort_values("opened_at")
    later = pairs[pairs.duplicated("pair_token")]
    earliest_closing = pairs.groupby("pair_token")["closed"].min()
    assert (later["opened_at"] > later["pair_token"].map(earliest_closing)).all()
    assert 0.15 < len(later) / DISPUTES < 0.30
    assert pairs["pair_confidence"].between(0.9, 1).all()
    before = set(pairs.loc[pairs["opened_at"] < START, "pair_token"])
    assert before <= set(pairs.loc[pairs["opened_at"] >= START, "pair_token"])


def test_truth_is_weekly_from_opening_and_its_probability_is_that_of_its_hazards(
    tables: dict[str, pd.DataFrame], truth: pd.DataFrame
) -> None:
    opened = truth["dispute_id"].map(tables["disputes"].set_index("dispute_id")["opened_at"])
    week = (truth["at"] - opened) / WEEK
    assert (week == truth.groupby("dispute_id").cumcount()).all()
    assert set(truth["dispute_id"]) == set(tables["disputes"]["dispute_id"])
    hazard, same = truth["hazard"].to_numpy(), truth["dispute_id"].to_numpy()
    start = np.flatnonzero(same[:-12] == same[12:])[::97]
    total = hazard[start[:, None] + np.arange(12)].sum(axis=1) + 6 / 7 * hazard[start + 12]
    assert truth["p90"].to_numpy()[start] == pytest.approx(-np.expm1(-total), rel=1e-4)


def test_incidents_happen_as_often_as_the_truth_says(tables: dict[str, pd.DataFrame], truth: pd.DataFrame) -> None:
    """At opening, of disputes whose horizon and nearly all verifications lie before the end."""
    opening = truth.groupby("dispute_id").head(1)
    opening = opening[(opening["at"] >= START) & (opening["at"] < END - pd.Timedelta(days=150))]
    first = tables["incidents"].dropna(subset=["dispute_id"]).set_index("dispute_id")["occurred_at"]
    wait = opening["dispute_id"].map(first) - opening["at"]
    happened, expected = (wait < pd.Timedelta(days=90)).sum(), opening["p90"].sum()
    assert abs(happened - expected) < 4 * np.sqrt(expected)


def test_a_clean_world_has_nothing_missing_wrong_or_told_twice(
    world: SimulationSummary, tables: dict[str, pd.DataFrame]
) -> None:
    disputes, events = tables["disputes"], tables["events"]
    assert disputes[["relation", "proximity", "amount_cny", "minors_in_household"]].notna().all(axis=None)
    assert disputes["narrative"].isna().all()
    assert events[["narrative", "assertion"]].isna().all(axis=None)
    for name, row_id in (("disputes", "dispute_id"), ("events", "event_id"), ("incidents", "incident_id")):
        assert tables[name][row_id].is_unique
        assert not tables[name]["withdrawn"].any()
    assert pq.read_metadata(world.truth / "duplicates.parquet").num_rows == 0
    assert world.planted_faults == {}


def test_nothing_identifies_a_person(tables: dict[str, pd.DataFrame]) -> None:
    assert tables["disputes"]["pair_token"].str.fullmatch("[a-z]{12}").all()
    assert tables["disputes"]["area"].str.fullmatch(r"9901\d{5}").all(), "a province that does not exist"
    assert set(tables["audit"].columns) == set(AUDIT.names)
