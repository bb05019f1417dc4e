"""Nothing calls out: scoring works with no network but loopback, and never tries another host."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.serving.cases import case
from tests.serving.conftest import ROOT

IN_A_NAMESPACE = ("unshare", "--net", "--map-root-user")
SCRIPT = """
import fcntl, json, os, socket, struct, sys
from pathlib import Path
from defuse import main
from serving.access import Role, create_token
from tests.serving.cases import case
from tests.serving.conftest import Running, SAMPLES
from training.artifact.home import Home

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # ip link set lo up
    fcntl.ioctl(probe, 0x8914, struct.pack("16sh14s", b"lo", 0x1 | 0x40, b""))
try:
    socket.create_connection(("192.0.2.1", 80), timeout=2).close()
    sys.exit("the network is not cut off")
except OSError:
    pass
root = Path(sys.argv[1])
os.environ["DEFUSE_HOME"] = str(root / "home")
main(["score", str(SAMPLES), str(root / "out"), "--as-of", "2020-06-01T00:00:00Z", "--json"], standalone_mode=False)
token = create_token(root / "home", role=Role.REVIEWER)
running = Running(Home(root / "home"), root / "serve.log").wait()
try:
    with running.client(token) as client:
        answer = client.post("/v1/score", json=case())
        page = client.get(f"/review/{answer.json()['assessment_id']}")
    print(json.dumps([answer.status_code, answer.json()["tier"], page.status_code]))
finally:
    running.stop()
"""


def test_scoring_in_a_namespace_without_network(trained_home, tmp_path):
    """The kernel itself refuses: `defuse score`, and the service over loopback inside."""
    if shutil.which("unshare") is None or subprocess.run([*IN_A_NAMESPACE, "true"], check=False).returncode:
        pytest.skip("unshare --net is not permitted here: the guarded service of the tests below stands in for it")
    shutil.copytree(trained_home.root, tmp_path / "home")
    done = subprocess.run(
        [*IN_A_NAMESPACE, sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [200, "blue", 200]
    assert (tmp_path / "out" / "assessments.parquet").exists()


def test_the_service_of_these_tests_tried_no_other_host(service, tokens, attempts):
    """All that the tests ask of the service happens under a guard that writes down every look-up and connection."""
    with service.client(tokens["reviewer"]) as client:
        stored = client.post("/v1/score", json=case()).json()["assessment_id"]
        assert client.get(f"/review/{stored}").status_code == 200
    assert not attempts.exists(), attempts.read_text()


def test_batch_scoring_tried_no_other_host(by_batch, attempts):
    assert by_batch
    assert not attempts.exists(), attempts.read_text()


def test_the_guard_bites(guarded_environment, attempts, tmp_path):
    """A test that can't fail is a defect: the same guard refuses a look-up and a connection, and says so."""
    told = tmp_path / "attempts"
    done = subprocess.run(
        [sys.executable, "-c", "import socket; socket.create_connection(('example.org', 80))"],
        env=guarded_environment | {"OFFLINE_GUARD_LOG": str(told)}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "example.org" in told.read_text()
