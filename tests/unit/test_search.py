"""A search for settings: killed at any instant it goes on, and ends with the very same trials."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from features.errors import UserError
from tests.unit.test_families import INDICATORS, experiment, rows_of
from training.families.search import Place, fewer_negatives, search_trees
from training.family_settings import LightGBMSection, TunedLightGBMSection

ROOT = Path(__file__).parents[2]
TRIALS = 10  # past the eight that are drawn without looking at the others
SECTION = TunedLightGBMSection(trials=TRIALS, folds=2, rounds=(5, 15))
START = LightGBMSection(rounds=10, min_data_in_leaf=20, lambda_l2=1.0)


def search(folder: Path | None, *, trials: int = TRIALS, step=lambda _done: None):
    section = SECTION.model_copy(update={"trials": trials})
    place = Place(folder, ("experiment", "records", "split"))
    return search_trees(section, START, INDICATORS, rows_of(count=1500), seed=3, place=place, step=step)


@pytest.fixture(scope="module")
def whole():
    """The search that nobody killed."""
    return search(None)


def test_the_first_trial_is_what_the_file_says_and_the_best_is_taken(whole):
    assert whole.trials[0].settings["rounds"] == 10
    assert len(whole.trials) == TRIALS
    best = min(whole.trials, key=lambda one: one.log_loss)
    assert whole.settings.rounds == best.settings["rounds"]
    assert whole.settings.learning_rate == best.settings["learning_rate"]
    assert whole.settings.max_bin == START.max_bin
    assert len({one.log_loss for one in whole.trials}) > TRIALS / 2


@pytest.mark.parametrize("moment", ["between two trials", "in the midst of a trial"])
def test_killed_and_begun_again_it_ends_with_the_same_trials(moment, whole, tmp_path):
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "import training.families.search as search_module\n"
        "from tests.unit.test_search import search\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "count = [0]\n"
        "real = search_module.cross_validated_log_loss\n"
        "def fourth(*given, **named):\n"
        "    count[0] += 1\n"
        "    return die() if count[0] == 4 else real(*given, **named)\n"
        f"if {moment == 'in the midst of a trial'}: search_module.cross_validated_log_loss = fourth\n"
        f"search(Path({str(tmp_path)!r}), step=lambda done: die() if done >= 0.4 else None)\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, check=False, env=os.environ)
    assert done.returncode == -signal.SIGKILL
    steps = []
    again = search(tmp_path, step=steps.append)
    assert len(steps) == TRIALS - (3 if moment == "in the midst of a trial" else 4)  # the rest, not all of it
    assert again == whole


def test_two_searches_of_one_name_do_not_meet(tmp_path):
    met = []

    def second(_done: float) -> None:
        with pytest.raises(UserError, match="same search") as caught:
            search(tmp_path, trials=1)
        met.append(caught.value)

    search(tmp_path, trials=1, step=second)
    assert met


def test_another_experiment_record_or_split_is_another_search():
    names = {Place(None, parts).name for parts in (("a", "b", "c"), ("a", "b", "d"), ("x", "b", "c"), ("ab", "", "c"))}
    assert len(names) == 4


def test_all_positives_and_a_share_of_the_negatives_judge_a_trial():
    rows = rows_of()
    few = fewer_negatives(rows, per_positive=2, seed=1)
    assert (rows.label == 0).sum() > 3 * rows.label.sum()
    positives = int(rows.label.sum())
    assert int(few.label.sum()) == positives
    assert 1.8 * positives < (few.label == 0).sum() < 2.2 * positives


def test_more_than_thirty_trials_are_refused():
    with pytest.raises(ValueError, match="30"):
        TunedLightGBMSection(trials=31)
    with pytest.raises(ValueError, match="lowest, highest"):
        TunedLightGBMSection(rounds=(20, 10))
    with pytest.raises(ValueError, match="learning_rate"):
        TunedLightGBMSection(learning_rate=(0.1, 2.0))


def test_a_family_is_named_once():
    with pytest.raises(ValueError, match="once"):
        experiment("lightgbm").model_validate(
            {"name": "x", "question": "?", "seed": 1, "model": {"family": "lightgbm", "peers": ["lightgbm"]}}
        )
