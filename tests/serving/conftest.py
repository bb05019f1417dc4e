"""A small trained model, an app in this process, and the real service in another, each made once per session.

The model goes through the real fitting, calibration and saving, but on rows in which every indicator matters: in a
simulated world of this size most rare signs never split a tree, and a wrong value of one would go unseen.
"""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest

from serving.access import Door, Role, create_token
from serving.app import make_app
from serving.batch.part import NESTED
from serving.desk import Desk
from tests.serving.app_client import AppClient
from tests.serving.plain_records import covering_times
from training.artifact.home import Home
from training.artifact.store import load_champion, write_champion

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "data_samples" / "neighbourhood"
SEED = 20240602
MIDDLE, LATE = "2020-05-20T09:00:00+08:00", "2021-01-02T00:00:00+08:00"
SCORE_ALL = """
import sys
from defuse import main
for number, as_of in enumerate(sys.argv[3:]):
    main(["score", sys.argv[1], f"{sys.argv[2]}/{number}", "--as-of", as_of], standalone_mode=False)
"""
GUARD = ROOT / "tests" / "functional" / "offline_guard"
READY_SECONDS = 120
NOTHING_IS_JUDGED_FIRST = "[review]\njudge_first_share = 0\naudit_share_blue = 0\naudit_share_yellow = 0\n"
"""Or a random share of stored assessments would be held back from reviewers."""


def _landmarks(folder):
    """Every row of the sample disputes' matrix, and the pair of each."""
    from features import catalogue
    from features.matrix import build_matrix
    from features.records import read_records

    with read_records(SAMPLES) as records:
        manifest = build_matrix(records, folder, as_of="spine", workers=1)
    parts = sorted((folder / "matrix").glob("part-*.parquet"))
    names = list(catalogue.columns_of())
    tables = [pq.read_table(part) for part in parts]
    values = np.concatenate([np.column_stack([t[name].to_numpy() for name in names]) for t in tables if len(t)])
    disputes = np.concatenate([t["dispute_id"].to_numpy(zero_copy_only=False) for t in tables if len(t)])
    return manifest, values, np.unique(disputes, return_inverse=True)[1]


def _rows(values, pair):
    """Training rows: the sample landmarks, every 12th cell drawn anew, labels that follow every indicator."""
    from features import catalogue
    from training.rows import Rows

    rng = np.random.default_rng(SEED)
    risk = np.full(len(values), -4.0)
    for column, indicator in enumerate(one for one in catalogue.INDICATORS for _ in one.columns):
        known = np.unique(values[~np.isnan(values[:, column]), column])
        levels = range(len(indicator.categories)) if indicator.categories else [0.0, 1.0, 2.0, *known]
        drawn = rng.choice(np.array([*levels, np.nan]), len(values))
        values[:, column] = np.where(rng.random(len(values)) < 0.08, drawn, values[:, column])
        spread = np.nan_to_num(values[:, column]) / max(1.0, np.nanmax(values[:, column]))
        risk += spread * indicator.direction.monotone if indicator.direction.monotone else 0.5 * spread
    label = (rng.random(len(values)) < 1 / (1 + np.exp(-risk))).astype(np.int8)
    never = np.full(len(values), np.iinfo(np.int64).max)
    weight = np.where(label == 1, 1.0, 10.0)
    ones = np.ones(len(values))
    rows = Rows(values, pair, pair, np.zeros(len(values), np.int64), never, label, weight, ones, ones)
    return SimpleNamespace(train=rows, calibration=rows)  # what fit_model reads of a split


def _settings():
    from training.experiment import read_experiment

    experiment = read_experiment(ROOT / "experiments" / "shallow_lightgbm.toml")
    shape = {"rounds": 120, "max_depth": 3, "num_leaves": 8, "min_data_in_leaf": 20}
    trees = experiment.lightgbm.model_copy(
        update={**shape, "learning_rate": 0.2, "lambda_l2": 1.0, "feature_fraction": 0.5}
    )
    few = {
        "lightgbm": trees,
        "interval": experiment.interval.model_copy(update={"refits": 5}),
        "calibration": experiment.calibration.model_copy(update={"folds": 2}),
    }
    return experiment.model_copy(update=few)


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory):
    """A home with one saved model and its ``champion.json``; tests copy it before they change anything."""
    from features import catalogue
    from training.modelling import fit_model
    from training.split import Split

    root = tmp_path_factory.mktemp("trained")
    manifest, values, pair = _landmarks(root / "matrix")
    home = Home(root / "home")
    model = fit_model(
        _settings(), _rows(values, pair), catalogue.chosen(), manifest, Split(0, 1, 2, 3),
        models=home.models, step=lambda _stage, _done: None,
    )  # fmt: skip
    assert (model.booster.feature_importance() > 0).all(), "an indicator without a split can't show a wrong value"
    write_champion(home.root, {"version": "1", "digest": model.digest})
    (home.root / "policy.toml").write_text(NOTHING_IS_JUDGED_FIRST)
    return home


