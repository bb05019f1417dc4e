"""Rows of the small unit world, split as the shipped experiment says, and the model fitted on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from features import build_matrix, catalogue, read_records
from training.artifact.model import RiskModel
from training.experiment import Experiment, read_experiment
from training.families.fitter import TreeFitter, settings_for
from training.modelling import fit_model
from training.rows import Counted, Rows, Sampling, SplitRows, matrix_bounds, split_rows
from training.split import Split, last_origin


@dataclass(frozen=True)
class Fitted:
    """Training and test rows with the model that was fitted on the first."""

    experiment: Experiment
    train: Rows
    test: Rows
    split: Split
    fitter: TreeFitter
    model: RiskModel
    counted: Counted
    rows: SplitRows
    matrix: Path


@pytest.fixture(scope="session")
def fitted(unit_world, tmp_path_factory) -> Fitted:
    experiment = read_experiment("experiments/shallow_lightgbm.toml")
    quick = experiment.model_copy(update={"interval": experiment.interval.model_copy(update={"refits": 5})})
    folder = tmp_path_factory.mktemp("matrix") / "m"
    with read_records(unit_world) as records:
        build_matrix(records, folder, workers=1)
        manifest, first = matrix_bounds(folder)
        split = last_origin(quick, first_as_of=first, known_at=records.known_at)
    columns = catalogue.columns_of()
    rows = split_rows(folder, folder, split, columns, label="label_90", sampling=Sampling(0.1, quick.seed))
    models = tmp_path_factory.mktemp("models")
    model = fit_model(
        quick, rows, catalogue.INDICATORS, manifest, split, models=models, step=lambda _stage, _done: None
    )
    fitter = TreeFitter(settings_for(quick.lightgbm, rows.train), catalogue.INDICATORS, quick.seed)
    return Fitted(quick, rows.train, rows.test, split, fitter, model, rows.counted, rows, folder)
