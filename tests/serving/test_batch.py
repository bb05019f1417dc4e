"""`defuse score` as a batch: the same bytes whatever the workers, gone on with after a kill, logged once."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from features.case_export import case_record
from features.case_rows import CaseFiles, write_case_rows
from features.clock import parse_time
from features.errors import LogUnavailable, UserError
from features.partition import write_partitions
from features.records import read_records
from features.working_folder import place_of
from serving.access import Grant, Role
from serving.batch import run
from serving.batch.logged import _log
from serving.batch.part import NESTED
from serving.batch.plan import SCORES
from serving.desk import Desk
from serving.log.decision_log import DecisionLog
from serving.policy import Policy
from tests.serving.conftest import MIDDLE, ROOT, SAMPLES
from tests.serving.drawn_records import LANDMARKS, drawn_folder
from training.artifact.store import read_champion

AS_OF, SCORED_AT = parse_time(MIDDLE), parse_time("2026-01-02T03:04:05Z")
REVIEWER = Grant("", Role.REVIEWER, "", "9999-12-31T00:00:00+00:00")


@pytest.fixture(scope="module")
def records():
    with read_records(SAMPLES) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _no_log_stays_open():
    yield
    if _log.cache_info().currsize:
        for url in _opened:
            _log(url).close()
        _log.cache_clear()
    _opened.clear()


_opened: list[str] = []


def score(records, out, home, *, workers=1, logged=False, scored_at=SCORED_AT, **more):
    if logged:
        _opened[:] = [home.database_url]
    champion = read_champion(home.root)
    return run.score_records(
        records, out, as_of=AS_OF, scored_at=scored_at, model_folder=home.models / champion["digest"],
        version=champion["version"], policy=Policy(), workers=workers,
        log_url=home.database_url if logged else None, **more,
    )  # fmt: skip


def content(out):
    return {name: (out / name).read_bytes() for name in SCORES.contents}


def rows(out):
    found = pq.read_table(out / "assessments.parquet").to_pylist()
    return {row["dispute_id"]: {k: json.loads(v) if k in NESTED else v for k, v in row.items()} for row in found}


def test_the_workers_change_no_byte(records, home, tmp_path):
    for name, workers in (("one", 1), ("two", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "of-others.txt").write_text("kept")
        score(records, tmp_path / name, home, workers=workers)
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert (tmp_path / "one" / "of-others.txt").read_text() == "kept"
    assert not place_of(tmp_path / "one", SCORES).exists()


def test_a_run_that_failed_half_way_goes_on_and_gives_the_same_bytes(records, home, tmp_path, monkeypatch):
    score(records, tmp_path / "whole", home)
    built = []

    def failing(batch, folder, into, number):
        if number == 9 and 9 not in built:
            built.append(9)
            raise OSError(28, "No space left on device")
        built.append(number)
        return true_part(batch, folder, into, number)

    true_part = run.score_part
    monkeypatch.setattr(run, "score_part", failing)
    with pytest.raises(UserError, match=r"No space left.*run the same command again"):
        score(records, tmp_path / "broken", home)
    assert not (tmp_path / "broken" / "assessments.parquet").exists()
    score(records, tmp_path / "broken", home)
    assert sorted(built) == sorted([*range(16), 9])
    assert content(tmp_path / "broken") == content(tmp_path / "whole")


def test_a_finished_run_is_not_run_again(records, home, tmp_path, monkeypatch):
    first = score(records, tmp_path / "out", home, scored_at=None)
    before = content(tmp_path / "out")
    with monkeypatch.context() as patched:
        patched.setattr(run, "score_part", None)
        assert score(records, tmp_path / "out", home, scored_at=None) == first
    assert content(tmp_path / "out") == before
    (tmp_path / "out" / "assessments.parquet").write_bytes(b"damaged")
    assert score(records, tmp_path / "out", home, scored_at=None).run != first.run
    assert rows(tmp_path / "out")


def test_ids_follow_from_run_and_dispute(records, home, tmp_path):
    one, two = (score(records, tmp_path / name, home, scored_at=at) for name, at in (("a", 1), ("b", 2)))
    first, second = rows(tmp_path / "a"), rows(tmp_path / "b")
    assert one.run != two.run
    assert len({row["assessment_id"] for row in (*first.values(), *second.values())}) == 2 * len(first)


def test_nothing_to_score_leaves_nothing(records, home, tmp_path):
    champion = read_champion(home.root)
    with pytest.raises(UserError, match="no dispute is open"):
        run.score_records(
            records, tmp_path / "out", as_of=parse_time("2001-01-01T00:00:00Z"), policy=Policy(),
            model_folder=home.models / champion["digest"], version="1", workers=1,
        )  # fmt: skip
    assert list(tmp_path.glob(".*.scoring")) == []


def test_logged_assessments_are_found_by_reviewers_with_their_case(records, home, tmp_path):
    score(records, tmp_path / "out", home, logged=True)
    desk = Desk(home)
    try:
        for number, (dispute_id, row) in enumerate(rows(tmp_path / "out").items()):
            if number % 5:
                continue
            kept = desk.log.find(row["assessment_id"])
            told = desk.view(kept, REVIEWER)  # a drawn share of them is found only after a view of one's own
            assert {name: told[name] for name in row if not name.startswith("interval")} == {
                name: value for name, value in row.items() if not name.startswith("interval")
            }
            assert kept.case_record == without_token(case_record(records, dispute_id, as_of=AS_OF))
    finally:
        desk.close()


def without_token(record):
    return json.loads(json.dumps(record))


def test_logged_once_though_parts_are_made_again(records, home, tmp_path, monkeypatch):
    """The chunk reached the log, the file of its part did not: what a kill in between leaves."""
    from serving.batch import part

    def dies(_block, _batch):
        raise OSError(5, "killed here")

    with monkeypatch.context() as patched:
        patched.setattr(part, "table_of", dies)
        with pytest.raises(UserError, match="killed here"):
            score(records, tmp_path / "out", home, logged=True, scored_at=None)
    logged_so_far = entries(home)
    assert logged_so_far > 0
    score(records, tmp_path / "out", home, logged=True, scored_at=None)
    found = rows(tmp_path / "out")
    assert assessments(home) == sorted(row["assessment_id"] for row in found.values())


def test_a_log_that_cannot_be_written_stops_the_run_and_it_goes_on(records, home, tmp_path, monkeypatch):
    def full(*_args, **_more):
        raise LogUnavailable("the decision log can't be written")

    with monkeypatch.context() as patched:
        patched.setattr(DecisionLog, "append_part", full)
        with pytest.raises(LogUnavailable):
            score(records, tmp_path / "out", home, logged=True, scored_at=None)
    assert not (tmp_path / "out" / "assessments.parquet").exists()
    score(records, tmp_path / "out", home, logged=True, scored_at=None)
    assert len(assessments(home)) == len(rows(tmp_path / "out"))


def assessments(home):
    return sorted(name for (name,) in asked(home, "SELECT assessment_id FROM assessments"))


def entries(home):
    return asked(home, "SELECT count(*) FROM entries")[0][0]


def asked(home, query):
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(home.log_database)) as connection:
        return connection.execute(query).fetchall()


def test_case_rows_are_the_case_records(tmp_path):
    """All disputes at once give what one at a time gives: versions, moves, answers, earlier disputes."""
    as_of = parse_time(LANDMARKS[1].isoformat())
    with read_records(drawn_folder(tmp_path / "records", seed=3, disputes=60)) as drawn:
        folders = write_partitions(drawn.connection, tmp_path / "parts", known_at=as_of - 1)
        write_case_rows(drawn.connection, folders, as_of=as_of)
        compared = priors = 0
        for folder in folders:
            ids = {row["dispute_id"] for row in pq.read_table(folder / "case_disputes.parquet").to_pylist()}
            for dispute_id, found in CaseFiles(folder, as_of=as_of).of(sorted(ids)[::-1]).items():
                wanted = case_record(drawn, dispute_id, as_of=as_of)
                assert found.record == wanted
                assert [row["recorded_at"] for row in found.dispute] == times(wanted["dispute"])
                assert [row["recorded_at"] for row in found.turns] == times(wanted["events"], "closed", "reopened")
                compared, priors = compared + 1, priors + len(wanted["prior_disputes"])
    assert compared > 30 and priors > 0


def times(rows, *types):
    return [parse_time(row["recorded_at"]) for row in rows if not types or row["type"] in types]


def test_a_kill_at_any_instant_loses_and_doubles_nothing(home, tmp_path):
    """`defuse score --log --workers 2`, killed again and again, then let through."""
    command = [
        sys.executable, "-m", "defuse", "score", str(SAMPLES), str(tmp_path / "out"), "--as-of", MIDDLE, "--workers", "2",
        "--log", "--json",
    ]  # fmt: skip
    environment = os.environ | {"DEFUSE_HOME": str(home.root)}
    rng = random.Random(7)
    for _ in range(2):
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )  # fmt: skip
        until = time.monotonic() + 60
        counts = Path(place_of(tmp_path / "out", SCORES), "built", "counts")
        while process.poll() is None and time.monotonic() < until and not (counts.exists() and any(counts.iterdir())):
            time.sleep(0.02)
        time.sleep(rng.random() * 0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    found = rows(tmp_path / "out")
    assert told["disputes"] == len(found) > 50
    assert assessments(home) == sorted(row["assessment_id"] for row in found.values())
