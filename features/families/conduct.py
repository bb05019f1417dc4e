"""Family B: conduct recorded in this dispute, by any party.  It never says who."""

from __future__ import annotations

from functools import partial

from features.indicator import (
    NO_RECORD_IS_ZERO,
    YES_NO,
    Bilingual,
    Direction,
    Family,
    Indicator,
    says,
)
from features.view import Measure, View

FAMILY = Family("B", Bilingual("Conduct recorded in this dispute", "本纠纷中已记录的行为"))


def verbal_altercation_count(view: View) -> Measure:
    """Verbal altercations in 90 days; beside it, in 30."""
    quarrels = view.conduct.of("verbal_altercation")
    return quarrels.within(90).count(cap=10).beside(quarrels.within(30).count(cap=10))


def physical_contact_count(view: View) -> Measure:
    """Pushes, shoves and blows without recorded injury in 180 days; beside it, in 30."""
    blows = view.conduct.of("physical_contact")
    return blows.within(180).count(cap=5).beside(blows.within(30).count(cap=5))


def injury_recorded(view: View) -> Measure:
    """1 if an injury is on record in this dispute."""
    return view.conduct.of("injury").any()


def threat_to_kill_or_seriously_injure(view: View) -> Measure:
    """Affirmed threats of severity 4 or more in 180 days; beside it, in 30."""
    threats = view.conduct.of("threat").at_least("severity", 4)
    return threats.within(180).count(cap=3).beside(threats.within(30).count(cap=3))


def threat_specificity(view: View) -> Measure:
    """How much of time, place, means and target the most specific threat of 90 days named."""
    return view.conduct.of("threat").within(90).at_least("specifics", 1).max("specifics")


def weapon_present(view: View) -> Measure:
    """1 if a weapon or improvised tool was shown in 365 days."""
    return view.conduct.of("weapon").within(365).any()


def arson_explosive_poison_threat_or_prep(view: View) -> Measure:
    """1 if fuel, gas, explosive or poison was threatened or prepared in 180 days."""
    return view.conduct.of("arson_explosive_poison").within(180).any()


def property_damage_count(view: View) -> Measure:
    """Damage to property between the parties in 180 days."""
    return view.conduct.of("property_damage").within(180).count(cap=5)


def strangulation_reported(view: View) -> Measure:
    """1 if choking or suffocation is on record in this dispute."""
    return view.conduct.of("strangulation").any()


def stalking_or_blocking(view: View) -> Measure:
    """Following, blocking a door or road, lying in wait for the other party in 90 days."""
    return view.conduct.of("stalking_blocking").within(90).count(cap=5)


def breach_of_order_or_undertaking(view: View) -> Measure:
    """Breaches of an order or written undertaking in 365 days."""
    return view.conduct.of("breach_of_order").within(365).count(cap=3)


def self_harm_statement_recorded(view: View) -> Measure:
    """1 if a statement of wanting to die was recorded in 90 days; not a diagnosis, for the care role only."""
    return view.conduct.of("self_harm_statement").within(90).any()


def last_resort_or_leakage_language(view: View) -> Measure:
    """1 if a last-resort statement was affirmed in 60 days."""
    return view.conduct.of("last_resort_statement").within(60).any()


_raising = partial(Indicator, family=FAMILY, direction=Direction.RAISES, missing=NO_RECORD_IS_ZERO)

