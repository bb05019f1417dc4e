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
