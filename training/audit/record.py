"""What an audit by group found, as frozen records: counts under ten are never told, figures under fifty events neither."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from training.evaluation.measured import Measured, Record

SMALLEST_COUNT = 10
"""A count below this is told as "under 10" and stands nowhere."""
FEWEST_EVENTS = 50
"""With fewer disputes with an incident, no figure of a group is told."""
ALPHA = 0.05
PROXY_MARGIN = 0.02
"""A proxy is warned of where its AUC is better by clearly more than this."""
NOT_RECORDED = "not recorded"

Figure = Literal["observed_over_expected", "dispute_recall_at_5pct", "score_over_same_kind_and_district"]
Direction = Literal["above", "below"]


class Contrast(Record):
    """A group's figure against that of all rows: a ratio for O/E and score, a difference for recall.

    ``low`` and ``high`` are the ends of the interval at the level that Holm's correction leaves to this comparison;
    ``n_events`` counts disputes with an incident, for the score disputes.  ``differs`` says on which side of the overall figure the whole interval lies, None where it holds it.
    """

    figure: Figure
    value: float
    low: float
    high: float
    n_events: int = Field(ge=FEWEST_EVENTS)
    p_value: float = Field(ge=0, le=1)
    differs: Direction | None = None


class AuditGroup(Record):
    """One group: its counts (None = under ten), its figures (None = a count behind them is under ten), its contrasts.

    No incident enters the score against alike cases: its ``n_events`` counts disputes, its ``n_positive_rows`` is 0.
    """

    group: str
    n_rows: int | None = Field(default=None, ge=SMALLEST_COUNT)
    n_disputes: int | None = Field(default=None, ge=SMALLEST_COUNT)
    n_events: int | None = Field(default=None, ge=SMALLEST_COUNT)
    observed_over_expected: Measured | None = None
    dispute_recall_at_5pct: Measured | None = None
    score_over_same_kind_and_district: Measured | None = None
    contrasts: tuple[Contrast, ...] = ()

    @model_validator(mode="after")
    def _tells_nothing_small(self) -> Self:
        figures = (self.observed_over_expected, self.dispute_recall_at_5pct, self.score_over_same_kind_and_district)
        for item in figures:
            if item is None:
                continue
            counts = (item.n_events, item.n_positive_rows, item.n_rows)
            if min(count for count in counts[: 3 if item is not figures[2] else 1]) < SMALLEST_COUNT:
                raise ValueError(f"{self.group}: a count under {SMALLEST_COUNT} must not be told")
            if item.value is not None and item.n_events < FEWEST_EVENTS:
                raise ValueError(f"{self.group}: fewer than {FEWEST_EVENTS} events are too few to say")
        return self

    @property
    def findings(self) -> tuple[Contrast, ...]:
        """The contrasts whose corrected interval excludes the overall figure."""
        return tuple(one for one in self.contrasts if one.differs is not None)


class AuditAttribute(Record):
    """All groups of one attribute.  ``protected`` ones come from the audit table."""

    attribute: str
    protected: bool
    groups: tuple[AuditGroup, ...]


class Proxy(Record):
    """How well one value of a protected attribute can be told from the model's columns, and from kind and district.

    AUCs of held-out folds, one row of each dispute; here ``n_events`` counts disputes with the value.
    """

    attribute: str
    group: str
    from_columns: Measured
    from_kind_and_district: Measured
    difference: Measured
    warning: bool


class Audit(Record):
    """The audit of one ranker on the test rows.  ``has_table`` False: there was no table of protected attributes."""

    ranker: str
    capacity: float = Field(gt=0, le=1)
    has_table: bool
    correction: Literal["Holm"] = "Holm"
    alpha: float = ALPHA
    fewest_events: int = FEWEST_EVENTS
    smallest_count: int = SMALLEST_COUNT
    proxy_margin: float = PROXY_MARGIN
    n_comparisons: int = Field(ge=0)
    attributes: tuple[AuditAttribute, ...]
    proxies: tuple[Proxy, ...] = ()

    def findings(self) -> tuple[tuple[AuditAttribute, AuditGroup, Contrast], ...]:
        """Every finding with its attribute and group."""
        return tuple(
            (attribute, group, one)
            for attribute in self.attributes
            for group in attribute.groups
            for one in group.findings
        )
