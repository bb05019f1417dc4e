"""Every indicator has something to tell in a simulated world: 200 values at least that are not its default.

One bench world serves both checks: the matrix of the catalogue as it stands, and the records behind every indicator of
the specification, whether the catalogue has it yet or not.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from data_samples.simulator import simulate
from features.catalogue import INDICATORS
from features.matrix import build_matrix
from features.records import read_records

LEAST = 200
DEFAULTS = {"E01": 365.0}
"""What an indicator says where nothing is recorded, if that is not 0; unknown (NaN) never counts as a value."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bench") / "world"
    simulate(out, preset="bench", disputes=40_000, years=1, seed=4, imperfect=True)
    return out


def test_every_column_of_the_catalogue_has_two_hundred_values_other_than_its_default(
    bench: Path, tmp_path: Path
) -> None:
    with read_records(bench) as records:
        build_matrix(records, tmp_path / "matrix", workers=2)
    found = {}
    for indicator in INDICATORS:
        values = pq.read_table(tmp_path / "matrix" / "matrix", columns=[indicator.column])[0].to_numpy()
        known = values[~np.isnan(values)]
        found[indicator.id] = int((known != DEFAULTS.get(indicator.id, 0.0)).sum())
    assert {name: count for name, count in found.items() if count < LEAST} == {}


@pytest.mark.parametrize(("table", "what"), [
    ("events", "type = 'stalking_blocking' AND assertion IS NULL"),
    ("events", "type = 'handed_on'"),
    ("events", "type = 'mediation_agreed' AND due_at IS NOT NULL"),
    ("events", "type = 'agreement_performed'"),
    ("events", "type = 'agreement_broken'"),
    ("events", "type = 'neutral_party_joined'"),
    ("events", "type = 'judgment_effective'"),
    ("events", "type = 'judgment_performed'"),
    ("events", "type IN ('adverse_decision', 'eviction_notice')"),
    ("events", "type = 'support_requested' AND service IS NOT NULL"),
    ("events", "type = 'support_delivered' AND service IS NOT NULL"),
    ("events", "type = 'support_refused' AND service IS NOT NULL"),
    ("events", "alcohol"),
    ("events", "type = 'followed_up'"),
    ("disputes", "wage_arrears_months > 0"),
    ("disputes", "unpaid_medical_cny > 0"),
    ("disputes", "minors_in_household"),
    ("petitions", "upheld"),
    ("petitions", "answer_recorded_at > due_at"),
])  # fmt: skip
def test_the_records_hold_what_the_indicators_need(bench: Path, table: str, what: str) -> None:
    ((count,),) = duckdb.sql(f"SELECT count(*) FROM '{bench}/{table}.parquet' WHERE {what}").fetchall()
    assert count >= LEAST


def test_three_conduct_events_stand_in_many_disputes(bench: Path) -> None:
    """Trend and acceleration need them."""
    ((count,),) = duckdb.sql(
        f"SELECT count(*) FROM (SELECT dispute_id FROM '{bench}/events.parquet' "
        "WHERE severity >= 1 AND assertion IS NULL GROUP BY dispute_id HAVING count(*) >= 3)"
    ).fetchall()
    assert count >= LEAST
