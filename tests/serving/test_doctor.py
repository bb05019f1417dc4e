"""`defuse doctor`: every finding in a whole home and in damaged ones, and what it exits with."""

import json
import os
import subprocess
import sys
import time
from collections import namedtuple

import pytest
from click.testing import CliRunner

from defuse import main
from serving import doctor as doctor_module
from serving.access import Role, create_token
from serving.doctor import examine
from serving.finding import State
from serving.log.anchors import Anchoring
from serving.log.decision_log import DecisionLog
from serving.log.transaction import now_us
from tests.log.drawn_cases import assessed
from tests.serving.conftest import ROOT

CHECKS = ["home", "disk", "libgomp", "clock", "champion", "policy", "decision log", "tokens", "tracking store"]


def found(home, *, auth="token", host="127.0.0.1"):
    return {one.check: one for one in examine(home, auth=auth, host=host)}


def test_a_whole_home_blocks_nowhere(home):
    create_token(home.root, role=Role.ROUTER)
    findings = found(home)
    assert set(CHECKS) <= set(findings)
    assert all(one.state is not State.BLOCKS for one in findings.values()), findings
    assert all(one.remedy for one in findings.values() if one.state is not State.OK)
    assert "1 valid, 0 expired; roles: router" in findings["tokens"].told
    assert "0 entries" in findings["decision log"].told


Usage = namedtuple("Usage", "total used free")
DAMAGES = {
    "home": lambda home, _: home.root.rename(home.root.parent / "gone"),
    "disk": lambda _home, monkeypatch: monkeypatch.setattr(
        doctor_module.shutil, "disk_usage", lambda _path: Usage(1, 1, 1_000)
    ),
    "libgomp": lambda _home, monkeypatch: monkeypatch.setattr(
        doctor_module.ctypes.util, "find_library", lambda _name: None
    ),
    "clock": lambda home, _: os.utime(home.root / "champion.json", (time.time() + 9_000,) * 2),
    "champion": lambda home, _: (home.root / "champion.json").write_text("{"),
    "policy": lambda home, _: (home.root / "policy.toml").write_text("[red]\nactions = ['detain']\n"),
    "decision log": lambda home, _: home.log_database.write_bytes(b"not a database, " * 100),
    "tokens": lambda home, _: (home.root / "tokens.json").write_text("{"),
}


@pytest.mark.parametrize("check", DAMAGES)
def test_what_is_broken_is_named_with_a_remedy(check, home, monkeypatch):
    DAMAGES[check](home, monkeypatch)
    finding = found(home)[check]
    assert finding.state is State.BLOCKS
    assert finding.remedy


def test_a_stand_in_warns_and_open_doors_block_off_loopback(home):
    (folder,) = home.models.iterdir()
    (folder / "booster.txt").unlink()
    findings = found(home)
    assert findings["champion"].state is State.WARNS
    assert "points_fallback" in findings["champion"].told
    assert findings["tokens"].state is State.WARNS
    assert found(home, auth="off")["tokens"].state is State.OK
    assert found(home, auth="off", host="0.0.0.0")["tokens"].state is State.BLOCKS


DAY_US = 86_400_000_000


def written(home, *cases, anchoring=None):
    log = DecisionLog(home.database_url, anchoring=anchoring)
    log.append(list(cases))
    log.close()


def test_what_is_kept_too_long_is_said_until_it_is_erased(home, monkeypatch):
    written(home, assessed("D1", as_of=now_us()), assessed("D2", as_of=now_us() - 181 * DAY_US))
    assert found(home)["retention"].state is State.OK, "a day or two may pass until the timer comes"
    written(home, assessed("D3", as_of=now_us() - 183 * DAY_US), assessed("D4", as_of=now_us() - 800 * DAY_US))
    finding = found(home)["retention"]
    assert finding.state is State.WARNS
    assert "1 case, 2 care" in finding.told and "defuse audit erase" in finding.remedy
    monkeypatch.setenv("DEFUSE_HOME", str(home.root))
    assert CliRunner().invoke(main, ["audit", "erase"]).exit_code == 0
    assert found(home)["retention"].state is State.OK


def test_an_anchor_that_stays_away_is_said(home, tmp_path):
    place = tmp_path / "anchors.jsonl"
    with (home.root / "policy.toml").open("a") as policy:
        policy.write(f"[anchor]\nfile = '{place}'\nevery_entries = 1\n")
    assert found(home)["anchors"].state is State.OK
    written(home, assessed("D1"), anchoring=Anchoring(file=str(place), every_entries=1))
    assert found(home)["anchors"].state is State.OK and "entry 1 " in found(home)["anchors"].told
    for number in range(4):
        written(home, assessed(f"D{number}"))
    finding = found(home)["anchors"]
    assert finding.state is State.WARNS and "4 entries came since" in finding.told
    place.write_text('{"seq": 99, "hash": "f", "at_utc": 1}\n')
    assert "audit verify" in found(home)["anchors"].remedy
    place.write_text("nonsense\n")
    assert found(home)["anchors"].state is State.WARNS


@pytest.mark.parametrize(("damage", "code"), [(None, 0), ("champion", 2)])
def test_the_verb_exits_with_two_where_something_blocks(damage, code, home, monkeypatch):
    monkeypatch.setenv("DEFUSE_HOME", str(home.root))
    if damage:
        DAMAGES[damage](home, monkeypatch)
    told = CliRunner().invoke(main, ["doctor", "--json"])
    assert told.exit_code == code, told.output
    record = json.loads(told.stdout)
    assert record["blocks"] is bool(damage)
    assert [one["check"] for one in record["findings"] if one["check"] in CHECKS] == CHECKS
    assert "champion" in CliRunner().invoke(main, ["doctor"]).output


def test_tokens_are_listed_and_taken_back(home, monkeypatch):
    monkeypatch.setenv("DEFUSE_HOME", str(home.root))
    runner = CliRunner()
    for name in ("one", "two"):
        assert runner.invoke(main, ["token", "create", "--role", "care", "--name", name]).exit_code == 0
    listed = json.loads(runner.invoke(main, ["token", "list", "--json"]).stdout)["tokens"]
    assert [(one["name"], one["role"]) for one in listed] == [("one", "care"), ("two", "care")]
    assert runner.invoke(main, ["token", "revoke", "one"]).exit_code == 0
    assert runner.invoke(main, ["token", "revoke", listed[1]["token"]]).exit_code == 0
    assert json.loads(runner.invoke(main, ["token", "list", "--json"]).stdout)["tokens"] == []
    assert runner.invoke(main, ["token", "revoke", "one"]).exit_code != 0


def test_a_bento_is_built_without_a_network(guarded_environment, attempts, tmp_path):
    """Every package, its data files and the docs are in it, and the build looks up nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "bentoml", "build", "--output", "tag", "."], cwd=ROOT, capture_output=True, text=True,
        env=guarded_environment | {"BENTOML_HOME": str(tmp_path), "BENTOML_DO_NOT_TRACK": "True"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    (built,) = (one for one in (tmp_path / "bentos" / "defuse").iterdir() if one.is_dir())
    source = built / "src"
    folders = ("features", "training", "serving", "experiments", "docs", "deploy")
    ours = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    names = [str(path.relative_to(ROOT)) for path in ours if "__pycache__" not in path.parts and path.name != ".env"]
    missing = [name for name in names if not (source / name).is_file()]
    assert names
    assert not missing
    assert not (source / "tests").exists()
    assert "libgomp1" in (built / "env" / "docker" / "Dockerfile").read_text()
    assert not attempts.exists(), attempts.read_text()
