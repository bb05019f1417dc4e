"""Real public records: mapped, validated, built, split and fitted once, or skipped where there are none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow.dataset as ds
import pytest

from features import build_matrix, read_records
from features.clock import to_us
from features.mapping import MappingSummary, map_records
from features.quarantine import ValidationReport
from features.records import Records
from tests.real.nyc_catalogue import BY_NAME, COLUMNS, INDICATORS
from tests.real.nyc_references import RawTables
from training.artifact.contract import PointsItem
from training.artifact.model import RiskModel
from training.experiment import Experiment
from training.modelling import fit_model
from training.rows import Sampling, SplitRows, matrix_bounds, split_rows
from training.split import Split, last_origin

ROOT = Path(__file__).parents[2]
MAPPING = Path(__file__).with_name("nyc_inspections.toml")
ZONE = ZoneInfo("America/New_York")

CHOSEN_ON = ("2012-10-01", "2013-01-01", "2013-04-01", "2013-07-01", "2013-10-01", "2014-01-01")
"""Everything was chosen on these landmarks: the last of their labels ends before 2015-01-01."""
IN_THE_EMBARGO = "2014-07-01"
TEST = "2015-01-01"
LOOKED_BACK_DAYS = 540.5
"""Days count from midnight to midnight in New York; the half day is for the hour of summer time in between."""


def midnight(day: str) -> int:
    """Midnight of a day in New York."""
    return to_us(datetime.fromisoformat(day).replace(tzinfo=ZONE))


KNOWN_AT = midnight("2016-01-02") - 1
"""The end of the last day of the test's year: the one day at which test and training meet their embargoes exactly."""


def _points(name: str, threshold: float, points: int) -> PointsItem:
    return PointsItem(indicator=BY_NAME[name].id, column=BY_NAME[name].column, threshold=threshold, points=points)


EXPERIMENT = Experiment.model_validate(
    {
        "name": "nyc_inspections",
        "question": "Which of the places inspected in the last 540 days will be ordered to close within a year?",
        "seed": 20240501,
        "label": {"horizon_days": 365, "label_delay_days": 0, "ends_with_incident": False},
        "split": {
            "test_days": 1,
            "group": "none",
            "group_reason": "A place has no pair; inspectors come back to the places they know, so a model in service "
            "scores the very places it was trained on, a year later. Keeping them apart would leave no training row.",
        },
        "sampling": {"negative_rate": 1.0},
        "calibration": {"folds": 3},
        "interval": {"refits": 5},
        "points": {
            "items": [
                _points("critical_last_year", 4, 1), _points("critical_last_year", 8, 1),
                _points("vermin_last_year", 2, 1), _points("vermin_last_year", 4, 1),
                _points("worst_score_two_years", 4, 1), _points("closures_two_years", 1, 2),
            ]
        },
        "cohort": {"population": "matrix"},
        "evaluation": {"draws": 200},
    }
)  # fmt: skip
"""The trees are those the code takes by default: nothing about them was tuned here."""


@dataclass(frozen=True)
class Attempt:
    """What became of the published tables, from the mapping to the fitted model.

    ``then`` is the matrix of the test landmark from the records as they were known the moment before it.
    """

    raw: RawTables
    summary: MappingSummary
    report: ValidationReport
    matrix: Path
    then: Path
    split: Split
    rows: SplitRows
    model: RiskModel

    def table(self) -> pd.DataFrame:
        """The whole matrix, in the order of its parts."""
        return matrix_table(self.matrix)


def matrix_table(folder: Path) -> pd.DataFrame:
    """A matrix as one table; ``entity`` and ``day`` are those of the published tables."""
    parts = sorted((folder / "matrix").glob("part-*.parquet"))
    table = pd.concat([ds.dataset(part).to_table().to_pandas() for part in parts], ignore_index=True)
    table["entity"] = table.dispute_id.str.removeprefix("E-")
    table["day"] = table.as_of.dt.tz_convert(ZONE).dt.strftime("%Y-%m-%d")
    return table


def build(opened: Records, out: Path, days: tuple[str, ...], *, known_at: int) -> dict[str, Any]:
    """The matrix of some landmarks by the catalogue of this folder."""
    return build_matrix(
        opened, out, as_of=",".join(datetime.fromisoformat(day).replace(tzinfo=ZONE).isoformat() for day in days),
        as_known_at=known_at, indicators=INDICATORS, label=EXPERIMENT.label, closed_within_days=LOOKED_BACK_DAYS,
        workers=1,
    )  # fmt: skip


@pytest.fixture(scope="session")
def published() -> Path:
    """The folder with the published tables."""
    data = Path(os.environ.get("DEFUSE_REAL_DATA", ROOT.parent / "shared" / "data"))
    folder = data / "nyc_inspections"
    if not (folder / "inspections.parquet").exists():
        pytest.skip(f"no real records in {folder}: set DEFUSE_REAL_DATA to the folder that holds nyc_inspections")
    return folder


@pytest.fixture(scope="session")
def attempt(published, tmp_path_factory) -> Attempt:
    work = tmp_path_factory.mktemp("nyc")
    summary = map_records(MAPPING, published, work / "records")
    with read_records(work / "records") as opened:
        manifest = build(opened, work / "matrix", (*CHOSEN_ON, IN_THE_EMBARGO, TEST), known_at=KNOWN_AT)
        build(opened, work / "then", (TEST,), known_at=midnight(TEST) - 1)
        report = opened.report
    _, first = matrix_bounds(work / "matrix")
    split = last_origin(EXPERIMENT, first_as_of=first, known_at=KNOWN_AT)
    rows = split_rows(
        work / "matrix", work / "matrix", split, COLUMNS, label=EXPERIMENT.label.column,
        sampling=Sampling(EXPERIMENT.sampling.negative_rate, EXPERIMENT.seed, by_pair=EXPERIMENT.split.group == "pair"),
    )  # fmt: skip
    model = fit_model(
        EXPERIMENT, rows, INDICATORS, manifest, split, models=work / "models", step=lambda _stage, _done: None
    )
    return Attempt(
        raw=RawTables.read(published), summary=summary, report=report,
        matrix=work / "matrix", then=work / "then", split=split, rows=rows, model=model,
    )  # fmt: skip
