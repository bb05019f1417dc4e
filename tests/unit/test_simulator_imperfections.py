"""The imperfections of a simulated world: each is there, as often as its constant says, and the truth knows of it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from data_samples.known_truth import Truth, read_truth
from data_samples.simulator import Constants, Imperfections, SimulationSummary, simulate
from data_samples.simulator.clock import quarter_start
from data_samples.simulator.drift import Changes
from data_samples.simulator.narratives import conduct_texts, intake_texts
from features.errors import InvalidConfiguration
from features.refused import refused_shape
from features.schema import ASSERTIONS, CHANNELS, CONDUCT_TYPES, DISPUTE_KINDS, EVENT_TYPES, INCIDENT_TYPES, TABLES
from features.validation import validate_records

DISPUTES, YEARS, SEED = 3_000, 4, 5
FLAWS = Constants().flaws
SPOILT = pd.Timestamp("2100-01-01", tz="UTC")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SimulationSummary:
    out = tmp_path_factory.mktemp("imperfect") / "world"
    return simulate(out, preset="unit", disputes=DISPUTES, years=YEARS, seed=SEED, imperfect=True)


@pytest.fixture(scope="module")
def tables(world: SimulationSummary) -> dict[str, pd.DataFrame]:
    """The tables without the rows that the door would refuse."""
    frames = {table.name: pq.read_table(world.out / f"{table.name}.parquet").to_pandas() for table in TABLES}
    events, disputes = frames["events"], frames["disputes"]
    good = (events["recorded_at"] >= events["occurred_at"]) & (events["recorded_at"] < SPOILT)
    good &= events["type"].isin(EVENT_TYPES) & ~(events["severity"] > 5)
    frames["events"] = events[good & events["dispute_id"].isin(disputes["dispute_id"])]
    frames["disputes"] = disputes[disputes["kind"].isin(DISPUTE_KINDS) & ~(disputes["amount_cny"] < 0)]
    return frames


@pytest.fixture(scope="module")
def conduct(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The first row of every conduct event."""
    events = tables["events"].sort_values("recorded_at").drop_duplicates("event_id")
    return events[events["type"].isin(CONDUCT_TYPES)]


@pytest.fixture(scope="module")
def truth(world: SimulationSummary) -> Truth:
    return read_truth(world.truth)


def about(share: float, count: int) -> object:
    """The share within four standard errors of a count."""
    return pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / count) + 0.004)


# --- the door --------------------------------------------------------------------------------------------------------


def test_the_door_finds_every_planted_fault_and_no_other(world: SimulationSummary) -> None:
    report = validate_records(world.out)
    assert not report.ok
    planted = {
        (table, rule): count for table, rules in world.planted_faults.items() for rule, count in rules.items() if count
    }
    found = {key: count for key, count in report.fault_counts.items() if key[1] != "unknown_dispute"}
    assert found == {key: count for key, count in planted.items() if key[1] != "unknown_dispute"}
    assert report.fault_counts["events", "unknown_dispute"] >= planted["events", "unknown_dispute"]
    assert set(world.planted_faults["events"]) >= {
        "recorded_before_occurred", "recorded_in_future", "unknown_code", "out_of_range", "repeated_key",
    }  # fmt: skip
    assert all(world.planted_faults["events"].values())
    assert {name: count.rows_in for name, count in report.reconciliation.items()} == world.rows


def test_bad_rows_are_few_and_as_many_as_planned(world: SimulationSummary) -> None:
    planted, rows = world.planted_faults["events"], world.rows["events"]
    assert planted["recorded_before_occurred"] / rows == about(FLAWS.recorded_before_occurred, rows)
    assert planted["recorded_in_future"] / rows == about(FLAWS.recorded_in_future, rows)
    assert sum(sum(rules.values()) for rules in world.planted_faults.values()) < 0.01 * sum(world.rows.values())


