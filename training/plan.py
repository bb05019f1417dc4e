"""What an experiment would run on some records, without running it: splits, fits, and about how many rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from features import catalogue
from features.clock import DAY_US, format_time
from features.errors import MissingInput, UserError
from features.records import Records
from training.expected_rows import ExpectedRows, expected_rows
from training.experiment import Experiment
from training.family_settings import Family
from training.split import Split, all_origins

PICTURE_WIDTH = 64
MARKS = {"train": "=", "embargo": ".", "test": "#", "incomplete": "-", "nothing": " "}


@dataclass(frozen=True)
class PlannedOrigin:
    """One origin: its times as (start, end), half-open, and about how many rows each side has."""

    number: int
    train: tuple[str, str]
    embargo: tuple[str, str]
    test: tuple[str, str]
    train_rows: ExpectedRows
    test_rows: ExpectedRows
    bar: str


@dataclass(frozen=True)
class Plan:
    """The origins, the earliest first, the columns and the number of fits of each family."""

    experiment: str
    digest: str
    question: str
    columns: int
    origins: tuple[PlannedOrigin, ...]
    origins_asked: int
    fits: dict[str, int]
    records_from: str
    records_to: str

    def to_record(self) -> dict[str, Any]:
        """The same as a plain record."""
        return asdict(self)

    def to_text(self) -> str:
        """The same for a terminal, with the splits as a picture."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        fits = ", ".join(f"{family} {number:,}" for family, number in self.fits.items())
        yield f"{self.experiment} ({self.digest[:12]}): {self.columns} columns; fits: {fits}"
        yield f"  {self.question}"
        if len(self.origins) < self.origins_asked:
            yield f"  the records are long enough for {len(self.origins)} of the {self.origins_asked} origins asked for"
        yield f"\n{'':11}{self.records_from[:10]}{self.records_to[:10]:>{PICTURE_WIDTH - 10}}"
        for one in self.origins:
            yield f"  origin {one.number} {one.bar}"
        yield f"{'':11}= train   . embargo   # test   - labels not complete"
        for one in self.origins:
            yield f"\n  origin {one.number}"
            for name, (start, end) in (("train", one.train), ("embargo", one.embargo), ("test", one.test)):
                yield f"    {name:<8} {start} to {end}{_rows(one, name)}"


def _rows(origin: PlannedOrigin, name: str) -> str:
    if name == "embargo":
        return ""
    found = origin.train_rows if name == "train" else origin.test_rows
    spine = "" if found.landmarks is None else f" ({found.landmarks:,} weekly landmarks before sampling)"
    return f": about {found.rows:,} rows{spine}, {found.positive_rows:,} positive, of {found.disputes_with_incident:,} disputes"


def plan_of(experiment: Experiment, records: Records) -> Plan:
    """The plan of an experiment.

    Raises MissingInput where the records hold no incidents, UserError where they are too short; both are told at once.
    """
    splits = checked_splits(experiment, records)
    rows = expected_rows(experiment, records, splits)
    start = min(split.train_start for split in splits)
    return Plan(
        experiment=experiment.name,
        digest=experiment.digest,
        question=experiment.question,
        columns=len(catalogue.columns_of(catalogue.chosen(experiment.matrix.indicator_ids))),
        origins=tuple(
            PlannedOrigin(
                number=number,
                train=(format_time(split.train_start), format_time(split.train_end)),
                embargo=(format_time(split.train_end), format_time(split.test_start)),
                test=(format_time(split.test_start), format_time(split.test_end)),
                train_rows=found["train"],
                test_rows=found["test"],
                bar=_bar(split, start, records.known_at),
            )
            for number, (split, found) in enumerate(zip(splits, rows, strict=True), 1)
        ),
        origins_asked=experiment.split.origins,
        fits=fits_of(experiment, origins=len(splits)),
        records_from=format_time(start),
        records_to=format_time(records.known_at),
    )


def checked_splits(experiment: Experiment, records: Records) -> tuple[Split, ...]:
    """The splits, by the first landmark there can be.

    Raises UserError with everything that keeps the experiment from being run on these records, MissingInput where they
    lack what it needs.
    """
    first = records.connection.execute("SELECT min(recorded_at) FROM disputes").fetchall()[0][0]
    faults: list[str] = []
    if not records.has_incidents:
        faults.append("the records have no table of incidents: without it there is no label to train on")
    if first is None:
        raise MissingInput("\n".join([*faults, "the records hold no dispute"]))
    try:
        splits = all_origins(experiment, first_as_of=int(first) + DAY_US, known_at=records.known_at)
    except UserError as error:
        raise UserError("\n".join([*faults, str(error)])) from None
    if faults:
        raise MissingInput(faults[0])
    return splits


def fits_of(experiment: Experiment, *, origins: int) -> dict[str, int]:
    """How many models each family fits: one and its cross-fitting at every origin, what is searched, the refits."""
    fits = {family: origins * (1 + experiment.calibration.folds + _searched(experiment, family))
            for family in experiment.model.families}  # fmt: skip
    fits[experiment.model.family] += experiment.interval.refits
    if "points" in fits:
        fits["points"] = 0  # its lines were fixed before any data were seen
    return {str(family): number for family, number in fits.items()}


def _searched(experiment: Experiment, family: Family) -> int:
    if family == "tuned_lightgbm":
        return experiment.tuned_lightgbm.trials * experiment.tuned_lightgbm.folds
    if family == "logistic" and len(experiment.logistic.penalties) > 1:
        return len(experiment.logistic.penalties) * experiment.logistic.folds
    return 0


def _bar(split: Split, start: int, end: int) -> str:
    """One line of the picture, each character a stretch of time, marked by what lies in its middle."""
    width = (end - start) / PICTURE_WIDTH
    return "".join(_mark(split, start + round((place + 0.5) * width), end) for place in range(PICTURE_WIDTH))


def _mark(split: Split, at: int, end: int) -> str:
    if at < split.train_end:
        return MARKS["train"]
    if at < split.test_start:
        return MARKS["embargo"]
    if at < split.test_end:
        return MARKS["test"]
    return MARKS["incomplete" if at >= end - (split.test_start - split.train_end) else "nothing"]
