"""The landmarks of the spine in the test, with what the weekly view needs beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from features.clock import DAY_US
from features.history import Array
from features.records import Records
from training.artifact.model import RiskModel
from training.artifact.tiers import tier_ranks
from training.evaluation.record import Weekly
from training.evaluation.weekly import WeeklyRows, WeeklyScores, weekly_evaluation
from training.evaluation.weekly_record import AreaLevel
from training.rows import Rows, test_rows
from training.split import Split

WEEK_US = 7 * DAY_US
PREFIXES: dict[AreaLevel, int] = {"district": 6, "prefecture": 4, "everywhere": 0}


def weekly_view(
    model: RiskModel, name: str, matrix: Path, split: Split, records: Records, *, label: str, horizon_days: int,
    draws: int, seed: int,
) -> Weekly | None:  # fmt: skip
    """The weekly view of a model (called ``name``) and its points score over the spine of a test.

    None where the matrix holds no labelled landmark of it.
    """
    rows, ids, scored = test_rows(
        matrix, split, model.contract.column_names, label=label, work=lambda part: _scores(model, part)
    )
    if len(rows) == 0:
        return None
    given = WeeklyRows(
        rows=rows.held_out(horizon_days),
        week=(rows.as_of - split.test_start) // WEEK_US,
        areas=_areas(records, ids),
        known=records_known(records, ids, rows.as_of),
    )
    rankers = {ranker: _joined([part[place] for part in scored]) for place, ranker in enumerate((name, "points"))}
    return weekly_evaluation(given, rankers=rankers, draws=draws, seed=seed)


def _scores(model: RiskModel, rows: Rows) -> tuple[WeeklyScores, WeeklyScores]:
    """What the model and its points score say of some rows."""
    margin = model.margin_of_rows(rows.values)
    points = model.explain_points(rows.columns(model.contract.column_names)).margin
    return (
        WeeklyScores(score=margin, tier=tier_ranks(margin, model.contract.tiers)),
        WeeklyScores(score=points, tier=tier_ranks(points, model.contract.points.tiers)),
    )


def _joined(parts: list[WeeklyScores]) -> WeeklyScores:
    return WeeklyScores(
        score=np.concatenate([part.score for part in parts]), tier=np.concatenate([part.tier for part in parts])
    )


def _areas(records: Records, dispute_ids: Array) -> dict[AreaLevel, Array]:
    """The area of each row at each level, as codes (n,): that first recorded of its dispute."""
    ids, place = np.unique(dispute_ids.astype(str), return_inverse=True)
    connection = records.connection
    connection.register("weekly_disputes", pa.table({"place": range(len(ids)), "dispute_id": pa.array(ids)}))
    try:
        found = connection.sql(
            "SELECT arg_min(area, recorded_at) AS area FROM weekly_disputes LEFT JOIN disputes USING (dispute_id) "
            "GROUP BY place ORDER BY place"
        ).to_arrow_table()
    finally:
        connection.unregister("weekly_disputes")
    area = found["area"].to_pandas().fillna("").astype(str)
    return {level: pd.factorize(area.str[:width])[0][place] for level, width in PREFIXES.items()}


def records_known(records: Records, dispute_ids: Array, as_of: Array) -> Array:
    """How many records of the dispute were on record before each landmark, (n,): of disputes, events and petitions.

    A petition's answer counts from when it was on record.
    """
    ids, place = np.unique(dispute_ids.astype(str), return_inverse=True)
    connection = records.connection
    connection.register("weekly_disputes", pa.table({"place": range(len(ids)), "dispute_id": pa.array(ids)}))
    try:
        found = connection.sql(
            "SELECT place, t FROM (SELECT dispute_id, recorded_at AS t FROM disputes UNION ALL "
            "SELECT dispute_id, recorded_at FROM events UNION ALL SELECT dispute_id, recorded_at FROM petitions "
            "UNION ALL SELECT dispute_id, answer_recorded_at FROM petitions WHERE answer_recorded_at IS NOT NULL) "
            "JOIN weekly_disputes USING (dispute_id)"
        ).to_arrow_table()
    finally:
        connection.unregister("weekly_disputes")
    times, code = np.unique(np.r_[found["t"].to_numpy(), as_of], return_inverse=True)
    key = np.r_[found["place"].to_numpy(), place].astype(np.int64) * (len(times) + 1) + code
    known = np.sort(key[: len(found)])
    before = np.searchsorted(known, key[len(found) :], side="left")
    return before - np.searchsorted(known, place.astype(np.int64) * (len(times) + 1), side="left")