# --- reports ---------------------------------------------------------------------------------------------------------


def test_a_duplicate_is_the_same_thing_through_another_channel_within_48_hours(
    tables: dict[str, pd.DataFrame], conduct: pd.DataFrame, truth: Truth
) -> None:
    right = tables["events"].sort_values("recorded_at").drop_duplicates("event_id", keep="last")
    pairs = truth.duplicates.to_pandas()
    both = pairs.merge(right, on="event_id").merge(
        right, left_on="of_event_id", right_on="event_id", suffixes=("", "_first")
    )
    assert len(both) > 0.95 * len(pairs) > 0
    assert (both["dispute_id"] == both["dispute_id_first"]).all()
    assert (both["type"] == both["type_first"]).all()
    assert (both["channel"] != both["channel_first"]).all()
    apart = both["occurred_at"] - both["occurred_at_first"]
    assert (apart.between(pd.Timedelta(0), pd.Timedelta(hours=48), inclusive="left")).mean() > 0.96, "wrong dates apart"
    affirmed = conduct["assertion"].isna().sum() - len(pairs)
    assert 0.11 < len(pairs) / affirmed < 0.15
    assert 0.08 < pairs["of_event_id"].duplicated().sum() / pairs["of_event_id"].nunique() < 0.25, "a third channel"


def test_reports_are_affirmed_seven_times_in_ten_and_the_others_tell_nothing(
    conduct: pd.DataFrame, truth: Truth
) -> None:
    mix = conduct["assertion"].fillna("affirmed").value_counts(normalize=True)
    assert set(mix.index) == set(ASSERTIONS)
    for assertion, share in FLAWS.assertions.items():
        assert mix[assertion] == pytest.approx(share, abs=0.01)
    weeks = pq.read_table(truth.folder / "truth.parquet", columns=["state", "is_open"]).to_pandas()
    open_weeks = weeks.loc[weeks["is_open"], "state"].value_counts()
    at = conduct["occurred_at"].dt.as_unit("us").astype("int64").to_numpy()
    week = truth.weekly(conduct["dispute_id"].to_numpy(), at, "state", "is_open")
    state, in_open_week, idle = week["state"], week["is_open"] == 1, conduct["assertion"].notna().to_numpy()
    idle_rate = pd.Series(state[in_open_week & idle]).value_counts() / open_weeks
    affirmed_rate = pd.Series(state[in_open_week & ~idle]).value_counts() / open_weeks
    assert idle_rate.max() / idle_rate.min() < 1.5
    assert affirmed_rate.max() / affirmed_rate.min() > 10


def test_urban_parties_are_recorded_more_and_those_from_elsewhere_less_at_the_same_hazard(
    tables: dict[str, pd.DataFrame], conduct: pd.DataFrame, world: SimulationSummary
) -> None:
    audit = tables["audit"].set_index("dispute_id")
    events = conduct[conduct["assertion"].isna()].groupby("dispute_id").size().reindex(audit.index, fill_value=0)
    hazard = pq.read_table(world.truth / "truth.parquet", columns=["dispute_id", "p90"]).to_pandas()
    hazard = hazard.groupby("dispute_id")["p90"].first().reindex(audit.index)
    urban, elsewhere = audit["urban_rural"] == "urban", audit["origin"] == "elsewhere"
    assert events[urban].mean() > 1.05 * events[~urban].mean()
    assert events[elsewhere].mean() < 0.95 * events[~elsewhere].mean()
    for group in (urban, elsewhere):
        assert hazard[group].mean() == pytest.approx(hazard[~group].mean(), rel=0.15)


# --- links, codes, dates ---------------------------------------------------------------------------------------------


