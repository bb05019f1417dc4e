"""Family D: circumstances and needs, as far as a party disclosed them or staff wrote them down."""

from __future__ import annotations

from functools import partial

import numpy as np

from features.indicator import (
    MISSING_IS_NAN,
    NO_RECORD_IS_ZERO,
    YES_NO,
    Bilingual,
    Direction,
    Family,
    Indicator,
    says,
)
from features.settlement import days_unsettled
from features.view import Measure, View

FAMILY = Family("D", Bilingual("Circumstances and needs", "处境与需求"))

ARREARS_CAP_MONTHS = 12
MEDICAL_RATIO_CAP = 10
UNMET_CAP_DAYS = 90


def minors_in_affected_household(view: View) -> Measure:
    """1 if a party disclosed that minors live in the affected household."""
    minors = view.case("minors_in_household")
    return Measure(minors.astype(np.float64), from_case=True).unknown_where(minors < 0)


def housing_loss_pending(view: View) -> Measure:
    """1 after an eviction notice of 30 days, or with an eviction scheduled from 30 days ago to 90 days ahead."""
    notice = view.steps.of("eviction_notice").within(30)
    scheduled = view.steps.of("eviction_scheduled").scheduled_within(90, since_days=30)
    return Measure(np.maximum(notice.any().values, scheduled.any().values), (notice, scheduled))


def income_or_wage_arrears_months(view: View) -> Measure:
    """Months of unpaid wages, at most 12."""
    return Measure(view.case("wage_arrears_months"), from_case=True).capped(ARREARS_CAP_MONTHS)


def unpaid_injury_or_medical_cost(view: View) -> Measure:
    """Unpaid medical cost over the deployment's reference income, at most 10; the amount only, no diagnosis."""
    unpaid = view.case("unpaid_medical_cny") / view.reference_income_cny
    return Measure(unpaid, from_case=True).capped(MEDICAL_RATIO_CAP)


def party_expressed_fear(view: View) -> Measure:
    """1 if a party told staff in 90 days that they fear being seriously hurt."""
    return view.conduct.of("fear_expressed").within(90).any()


def unmet_support_request_days(view: View) -> Measure:
    """Days since the oldest request for support that the same service has neither met nor refused; at most 90."""
    support = view.steps.of("support_requested", "support_delivered", "support_refused")
    return days_unsettled(support, "support_delivered", "support_refused", kind="service", cap=UNMET_CAP_DAYS)


def alcohol_noted_at_incident(view: View) -> Measure:
    """Share of the conduct of severity 1 or more in 180 days at which drinking was recorded; 0 without conduct."""
    conduct = view.conduct.within(180).at_least("severity", 1)
    drinking = conduct.at_least("alcohol", 1).count().values
    return Measure(drinking / np.maximum(conduct.count().values, 1), (conduct,))


_declare = partial(Indicator, family=FAMILY, unit=YES_NO, value_type="binary")

