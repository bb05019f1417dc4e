"""What an experiment would run on some records, without running it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from features import catalogue
from features.clock import DAY_US, format_time
from features.errors import MissingInput
from features.records import Records
from training.experiment import Experiment
from training.split import last_origin


@dataclass(frozen=True)
class Plan:
    """The times of the split, the columns and the number of fits."""

    experiment: str
    digest: str
    columns: int
    fits: int
    train: tuple[str, str]
    embargo: tuple[str, str]
    test: tuple[str, str]
    incidents_in_test: int

    def to_record(self) -> dict[str, Any]:
        """The same as a plain record."""
        return asdict(self)

    def to_text(self) -> str:
        """The same for a terminal."""
        return "\n".join((
            f"{self.experiment} ({self.digest[:12]}): {self.columns} columns, {self.fits} fits",
            f"  train    {self.train[0]} to {self.train[1]}",
            f"  embargo  {self.embargo[0]} to {self.embargo[1]}",
            f"  test     {self.test[0]} to {self.test[1]}: {self.incidents_in_test} linked incidents occur in it",
        ))  # fmt: skip


def plan_of(experiment: Experiment, records: Records) -> Plan:
    """The plan of an experiment.

    Raises MissingInput where the records hold no incidents, UserError where they are too short.
    """
    if not records.has_incidents:
        raise MissingInput("the records have no table of incidents: without it there is no label to train on")
    first = records.connection.execute("SELECT min(recorded_at) FROM disputes").fetchall()[0][0]
    split = last_origin(experiment, first_as_of=int(first) + DAY_US, known_at=records.known_at)
    found = records.connection.execute(
        f"SELECT count(DISTINCT incident_id) FROM incidents WHERE dispute_id IS NOT NULL "
        f"AND occurred_at >= {split.test_start} AND occurred_at < {split.test_end}"
    ).fetchall()[0][0]
    return Plan(
        experiment=experiment.name,
        digest=experiment.digest,
        columns=len(catalogue.chosen(experiment.matrix.indicator_ids)),
        fits=1 + experiment.calibration.folds + experiment.interval.refits,
        train=(format_time(split.train_start), format_time(split.train_end)),
        embargo=(format_time(split.train_end), format_time(split.test_start)),
        test=(format_time(split.test_start), format_time(split.test_end)),
        incidents_in_test=int(found),
    )