def test_a_sure_link_is_right_and_some_links_are_wrong_or_missing(
    tables: dict[str, pd.DataFrame], truth: Truth
) -> None:
    said = tables["disputes"].drop_duplicates("dispute_id").set_index("dispute_id")
    true = truth.disputes.to_pandas().set_index("dispute_id")["pair"]
    said = said.assign(pair=true.reindex(said.index), dispute=said.index)
    both = said.merge(said, on="pair_token", suffixes=("", "_other"))
    both = both[both["dispute"] < both["dispute_other"]]
    sure = both[["pair_confidence", "pair_confidence_other"]].min(axis=1) >= 0.9
    right = both["pair"] == both["pair_other"]
    assert right[sure].mean() > 0.95
    assert 0.4 < right[~sure].mean() < 0.7
    linked = said[(said["pair"] != said["dispute"]) & said["pair"].isin(said.index)]
    missing = linked["pair_token"] != said.loc[linked["pair"], "pair_token"].to_numpy()
    assert 0.04 < missing.mean() < 0.14


def test_wrong_kinds_are_corrected_by_half(tables: dict[str, pd.DataFrame], truth: Truth) -> None:
    true = truth.disputes.to_pandas().set_index("dispute_id")["kind"]
    by_time = tables["disputes"].sort_values("recorded_at")
    first = by_time.drop_duplicates("dispute_id").set_index("dispute_id")["kind"]
    last = by_time.drop_duplicates("dispute_id", keep="last").set_index("dispute_id")["kind"]
    assert (first != true.reindex(first.index)).mean() == about(FLAWS.wrong_kind, len(first))
    assert (last != true.reindex(last.index)).mean() == about(FLAWS.wrong_kind / 2, len(last))


def test_some_rows_are_corrected_and_some_withdrawn_by_a_later_version(tables: dict[str, pd.DataFrame]) -> None:
    for name, row_id in (("disputes", "dispute_id"), ("events", "event_id"), ("petitions", "petition_id")):
        again = tables[name].sort_values("recorded_at")
        again = again[again.duplicated(row_id, keep=False)]
        assert again.groupby(row_id)["withdrawn"].last().sum() > 0, f"{name}: withdrawn"
        assert not again.groupby(row_id)["withdrawn"].first().any(), f"{name}: there before it is withdrawn"
    events = tables["events"].sort_values("recorded_at")
    redated = events.groupby("event_id")["occurred_at"].agg(["first", "last", "size"])
    redated = redated[redated["first"] != redated["last"]]
    assert (redated["last"] > redated["first"]).all()
    assert len(redated) / events["event_id"].nunique() == pytest.approx(
        FLAWS.wrong_date * FLAWS.date_corrected, abs=0.0015
    )


def test_missing_values_follow_the_channel_and_long_delay(tables: dict[str, pd.DataFrame]) -> None:
    versions = tables["disputes"].sort_values("recorded_at")
    first = versions.drop_duplicates("dispute_id")
    missing = first.groupby("channel")[["relation", "amount_cny", "proximity"]].agg(lambda c: c.isna().mean())
    assert missing.loc["grid"].to_numpy() == pytest.approx([0.10, 0.35, 0.10], abs=0.03)
    assert missing.loc["police_110"].to_numpy() == pytest.approx([0.25, 0.70, 0.30], abs=0.03)
    needs = versions.groupby("dispute_id")["minors_in_household"].agg(["first", "size"])
    assert needs["size"].max() > 1
    last = versions.drop_duplicates("dispute_id", keep="last").set_index("dispute_id")
    lost = first.set_index("dispute_id")["minors_in_household"].notna() & last["minors_in_household"].isna()
    lost = lost[lost].index
    waited = last.loc[lost, "recorded_at"] - last.loc[lost, "opened_at"]
    assert len(lost) > 5
    assert (waited > pd.Timedelta(weeks=9)).all(), "a gap at intake would tell the future"


# --- outcomes --------------------------------------------------------------------------------------------------------