INDICATORS = (
    _declare(
        id="D01", measure=minors_in_affected_household, title=Bilingual("Minors in the household", "涉未成年人"),
        definition="1 if a party disclosed that minors live in the affected household.", window="as of t",
        missing=MISSING_IS_NAN, direction=Direction.FREE,
        source="VioGen: minors flag; child victims of intimate homicide", support=("child_support",),
        wording=says("Minors live in the affected household: child support comes with any offer",
                     "受影响家庭中有未成年人:同步提供儿童支持",
                     "No minors live in the affected household", "受影响家庭中无未成年人"),
    ),
    _declare(
        id="D02", measure=housing_loss_pending, title=Bilingual("About to lose a home", "面临失去住所"),
        definition="1 if eviction_notice in [t-30d, t) or a visible eviction_scheduled with scheduled_at in "
        "[t-30d, t+90d).",
        window="[t-30d, t+90d) visible at t", missing=NO_RECORD_IS_ZERO, direction=Direction.RAISES,
        source="Reasoning; land and eviction disputes in the practice documents", support=("housing", "legal_aid"),
        wording=says("An eviction has been announced or is scheduled", "已通知或排定腾退",
                     "No eviction is on record", "无腾退记录"),
    ),
    _declare(
        id="D03", measure=income_or_wage_arrears_months, title=Bilingual("Months of unpaid wages", "欠薪或断收月数"),
        definition="wage_arrears_months; cap 12.", window="as of t", value_type="float>=0", missing=MISSING_IS_NAN,
        direction=Direction.RAISES, source="Strain theory; Hebei labour share", unit=Bilingual("months", "个月"),
        support=("labour_arbitration", "hardship_aid"),
        wording=says("Wages have not been paid for {value} month(s)", "工资已拖欠{value}个月",
                     "No wages are owed", "无拖欠工资"),
    ),
    _declare(
        id="D04", measure=unpaid_injury_or_medical_cost, title=Bilingual("Unpaid medical cost", "未获偿医疗费用"),
        definition="unpaid_medical_cny / reference_income_cny; cap 10. Amount only, no diagnosis.", window="as of t",
        value_type="float>=0", missing=MISSING_IS_NAN, direction=Direction.RAISES,
        source="Reasoning; medical disputes", unit=Bilingual("reference incomes", "倍参考收入"),
        support=("hardship_aid", "legal_aid"),
        wording=says("Unpaid medical cost, in yearly incomes: {value}", "未获偿医疗费用相当于年收入的{value}倍",
                     "No medical cost is unpaid", "无未获偿医疗费用"),
    ),
    _declare(
        id="D06", measure=party_expressed_fear, title=Bilingual("A party expressed fear", "当事人表示害怕"),
        definition="1 if any party told staff they fear being seriously hurt in this dispute.",
        window="[t-90d, t)", missing=NO_RECORD_IS_ZERO, direction=Direction.RAISES,
        source="Lethality Screen agrees with survivor appraisal; Spencer: perceived risk",
        support=("follow_up_offered", "psychological"),
        wording=says("A party said in the last 90 days that they fear being seriously hurt",
                     "近90天有当事人表示害怕受到严重伤害",
                     "No expressed fear recorded in the last 90 days", "近90天无当事人表示害怕的记录"),
    ),
    _declare(
        id="D07", measure=unmet_support_request_days,
        title=Bilingual("Days a request for support is unmet", "求助未满足天数"),
        definition="Days since the oldest support_requested not yet settled by support_delivered or support_refused "
        "of the same service (first in first out); cap 90. Delivery lowers it: a treatment path, stated on purpose.",
        window="as of t", value_type="float>=0", missing=NO_RECORD_IS_ZERO, direction=Direction.RAISES,
        source="Taizhou hardship help; reasoning", unit=Bilingual("days", "天"),
        wording=says("A request for support has been without an answer for {value} day(s)", "求助已{value}天未获答复",
                     "No request for support is without an answer", "无未获答复的求助"),
    ),
    _declare(
        id="D08", measure=alcohol_noted_at_incident, title=Bilingual("Drinking noted at conflicts", "冲突时饮酒记录"),
        definition="Share of affirmed conduct events with severity >= 1 that have alcohol recorded; null alcohol = no; "
        "no such event = 0.",
        window="[t-180d, t)", value_type="float 0-1", missing=NO_RECORD_IS_ZERO, direction=Direction.RAISES,
        source="Ganpat 2013: alcohol use by victims predicts lethality; reviews",
        unit=Bilingual("share, 0 to 1", "比例(0至1)"), support=("mediation",),
        wording=says("Drinking was noted at a share of {value} of the conflicts of the last 180 days",
                     "近180天冲突中有饮酒记录的比例为{value}",
                     "No drinking noted at a conflict in the last 180 days", "近180天冲突中无饮酒记录"),
    ),
)  # fmt: skip
