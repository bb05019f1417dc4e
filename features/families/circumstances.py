"""Family D: circumstances and needs, as far as a party disclosed them or staff wrote them down."""

from __future__ import annotations

from functools import partial

import numpy as np

from features.indicator import MISSING_IS_NAN, NO_RECORD_IS_ZERO, YES_NO, Bilingual, Direction, Family, Indicator, says
from features.view import Measure, View

FAMILY = Family("D", Bilingual("Circumstances and needs", "处境与需求"))


def minors_in_affected_household(view: View) -> Measure:
    """1 if a party disclosed that minors live in the affected household."""
    minors = view.case("minors_in_household")
    return Measure(minors.astype(np.float64), from_case=True).unknown_where(minors < 0)


def housing_loss_pending(view: View) -> Measure:
    """1 after an eviction notice of 30 days, or with an eviction scheduled from 30 days ago to 90 days ahead."""
    notice = view.steps.of("eviction_notice").within(30)
    scheduled = view.steps.of("eviction_scheduled").scheduled_within(90, since_days=30)
    return Measure(np.maximum(notice.any().values, scheduled.any().values), (notice, scheduled))


def party_expressed_fear(view: View) -> Measure:
    """1 if a party told staff in 90 days that they fear being seriously hurt."""
    return view.conduct.of("fear_expressed").within(90).any()


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
        id="D06", measure=party_expressed_fear, title=Bilingual("A party expressed fear", "当事人表示害怕"),
        definition="1 if any party told staff they fear being seriously hurt in this dispute.",
        window="[t-90d, t)", missing=NO_RECORD_IS_ZERO, direction=Direction.RAISES,
        source="Lethality Screen agrees with survivor appraisal; Spencer: perceived risk",
        support=("follow_up_offered", "psychological"),
        wording=says("A party said in the last 90 days that they fear being seriously hurt",
                     "近90天有当事人表示害怕受到严重伤害",
                     "No expressed fear recorded in the last 90 days", "近90天无当事人表示害怕的记录"),
    ),
)  # fmt: skip
