"""How many rows and positives a split would have, from the records alone: for a plan, before any matrix is built."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from features.clock import DAY_US
from features.records import Records
from training.experiment import Experiment
from training.population import monthly_landmarks
from training.split import Split

WEEK_US = 7 * DAY_US

STRETCHES = """
    WITH known AS (
        SELECT dispute_id, min(recorded_at) AS since FROM disputes GROUP BY dispute_id
    ), turns AS (
        SELECT dispute_id, false AS closed, since, since AS occurred_at FROM known
        UNION ALL
        SELECT dispute_id, type = 'closed', min(recorded_at), min(occurred_at) FROM events
        WHERE type IN ('closed', 'reopened') GROUP BY dispute_id, event_id, type
    )
    SELECT dispute_id, closed, since, occurred_at, coalesce(
        lead(since) OVER (PARTITION BY dispute_id ORDER BY since, closed), {known_at}) AS until
    FROM turns
"""
"""Open and closed stretches of each dispute; corrections of closures are not followed: a plan says "about"."""

FIRST_INCIDENTS = """
    SELECT dispute_id, min(occurred_at) AS since FROM (
        SELECT *, row_number() OVER (PARTITION BY incident_id ORDER BY verified_at DESC) AS latest FROM incidents)
    WHERE latest = 1 AND NOT coalesce(withdrawn, false) AND link_confidence >= {confidence} GROUP BY dispute_id
"""


@dataclass(frozen=True)
class ExpectedRows:
    """About how many rows a stretch of time gives, how many of them are positive, and of how many disputes.

    ``landmarks``: about how many landmarks of the spine train.
    """

    rows: int
    positive_rows: int
    disputes_with_incident: int
    landmarks: int | None = None


def expected_rows(experiment: Experiment, records: Records, splits: tuple[Split, ...]) -> list[dict[str, ExpectedRows]]:
    """Training and test rows of each split: one a month for each dispute that is open or was closed lately."""
    found = records.connection
    found.execute("CREATE OR REPLACE TEMP TABLE plan_stretches AS " + STRETCHES.format(known_at=records.known_at))
    found.execute(
        "CREATE OR REPLACE TEMP TABLE plan_incidents AS "
        + FIRST_INCIDENTS.format(confidence=experiment.label.min_link_confidence)
    )
    try:
        return [_of_split(found, experiment, split) for split in splits]
    finally:
        found.execute("DROP TABLE plan_stretches; DROP TABLE plan_incidents")


def _of_split(found: duckdb.DuckDBPyConnection, experiment: Experiment, split: Split) -> dict[str, ExpectedRows]:
    months = monthly_landmarks(split)
    train = tuple(at for at in months if at < split.train_end)
    test = tuple(at for at in months if at >= split.test_start)
    landmarks = found.execute(
        f"SELECT sum(greatest(least(until, {split.train_end}) - greatest(since, {split.train_start}), 0)) / {WEEK_US} "
        "FROM plan_stretches WHERE NOT closed"
    ).fetchall()[0][0]
    return {
        "train": _monthly(found, experiment, train, landmarks=round(float(landmarks or 0))),
        "test": _monthly(found, experiment, test, landmarks=None),
    }


def _monthly(
    found: duckdb.DuckDBPyConnection, experiment: Experiment, months: tuple[int, ...], *, landmarks: int | None
) -> ExpectedRows:  # fmt: skip
    horizon, lately = experiment.label.horizon_days * DAY_US, experiment.cohort.closed_within_days * DAY_US
    listed = ", ".join(f"({at})" for at in months)
    over = "i.since < m.instant" if experiment.label.ends_with_incident else "false"
    rows, positive, disputes = found.execute(
        "SELECT count(*), count(*) FILTER (WHERE ahead), count(DISTINCT dispute_id) FILTER (WHERE ahead) FROM ("
        f"SELECT s.dispute_id, i.since >= m.instant AND i.since < m.instant + {horizon} AS ahead "
        f"FROM (VALUES {listed}) m(instant) JOIN plan_stretches s ON s.since < m.instant AND m.instant <= s.until "
        "LEFT JOIN plan_incidents i ON i.dispute_id = s.dispute_id "
        f"WHERE (NOT s.closed OR m.instant - s.occurred_at < {lately}) AND NOT coalesce({over}, false))"
    ).fetchall()[0]
    return ExpectedRows(int(rows), int(positive), int(disputes), landmarks)
