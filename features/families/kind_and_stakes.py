"""Family A: what the dispute is about, and what is at stake."""

from __future__ import annotations

import numpy as np

from features.clock import DAY_US
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
from features.schema import DISPUTE_KINDS, PROXIMITIES, RELATIONS, STAKES
from features.view import Measure, View

FAMILY = Family("A", Bilingual("Dispute kind and stakes", "纠纷类型与利害"))

LAND_STAKES = ("homestead", "boundary", "access", "drainage", "land_contract", "demolition")
INDIVISIBLE_STAKES = ("custody", "only_dwelling", "burial", "livelihood", "bodily_injury")
PARTNER_RELATIONS = ("spouse_partner", "ex_spouse_partner")
AMOUNT_RATIO_CAP = 20
PRIOR_DISPUTE_DAYS = 1_826
PRIOR_CONFIDENCE = 0.9
SEPARATION_TYPES = ("separation_filed", "custody_filed", "protection_order_filed")

KIND_NAMES = (
    Bilingual("neighbour", "邻里纠纷"),
    Bilingual("marriage and family", "婚姻家庭纠纷"),
    Bilingual("debt and finance", "债务金融纠纷"),
    Bilingual("labour", "劳动劳资纠纷"),
    Bilingual("land and eviction", "土地征迁纠纷"),
    Bilingual("property management", "物业纠纷"),
    Bilingual("consumer", "消费纠纷"),
    Bilingual("traffic", "交通事故纠纷"),
    Bilingual("medical", "医疗纠纷"),
    Bilingual("village affairs", "村务纠纷"),
    Bilingual("inheritance", "继承纠纷"),
    Bilingual("other", "其他纠纷"),
)


def _stakes_include(view: View, names: tuple[str, ...]) -> Measure:
    mask = sum(1 << STAKES.index(name) for name in names)
    stakes = view.case("stakes")
    return Measure(((stakes & mask) != 0).astype(np.float64), from_case=True).unknown_where(stakes < 0)


def dispute_kind(view: View) -> Measure:
    """The code of the dispute's kind."""
    return Measure(view.case("kind").astype(np.float64), from_case=True)


def intimate_or_family_tie(view: View) -> Measure:
    """1 for partners, or for family under one roof; unknown where relation, or family's proximity, is null."""
    relation, proximity = view.case("relation"), view.case("proximity")
    family = relation == RELATIONS.index("family")
    tie = family & (proximity == PROXIMITIES.index("shared_dwelling"))
    for partners in PARTNER_RELATIONS:
        tie |= relation == RELATIONS.index(partners)
    return Measure(tie.astype(np.float64), from_case=True).unknown_where(
        (relation < 0) | (family & (proximity < 0))
    )  # fmt: skip


def forced_proximity(view: View) -> Measure:
    """1 where the parties must keep meeting."""
    proximity = view.case("proximity")
    meets = (proximity != PROXIMITIES.index("none")).astype(np.float64)
    return Measure(meets, from_case=True).unknown_where(proximity < 0)


def land_homestead_boundary_stake(view: View) -> Measure:
    """1 where land, homestead, boundary, access, drainage or demolition is at stake."""
    return _stakes_include(view, LAND_STAKES)


def relative_amount(view: View) -> Measure:
    """log1p of the claimed amount over the deployment's reference income, the ratio capped at 20."""
    ratio = np.minimum(view.case("amount_cny") / view.reference_income_cny, AMOUNT_RATIO_CAP)
    return Measure(np.log1p(ratio), from_case=True)


def indivisible_stake(view: View) -> Measure:
    """1 where something that cannot be split is at stake."""
    return _stakes_include(view, INDIVISIBLE_STAKES)


def prior_same_pair_dispute(view: View) -> Measure:
    """Earlier disputes of the same pair, closed by a visible event, opened within 5 years before this one."""
    priors = view.priors
    opened_at = view.case("opened_at")[priors.row]
    earlier = priors.column("opened_at")
    recent = (earlier < opened_at) & (earlier >= opened_at - PRIOR_DISPUTE_DAYS * DAY_US)
    sure = priors.where(recent & (priors.column("confidence") >= PRIOR_CONFIDENCE))
    row, prior = sure.row, sure.column("prior")
    if len(row) > 1:
        again = np.concatenate([[False], (row[1:] == row[:-1]) & (prior[1:] == prior[:-1])])
        sure = sure.where(~again)
    return sure.count(cap=3)


def recent_separation_or_divorce_filing(view: View) -> Measure:
    """1 after a separation, custody or protection-order filing, only between partners; who filed is not read."""
    tie = view.measured(intimate_or_family_tie).values
    filed = view.steps.of(*SEPARATION_TYPES).within(180)
    between_partners = filed.where(tie[filed.row] == 1).any()
    return Measure(between_partners.values, between_partners.evidence, from_case=True).unknown_where(np.isnan(tie))


