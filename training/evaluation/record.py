"""What an evaluation found, as frozen records: the report, its JSON twin and the model card are views of these.

A number cannot stand here without its count of events and its interval: ``Measured`` refuses it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from training.evaluation.champion_record import AgainstChampion
from training.evaluation.measured import Difference, Measured, Record
from training.evaluation.probe_record import Probe
from training.evaluation.usual_care_record import UsualCareRecord
from training.evaluation.weekly_record import Weekly

CoveragePartName = Literal["no_dispute_on_the_books", "dispute_but_no_scored_row", "scored"]
Direction = Literal["higher values raise", "higher values lower", "mixed", "by category", "no effect in the sample"]


class TieBounds(Record):
    """What the order inside the score tied at a capacity cut could change: the worst and the best order."""

    ranker: str
    population: str
    capacity: float = Field(gt=0, le=1)
    rows_taken: float
    rows_tied_at_cut: int
    recall_worst: float
    recall_best: float
    precision_worst: float
    precision_best: float


class Band(Record):
    """One band of the reliability diagram: rows next to each other in score, holding at least ten events."""

    ranker: str
    top_share_from: float
    top_share_to: float
    mean_probability: float
    observed_rate: Measured
    observed_over_expected: Measured


class Month(Record):
    """The rows of one calendar month of as_of (Asia/Shanghai) under one ranker."""

    ranker: str
    month: str = Field(pattern=r"^\d{4}-\d{2}$")
    observed_rate: Measured
    mean_probability: Measured
    auc: Measured
    observed_over_expected: Measured
    recall_at_5pct: Measured


class GainsPoint(Record):
    """One point of the gains curve: the share of positive rows in the top ``capacity`` of all rows."""

    capacity: float = Field(gt=0, le=1)
    recall: Measured


class DecisionPoint(Record):
    """One threshold of the decision curve: net benefit in finds per 100,000 rows; treating none is 0.

    ``over_treating_all`` and ``over_points`` are paired differences; the latter is None for the points score itself.
    """

    ranker: str
    threshold: float = Field(gt=0, lt=1)
    n_treated: int = Field(ge=0)
    net_benefit: Measured
    of_treating_all: Measured
    over_treating_all: Measured
    over_points: Measured | None = None


class CoveragePart(Record):
    """How many incidents fall into one part of coverage, and their share of all incidents."""

    part: CoveragePartName
    count: int = Field(ge=0)
    share: Measured


class Coverage(Record):
    """All incidents of the test period in three parts (records.md): the ceiling of what any score can find."""

    n_incidents: int
    lookback_days: int
    parts: tuple[CoveragePart, ...]

    def part(self, name: CoveragePartName) -> CoveragePart:
        """Returns the part called ``name``; raises ``KeyError`` where there is none."""
        return {part.part: part for part in self.parts}[name]


class Alarm(Record):
    """A result that is too good to be believed: it blocks a release until it is explained."""

    metric: str
    ranker: str
    value: float
    limit: float
    message_en: str
    message_zh: str


class Evaluation(Record):
    """All that was measured on the test rows, per ranker and population.  The first ranker is the model."""

    horizon_days: int
    early_hours: int
    draws: int
    seed: int
    interval_level: float
    capacities: tuple[float, ...]
    rankers: tuple[str, ...]
    n_rows: int
    n_positive_rows: int
    n_events: int
    n_disputes: int
    n_pairs: int
    base_rate: Measured
    measured: tuple[Measured, ...]
    differences: tuple[Difference, ...]
    ties: tuple[TieBounds, ...]
    bands: tuple[Band, ...]
    months: tuple[Month, ...]
    gains: tuple[GainsPoint, ...]
    decision_curve: tuple[DecisionPoint, ...] = ()
    coverage: Coverage | None = None
    found_among_all: tuple[Measured, ...] = ()
    leak_probe: Measured | None = None
    alarms: tuple[Alarm, ...] = ()

    def find(self, name: str, *, ranker: str, population: str = "all") -> Measured:
        """Returns one measured number; raises ``KeyError`` with its address where there is none."""
        for item in self.measured:
            if (item.name, item.ranker, item.population) == (name, ranker, population):
                return item
        raise KeyError(f"{population}/{ranker}/{name}")

    def as_metrics(self) -> dict[str, float]:
        """Returns ``{"all/lightgbm/auc": 0.78, "all/lightgbm/auc.low": ...}`` for a tracker; no value, no key."""
        flat: dict[str, float] = {}
        for item in self.measured:
            if item.value is None or item.low is None or item.high is None:
                continue
            key = f"{item.population}/{item.ranker}/{item.name}"
            flat |= {key: item.value, f"{key}.low": item.low, f"{key}.high": item.high}
        return flat


class SplitFacts(Record):
    """One stretch of the time line: train, calibration, embargo or test, with what it holds (embargo: nothing).

    ``starts_at``, ``ends_at`` are RFC 3339 times of ``as_of``, half-open.
    """

    name: Literal["train", "calibration", "embargo", "test"]
    starts_at: str
    ends_at: str
    n_rows: int = Field(ge=0)
    n_positive_rows: int = Field(ge=0)
    n_disputes: int = Field(ge=0)
    n_events: int = Field(ge=0)


class RunFacts(Record):
    """Which model, data and experiment the report speaks of."""

    run_id: str
    created_at_utc: str
    model_name: str
    model_digest: str
    data_digests: dict[str, str]
    experiment_name: str
    experiment_text: str
    synthetic: bool
    horizon_days: int
    label_delay_days: int
    sampling_rate: float = Field(gt=0, le=1)
    splits: tuple[SplitFacts, ...]
    features: tuple[str, ...]


class ContributionPoint(Record):
    """One row of the contribution sample: the rank of the value among the sample (0 to 1, None = missing)."""

    value_rank: float | None
    contribution: float


class IndicatorContribution(Record):
    """How much one indicator moves the margin (log-odds) over the sample, and which way."""

    indicator: str
    name_en: str
    name_zh: str
    mean_absolute: float
    lowest: float
    highest: float
    share_missing: float
    direction: Direction
    points: tuple[ContributionPoint, ...]


class ContributionSummary(Record):
    """Contributions over a sample of test rows, the largest first; the rest, and what is folded, is ``other``."""

    n_rows: int
    indicators: tuple[IndicatorContribution, ...]
    n_other: int
    other_mean_absolute: float


class OriginRecord(Record):
    """One origin: its stretches of time, and the numbers on its test, the first ranker minus each other beside them."""

    number: int = Field(ge=1)
    splits: tuple[SplitFacts, ...]
    draws: int
    measured: tuple[Measured, ...]
    differences: tuple[Difference, ...]

    def find(self, name: str, *, ranker: str) -> Measured | None:
        """Returns one number of all rows; None where there is none."""
        wanted = (name, ranker, "all")
        return next((one for one in self.measured if (one.name, one.ranker, one.population) == wanted), None)


class ReportRecord(Record):
    """Everything that a report shows: ``report.json`` is this record, with the audit where there is one.

    ``origins``: the earliest first, the last is that of ``evaluation``.  ``weekly`` is None where the landmarks are not
    those of the spine, ``champion`` where nobody looked.
    """

    run: RunFacts
    evaluation: Evaluation
    origins: tuple[OriginRecord, ...] = ()
    weekly: Weekly | None = None
    probes: tuple[Probe, ...] = ()
    champion: AgainstChampion | None = None
    contributions: ContributionSummary | None = None
    cautions: tuple[str, ...] = ()
    cautions_zh: tuple[str, ...] = ()
    usual_care: UsualCareRecord | None = None