INDICATORS = (
    _raising(
        id="B01", measure=verbal_altercation_count, title=Bilingual("Verbal altercations", "言语冲突次数"),
        definition="Deduplicated events of type verbal_altercation.", window="[t-90d, t)", value_type="count cap 10",
        source="Xupu: 82% began with verbal quarrel, 18% with shoving", unit=Bilingual("occurrences", "次"),
        support=("mediation",),
        wording=says("{value} verbal altercation(s) recorded in the last 90 days", "近90天记录言语冲突{value}次",
                     "No verbal altercation recorded in the last 90 days", "近90天无言语冲突记录"),
        further_windows=("30d",),
    ),
    _raising(
        id="B02", measure=physical_contact_count, title=Bilingual("Physical altercations", "肢体冲突次数"),
        definition="Deduplicated events of type push, shove, hit without recorded injury.", window="[t-180d, t)",
        value_type="count cap 5", source="Xupu: 65% went on to blows", unit=Bilingual("occurrences", "次"),
        support=("mediation",),
        wording=says("{value} physical altercation(s) without injury recorded in the last 180 days",
                     "近180天记录未致伤的肢体冲突{value}次",
                     "No physical altercation recorded in the last 180 days", "近180天无肢体冲突记录"),
        further_windows=("30d",),
    ),
    _raising(
        id="B03", measure=injury_recorded, title=Bilingual("Injury in this dispute", "本纠纷已有伤情"),
        definition="1 if an injury certificate or treatment note is filed in this case. No diagnosis is stored.",
        window="all since opening", value_type="binary", source="DVSI-R, ODARA items; strangulation meta-analysis",
        unit=YES_NO, support=("legal_aid", "psychological"),
        wording=says("An injury is on record in this dispute", "本纠纷已有伤情记录",
                     "No injury is on record in this dispute", "本纠纷无伤情记录"),
    ),
    _raising(
        id="B04", measure=threat_to_kill_or_seriously_injure,
        title=Bilingual("Threats to kill or seriously injure", "扬言杀伤"),
        definition="Count of affirmed threat events with severity >= 4, by any party.", window="[t-180d, t)",
        value_type="count cap 3",
        source="Campbell 2003 (threat with weapon); Meloy directly communicated threat; ODARA item",
        unit=Bilingual("occurrences", "次"), support=("follow_up_offered",),
        wording=says("{value} threat(s) to kill or seriously injure recorded in the last 180 days",
                     "近180天记录扬言杀伤{value}次",
                     "No threat to kill or seriously injure recorded in the last 180 days", "近180天无扬言杀伤记录"),
        further_windows=("30d",),
    ),
    _raising(
        id="B05", measure=threat_specificity, title=Bilingual("How specific a threat was", "威胁具体程度"),
        definition="Max specifics (time, place, means, target) of any affirmed threat, 0-4; null specifics count 0.",
        window="[t-90d, t)", value_type="int 0-4",
        source="Meloy 2012 pathway and directly communicated threat",
        unit=Bilingual("of time, place, means, target", "项(时间、地点、手段、对象)"), support=("follow_up_offered",),
        wording=says("A threat of the last 90 days named {value} of time, place, means and target",
                     "近90天的威胁涉及时间、地点、手段、对象中的{value}项",
                     "No specific threat recorded in the last 90 days", "近90天无具体威胁记录"),
    ),
    _raising(
        id="B06", measure=weapon_present, title=Bilingual("A weapon was shown", "出现凶器"),
        definition="1 if a weapon or improvised tool was present or shown at an event in this dispute.",
        window="[t-365d, t)", value_type="binary",
        source="Xupu: tools used in 57% of cases; Campbell 2003 threat with weapon", unit=YES_NO,
        support=("follow_up_offered",),
        wording=says("A weapon or tool was shown in the last 365 days", "近365天出现过凶器或工具",
                     "No weapon recorded in the last 365 days", "近365天无凶器记录"),
    ),
    _raising(
        id="B07", measure=arson_explosive_poison_threat_or_prep,
        title=Bilingual("Fire, explosive or poison threatened or prepared", "纵火爆炸投毒苗头"),
        definition="1 if threat or observed preparation involving fuel, gas, explosive or poison is recorded.",
        window="[t-180d, t)", value_type="binary", source="Meloy pathway behaviour; Hebei extreme-case scope",
        unit=YES_NO, support=("follow_up_offered",),
        wording=says("A threat or preparation with fuel, gas, explosive or poison recorded in the last 180 days",
                     "近180天记录纵火、爆炸或投毒苗头",
                     "Nothing with fuel, explosive or poison recorded in the last 180 days",
                     "近180天无纵火、爆炸或投毒记录"),
    ),
    _raising(
        id="B08", measure=property_damage_count, title=Bilingual("Damage to property", "毁坏财物次数"),
        definition="Deduplicated property damage events between the parties.", window="[t-180d, t)",
        value_type="count cap 5", source="POP guide on retaliatory disputes", unit=Bilingual("occurrences", "次"),
        support=("mediation",),
        wording=says("{value} case(s) of damaged property recorded in the last 180 days", "近180天记录毁坏财物{value}次",
                     "No damaged property recorded in the last 180 days", "近180天无毁坏财物记录"),
    ),
    _raising(
        id="B09", measure=strangulation_reported, title=Bilingual("Strangulation reported", "扼颈记录"),
        definition="1 if choking or suffocation by one party of another is recorded in this dispute.",
        window="all since opening", value_type="binary",
        source="Glass 2008: OR 6.70 attempted, 7.48 completed homicide", unit=YES_NO,
        support=("follow_up_offered", "legal_aid", "protection_order_help"),
        wording=says("Choking or suffocation is on record in this dispute", "本纠纷有扼颈或窒息记录",
                     "No choking or suffocation is on record in this dispute", "本纠纷无扼颈记录"),
    ),
    _raising(
        id="B10", measure=stalking_or_blocking, title=Bilingual("Following, blocking, lying in wait", "跟踪堵门"),
        definition="Count of recorded following, blocking of door or road, lying in wait, directed at the OTHER PARTY. "
        "Waiting at a government office is excluded by definition.",
        window="[t-90d, t)", value_type="count cap 5", source="Campbell 2003 bivariate; Spencer meta-analysis",
        unit=Bilingual("occurrences", "次"), support=("legal_aid",),
        wording=says("The other party was followed, blocked or waylaid {value} time(s) in the last 90 days",
                     "近90天记录跟踪、堵门或拦截对方{value}次",
                     "No following, blocking or lying in wait recorded in the last 90 days",
                     "近90天无跟踪、堵门或拦截对方的记录"),
    ),
    _raising(
        id="B11", measure=breach_of_order_or_undertaking,
        title=Bilingual("Breach of an order or undertaking", "违反保护令或承诺"),
        definition="Count of breaches of a protection order, court order or written undertaking in this dispute.",
        window="[t-365d, t)", value_type="count cap 3", source="ODARA, VioGen items",
        unit=Bilingual("occurrences", "次"), support=("legal_aid", "protection_order_help"),
        wording=says("{value} breach(es) of an order or undertaking recorded in the last 365 days",
                     "近365天记录违反保护令或承诺{value}次",
                     "No breach of an order or undertaking recorded in the last 365 days",
                     "近365天无违反保护令或承诺记录"),
    ),
    _raising(
        id="B12", measure=self_harm_statement_recorded,
        title=Bilingual("A statement of wanting to die", "轻生言论记录"),
        definition="1 if staff recorded a spoken statement of wanting to die in connection with this dispute. "
        "Not a diagnosis.",
        window="[t-90d, t)", value_type="binary",
        source="Thornton 2017: suicide marker the best available candidate; Dorset: self-harm warnings +120%",
        unit=YES_NO, support=("psychological",), care_only=True,
        wording=says("A statement of wanting to die was recorded in the last 90 days: care first",
                     "近90天有轻生言论记录:先予关怀",
                     "No statement of wanting to die recorded in the last 90 days", "近90天无轻生言论记录"),
    ),
    _raising(
        id="B13", measure=last_resort_or_leakage_language,
        title=Bilingual("Words of a last resort", "绝境或泄露意图言辞"),
        definition="1 if an affirmed last_resort_statement is recorded (die together, you will not see next year).",
        window="[t-60d, t)", value_type="binary",
        source="Meloy 2012 last resort and leakage; Xupu emotion chain ending in die-together thinking",
        unit=YES_NO, support=("follow_up_offered", "psychological"),
        wording=says("A last-resort statement was recorded in the last 60 days", "近60天有绝境言辞记录",
                     "No last-resort statement recorded in the last 60 days", "近60天无绝境言辞记录"),
    ),
)  # fmt: skip
