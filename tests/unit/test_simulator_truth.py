"""The truth of a simulated world and the tools that read it: soft labels, potential outcomes, policies, coverage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_samples.known_truth import Coverage, Truth, read_truth
from data_samples.simulator import Constants, SimulationSummary, simulate
from data_samples.simulator.clock import DAY, WEEK
from data_samples.simulator.help import HEAVY_CONTACT, RED_PACKAGE, SERVICES, ratios
from data_samples.simulator.incidents import COURSES
from features.errors import InvalidConfiguration, MissingInput

DISPUTES, YEARS = 3_000, 2


def world(out: Path, *, constants: Constants | None = None, red_package: str = "off") -> SimulationSummary:
    return simulate(
        out, preset="unit", disputes=DISPUTES, years=YEARS, seed=8, constants=constants, red_package=red_package
    )


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> SimulationSummary:
    return world(tmp_path_factory.mktemp("truth") / "plain")


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> SimulationSummary:
    """A world in which services halve the hazard, and the red package is given by lot about its line."""
    constants = Constants().with_hazard_ratios(services=0.5)
    return world(tmp_path_factory.mktemp("trial") / "trial", constants=constants, red_package="band")


@pytest.fixture(scope="module")
def truth(plain: SimulationSummary) -> Truth:
    return read_truth(plain.truth)


@pytest.fixture(scope="module")
def weeks(truth: Truth) -> pd.DataFrame:
    frame = pq.read_table(truth.folder / "truth.parquet").to_pandas()
    return frame.assign(at_us=frame["at"].dt.as_unit("us").astype("int64"))


def times(column: pa.ChunkedArray) -> np.ndarray:
    return column.cast(pa.int64()).to_numpy(zero_copy_only=False)


# --- soft labels -----------------------------------------------------------------------------------------------------


def test_soft_label_is_the_exact_integral_of_the_hazard_from_the_landmark_on(truth: Truth, weeks: pd.DataFrame) -> None:
    hazard, same = weeks["hazard"].to_numpy(np.float64), weeks["dispute_id"].to_numpy()
    start = np.flatnonzero(same[:-13] == same[13:])[::211]
    rng = np.random.default_rng(1)
    into = rng.integers(0, WEEK, len(start))
    into[:3] = (0, WEEK // 7, WEEK - 1)
    hours = [
        [max(0.0, min((k + 1) * WEEK, one + 90 * DAY) - max(k * WEEK, one)) / WEEK for k in range(14)] for one in into
    ]
    by_hand = -np.expm1(-(np.array(hours) * hazard[start[:, None] + np.arange(14)]).sum(axis=1))
    as_of = weeks["at_us"].to_numpy()[start] + into
    assert truth.soft_labels(same[start], as_of) == pytest.approx(by_hand, rel=1e-4)
    assert truth.hazards(same[start], as_of) == pytest.approx(hazard[start])


def test_soft_labels_take_any_order_and_any_form_of_ids(truth: Truth, weeks: pd.DataFrame) -> None:
    some = weeks.sample(500, random_state=2)
    ids, as_of = some["dispute_id"], some["at_us"].to_numpy()
    first = truth.soft_labels(ids.to_numpy(), as_of)
    assert first == pytest.approx(some["p90"].to_numpy(), rel=1e-5)
    arrow = pa.chunked_array([pa.array(ids.tolist())]).dictionary_encode()
    assert (truth.soft_labels(arrow, as_of) == first).all()
    assert (truth.soft_labels(ids.tolist(), as_of) == first).all()
    untreated = truth.untreated_soft_labels(ids.tolist(), as_of)
    assert (untreated >= 0.8 * first).all()
    assert (untreated > 1.2 * first).any()


def test_where_there_is_no_truth_the_answer_is_nan(truth: Truth, weeks: pd.DataFrame) -> None:
    last = weeks.groupby("dispute_id")["at_us"].max()
    ids = [last.index[0], last.index[0], "D9999999", "D-LATE-EVENT", last.index[0]]
    opened = weeks["at_us"][weeks["dispute_id"] == last.index[0]].min()
    as_of = np.array([opened - 1, last.iloc[0] + WEEK, opened, opened, opened])
    assert np.isnan(truth.soft_labels(ids, as_of)).tolist() == [True, True, True, True, False]


def test_incidents_happen_as_often_as_soft_labels_say(truth: Truth, weeks: pd.DataFrame) -> None:
    first = weeks.drop_duplicates("dispute_id")
    first = first[(first["at"] >= "2020-01-01") & (first["at_us"] < truth.meta["end_us"] - 90 * DAY)]
    soft = truth.soft_labels(first["dispute_id"].to_numpy(), first["at_us"].to_numpy())
    incidents = truth.incidents.to_pandas().dropna(subset=["dispute_id"]).set_index("dispute_id")["occurred_at"]
    wait = first["dispute_id"].map(incidents) - first["at"]
    happened = (wait < pd.Timedelta(days=90)).sum()
    assert abs(happened - soft.sum()) < 4 * np.sqrt(soft.sum())


def test_no_truth_no_answer(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match=r"give the folder OUT\.truth"):
        read_truth(tmp_path)


# --- coverage --------------------------------------------------------------------------------------------------------


def test_coverage_has_three_parts(truth: Truth) -> None:
    incidents = truth.incidents
    off_book = incidents["dispute_id"].null_count
    ids = incidents["dispute_id"].drop_null().to_pylist()
    occurred = times(incidents["occurred_at"])[~incidents["dispute_id"].is_null().to_numpy()]
    at_the_instant, long_before, just_after = occurred[0], occurred[1] - 90 * DAY, occurred[2] + 1
    scored = truth.coverage(ids[:3] + ids[3:4], np.array([at_the_instant, long_before, just_after, occurred[3] - DAY]))
    assert scored == Coverage(off_book, len(ids) - 2, 2)
    assert scored.share_scored == 2 / len(incidents)
    early = truth.coverage(ids, occurred, end_us=int(np.sort(times(incidents["occurred_at"]))[5]))
    assert early.total == 5
    assert early.not_scored == 0


# --- treatments ------------------------------------------------------------------------------------------------------


def test_hazard_is_the_untreated_one_times_what_is_in_force(trial: SimulationSummary) -> None:
    frame = pq.read_table(trial.truth / "truth.parquet").to_pandas().sample(50_000, random_state=1)
    table = ratios(Constants().with_hazard_ratios(services=0.5).treatments)
    kind = pq.read_table(trial.truth / "disputes.parquet").to_pandas().set_index("dispute_id")["kind"]
    family = (frame["dispute_id"].map(kind) == "marriage_family").astype(int)
    assert set(frame["help"]) > {0, SERVICES, RED_PACKAGE, HEAVY_CONTACT}
    expected = frame["untreated_hazard"] * table[family, frame["help"]]
    assert frame["hazard"].to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-5)
    package = Constants().treatments.red_package
    assert table[0, RED_PACKAGE] == pytest.approx(package.hazard_ratio)
    assert table[1, RED_PACKAGE] == pytest.approx(np.sqrt(package.hazard_ratio)), "half the effect in family disputes"


def test_the_sicker_get_more_help(weeks: pd.DataFrame) -> None:
    opened = weeks[weeks["is_open"]]
    share = opened.groupby("state")["help"].agg(lambda bits: ((bits & SERVICES) > 0).mean())
    assert share[3] > 2 * share[0]


def test_potential_outcomes_are_matched_and_ordered(trial: SimulationSummary) -> None:
    truth = read_truth(trial.truth)
    potential = {name: times(truth.potential[name].fill_null(np.iinfo(np.int64).max)) for name in COURSES}
    assert (potential["without_services"] <= potential["as_it_was"]).all()
    assert (potential["as_it_was"] <= potential["with_services"]).all()
    assert (potential["without_help"] <= potential["without_red_package"]).all()
    helped = (potential["with_services"] < np.iinfo(np.int64).max).sum()
    unhelped = (potential["without_services"] < np.iinfo(np.int64).max).sum()
    assert 0.45 < helped / unhelped < 0.75, "half the hazard all along"
    as_it_was = truth.potential.to_pandas().set_index("dispute_id")["as_it_was"].dropna()
    happened = truth.incidents.to_pandas().dropna(subset=["dispute_id"]).set_index("dispute_id")["occurred_at"]
    assert (as_it_was.reindex(happened.index) == happened).all()


def test_the_red_package_goes_by_lot_within_the_band_and_by_rank_outside(trial: SimulationSummary) -> None:
    offers = read_truth(trial.truth).offers.to_pandas()
    assert (offers["in_band"] == (offers["rank"] > 0.8)).all()
    assert (offers["rank"] <= 1.2).all()
    assert offers.loc[~offers["in_band"], "given"].all()
    lot = offers[offers["in_band"]].drop_duplicates("dispute_id")
    assert 0.3 < lot["given"].mean() < 0.7
    asked_again = offers[offers["in_band"]].groupby("dispute_id")["given"].nunique()
    assert (asked_again == 1).all()


def test_a_policy_changes_nothing_but_the_hazard(plain: SimulationSummary, tmp_path: Path) -> None:
    top = world(tmp_path / "top", red_package="top")
    columns = ["state", "is_open", "untreated_hazard"]
    before = pq.read_table(plain.truth / "truth.parquet", columns=columns).to_pandas().value_counts()
    after = pq.read_table(top.truth / "truth.parquet", columns=columns).to_pandas().value_counts()
    assert len(before.index.intersection(after.index)) > 0.98 * len(before)
    assert read_truth(plain.truth).offers is None
    assert (
        read_truth(top.truth).offers.to_pandas()["given"].equals(read_truth(top.truth).offers.to_pandas()["rank"] <= 1)
    )
    with pytest.raises(InvalidConfiguration, match="off, top, band"):
        world(tmp_path / "x", red_package="everyone")


def test_in_the_null_world_no_help_does_anything(tmp_path: Path) -> None:
    truth = read_truth(world(tmp_path / "null", constants=Constants().null_world(), red_package="band").truth)
    weekly = pq.read_table(truth.folder / "truth.parquet").to_pandas()
    assert (weekly["hazard"] == weekly["untreated_hazard"]).all()
    assert (weekly["help"] > 0).any()
    potential = truth.potential.to_pandas()
    for name in COURSES:
        assert potential[name].equals(potential["as_it_was"])


def test_heavy_contact_goes_to_one_in_twenty_of_low_state(weeks: pd.DataFrame) -> None:
    first = weeks.drop_duplicates("dispute_id")
    contacted = (first["help"] & HEAVY_CONTACT) > 0
    assert contacted[first["state"] <= 1].mean() == pytest.approx(0.05, abs=0.012)
    assert not contacted[first["state"] > 1].any()
