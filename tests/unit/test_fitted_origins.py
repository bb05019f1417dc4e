"""Families fitted side by side: an error or an interrupt ends the others with their next step."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from features.errors import UserError
from training import fitted_origins
from training.experiment import read_experiment

EXPERIMENT = read_experiment("experiments/five_families.toml")


@pytest.fixture()
def fitting(monkeypatch, tmp_path):
    """Fits of which each takes as many steps as it is let."""
    monkeypatch.setattr(fitted_origins, "check_positives", lambda _rows, *, folds: None)
    material = SimpleNamespace(splits=(None,), rows=lambda _experiment, _split: None)
    return fitted_origins._Fitting(EXPERIMENT, material, tmp_path, lambda _stage, _done: None)


@pytest.mark.parametrize("error", [UserError("another run is at the same search"), KeyboardInterrupt()])
def test_an_error_of_one_family_ends_the_others_with_their_next_step(fitting, monkeypatch, error):
    ended = []

    def family(_self, name, _rows, _split, step):
        if name == "logistic":
            raise error
        try:
            for number in range(100_000):
                step(f"fit {name}", number / 100_000)
                time.sleep(0.001)
        finally:
            ended.append((name, number))

    monkeypatch.setattr(fitted_origins._Fitting, "_family", family)
    with pytest.raises(type(error)):
        fitting.at(1, None)
    assert [name for name, _ in ended] == ["lightgbm"] and ended[0][1] < 99_999


def test_families_stand_in_the_order_of_the_experiment_whichever_is_done_first(fitting, monkeypatch):
    def family(_self, name, _rows, _split, _step):
        time.sleep(0.05 if name == EXPERIMENT.model.families[0] else 0)
        return name

    monkeypatch.setattr(fitted_origins._Fitting, "_family", family)
    assert fitting.at(1, None).fitted == EXPERIMENT.model.families
