"""The simulator's constants and truth: pinned, calibrated, and out of the product's reach."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from data_samples.simulator import BASE_HAZARD_PER_WEEK, Constants, simulate
from data_samples.simulator.clock import DAY, new_year, next_month_start
from data_samples.simulator.pairs import NO_CASE, roots, with_histories
from data_samples.simulator.process import run_weeks
from data_samples.simulator.truth import probability_90d
from data_samples.simulator.world import draw_cases, draw_setting
from features.errors import InvalidConfiguration

ROOT = Path(__file__).parents[2]
DIGEST = "718350d42c0a0c0dd11515f24e80a68150a14da2737f96cf23abccf24f9ffca9"


def test_constants_are_pinned_so_that_nobody_tunes_the_world_to_a_model() -> None:
    assert Constants().digest == DIGEST
    assert BASE_HAZARD_PER_WEEK == {"unit": 2e-4, "bench": 4.5e-6, "realistic": 1.6e-6, "strict": 4.0e-7}


def test_perturbed_world_is_another_one_within_its_bounds_and_the_same_for_the_same_seed() -> None:
    plain, other = Constants(), Constants().perturbed(7)
    assert other.digest == Constants().perturbed(7).digest != plain.digest
    ratios = np.array(other.world.close) / np.array(plain.world.close)
    assert ((ratios > 0.7) & (ratios < 1.3)).all()
    assert len(set(ratios)) == 4
    assert other.world.trigger_weeks == plain.world.trigger_weeks
    assert [filing.type for filing in other.paperwork.filings] == [filing.type for filing in plain.paperwork.filings]


def test_perturbed_world_runs(tmp_path: Path) -> None:
    summary = simulate(
        tmp_path / "w", preset="unit", disputes=50, years=1, seed=1, constants=Constants().perturbed(7, spread=0.3)
    )
    assert summary.rows["disputes"] >= 50


def test_probability_is_that_of_twelve_weeks_and_six_sevenths() -> None:
    hazard = np.arange(1, 16, dtype=np.float32)[:, None] / 1000
    p90 = probability_90d(hazard)
    assert p90.shape == (3, 1)
    by_hand = [1 - np.exp(-(sum(hazard[i : i + 12, 0]) + 6 / 7 * hazard[i + 12, 0])) for i in range(3)]
    assert p90[:, 0] == pytest.approx(by_hand, rel=1e-6)


def test_base_rate_and_length_of_a_bench_world() -> None:
    """SYNTHETIC.  The hazard is smooth, so 20,000 disputes tell the mean within a few per cent."""
    rng = np.random.default_rng(3)
    constants = replace(Constants(), world=replace(Constants().world, district_hazard_sigma=0.0))
    setting = draw_setting(rng, constants=constants, base_hazard=BASE_HAZARD_PER_WEEK["bench"], years=1)
    cases = draw_cases(rng, setting, disputes=20_000, years=1).part(slice(20_000, 40_000))
    paths = run_weeks(rng, setting, cases, weeks=78)
    p90 = probability_90d(paths.hazard)
    landmarks = [1, 13, 26, 39]
    open_rate = p90[landmarks][paths.is_open[landmarks]].mean()
    assert 3.2e-4 < open_rate < 4.3e-4
    assert 0.0010 < -np.expm1(-paths.hazard.sum(axis=0, dtype=np.float64)).mean() < 0.0015
    assert 4 <= np.median(np.argmin(paths.is_open, axis=0)) <= 6


def test_states_rise_with_hostility_and_history_is_commoner_among_the_hostile() -> None:
    rng = np.random.default_rng(4)
    setting = draw_setting(rng, constants=Constants(), base_hazard=1e-6, years=1)
    cases = draw_cases(rng, setting, disputes=20_000, years=1).part(slice(20_000, 40_000))
    first = run_weeks(rng, setting, cases, weeks=2).state[0]
    hostile = cases.hostility > 1
    assert first[hostile].mean() > 1.3 * first[~hostile].mean()
    assert cases.history[hostile].mean() > 1.3 * cases.history[~hostile].mean()


def test_pairs_have_one_root_and_bring_their_histories() -> None:
    earlier = np.array([NO_CASE, 0, 1, NO_CASE, 2, NO_CASE], np.int32)
    assert roots(earlier).tolist() == [0, 0, 0, 3, 0, 5]
    wanted = with_histories(earlier, np.array([False, False, False, False, True, True]))
    assert wanted.tolist() == [True, True, True, False, True, True]


def test_month_end_is_the_first_instant_of_the_next_month_in_shanghai() -> None:
    last_moment = new_year(1) - 1
    assert next_month_start(np.array([last_moment, new_year(1)])).tolist() == [new_year(1), new_year(1) + 31 * DAY]


def test_petitions_have_no_effect_on_anything_true(tmp_path: Path) -> None:
    """Forty times the petitions, and the truth has the same bytes."""
    plain, many = Constants(), replace(Constants(), world=replace(Constants().world, petition=0.48))
    first = simulate(tmp_path / "a", preset="unit", disputes=300, years=1, seed=9, constants=plain)
    second = simulate(tmp_path / "b", preset="unit", disputes=300, years=1, seed=9, constants=many)
    assert second.rows["petitions"] > 10 * first.rows["petitions"]
    assert (first.truth / "truth.parquet").read_bytes() == (second.truth / "truth.parquet").read_bytes()
    for name in ("disputes", "events", "incidents"):
        assert pq.read_table(first.out / f"{name}.parquet") == pq.read_table(second.out / f"{name}.parquet")


def test_no_floor_of_the_product_imports_the_simulator_or_names_the_truth() -> None:
    for floor in ("features", "training", "serving"):
        for path in (ROOT / floor).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"(import|from)\s+data_samples", text), path
            assert ".truth" not in text, path


def test_unknown_preset_numbers_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match="unit, bench, realistic, strict"):
        simulate(tmp_path / "w", preset="wild", disputes=10, years=1, seed=1)
    with pytest.raises(InvalidConfiguration, match="at least 1"):
        simulate(tmp_path / "w", preset="unit", disputes=0, years=1, seed=1)
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "disputes.csv").write_text("dispute_id\n")
    with pytest.raises(InvalidConfiguration, match="no simulator made"):
        simulate(tmp_path / "real", preset="unit", disputes=10, years=1, seed=1)
    assert sorted(path.name for path in (tmp_path / "real").iterdir()) == ["disputes.csv"]
