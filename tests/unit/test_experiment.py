"""An experiment file is closed and frozen, and tells every fault with its path."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from features.errors import InvalidConfiguration, MissingInput
from training.experiment import Experiment, read_experiment

SHIPPED = "experiments/shallow_lightgbm.toml"


def test_the_shipped_file_is_one():
    experiment = read_experiment(SHIPPED)
    assert experiment.embargo_days == 240
    assert experiment.matrix.indicator_ids is None


def test_the_shipped_files_pose_one_problem_to_five_families():
    files = {path.stem: read_experiment(path) for path in sorted(Path("experiments").glob("*.toml"))}
    assert set(files) == {
        "points", "logistic", "shallow_lightgbm", "tuned_lightgbm", "explainable_boosting", "five_families"
    }  # fmt: skip
    one = files["shallow_lightgbm"]
    for name, other in files.items():
        assert other.name == name
        for section in (
            "cohort",
            "matrix",
            "label",
            "split",
            "sampling",
            "calibration",
            "evaluation",
            "tiers",
            "gates",
        ):
            assert getattr(other, section) == getattr(one, section), (name, section)
    every = files["five_families"]
    assert len(every.model.families) == 4
    for family in every.model.families:
        own = files["shallow_lightgbm" if family == "lightgbm" else family]
        assert getattr(every, family) == getattr(own, family)
    assert files["tuned_lightgbm"].lightgbm == one.lightgbm


def test_a_file_may_be_stricter_than_the_house_never_laxer():
    stricter = {"observed_over_expected": (0.9, 1.1), "points_margin": 0.01}
    assert Experiment(name="x", question="?", seed=1, gates=stricter).gates.points_margin == 0.01
    for laxer in ({"observed_over_expected": (0.5, 1.1)}, {"points_margin": -0.1}, {"calibration_slope": (0.85, 2.0)}):
        with pytest.raises(ValidationError):
            Experiment(name="x", question="?", seed=1, gates=laxer)


def test_tiers_widen_and_points_read_the_matrix():
    with pytest.raises(ValidationError, match="smaller share"):
        Experiment(name="x", question="?", seed=1, tiers={"red": 0.02})
    items = [{"indicator": "B04", "column": "B04_x", "threshold": 1, "points": 1}]
    with pytest.raises(ValidationError, match="B04_x"):
        Experiment(name="x", question="?", seed=1, matrix={"indicators": ["A01"]}, points={"items": items})


def test_all_faults_are_told_at_once_with_their_path(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(
        'name = "x"\nquestion = "?"\nseed = 1\nfrills = 3\n[sampling]\nnegative_rate = 0\n'
        '[matrix]\nindicators = ["Z99"]\n[calibration]\nfolds = 1\n'
    )
    with pytest.raises(InvalidConfiguration) as caught:
        read_experiment(path)
    paths = {fault.path for fault in caught.value.faults}
    assert paths >= {"frills", "sampling.negative_rate", "calibration.folds"}
    assert any(path.startswith("matrix.indicators") for path in paths)
    assert "Z99" in str(caught.value)


def test_a_missing_file_and_broken_toml_are_user_errors(tmp_path):
    with pytest.raises(MissingInput, match="experiments/"):
        read_experiment(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("name = ")
    with pytest.raises(InvalidConfiguration, match="not TOML"):
        read_experiment(tmp_path / "broken.toml")


def test_layout_and_comments_do_not_change_the_digest(tmp_path):
    first = read_experiment(SHIPPED)
    text = Path(SHIPPED).read_text("utf-8")
    (tmp_path / "same.toml").write_text("# another comment\n" + text.replace("seed = 20240501", "seed =   20240501"))
    (tmp_path / "other.toml").write_text(text.replace("seed = 20240501", "seed = 7"))
    assert read_experiment(tmp_path / "same.toml").digest == first.digest
    assert read_experiment(tmp_path / "other.toml").digest != first.digest


def test_it_cannot_be_changed():
    with pytest.raises(ValidationError):
        Experiment(name="x", question="?", seed=1).seed = 2
