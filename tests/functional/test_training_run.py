"""From records to a version in force, by the commands a user types."""

from __future__ import annotations

import json
import shutil
import warnings

import pytest

from features import read_records
from features.errors import ModelNotVerified
from tests.functional.conftest import run, run_offline
from training import load_model
from training.artifact.home import Home
from training.artifact.store import read_champion
from training.evaluation.record import Alarm
from training.registry import promotions
from training.report.record import read_report
from training.tracking import Tracker


@pytest.fixture(scope="module")
def in_force(trained):
    run(trained.home, "promote", "1", "--by", "release_manager", "--reason", "first model")
    return trained


def test_the_run_is_in_mlflow_with_its_metrics_dataset_and_files(trained):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = Tracker(Home(trained.home)).client.get_run(trained.run_id)
    assert run.data.params["sampling.negative_rate"] == "0.05"
    for name in ("all/lightgbm/auc", "all/lightgbm/auc.low", "all/points/recall_at_5pct"):
        assert name in run.data.metrics
    datasets = {one.tags[0].value: one.dataset.digest for one in run.inputs.dataset_inputs}
    assert set(datasets) == {"matrix", "population"}
    for context, digest in datasets.items():
        assert run.data.params[f"digest.{context}"].startswith(digest) and len(digest) == 36
    records = [name for name in run.data.params if name.startswith("digest.records.")]
    assert all(any(table in name for name in records) for table in ("disputes", "events", "petitions", "incidents"))


def test_nothing_looked_up_an_outside_host(in_force):
    run_offline(in_force.home, "models", attempts=in_force.attempts)
    assert not in_force.attempts.exists(), in_force.attempts.read_text()


def test_rows_in_are_rows_used_plus_rows_left_out(trained):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = Tracker(Home(trained.home)).client.get_run(trained.run_id).data.params
    count = {name.removeprefix("rows."): int(value) for name, value in rows.items() if name.startswith("rows.")}
    test = {name: count.pop(name) for name in list(count) if name.startswith("test")}
    assert test.pop("test_rows") == sum(test.values())
    assert count.pop("rows") == sum(count.values())
    assert count["train"] > 0
    assert count["of_test_pairs"] > 0


def test_the_report_shows_every_ranker_with_counts_and_intervals(trained):
    folder = trained.home / "reports" / trained.run_id
    record = read_report((folder / "report.json").read_text("utf-8"))
    evaluation = record.evaluation
    assert evaluation.rankers == ("lightgbm", "points")
    for ranker in evaluation.rankers:
        for share in ("0.15", "1", "5", "10"):
            for metric in ("recall", "precision"):
                measured = evaluation.find(f"{metric}_at_{share}pct", ranker=ranker)
                assert measured.n_events > 0
        for metric in ("auc", "ap_over_base", "observed_over_expected", "calibration_slope"):
            one = evaluation.find(metric, ranker=ranker)
            assert one.low <= one.value <= one.high
    assert {one.metric for one in evaluation.differences} >= {"auc", "recall_at_5pct"}
    assert record.run.synthetic
    assert "SYNTHETIC" in (folder / "report.html").read_text("utf-8")
    assert "SYNTHETIC" in (folder / "model_card.md").read_text("utf-8")


def test_the_same_data_and_file_give_the_same_model_digest(trained, quick_experiment, tmp_path):
    shutil.copy(trained.home / "mlflow.db", tmp_path / "mlflow.db")  # spares the store's migrations
    run(tmp_path, "train", str(quick_experiment), "--records", str(trained.records))
    digests = {folder.name for folder in (tmp_path / "models").iterdir()}
    assert digests == {folder.name for folder in (trained.home / "models").iterdir()}


def test_promotion_puts_the_version_in_force_and_is_logged(in_force):
    champion = read_champion(in_force.home)
    assert champion["version"] == "1"
    (entry, *_) = promotions(Home(in_force.home))
    assert (entry.by, entry.reason, entry.to_version) == ("release_manager", "first model", "1")
    assert entry.gates["verified"].startswith("passed")
    listed = json.loads(run(in_force.home, "models", "--json").stdout)["versions"]
    assert listed[0]["aliases"] == ["challenger", "champion"]


def test_mlflow_pyfunc_loads_the_version_and_says_the_same(in_force):
    import mlflow
    import pandas as pd

    model = load_model(next((in_force.home / "models").iterdir()))
    rows = pd.DataFrame({name: [0.0, 1.0] for name in model.feature_names_in_})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.set_tracking_uri(Home(in_force.home).tracking_uri)
        loaded = mlflow.pyfunc.load_model("models:/defuse@champion")
        said = loaded.predict(rows[rows.columns[::-1]])
    assert said["probability"].tolist() == model.predict_proba(rows)[:, 1].tolist()


