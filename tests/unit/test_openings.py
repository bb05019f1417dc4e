"""The log of who opened the last origin: appended to, read back, counted for the same records and stretch of time."""

from __future__ import annotations

from training.artifact.home import Home
from training.experiment import Experiment
from training.openings import open_last_origin, openings
from training.split import Split

EXPERIMENT = Experiment(name="x", question="?", seed=1)
RECORDS = {"inputs": {"disputes": "d1", "events": "e1"}}
SPLIT = Split(0, 100, 200, 300)


def test_every_opening_is_kept_and_counted(tmp_path):
    home = Home(tmp_path / "home")
    assert [open_last_origin(home, EXPERIMENT, RECORDS, SPLIT) for _ in range(3)] == [0, 1, 2]
    first, *_ = openings(home)
    assert (first.experiment, first.experiment_digest) == ("x", EXPERIMENT.digest)


def test_another_experiment_on_the_same_test_counts_too(tmp_path):
    """Five files tried on one test are five looks at it."""
    home = Home(tmp_path)
    open_last_origin(home, EXPERIMENT, RECORDS, SPLIT)
    other = EXPERIMENT.model_copy(update={"name": "y", "seed": 2})
    assert open_last_origin(home, other, RECORDS, Split(50, 100, 250, 350)) == 1


def test_other_records_and_another_stretch_of_time_do_not_count(tmp_path):
    home = Home(tmp_path)
    open_last_origin(home, EXPERIMENT, RECORDS, SPLIT)
    assert open_last_origin(home, EXPERIMENT, {"inputs": {"disputes": "d2", "events": "e1"}}, SPLIT) == 0
    assert open_last_origin(home, EXPERIMENT, RECORDS, Split(0, 10, 2_000_000, 3_000_000)) == 0


def test_a_line_that_a_kill_cut_off_is_no_opening(tmp_path):
    home = Home(tmp_path)
    open_last_origin(home, EXPERIMENT, RECORDS, SPLIT)
    whole = home.openings.read_text("utf-8")
    home.openings.write_text(whole + whole[:40], "utf-8")
    assert len(openings(home)) == 1
