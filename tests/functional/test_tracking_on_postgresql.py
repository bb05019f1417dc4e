"""Runs, versions, promotion and roll-back with MLflow's store in PostgreSQL, by one setting, against a real server."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import psycopg
import pytest

from tests.functional.conftest import run
from training.artifact.home import Home
from training.registry import attempt_promotion, attempt_roll_back, mend, promotions
from training.tracking import CHALLENGER, Tracker


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgresql://who@host/db", "postgresql+psycopg://who@host/db"),
        ("postgres://who@host/db", "postgresql+psycopg://who@host/db"),
        ("postgresql+psycopg://who@host/db", "postgresql+psycopg://who@host/db"),
        ("postgresql://who@/db?host=/run/pg", "postgresql+psycopg://who@/db?host=/run/pg"),
        ("http://tracking:5000", "http://tracking:5000"),
        (None, "sqlite:////there/mlflow.db"),
    ],
)
def test_the_driver_is_the_one_that_is_shipped(given, expected):
    assert Home(Path("/there"), given).tracking_uri == expected


@pytest.fixture
def home(trained, tmp_path, postgres_database):
    """The saved model and its report, in a home whose runs and versions lie in an empty PostgreSQL database."""
    for name in ("models", "reports"):
        shutil.copytree(trained.home / name, tmp_path / "home" / name)
    return Home(tmp_path / "home", postgres_database)


def registered(home, run_id):
    """One run of its own with a version of the model, as ``defuse train`` logs them."""
    (folder,) = home.models.iterdir()
    from training.artifact.store import load_model

    tracker = Tracker(home)
    with tracker.run("on_postgresql", tags={"synthetic": "true"}) as own:
        tracker.log(parameters={"seed": 1}, metrics={"all/lightgbm/auc": 0.7})
        tracker.log_dataset(home.models, digest="a" * 64, name="matrix")
        tracker.log_files(folder, into="saved_model")
        tracker.log_search([({"depth": 2}, 0.5), ({"depth": 3}, 0.4)], metric="log_loss")
        version = tracker.register(folder, load_model(folder).contract)
    tracker.set_alias(CHALLENGER, version)
    shutil.copytree(home.reports / run_id, home.reports / own, dirs_exist_ok=True)
    return version, own


def test_train_promote_roll_back(home, trained, postgres_database):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own
        versions = [registered(home, trained.run_id) for _ in range(2)]
        tracker = Tracker(home)
        assert tracker.mlflow.get_tracking_uri().startswith("postgresql+psycopg://")
        assert [one["version"] for one in tracker.versions()] == ["2", "1"]
        for version, _ in versions:
            entry = attempt_promotion(home, version, by="owner", reason="a test", tracker=tracker)
            assert entry.outcome == "done", entry.gates
        assert json.loads((home.root / "champion.json").read_text())["version"] == "2"
        assert attempt_roll_back(home, by="owner", reason="drift", tracker=tracker).to_version == "1"
        tracker.set_alias("champion", "2")
        mend(home, tracker)
    aliases = {one["version"]: one["aliases"] for one in tracker.versions()}
    assert aliases == {"1": ["champion"], "2": ["challenger"]}
    assert [entry.action for entry in promotions(home)] == ["promote", "promote", "rollback"]
    assert not (home.root / "mlflow.db").exists(), "nothing went to SQLite"
    with psycopg.connect(postgres_database) as connection:
        runs = connection.execute("SELECT count(*) FROM runs").fetchone()[0]
        found = connection.execute("SELECT alias, version FROM registered_model_aliases ORDER BY alias").fetchall()
    assert runs == 2 + 2 * 2, "two runs, each with a search of two"
    assert [tuple(map(str, one)) for one in found] == [("challenger", "2"), ("champion", "1")]


def test_by_the_command_line_as_a_user_sets_it(home, trained, postgres_database, monkeypatch):
    monkeypatch.setenv("DEFUSE_TRACKING_URI", postgres_database)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        version, own = registered(home, trained.run_id)
    listed = json.loads(run(home.root, "models", "--json").stdout)["versions"]
    assert [(one["version"], one["run_id"]) for one in listed] == [(version, own)]
    assert "is in force" in run(home.root, "promote", version, "--by", "owner", "--reason", "a test").stdout
