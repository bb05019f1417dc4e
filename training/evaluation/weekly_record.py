"""What was found of weekly lists, lead time and churn, as frozen records."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from training.evaluation.measured import Measured, Record

AreaLevel = Literal["district", "prefecture", "everywhere"]


class WeeklyCapacity(Record):
    """What is found when each area can look at so many cases a week.

    A tie at the end of a list is broken by lot: numbers are the mean over all orders, ``_worst`` and ``_best`` what
    the order could change at most.
    """

    ranker: str
    cases_a_week: int = Field(ge=1)
    recall: Measured
    dispute_recall: Measured
    precision: Measured
    cases_listed: float = Field(ge=0)
    cases_tied_at_cut: int = Field(ge=0)
    recall_worst: float
    recall_best: float
    precision_worst: float
    precision_best: float


class LeadTime(Record):
    """How long before the incident a case first stood in orange or above, by score alone.

    A dispute with an incident that was never flagged counts in both shares as not found, and not in the median.  A flag
    on the day of the incident has 0 days.
    """

    ranker: str
    flagged: Measured
    flagged_7_days_before: Measured
    median_days: Measured


class Churn(Record):
    """How much the set of red and orange cases changes from one week to the next.

    ``jaccard``: cases in both sets by cases in either, the mean over weeks.  ``changed_without_record``: of cases of
    which nothing new came on record in between, the share whose tier changed all the same.
    """

    ranker: str
    jaccard: Measured
    cases_a_week: float = Field(ge=0)
    changed_without_record: Measured


class Weekly(Record):
    """The weekly view of the test: for each dispute and week the last landmark of the spine.

    Lists are made in each area of the level ``area_level``, the finest at which areas have cases enough.
    """

    n_weeks: int = Field(ge=1)
    n_areas: int = Field(ge=1)
    n_rows: int = Field(ge=1)
    n_events: int = Field(ge=0)
    area_level: AreaLevel
    median_cases: float
    capacities: tuple[WeeklyCapacity, ...]
    lead_times: tuple[LeadTime, ...]
    churn: tuple[Churn, ...]