def test_outcomes_are_reclassified_withdrawn_and_linked_to_the_wrong_dispute(
    tables: dict[str, pd.DataFrame], truth: Truth
) -> None:
    versions = tables["incidents"].sort_values("verified_at")
    assert set(versions["type"]) == set(INCIDENT_TYPES)
    changed = versions.groupby("incident_id")["type"].nunique() > 1
    assert 0.01 < changed.mean() < 0.07
    assert versions["withdrawn"].any()
    first = versions.drop_duplicates("incident_id").merge(
        truth.incidents.to_pandas(), on="incident_id", suffixes=("", "_true")
    )
    linked = first[first["dispute_id"].notna()]
    wrong = linked["dispute_id"] != linked["dispute_id_true"]
    assert wrong.mean() == about(FLAWS.wrong_case, len(linked))
    assert (linked.loc[wrong, "link_confidence"] < 0.8).mean() > 0.5
    assert (linked.loc[~wrong, "link_confidence"] >= 0.8).mean() > 0.9
    assert (first["dispute_id"].isna() <= first["link_confidence"].isna()).all()


# --- drift -----------------------------------------------------------------------------------------------------------


def instant(quarter: int) -> pd.Timestamp:
    return pd.Timestamp(quarter_start(quarter), unit="us", tz="UTC")


def test_a_channel_starts_late_and_a_port_is_missing_for_a_quarter(tables: dict[str, pd.DataFrame]) -> None:
    events, disputes = tables["events"], tables["disputes"].drop_duplicates("dispute_id")
    assert set(events["channel"]) == set(CHANNELS) == set(disputes["channel"])
    for table, occurred in ((events, "occurred_at"), (disputes, "opened_at")):
        app = table[table["channel"] == "citizen_app"]
        assert app[occurred].min() >= instant(4) - pd.Timedelta(days=366), "a year too early is a wrong date"
        assert (app[occurred] >= instant(4)).mean() > 0.98
        port = table[table["channel"] == "sector"]["recorded_at"]
        by_quarter = [((port >= instant(q)) & (port < instant(q + 1))).sum() for q in range(4 * YEARS)]
        assert [q for q, count in enumerate(by_quarter) if count == 0] == [6]


def test_the_form_the_deadline_and_the_coding_of_severity_change_in_the_third_year(
    tables: dict[str, pd.DataFrame], conduct: pd.DataFrame
) -> None:
    petitions = tables["petitions"]
    days = (petitions["due_at"] - petitions["lodged_at"]) / pd.Timedelta(days=1)
    later = petitions["lodged_at"] >= instant(8)
    assert set(days[~later].round(3)) == {30.0}
    assert set(days[later].round(3)) == {15.0}
    shoves = conduct[(conduct["type"] == "physical_contact") & conduct["assertion"].isna()]
    light = shoves["severity"] == 2
    assert light[shoves["recorded_at"] < instant(8)].sum() == 0
    assert light[shoves["occurred_at"] >= instant(8)].mean() == pytest.approx(0.5, abs=0.12)
    told = conduct.dropna(subset=["narrative"])
    assert (told["narrative"].str.startswith("【新版登记】") == (told["recorded_at"] >= instant(8))).all()


def test_kinds_shift_and_debt_is_shocked(tables: dict[str, pd.DataFrame], truth: Truth) -> None:
    disputes = truth.disputes.to_pandas()
    quarter = sum((disputes["opened_at"] >= instant(q)).astype(int) for q in range(1, 4 * YEARS))
    debt = disputes["kind"] == "debt_finance"
    shocked = quarter.isin([12, 13])
    assert debt[shocked].mean() > 1.25 * debt[quarter.between(8, 11)].mean()


def test_hazard_falls_by_a_twentieth_a_year() -> None:
    drift = Constants().flaws.drift
    year = np.array([quarter_start(0), quarter_start(4)])
    assert Changes(drift, on=True).hazard_factor(year) == pytest.approx([1.0, 0.95], abs=1e-3)
    assert (Changes(drift, on=False).hazard_factor(year) == 1.0).all()


