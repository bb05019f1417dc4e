"""Family E: how the dispute moves in time."""

from __future__ import annotations

from functools import partial

import numpy as np

from features.clock import DAY_US
from features.families.handling import conduct_after
from features.indicator import (
    NO_RECORD_IS_ZERO,
    YES_NO,
    Bilingual,
    Direction,
    Family,
    Indicator,
    says,
)
from features.settlement import latest
from features.view import Measure, View

FAMILY = Family("E", Bilingual("Dynamics over time", "时间动态"))

QUIET_DAYS = 365
HALF_LIFE_DAYS = 30
RECENT_DAYS = 30
BEFORE_DAYS = 90
ACCELERATION_CLIP = 2
KNOWN_DATE_TYPES = (
    "hearing_scheduled", "enforcement_scheduled", "eviction_scheduled", "handover_scheduled", "construction_scheduled",
)  # fmt: skip


def days_since_last_incident(view: View) -> Measure:
    """Days since the last conduct of severity 1 or more; 365 where there is none."""
    conduct = view.conduct.at_least("severity", 1)
    return conduct.min(conduct.age_days, empty=QUIET_DAYS).capped(QUIET_DAYS)


def incident_acceleration(view: View) -> Measure:
    """How conflict of the last 30 days compares with the 90 days before them, as a log ratio between -2 and 2.

    log((n + 0.5) / (m + 0.5)) with n the conduct of severity 1 or more in the last 30 days, and m its mean number per
    30 days in that part of the 90 days before which lies after opening.  Unknown until there is such a part.
    """
    conduct = view.conduct.at_least("severity", 1)
    opened = conduct.where(conduct.column("occurred_at") >= view.case("opened_at")[conduct.row])
    recent = opened.within(RECENT_DAYS)
    all_ = opened.within(RECENT_DAYS + BEFORE_DAYS)
    before_days = np.minimum(view.since_opening_us / DAY_US - RECENT_DAYS, BEFORE_DAYS)
    young = before_days <= 0
    number = recent.count().values
    mean = (all_.count().values - number) * RECENT_DAYS / np.where(young, 1.0, before_days)
    ratio = np.log((number + 0.5) / (mean + 0.5))
    clipped = np.minimum(np.maximum(ratio, -ACCELERATION_CLIP), ACCELERATION_CLIP)
    made = all_.where(~young[all_.row])
    return Measure(clipped, (made,), from_case=True).unknown_where(young)


def severity_trend(view: View) -> Measure:
    """(severity of the last - severity of the third last) / 2 of the conduct of 180 days; 0 where it is fewer than 3.

    Conduct of severity 1 or more, in the order in which it occurred, then of its ids.
    """
    conduct = view.conduct.within(180).at_least("severity", 1)
    three = latest(conduct.row, conduct.column("occurred_at"), conduct.column("id_order"), len(view), 3)
    full = three[:, 2] >= 0
    severity = conduct.column("severity")
    trend = np.zeros(len(view))
    trend[full] = (severity[three[full, 0]] - severity[three[full, 2]]) / 2
    made = np.zeros(len(severity), bool)
    made[three[full]] = True
    return Measure(trend, (conduct.where(made),))


def max_severity_90d(view: View) -> Measure:
    """The highest severity of conduct in 90 days."""
    return view.conduct.within(90).at_least("severity", 1).max("severity")


def decayed_severity_load(view: View) -> Measure:
    """Sum over 365 days of severity x exp(-ln 2 x age / 30 days)."""
    conduct = view.conduct.within(365).at_least("severity", 1)
    return conduct.sum(conduct.column("severity") * np.exp(-np.log(2) * conduct.age_days / HALF_LIFE_DAYS))


def case_age_days(view: View) -> Measure:
    """log1p of the days since opening."""
    return Measure(np.log1p(view.since_opening_us / DAY_US), from_case=True)


def relapse_after_closure(view: View) -> Measure:
    """Reopenings, and conduct of severity 1 or more after a visible closure, in 180 days; at most 3."""
    reopened = view.steps.of("reopened").within(180)
    again = conduct_after(view, view.steps.of("closed")).within(180)
    count = reopened.count().values + again.count().values
    return Measure(count, (reopened, again)).capped(3)


def known_trigger_within_14d(view: View) -> Measure:
    """1 if a hearing, enforcement, eviction, handover or construction is set for the next 14 days."""
    return view.steps.of(*KNOWN_DATE_TYPES).scheduled_within(14).any()


_declare = partial(Indicator, family=FAMILY, direction=Direction.RAISES)

