"""Promotion, refusal and roll-back of a real version, as a user types them."""

from __future__ import annotations

import json
import shutil
import warnings

import pytest

from tests.functional.conftest import run
from training.artifact.home import Home
from training.impact import TEMPLATE
from training.registry import promotions
from training.report.record import read_report
from training.tracking import Tracker

WHO = ("--by", "release_manager", "--reason", "a test")


@pytest.fixture
def home(trained, tmp_path):
    """A home with version 1 in force."""
    shutil.copytree(trained.home, tmp_path / "home")
    for name in ("champion.json", "promotions.jsonl"):
        (tmp_path / "home" / name).unlink(missing_ok=True)
    run(tmp_path / "home", "promote", "1", *WHO)
    return tmp_path / "home"


@pytest.fixture
def report(home, trained):
    """Change numbers of the report."""
    path = home / "reports" / trained.run_id / "report.json"

    def change(name, **numbers):
        record = read_report(path.read_text("utf-8"))
        ranker = record.evaluation.rankers[0]
        measured = tuple(
            one.model_copy(update=numbers) if (one.name, one.ranker) == (name, ranker) else one
            for one in record.evaluation.measured
        )
        changed = record.evaluation.model_copy(update={"measured": measured})
        path.write_text(record.model_copy(update={"evaluation": changed}).model_dump_json(), "utf-8")

    return change


def champion(home):
    return (home / "champion.json").read_bytes()


def second_version(home):
    """Version 2: the same saved model, registered once more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tracker = Tracker(Home(home))
        (first,) = tracker.versions()
        old = tracker.client.get_model_version("defuse", "1")
        tracker.client.create_model_version("defuse", source=old.source, run_id=first["run_id"], tags=old.tags)


def test_every_gate_is_shown_and_kept(home, trained):
    done = run(home, "promote", "1", *WHO)
    for gate in ("verified", "report", "beats_points", "observed_over_expected", "too_good", "leak_probe"):
        assert gate in done.stdout
    assert "SYNTHETIC: no real person's records" in done.stdout
    assert done.stdout.splitlines()[-1] == "version 1 is in force, by release_manager"
    kept = promotions(Home(home))[-1]
    digest = next((home / "models").iterdir()).name
    assert kept.digest == digest == kept.results[0].sha256
    assert kept.to_record()["results"][2]["n_events"] > 0


def test_a_refusal_is_one_message_a_whole_record_and_a_line_in_the_log(home, report):
    before = champion(home)
    report("calibration_slope", value=0.2, low=0.1, high=0.3, n_events=400)
    refused = run(home, "promote", "1", *WHO, "--json", expect=2)
    assert "calibration_slope: not calibrated: the whole interval lies below the range. To do: " in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    record = json.loads(refused.stdout)
    assert (record["outcome"], record["from_version"], record["to_version"]) == ("refused", "1", "1")
    (one,) = [one for one in record["results"] if one["gate"] == "calibration_slope"]
    assert (one["state"], one["figure"], one["low"], one["high"]) == ("refused", 0.2, 0.1, 0.3)
    assert json.loads((home / "promotions.jsonl").read_text("utf-8").splitlines()[-1]) == record
    assert champion(home) == before
    table = run(home, "promote", "1", *WHO, expect=2).stdout
    assert "to do: read the report" in table
    assert "was not put in force" in table


def test_a_small_simulated_world_may_be_promoted_and_the_log_says_why(home, report):
    report("calibration_slope", value=None, low=None, high=None, interval=None, reason="events in 3 pairs only")
    run(home, "promote", "1", *WHO)
    (one,) = [one for one in promotions(Home(home))[-1].results if one.gate == "calibration_slope"]
    assert (one.state, one.says[:9]) == ("not applicable", "SYNTHETIC")


def test_the_impact_assessment_from_template_to_log(home, tmp_path):
    path = tmp_path / "impact.toml"
    assert str(path) in run(home, "promote", "--impact-template", str(path)).stdout
    assert path.read_text("utf-8") == TEMPLATE
    assert "left alone" in run(home, "promote", "--impact-template", str(path), expect=2).stderr
    unfilled = run(home, "promote", "1", *WHO, "--impact-assessment", str(path), expect=2)
    assert "impact_assessment: " in unfilled.stderr
    keys = ("owner", "legal_basis", "purpose", "reviewed_by")
    path.write_text("".join(f'{key} = "the {key}"\n' for key in keys) + "date = 2026-01-01\nreview_by = 9999-01-01\n")
    run(home, "promote", "1", *WHO, "--impact-assessment", str(path))
    assert len(promotions(Home(home))[-1].impact_sha256) == 64


def test_back_and_the_alias_follows(home):
    second_version(home)
    run(home, "promote", "2", *WHO)
    back = run(home, "rollback", *WHO)
    assert "version 1 is in force again" in back.stdout
    listed = json.loads(run(home, "models", "--json").stdout)["versions"]
    assert {one["version"]: "champion" in one["aliases"] for one in listed} == {"1": True, "2": False}


def test_the_listing_mends_an_alias_that_was_left_behind(home):
    second_version(home)
    run(home, "promote", "2", *WHO)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Tracker(Home(home)).set_alias("champion", "1")
    listed = json.loads(run(home, "models", "--json").stdout)["versions"]
    assert listed[0]["version"] == "2"
    assert "champion" in listed[0]["aliases"]


def test_the_listing_goes_on_with_a_damaged_champion_and_a_promotion_replaces_it(home):
    (home / "champion.json").write_text("{")
    run(home, "models")
    run(home, "promote", "1", *WHO)
    assert json.loads(champion(home))["version"] == "1"