# --- texts -----------------------------------------------------------------------------------------------------------


def test_no_text_that_can_be_written_is_refused_at_the_door() -> None:
    for texts in (conduct_texts().all, intake_texts().all):
        every = texts.to_pylist()
        assert len(set(every)) > 5_000
        assert all(refused_shape(text, opaque=False) is None for text in every)
        assert all(8 <= len(text) <= 120 and re.search(r"[\u4e00-\u9fff]", text) and "{" not in text for text in every)


def test_texts_say_what_their_row_says(tables: dict[str, pd.DataFrame], conduct: pd.DataFrame) -> None:
    told = conduct.dropna(subset=["narrative"])
    assert 0.85 < len(told) / len(conduct) < 0.95
    assert tables["events"].loc[~tables["events"]["type"].isin(CONDUCT_TYPES), "narrative"].isna().all()
    assert tables["disputes"]["narrative"].notna().mean() == pytest.approx(0.9, abs=0.02)
    denied = told.loc[told["assertion"] == "denied", "narrative"]
    assert denied.str.contains("否认|未发生|没有").all()
    assert told.loc[told["assertion"] == "hearsay", "narrative"].str.contains("听|传").all()
    affirmed = told[told["assertion"].isna()]
    for name in CONDUCT_TYPES:
        assert affirmed.loc[affirmed["type"] == name, "narrative"].nunique() >= 5, name
    grave = affirmed[(affirmed["type"] == "threat") & (affirmed["severity"] > 3)]
    assert grave["narrative"].str.contains("弄死你|要你全家好看|今晚就去你家放火|拿刀捅了你").all()


def test_texts_hold_look_alikes_and_poison_as_often_as_planned(conduct: pd.DataFrame) -> None:
    told = conduct["narrative"].dropna()
    for marks, share in (
        ("杀价|砍树|打死也|气得要死|烧烤|拼命干活|杀鱼", FLAWS.look_alike),
        ("备注：一方", FLAWS.protected_remark),
        ("信访|起诉|律师|拨打过热线", FLAWS.rights_remark),
    ):
        assert told.str.contains(marks).mean() == about(share, len(told))
    assert 0 < told.str.contains("系统请评|忽略以上|请把本案").mean() < 0.004


# --- the switch ------------------------------------------------------------------------------------------------------


def test_groups_are_named_and_an_unknown_one_is_refused() -> None:
    assert Imperfections.chosen(True) == Imperfections()
    assert not any(Imperfections.chosen(False).to_record().values())
    assert Imperfections.without("drift").to_record() == {name: name != "drift" for name in Imperfections.names()}
    assert Imperfections.only("drift").to_record() == {name: name == "drift" for name in Imperfections.names()}
    for refused in (Imperfections.only, Imperfections.without):
        with pytest.raises(InvalidConfiguration, match=r"no imperfection typos: choose from duplicates"):
            refused("typos")


@pytest.mark.parametrize("group", Imperfections.names())
def test_leaving_a_group_out_changes_the_records_but_nothing_that_truly_happens(group: str, tmp_path: Path) -> None:
    whole = simulate(tmp_path / "whole", preset="unit", disputes=400, years=3, seed=3, imperfect=True)
    part = simulate(
        tmp_path / "part", preset="unit", disputes=400, years=3, seed=3, imperfect=Imperfections.without(group)
    )
    same = {
        table.name: pq.read_table(whole.out / f"{table.name}.parquet")
        == pq.read_table(part.out / f"{table.name}.parquet")
        for table in TABLES
    }
    assert not all(same.values())
    if group == "drift":
        return
    columns = ["u", "hazard"]
    weeks = [pq.read_table(one.truth / "truth.parquet", columns=columns).to_pandas() for one in (whole, part)]
    assert len(weeks[0].merge(weeks[1].drop_duplicates(), on=columns)) >= 0.99 * len(weeks[0])