INDICATORS = (
    _declare(
        id="E01", measure=days_since_last_incident, title=Bilingual("Days since the last conflict", "距最近冲突天数"),
        definition="Days since the last event with severity >= 1; 365 if none.", window="as of t",
        value_type="float cap 365", missing="365", direction=Direction.LOWERS,
        source="Turner 2022: time since last incident among the most influential", unit=Bilingual("days", "天"),
        wording=says("{value} day(s) since the last recorded conflict", "距最近一次记录的冲突{value}天",
                     "A conflict was recorded just now", "刚刚记录到冲突"),
    ),
    _declare(
        id="E02", measure=incident_acceleration, title=Bilingual("Conflicts more frequent", "冲突频率加速"),
        definition="log((count in last 30 d + 0.5) / (mean 30 d count over the preceding 90 d, clipped to the time "
        "since opening, + 0.5)), clipped to [-2, 2]; NaN within 30 d of opening.",
        window="[t-120d, t)", value_type="float", missing="missing = NaN within 30 days of opening; no event = 0",
        source="Bland and Ariel: some evidence of rising frequency, none of rising severity",
        unit=Bilingual("log of a ratio, -2 to 2; above 0 = more frequent", "比值的对数(-2至2),大于0表示更频繁"),
        wording=says("Conflicts of the last 30 days against the 90 days before, as a log ratio: {value}",
                     "近30天冲突频率与此前90天之比(取对数)为{value}",
                     "Conflicts are as frequent as before", "冲突频率与此前持平",
                     unknown=Bilingual("The case is too young to compare how frequent conflicts are",
                                       "案件登记时间尚短,无法比较冲突频率")),
    ),
    _declare(
        id="E03", measure=severity_trend, title=Bilingual("Trend of severity", "严重度趋势"),
        definition="(severity of the last - severity of the third last incident) / 2 over the last 3 affirmed conduct "
        "events of severity >= 1; 0 if fewer than 3.",
        window="[t-180d, t)", value_type="float", missing="0", direction=Direction.FREE,
        source="Bland and Ariel 36,000 and Barnham 52,296: no escalation in most cases",
        unit=Bilingual("severity codes per step", "每次严重度变化"),
        wording=says("Over the last three conflicts the severity moved by {value} a step", "最近三次冲突的严重度平均每次变化{value}",
                     "The severity of conflicts shows no trend", "冲突严重度无升降趋势"),
    ),
    _declare(
        id="E04", measure=max_severity_90d, title=Bilingual("Highest severity in 90 days", "近90天最高严重度"),
        definition="Max event severity code 0-5.", window="[t-90d, t)", value_type="int 0-5", missing="0",
        source="All instruments", unit=Bilingual("severity 0 to 5", "严重度0-5"),
        wording=says("The most severe conduct of the last 90 days has code {value} of 5", "近90天最高严重度为{value}(满分5)",
                     "No conduct recorded in the last 90 days", "近90天无冲突行为记录"),
    ),
    _declare(
        id="E05", measure=decayed_severity_load, title=Bilingual("Recent conflict load", "衰减严重度负荷"),
        definition="Sum of severity * exp(-ln2 * age/30d) over deduplicated events.", window="[t-365d, t)",
        value_type="float", missing="0",
        source="Turner 2022 recency; Grogger 2021 two-year history beats questionnaire",
        unit=Bilingual("severity, halved every 30 days", "严重度(每30天减半)"),
        wording=says("Recent conflicts, weighted by severity and recency, add up to {value}",
                     "近期冲突按严重度与时近加权合计{value}",
                     "No recent conflict adds up", "无近期冲突累积"),
    ),
    _declare(
        id="E06", measure=case_age_days, title=Bilingual("Age of the case", "案件存续天数"),
        definition="Days since opening, log1p.", window="as of t", value_type="float", missing="never missing",
        direction=Direction.FREE, source="Hazard shape is learned; no prior direction",
        unit=Bilingual("log of 1 + days", "天数加一的对数"),
        wording=says("The age of the case, as log of days, is {value}", "案件存续天数(取对数)为{value}",
                     "The case was opened just now", "案件刚刚登记"),
    ),
    _declare(
        id="E07", measure=relapse_after_closure, title=Bilingual("Relapse after closure", "结案后复发"),
        definition="Number of reopened events or affirmed conduct events of severity >= 1 after a visible closed "
        "event.",
        window="[t-180d, t)", value_type="count cap 3", missing="0",
        source="Xupu relapse 15 of 28; Hebi holds units liable for repeats", unit=Bilingual("occurrences", "次"),
        support=("senior_mediation",),
        wording=says("{value} relapse(s) after closure in the last 180 days", "近180天结案后复发{value}次",
                     "No relapse after closure in the last 180 days", "近180天无结案后复发"),
    ),
    _declare(
        id="E09", measure=known_trigger_within_14d, title=Bilingual("A known date within 14 days", "14天内已知触发点"),
        definition="1 if a visible hearing_scheduled, enforcement_scheduled, eviction_scheduled, handover_scheduled "
        "or construction_scheduled has scheduled_at in [t, t+14d). Binary; may only raise support.",
        window="[t, t+14d) visible at t", value_type="binary", missing=NO_RECORD_IS_ZERO,
        source="Hebi release-date notice example; event-triggered work by practice", unit=YES_NO,
        support=("follow_up_offered",),
        wording=says("A hearing, enforcement, eviction or the like is set within 14 days", "14天内有开庭、执行、腾退等已定事项",
                     "No such date is set within 14 days", "14天内无已定事项"),
    ),
)  # fmt: skip
