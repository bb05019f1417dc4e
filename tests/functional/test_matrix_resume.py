"""`defuse features` killed with SIGKILL, stopped, starved of disk: the same command again gives the same bytes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AS_OF = "2020-06-01T00:00:00+08:00..2022-06-01T00:00:00+08:00/30d"
PATIENCE_SECONDS = 120


def command(records: Path, out: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "defuse", "features", str(records), str(out), "--as-of", AS_OF, *words]


def started(records: Path, out: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(records, out, *words), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def finished(records: Path, out: Path, *words: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command(records, out, *words), cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == expect, done.stderr
    assert "Traceback" not in done.stderr
    return done


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.0005)


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def undisturbed(unit_world, tmp_path_factory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    finished(unit_world, out, "--workers", "1")
    return contents(out)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_killed_after_the_first_part(unit_world, undisturbed, tmp_path, workers):
    out, work = tmp_path / "out", tmp_path / ".out.building"
    process = started(unit_world, out, "--workers", workers)
    wait_for(lambda: any((work / "built" / "counts").glob("part-*.json")), process)
    kill(process)
    there = len(list((work / "built" / "counts").glob("part-*.json")))
    assert 1 <= there < 16
    assert not out.exists()
    again = finished(unit_world, out, "--workers", workers)
    (line,) = (line for line in again.stderr.splitlines() if line.startswith("resumed"))
    resumed = int(line.split()[1])
    assert line == f"resumed: {resumed} of 16 parts were there"
    assert there <= resumed <= there + 2 * int(workers), "an orphan may have finished what it had begun"
    assert contents(out) == undisturbed
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_killed_at_stage_after_stage(unit_world, undisturbed, tmp_path):
    """One build, killed while it partitions, then between parts, then while it takes the place of a former matrix."""
    out, work = tmp_path / "out", tmp_path / ".out.building"
    finished(unit_world, out, "--workers", "1", "--as-known-at", "2021-01-01T00:00:00+08:00")
    assert contents(out) != undisturbed
    for number in range(20_000):  # makes the replacing long enough to be met
        (out / "matrix" / f"part-{number + 16:05d}.parquet").touch()
    counts = work / "built" / "counts"
    for stage in (
        (work / "partitions.unfinished" / "03").exists,
        (work / "partitions").exists,
        (counts / "part-0003.json").exists,
        (counts / "part-0011.json").exists,
        lambda: (work / "replacing").exists() and not (out / "manifest.json").exists(),
    ):
        process = started(unit_world, out, "--workers", "1")
        wait_for(stage, process)
        kill(process)
        assert (work / "plan.json").exists()
    assert not (out / "manifest.json").exists(), "half replaced: no matrix until the manifest is there"
    again = finished(unit_world, out, "--workers", "1")
    assert "resumed: 16 of 16 parts were there" in again.stderr
    assert "features:" not in again.stderr
    assert contents(out) == undisturbed
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_second_process_is_refused_while_the_first_lives(unit_world, undisturbed, tmp_path):
    out, work = tmp_path / "out", tmp_path / ".out.building"
    first = started(unit_world, out, "--workers", "1")
    wait_for(lambda: any((work / "built" / "counts").glob("part-*.json")), first)
    first.send_signal(signal.SIGSTOP)
    refused = finished(unit_world, out, expect=2)
    told = [line for line in refused.stderr.splitlines() if line.startswith("defuse: ") and "left out" not in line]
    assert len(told) == 1
    assert "held by another process" in told[0]
    first.send_signal(signal.SIGCONT)
    _, errors = first.communicate()
    assert first.returncode == 0, errors
    assert contents(out) == undisturbed


def test_a_full_disk_is_one_error_and_the_same_command_goes_on(unit_world, undisturbed, tmp_path):
    """A limit on the size of a file stands for the disk: the writes fail, in DuckDB as in Arrow."""
    out, work = tmp_path / "out", tmp_path / ".out.building"
    failures = []
    for blocks in (100, 152):  # of 1,024 bytes: too few for a partition file; enough for that, not for every part
        limited = ["bash", "-c", f'ulimit -f {blocks}; exec "$@"', "-", *command(unit_world, out, "--workers", "1")]
        done = subprocess.run(limited, cwd=ROOT, text=True, capture_output=True, check=False)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        assert "run the same command again" in done.stderr
        assert not out.exists()
        failures.append((work / "partitions").exists())
    assert failures == [False, True]
    assert "resumed: " in finished(unit_world, out, "--workers", "2").stderr
    assert contents(out) == undisturbed


def test_progress_is_plain_lines_where_there_is_no_terminal(unit_world, tmp_path):
    done = finished(unit_world, tmp_path / "out", "--workers", "1", "--json")
    lines = [line for line in done.stderr.splitlines() if not line.startswith("defuse: ")]
    assert lines == [
        "records: 0%", "records: 25%", "records: 50%", "records: 75%", "records: 100%", "partition: 0%",
        "partition: 100%", "features: 6%", "features: 25%", "features: 50%", "features: 75%", "features: 100%",
    ]  # fmt: skip
    assert json.loads(done.stdout)["rows"] > 0
