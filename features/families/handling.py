"""Family C: how the institutions handled the case.  What they failed to do is their duty, nobody's fault.

Petitions enter only as the institution's clock: overdue (C02) and upheld (C12).  Answered in time they change nothing.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from features.clock import DAY_US, HOUR_US, Flags
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
from features.settlement import counterparts, days_unsettled
from features.view import Measure, Selection, Values, View

FAMILY = Family("C", Bilingual("Handling by institutions", "机构处理过程"))

ASSIGN_HOURS = 4
REPLY_DAYS = 9
CLOSE_DAYS = 30
CONTACT_CAP_HOURS = 240
OVERDUE_CAP_DAYS = 60
UPHELD_DAYS = 365
UNPERFORMED_CAP_DAYS = 720


def first_contact_delay_hours(view: View) -> Measure:
    """Hours from opening to the first contact, or until now where there is none yet; at most 240."""
    contact = view.steps.of("first_contact")
    first = contact.min("occurred_at", empty=np.inf).values
    until = np.minimum(first, view.spine.as_of)
    hours = np.minimum(np.maximum((until - view.case("opened_at")) / HOUR_US, 0), CONTACT_CAP_HOURS)
    return Measure(hours, (contact,), from_case=True).unknown_where(~view.has_handling)


def overdue_days_current_step(view: View) -> Measure:
    """Days past the most overdue open deadline: assignment, reply, closing, or the answer to a petition; at most 60.

    0 where the case is closed or nothing is overdue; unknown where nothing was handled on record and nothing is
    overdue.  Petitions count by their maximum, never by their number.
    """
    opened = view.case("opened_at")
    due = _last(view.steps.of("reopened"), opened) + CLOSE_DAYS * DAY_US
    for step, since_opening in (("assigned", ASSIGN_HOURS * HOUR_US), ("replied", REPLY_DAYS * DAY_US)):
        due = np.where(_has(view, step), due, np.minimum(due, opened + since_opening))
    owed = _unanswered_petitions(view)
    first_due = np.minimum(due, owed.min("due_at", empty=np.inf).values)
    overdue = np.minimum(np.maximum((view.spine.as_of - first_due) / DAY_US, 0), OVERDUE_CAP_DAYS)
    days = np.where(view.closed_at >= 0, 0.0, overdue)
    made = owed.where(np.minimum((owed.as_of - owed.column("due_at")) / DAY_US, OVERDUE_CAP_DAYS) == days[owed.row])
    return Measure(days, (made,), from_case=True).unknown_where(~view.has_handling & (days == 0))


def handoff_count(view: View) -> Measure:
    """How often the case was handed on between units, at most 8."""
    return view.steps.of("handed_on").count(cap=8)


def failed_mediation_count(view: View) -> Measure:
    """Mediation sessions of 365 days that ended without agreement."""
    return view.steps.of("mediation_failed").within(365).count(cap=4)


def agreement_broken(view: View) -> Measure:
    """1 if an agreement was broken, or conduct recurred after a visible agreement or closure, in 365 days."""
    broken = view.steps.of("agreement_broken").within(365)
    settled = view.steps.of("mediation_agreed", "closed")
    recurred = conduct_after(view, settled).within(365)
    return Measure(np.maximum(broken.any().values, recurred.any().values), (broken, recurred))


def agreement_performance_rate(view: View) -> Measure:
    """Of the agreements whose due date has passed the share that was performed; unknown where none is due.

    First in, first out: what is recorded as performed or broken settles the oldest of them that is still open.  An
    agreement without a due date, or due at this very instant, is none of them.
    """
    steps = view.steps.of("mediation_agreed", "agreement_performed", "agreement_broken")
    due = steps.where(~steps.are("mediation_agreed") | steps.passed("due_at"))
    partner = counterparts(due, "agreement_performed", "agreement_broken")
    obligation = due.are("mediation_agreed")
    performed = obligation & (partner >= 0) & due.are("agreement_performed")[partner]
    obligations = due.where(obligation).count().values
    share = due.where(performed).count().values / np.maximum(obligations, 1)
    return Measure(share, (due.where(obligation | (partner >= 0)),)).unknown_where(obligations == 0)


def neutral_third_party_engaged(view: View) -> Measure:
    """1 if a neutral third party joined in 180 days, 0 if there was mediation without one, else unknown."""
    joined = view.steps.of("neutral_party_joined").within(180)
    engaged = joined.any().values
    mediated = view.steps.of("mediation_agreed", "mediation_failed").within(180)
    without = mediated.where(engaged[mediated.row] == 0)
    return Measure(engaged, (joined, without)).unknown_where((engaged == 0) & (without.any().values == 0))


def unperformed_judgment_days(view: View) -> Measure:
    """Days since the oldest judgment took effect that is not performed yet, first in first out; at most 720."""
    judgments = view.steps.of("judgment_effective", "judgment_performed")
    return days_unsettled(judgments, "judgment_performed", cap=UNPERFORMED_CAP_DAYS)


def adverse_decision_recent(view: View) -> Measure:
    """1 if an adverse decision or an eviction notice took effect in 60 days."""
    return view.steps.of("adverse_decision", "eviction_notice").within(60).any()


def procedural_error_upheld(view: View) -> Measure:
    """1 if an error of the institution was upheld in 365 days: on review, or in answer to a petition."""
    review = view.steps.of("error_upheld").within(UPHELD_DAYS)
    upheld = view.petitions.where(view.petitions.column("upheld") == 1)
    recent = upheld.where(_answered(upheld)).within(UPHELD_DAYS, time="answered_at")
    return Measure(np.maximum(review.any().values, recent.any().values), (review, recent))


def conduct_after(view: View, steps: Selection) -> Selection:
    """Affirmed conduct of severity 1 or more that occurred after the first of some steps of its landmark."""
    first = steps.min("occurred_at", empty=np.inf).values
    conduct = view.conduct.at_least("severity", 1)
    return conduct.where(conduct.column("occurred_at") > first[conduct.row])


def _has(view: View, type_: str) -> Flags:
    return view.steps.of(type_).any().values > 0


def _last(steps: Selection, otherwise: Values) -> Values:
    """When the last of some steps occurred, per landmark."""
    at = otherwise.copy()
    at[steps.row] = steps.column("occurred_at")
    return at


def _answered(petitions: Selection) -> Flags:
    """Which petitions have an answer that was known before the landmark."""
    return petitions.passed("answer_recorded_at")


def _unanswered_petitions(view: View) -> Selection:
    overdue = view.petitions.where(view.petitions.passed("due_at"))
    return overdue.where(~_answered(overdue))


_raising = partial(Indicator, family=FAMILY, direction=Direction.RAISES)

INDICATORS = (
    _raising(
        id="C01", measure=first_contact_delay_hours, title=Bilingual("Hours until first contact", "首次联系时延"),
        definition="Hours from opened_at to the first visible first_contact; if none yet, hours elapsed; cap 240; "
        "NaN if no handling event is visible.",
        window="as of t", value_type="float", missing=MISSING_IS_NAN,
        source="Hebi sign-off limit 4 hours; Hebei: 32.7% of petitions trace to shallow dispute screening",
        unit=Bilingual("hours", "小时"), support=("supervision",),
        wording=says("{value} hours passed before anyone first contacted the parties", "首次联系当事人用时{value}小时",
                     "The parties were contacted at once", "已及时首次联系当事人"),
    ),
    _raising(
        id="C02", measure=overdue_days_current_step, title=Bilingual("Days the institution is overdue", "当前环节超期天数"),
        definition="Largest number of days past a deadline that is still open: not assigned 4 h, no reply 9 d, not "
        "closed 30 d after opening or reopening, a visible petition past its due_at without a visible answer "
        "(maximum, never a sum or count); 0 if closed or nothing overdue; NaN if no handling event is visible and "
        "nothing is overdue; cap 60.",
        window="as of t", value_type="float>=0", missing=MISSING_IS_NAN, source="Hebi deadline ladder",
        unit=Bilingual("days", "天"), support=("supervision",),
        wording=says("The institution is {value} day(s) past a deadline", "承办单位当前环节超期{value}天",
                     "No deadline of the institution is overdue", "承办单位无超期环节"),
    ),
    _raising(
        id="C03", measure=handoff_count, title=Bilingual("Times handed on", "流转次数"),
        definition="Number of transfers between units since opening.", window="all since opening",
        value_type="count cap 8", missing=NO_RECORD_IS_ZERO, source="Procedural justice literature",
        unit=Bilingual("transfers", "次"), support=("supervision",),
        wording=says("The case was handed on between units {value} time(s)", "案件在单位之间流转{value}次",
                     "The case was not handed on between units", "案件未在单位之间流转"),
    ),
    _raising(
        id="C04", measure=failed_mediation_count, title=Bilingual("Mediation without agreement", "调解失败次数"),
        definition="Mediation sessions closed without agreement.", window="[t-365d, t)", value_type="count cap 4",
        missing=NO_RECORD_IS_ZERO, source="Xupu: 13 of 28 mediated cases failed outright",
        unit=Bilingual("sessions", "次"), support=("senior_mediation",),
        wording=says("{value} mediation session(s) ended without agreement in the last 365 days",
                     "近365天调解未成{value}次",
                     "No mediation ended without agreement in the last 365 days", "近365天无调解失败记录"),
    ),
    _raising(
        id="C05", measure=agreement_broken, title=Bilingual("Agreement broken or conflict resumed", "协议达成后反悔或复发"),
        definition="1 if agreement_broken, or an affirmed conduct event of severity >= 1 after a visible "
        "mediation_agreed or closed.",
        window="[t-365d, t)", value_type="binary", missing=NO_RECORD_IS_ZERO,
        source="Xupu: 15 of 28 mediated cases relapsed after success", unit=YES_NO, support=("senior_mediation",),
        wording=says("The conflict resumed after an agreement or closure, or the agreement was broken",
                     "达成协议或结案后矛盾复发,或协议未获履行",
                     "No broken agreement or renewed conflict is on record", "无协议反悔或矛盾复发记录"),
    ),
    Indicator(
        id="C06", measure=agreement_performance_rate, family=FAMILY, direction=Direction.LOWERS,
        title=Bilingual("Share of agreements performed", "协议履行率"),
        definition="Obligations are mediation_agreed events with due_at < t, settled first in first out by "
        "agreement_performed / agreement_broken; share performed; NaN if none is due.",
        window="as of t", value_type="float 0-1", missing=MISSING_IS_NAN, source="Reasoning; Hebi follow-up visits",
        unit=Bilingual("share, 0 to 1", "比例(0至1)"), support=("mediation",),
        wording=says("Of the agreements that fell due, a share of {value} was performed", "已到期协议的履行比例为{value}",
                     "No agreement that fell due was performed", "已到期协议均未履行",
                     unknown=Bilingual("No agreement has fallen due", "尚无到期协议")),
    ),
    Indicator(
        id="C07", measure=neutral_third_party_engaged, family=FAMILY, direction=Direction.LOWERS,
        title=Bilingual("A neutral third party takes part", "中立第三方参与"),
        definition="1 if neutral_party_joined; 0 if any mediation event (mediation_agreed or mediation_failed) in the "
        "window without one; else NaN.",
        window="[t-180d, t)", value_type="binary", missing=MISSING_IS_NAN,
        source="Levine 2011: several conciliatory third parties stop violence; Ganpat 2013: absence of third parties "
        "predicts lethality",
        unit=YES_NO, support=("mediation",),
        wording=says("A neutral third party joined in the last 180 days", "近180天有中立第三方参与",
                     "Mediation of the last 180 days took place without a neutral third party",
                     "近180天的调解无中立第三方参与",
                     unknown=Bilingual("Neither mediation nor a neutral third party is on record in the last 180 days",
                                       "近180天无调解或中立第三方参与记录")),
    ),
    _raising(
        id="C09", measure=unperformed_judgment_days,
        title=Bilingual("Days a judgment has not been performed", "胜诉未执行天数"),
        definition="Days since the oldest judgment_effective not yet matched by judgment_performed (first in first "
        "out); cap 720.",
        window="as of t", value_type="float>=0", missing=NO_RECORD_IS_ZERO,
        source="Luqiao under 40% repayment; Hebei law-related petitions", unit=Bilingual("days", "天"),
        support=("enforcement_help",),
        wording=says("A judgment has been in effect for {value} day(s) and is not performed",
                     "生效裁判已{value}天未履行",
                     "No unperformed judgment is on record", "无未履行的生效裁判记录"),
    ),
    _raising(
        id="C10", measure=adverse_decision_recent, title=Bilingual("Recent adverse decision", "近期不利决定"),
        definition="1 if an adverse_decision or eviction_notice took effect in the window.", window="[t-60d, t)",
        value_type="binary", missing=NO_RECORD_IS_ZERO, source="Loss-of-option trigger; Meloy last resort",
        unit=YES_NO, support=("legal_aid", "psychological"),
        wording=says("A decision against a party took effect in the last 60 days: a time to offer support",
                     "近60天有对一方不利的决定生效:宜主动提供支持",
                     "No adverse decision took effect in the last 60 days", "近60天无不利决定生效"),
    ),
    _raising(
        id="C12", measure=procedural_error_upheld, title=Bilingual("An error of the institution was upheld", "程序瑕疵已查实"),
        definition="1 if an error_upheld event, or a petition with upheld true and a visible answer (at "
        "answered_at), in the window: the institution's fault.",
        window="[t-365d, t)", value_type="binary", missing=NO_RECORD_IS_ZERO,
        source="Hebei: part of petitions caused by improper enforcement or decision making", unit=YES_NO,
        support=("supervision",),
        wording=says("An error of the institution was upheld in the last 365 days: it owes a correction",
                     "近365天查实机构程序瑕疵:应由机构纠正",
                     "No error of the institution was upheld in the last 365 days", "近365天未查实机构瑕疵"),
    ),
)  # fmt: skip