def test_a_too_good_result_is_not_promoted(in_force):
    path = in_force.home / "reports" / in_force.run_id / "report.json"
    before = path.read_text("utf-8")
    record = read_report(before)
    alarm = Alarm(
        metric="auc", ranker="lightgbm", value=0.97, limit=0.9, message_en="AUC above 0.90", message_zh="AUC 高于 0.90"
    )
    alarmed = record.model_copy(update={"evaluation": record.evaluation.model_copy(update={"alarms": (alarm,)})})
    path.write_text(alarmed.model_dump_json(), "utf-8")
    try:
        refused = run(in_force.home, "promote", "1", "--by", "x", "--reason", "y", expect=2)
    finally:
        path.write_text(before, "utf-8")
    assert "AUC above 0.90" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_changed_byte_is_found_before_promotion(in_force):
    folder = next((in_force.home / "models").iterdir())
    trees = folder / "booster.txt"
    whole = trees.read_bytes()
    trees.write_bytes(whole[:-1] + b"#")
    try:
        with pytest.raises(ModelNotVerified, match="a file was changed"):
            load_model(folder)
        refused = run(in_force.home, "promote", "1", "--by", "x", "--reason", "y", expect=2)
    finally:
        trees.write_bytes(whole)
    assert "restore it" in refused.stderr


def test_roll_back_without_a_former_version_says_so(in_force):
    assert "no former version" in run(in_force.home, "rollback", "--by", "x", "--reason", "y", expect=2).stderr


def test_dry_run_prints_the_split_and_runs_nothing(unit_world, quick_experiment, tmp_path):
    done = run(tmp_path / "none", "train", str(quick_experiment), "--records", str(unit_world), "--dry-run")
    assert "embargo" in done.stdout
    assert "origin 3 =" in done.stdout
    assert "...####" in done.stdout
    assert "lightgbm 23" in done.stdout  # one and five for cross-fitting at three origins, five refits
    assert "positive, of" in done.stdout
    assert not (tmp_path / "none").exists()


def test_the_rows_of_a_plan_are_about_those_of_the_run(trained, unit_world, quick_experiment, tmp_path):
    printed = run(tmp_path, "train", str(quick_experiment), "--records", str(unit_world), "--dry-run", "--json").stdout
    planned = json.loads(printed)["origins"][-1]["test_rows"]
    record = report_of(trained)
    assert planned["rows"] == pytest.approx(record.evaluation.n_rows, rel=0.05)
    assert planned["positive_rows"] == pytest.approx(record.evaluation.n_positive_rows, rel=0.1)
    assert planned["disputes_with_incident"] == pytest.approx(record.evaluation.n_events, rel=0.1)


def report_of(trained, run_id=None):
    path = trained.home / "reports" / (run_id or trained.run_id) / "report.json"
    return read_report(path.read_text("utf-8"))


def test_a_sealed_run_opens_nothing_and_registers_nothing(trained, quick_experiment):
    """It leaves the home as it was, but for its run and report; then the plain run's report tells of one opening."""
    opened = Home(trained.home).openings.read_text("utf-8")
    before = json.loads(run(trained.home, "models", "--json").stdout)["versions"]
    models = sorted(folder.name for folder in (trained.home / "models").iterdir())
    done = run(trained.home, "train", str(quick_experiment), "--records", str(trained.records), "--sealed", "--json")
    assert "sealed" not in done.stdout.splitlines()[-1]
    assert json.loads(done.stdout.splitlines()[-2])["version"] is None
    assert Home(trained.home).openings.read_text("utf-8") == opened
    assert json.loads(run(trained.home, "models", "--json").stdout)["versions"] == before
    assert sorted(folder.name for folder in (trained.home / "models").iterdir()) == models
    sealed, plain = report_of(trained, done.stdout.splitlines()[-1]), report_of(trained)
    assert any("SEALED" in one for one in sealed.cautions)
    ends = {one.name: one.ends_at for one in sealed.run.splits}, {one.name: one.starts_at for one in plain.run.splits}
    assert ends[0]["test"] == ends[1]["test"]  # its test ends where the unopened one begins
    assert any("opened for the first time" in one for one in plain.cautions)
    assert len(opened.splitlines()) == 1


def test_the_saved_model_is_text_and_json(trained):
    (folder,) = (trained.home / "models").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["booster.txt", "model.json"]
    contract = json.loads((folder / "model.json").read_text("utf-8"))
    assert contract["provenance"]["synthetic"] is True
    assert [column["column"] for column in contract["columns"]][:2] == [
        "A01_dispute_kind",
        "A02_intimate_or_family_tie",
    ]


def test_records_without_incidents_can_not_train_and_say_why(unit_world, quick_experiment, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(unit_world, bare)
    (bare / "incidents.parquet").unlink()
    done = run(tmp_path / "home", "train", str(quick_experiment), "--records", str(bare), expect=2)
    assert "incidents" in done.stderr
    with read_records(bare) as records:
        assert not records.has_incidents


def test_a_version_that_is_not_there_is_a_user_error(trained):
    assert "no version 99" in run(trained.home, "promote", "99", "--by", "x", "--reason", "y", expect=2).stderr
