"""What is read of a place under inspection: a small catalogue of its own over the same view.

The types of the contract are carriers (``nyc_inspections.toml``): this module gives them their names back.
"""

from __future__ import annotations

import numpy as np

from features.indicator import NO_RECORD_IS_ZERO, YES_NO, Bilingual, Direction, Family, Indicator, says
from features.view import Measure, Selection, Values, View

MICE, FLIES, ROACHES, RATS, PRONE = "threat", "fear_expressed", "stalking_blocking", "weapon", "property_damage"
TEMPERATURE, OTHER_CRITICAL, NOT_CRITICAL = "injury", "physical_contact", "verbal_altercation"
INITIAL, AGAIN, REOPENING = "breach_of_order", "strangulation", "last_resort_statement"
SCORED = (INITIAL, AGAIN, REOPENING)
VISIT, CLOSURE = "closed", "adverse_decision"

CRITICAL = (MICE, FLIES, ROACHES, RATS, TEMPERATURE, OTHER_CRITICAL)
VERMIN = (MICE, FLIES, ROACHES, RATS, PRONE)
YEAR, TWO_YEARS = 365, 730
TYPICAL_STEPS = 2.0
"""The mean score of a first visit, in steps of 7: what a place with little history is shrunk to."""


def _fading(rows: Selection, half_life_days: float) -> Measure:
    """Each row counts 1 on its day, half after one half-life."""
    return rows.sum(np.exp2(-rows.age_days / half_life_days))


def _days_since(rows: Selection) -> Measure:
    return rows.min(rows.age_days, empty=np.nan)


def critical_last_year(view: View) -> Measure:
    return view.conduct.of(*CRITICAL).within(YEAR).count()


def critical_two_years(view: View) -> Measure:
    return view.conduct.of(*CRITICAL).within(TWO_YEARS).count()


def critical_fading(view: View) -> Measure:
    return _fading(view.conduct.of(*CRITICAL), 480)


def vermin_last_year(view: View) -> Measure:
    return view.conduct.of(*VERMIN).within(YEAR).count()


def vermin_fading_slowly(view: View) -> Measure:
    return _fading(view.conduct.of(*VERMIN), 480)


def vermin_fading_fast(view: View) -> Measure:
    return _fading(view.conduct.of(*VERMIN), 120)


def mice_two_years(view: View) -> Measure:
    return view.conduct.of(MICE).within(TWO_YEARS).count()


def flies_two_years(view: View) -> Measure:
    return view.conduct.of(FLIES).within(TWO_YEARS).count()


def roaches_two_years(view: View) -> Measure:
    return view.conduct.of(ROACHES).within(TWO_YEARS).count()


def rats_two_years(view: View) -> Measure:
    return view.conduct.of(RATS).within(TWO_YEARS).count()


def prone_to_vermin_two_years(view: View) -> Measure:
    return view.conduct.of(PRONE).within(TWO_YEARS).count()


def temperature_two_years(view: View) -> Measure:
    return view.conduct.of(TEMPERATURE).within(TWO_YEARS).count()


def not_critical_two_years(view: View) -> Measure:
    return view.conduct.of(NOT_CRITICAL, PRONE).within(TWO_YEARS).count()


def _steps(visits: Selection) -> Values:
    """The score of each visit in steps of 7: 2 and more loses the best grade, 4 and more the second best."""
    return (visits.column("severity") + visits.column("specifics")).astype(np.float64)


def _latest(visits: Selection) -> Measure:
    """The score of each landmark's last visit: the log is in order of type and time, and the last of a row wins."""
    order = np.lexsort((visits.column("occurred_at"), visits.row))
    steps = np.full(visits.pairs.rows, np.nan)
    steps[visits.row[order]] = _steps(visits)[order]
    return Measure(steps, (visits,))


def usual_score(view: View) -> Measure:
    """The mean score of first visits, recent ones counting more, shrunk to the typical score."""
    visits = view.conduct.of(INITIAL)
    weight = np.exp2(-visits.age_days / 480)
    total = visits.sum(weight * _steps(visits)).values + TYPICAL_STEPS
    return Measure(total / (visits.sum(weight).values + 1), (visits,))


def latest_first_score(view: View) -> Measure:
    return _latest(view.conduct.of(INITIAL))


def latest_score(view: View) -> Measure:
    return _latest(view.conduct.of(*SCORED))


def scores_fading(view: View) -> Measure:
    visits = view.conduct.of(*SCORED)
    return visits.sum(np.exp2(-visits.age_days / 240) * _steps(visits))


def worst_score_two_years(view: View) -> Measure:
    visits = view.conduct.of(*SCORED).within(TWO_YEARS)
    return visits.max(_steps(visits))


def bad_visits(view: View) -> Measure:
    """Visits with a score of 14 or more: no place gets the best grade with it."""
    visits = view.conduct.of(*SCORED)
    return visits.where(_steps(visits) >= 2).count()


def very_bad_visits(view: View) -> Measure:
    """Visits with a score of 28 or more."""
    visits = view.conduct.of(*SCORED)
    return visits.where(_steps(visits) >= 4).count()


def scored_visits_last_year(view: View) -> Measure:
    return view.conduct.of(*SCORED).within(YEAR).count()


def reopening_visits_last_year(view: View) -> Measure:
    return view.conduct.of(REOPENING).within(YEAR).count()


def closures_last_year(view: View) -> Measure:
    return view.steps.of(CLOSURE).within(YEAR).count()


def closures_two_years(view: View) -> Measure:
    return view.steps.of(CLOSURE).within(TWO_YEARS).count()


def days_since_closure(view: View) -> Measure:
    return _days_since(view.steps.of(CLOSURE))


def days_since_visit(view: View) -> Measure:
    return _days_since(view.steps.of(VISIT))


def days_since_first_visit(view: View) -> Measure:
    """Days since the latest first visit of an inspection cycle."""
    return _days_since(view.conduct.of(INITIAL))


_WORDS = says("{name}: {value}", "{name}:{value}", "none: {name}", "无:{name}")
_FAMILY = Family("N", Bilingual("inspections", "检查"))
_RAISING = (
    critical_last_year, critical_two_years, critical_fading, vermin_last_year, vermin_fading_slowly,
    vermin_fading_fast, mice_two_years, flies_two_years, roaches_two_years, rats_two_years, prone_to_vermin_two_years,
    temperature_two_years, usual_score, worst_score_two_years, scores_fading, bad_visits, very_bad_visits,
    closures_last_year, closures_two_years,
)  # fmt: skip
_FREE = (
    not_critical_two_years, latest_first_score, latest_score, scored_visits_last_year, reopening_visits_last_year,
    days_since_closure, days_since_visit, days_since_first_visit,
)  # fmt: skip


def _indicator(number: int, measure, direction: Direction) -> Indicator:
    name = Bilingual(measure.__name__.replace("_", " "), measure.__name__)
    return Indicator(
        id=f"N{number:02d}", measure=measure, family=_FAMILY, title=name, definition=measure.__doc__ or name.en,
        window="as named", value_type="number", missing=NO_RECORD_IS_ZERO, direction=direction,
        source="NYC inspections", unit=YES_NO, wording=_WORDS,
    )  # fmt: skip


INDICATORS = tuple(
    _indicator(number, measure, Direction.RAISES if measure in _RAISING else Direction.FREE)
    for number, measure in enumerate((*_RAISING, *_FREE), 1)
)
COLUMNS = tuple(indicator.column for indicator in INDICATORS)
BY_NAME = {indicator.name: indicator for indicator in INDICATORS}
PLAIN_RULE = BY_NAME["critical_last_year"].column