INDICATORS = (
    Indicator(
        id="A01", measure=dispute_kind, family=FAMILY, title=Bilingual("Kind of dispute", "纠纷类型"),
        definition="Kind code, one of the 12 of the records contract; latest version visible at t.",
        window="as of t", value_type="categorical(12)", missing="never missing", direction=Direction.FREE,
        source="Xupu 115 neighbour cases: homestead and old grievance 56%; Huaian 32 of 60 intentional-homicide "
        "cases from marital or romantic disputes",
        unit=Bilingual("kind", "类型"), categories=KIND_NAMES, category_codes=DISPUTE_KINDS,
        wording=says("The dispute is recorded as: {value}", "登记的纠纷类型:{value}",
                        "The dispute is recorded as: {value}", "登记的纠纷类型:{value}"),
    ),
    Indicator(
        id="A02", measure=intimate_or_family_tie, family=FAMILY,
        title=Bilingual("Partners, former partners or family under one roof", "亲密或同住家庭关系"),
        definition="1 if relation is spouse_partner or ex_spouse_partner, or family with proximity "
        "shared_dwelling; family with null proximity = NaN; else 0.",
        window="as of t", value_type="binary", missing=MISSING_IS_NAN, direction=Direction.RAISES,
        source="Huaian 53.33% of intentional-homicide cases; Campbell 2003 femicide case-control",
        unit=YES_NO, support=("psychological", "legal_aid"),
        wording=says("The parties of this dispute are partners, former partners or family under one roof",
                        "本纠纷双方为伴侣、前伴侣或同住家庭成员",
                        "The parties are not recorded as partners or family under one roof",
                        "未记录双方为伴侣或同住家庭成员"),
    ),
    Indicator(
        id="A03", measure=forced_proximity, family=FAMILY,
        title=Bilingual("Parties must keep meeting", "同住相邻或共用空间"),
        definition="1 if parties must keep meeting: same dwelling, shared wall, yard, access or water, or the "
        "same worksite.",
        window="as of t", value_type="binary", missing=MISSING_IS_NAN, direction=Direction.RAISES,
        source="Xupu: homestead, drainage, ventilation, light disputes; retaliation needs contact (Felson and "
        "Steadman)",
        unit=YES_NO, support=("mediation",),
        wording=says("The parties live or work side by side and keep meeting", "双方同住、相邻或同一工地,需持续接触",
                        "The parties do not have to keep meeting", "双方无需持续接触"),
    ),
    Indicator(
        id="A04", measure=land_homestead_boundary_stake, family=FAMILY,
        title=Bilingual("Land, homestead or boundary at stake", "宅基地土地边界争议"),
        definition="1 if stake codes include homestead, boundary, access, drainage, land contract or demolition.",
        window="as of t", value_type="binary", missing=MISSING_IS_NAN, direction=Direction.RAISES,
        source="Xupu 56%; Henan multi-fatality homestead cases; Ruian key modules",
        unit=YES_NO, support=("mediation", "legal_aid"),
        wording=says("Land, homestead, boundary or access is at stake", "涉及宅基地、土地、边界或通行",
                        "No land or boundary stake is recorded", "未记录土地或边界争议"),
    ),
    Indicator(
        id="A05", measure=relative_amount, family=FAMILY,
        title=Bilingual("Claimed amount against a year's income", "标的相对额"),
        definition="log1p(amount_cny / reference_income_cny), ratio capped at 20; reference_income_cny is one "
        "number per deployment, kept in the model contract.",
        window="as of t", value_type="float>=0", missing=MISSING_IS_NAN, direction=Direction.RAISES,
        source="Xupu: mean compensation of 89,000 CNY shows material stakes; otherwise reasoning",
        unit=Bilingual("log of 1 + the amount in reference incomes", "标的额与参考收入之比加一的对数"),
        support=("legal_aid",),
        wording=says("The claimed amount, on a log scale of yearly incomes, is {value}",
                        "诉求金额(按年收入取对数)为{value}",
                        "No amount of money is claimed", "未主张金额"),
    ),
    Indicator(
        id="A06", measure=indivisible_stake, family=FAMILY,
        title=Bilingual("A stake that cannot be split", "不可分割利益"),
        definition="1 if stake codes include custody, only dwelling, burial, livelihood or a bodily-injury "
        "grievance.",
        window="as of t", value_type="binary", missing=MISSING_IS_NAN, direction=Direction.RAISES,
        source="Bargaining theory; family homicide literature; Hebi custody example",
        unit=YES_NO, support=("mediation", "psychological"),
        wording=says("Something that cannot be split is at stake (a child, the only home, a burial, a living)",
                        "涉及不可分割的利益(抚养、唯一住房、安葬、生计等)",
                        "No indivisible stake is recorded", "未记录不可分割利益"),
    ),
    Indicator(
        id="A09", measure=prior_same_pair_dispute, family=FAMILY,
        title=Bilingual("Earlier disputes between the same sides", "同一双方既往纠纷"),
        definition="Number of earlier disputes of the same pair_token with a closed event visible at t, opened "
        "within 5 years before this one, pair_confidence >= 0.9; capped at 3.",
        window="5 years before opening", value_type="int 0-3", missing=NO_RECORD_IS_ZERO,
        direction=Direction.RAISES,
        source="Xupu old-grievance share; 15 of 28 mediated cases relapsed; POP guide: link events into disputes",
        unit=Bilingual("earlier disputes", "起"), support=("mediation",),
        wording=says("{value} earlier closed dispute(s) between the same sides", "同一双方此前已结纠纷{value}起",
                        "No earlier dispute between the same sides is on record", "无同一双方既往纠纷记录"),
    ),
    Indicator(
        id="A10", measure=recent_separation_or_divorce_filing, family=FAMILY,
        title=Bilingual("Recent separation, custody or protection-order filing", "近期分居、抚养或保护令申请"),
        definition="1 if a separation_filed, custody_filed or protection_order_filed event occurred in the "
        "window; only where A02 = 1 (A02 = 0 gives 0, NaN gives NaN). Binary; who filed is not read; may only "
        "raise support.",
        window="[t-180d, t)", value_type="binary", missing=NO_RECORD_IS_ZERO, direction=Direction.RAISES,
        source="Campbell 2003: estrangement raises femicide odds",
        unit=YES_NO,
        support=("legal_aid", "psychological", "protection_order_help"),
        wording=says("A separation, custody or protection-order step is under way: a time to offer support",
                        "处于分居、抚养或保护令程序中:宜主动提供支持",
                        "No separation or custody step is on record", "无分居或抚养程序记录"),
    ),
)  # fmt: skip