@pytest.fixture(scope="session")
def model(trained_home):
    """The verified model of ``trained_home``."""
    return load_champion(trained_home.root)[0]


@pytest.fixture
def home(trained_home, tmp_path):
    """A copy of the home that a test may damage."""
    import shutil

    root = tmp_path / "home"
    shutil.copytree(trained_home.root, root)
    return Home(root)


@pytest.fixture(scope="session")
def service_home(trained_home, tmp_path_factory):
    """The home of the service in another process: the model of ``trained_home``, its own log and tokens."""
    import shutil

    root = tmp_path_factory.mktemp("service") / "home"
    shutil.copytree(trained_home.root, root)
    return Home(root)


@pytest.fixture(scope="session")
def tokens(service_home):
    """One token a role for the service in another process, and one that sees another area only."""
    made = {role.value: create_token(service_home.root, role=role) for role in Role}
    return made | {"elsewhere": create_token(service_home.root, role=Role.REVIEWER, area="44")}


def free_port():
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Running:
    """The service in another process, started by the command that a user types."""

    def __init__(self, home, log, *, auth="token", environment=None):
        self.log, self.port = log, free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        environment = (environment or os.environ) | {"DEFUSE_HOME": str(home.root), "DEFUSE_AUTH": auth}
        environment.setdefault("DEFUSE_LAME_DUCK_SECONDS", "0")
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "defuse", "serve", "--port", str(self.port)],
                cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def wait(self, path="/readyz"):
        """Wait until a path answers 200; the service itself when it does."""
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                if httpx.get(self.base + path, timeout=2, trust_env=False).status_code == 200:
                    return self
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        self.stop()
        raise AssertionError(f"the service did not start:\n{self.log.read_text()[-3000:]}")

    def client(self, token=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.base, headers=headers, timeout=60, trust_env=False)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="session")
def attempts(tmp_path_factory):
    """Where the guard writes down what tried to reach another host; no file while nothing did."""
    return tmp_path_factory.mktemp("guard") / "attempts"


@pytest.fixture(scope="session")
def guarded_environment(attempts):
    """The environment of a process that is refused every other host."""
    return os.environ | {"PYTHONPATH": str(GUARD), "OFFLINE_GUARD_LOG": str(attempts)}


@pytest.fixture(scope="session")
def starting_service(service_home, tokens, guarded_environment, tmp_path_factory):
    """The real BentoML service while it starts, so that other slow set-up goes on meanwhile."""
    log = tmp_path_factory.mktemp("log") / "serve.log"
    running = Running(service_home, log, environment=guarded_environment)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def service(starting_service):
    """The real BentoML service over HTTP."""
    return starting_service.wait()


@pytest.fixture(scope="session")
def times():
    """When the samples are scored: in the middle, late, and as often as it takes to have every dispute in a batch."""
    return covering_times(SAMPLES, MIDDLE, LATE)


@pytest.fixture(scope="session")
def by_batch(trained_home, starting_service, guarded_environment, times, tmp_path_factory):
    """The rows of ``assessments.parquet`` at each time, by dispute, as assessments."""
    out = tmp_path_factory.mktemp("batch")
    done = subprocess.run(
        [sys.executable, "-c", SCORE_ALL, str(SAMPLES), str(out), *times],
        env=guarded_environment | {"DEFUSE_HOME": str(trained_home.root)}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {as_of: _assessments(out / str(number)) for number, as_of in enumerate(times)}


def _assessments(folder):
    found = {}
    for row in pq.read_table(folder / "assessments.parquet").to_pylist():
        interval = [row.pop("interval_low"), row.pop("interval_high")]
        assessment = {name: json.loads(value) if name in NESTED else value for name, value in row.items()}
        found[row["dispute_id"]] = assessment | {"interval": interval}
    return found


@pytest.fixture
def app(home):
    """The app in this process with its desk, and a door that asks for tokens."""
    app = make_app()
    app.state.desk, app.state.door = Desk(home), Door(home.root, open_to_all=False)
    yield app
    app.state.desk.close()


@pytest.fixture
def client(app, home):
    """A client of the app with a reviewer's token."""
    client = AppClient(app, home)
    client.headers.update(client.token("reviewer"))
    yield client
    client.close()
