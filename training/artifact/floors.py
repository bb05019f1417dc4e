"""The five public safety floors: few rules above the model, and the facts about thin records.

They are read from the same view as the indicators, each with its own window, and can only raise support.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.families.conduct import (
    breach_of_order_or_undertaking,
    self_harm_statement_recorded,
    strangulation_reported,
)
from features.indicator import Bilingual
from features.schema import DISPUTE_KINDS, RELATIONS
from features.view import Array, Measure, View
from training.artifact.tiers import ORDER, Tier

ACUTE_DAYS = 14
THIN_FIELDS = ("relation", "proximity", "stakes", "amount_cny", "minors_in_household")
THIN_NULLS = 3
FAMILY_RELATIONS = ("spouse_partner", "ex_spouse_partner", "family")
IS_FAMILY = np.array([*(name in FAMILY_RELATIONS for name in RELATIONS), False])
"""By the code of a relation; an unknown one (-1) takes the last place."""


@dataclass(frozen=True)
class Floor:
    """One public rule: the lowest tier it allows (None: no colour), the offer it makes, and its words."""

    id: str
    tier: Tier | None
    offers: tuple[str, ...]
    within_hours: int | None
    rule: Bilingual
    care_only: bool = False

    @property
    def rank(self) -> int:
        """The rank of its tier, 0 where it sets none."""
        return 0 if self.tier is None else ORDER.index(self.tier)


FLOORS = (
    Floor("F1", Tier.ORANGE, ("senior_mediation", "follow_up_offered"), None,
          Bilingual("In the last 14 days: preparation with fire, explosive or poison; or a threat naming two or more "
                    "of time, place, means and target together with a weapon",
                    "近14天内:有纵火、爆炸或投毒苗头;或威胁涉及时间、地点、手段、对象中两项以上且出现凶器")),
    Floor("F2", Tier.YELLOW, ("legal_aid",), None,
          Bilingual("Strangulation, or a breach of an order or undertaking, is on record",
                    "有扼颈记录,或有违反保护令、承诺的记录")),
    Floor("F3", None, ("psychological",), 24,
          Bilingual("A statement of wanting to die was recorded: psychological help is offered within 24 hours",
                    "有轻生言论记录:24小时内提供心理援助"), care_only=True),
    Floor("F4", None, ("follow_up_offered",), 24,
          Bilingual("A party expressed fear in the last 14 days: a person calls within 24 hours",
                    "近14天有当事人表示害怕:24小时内人工联系")),
    Floor("F5", None, ("follow_up_offered",), None,
          Bilingual("The records are too thin to assess: contact first", "记录不足,无法评估:请先联系当事人")),
)  # fmt: skip
BY_ID = {floor.id: floor for floor in FLOORS}


@dataclass(frozen=True)
class Facts:
    """What the floors and routing ask of each landmark; every array has shape (landmarks,).

    ``floors`` maps a floor id to its measure (1 = it holds).  ``violent_family_tie`` is true where a partner or
    family tie meets injury, threat or strangulation: legal aid and protection come before joint mediation.  Any family
    counts, under one roof or not (A02 asks for the roof), and a marriage or family dispute whose relation is unknown.
    """

    floors: dict[str, Measure]
    thin: Array
    violent_family_tie: Array


def read_facts(view: View) -> Facts:
    """The facts of every landmark of a view."""
    thin = _thin(view)
    floors = {
        "F1": _acute_preparation(view),
        "F2": _either(view.measured(strangulation_reported), view.measured(breach_of_order_or_undertaking)),
        "F3": view.measured(self_harm_statement_recorded),
        "F4": view.conduct.of("fear_expressed").within(ACUTE_DAYS).any(),
        "F5": Measure(thin.astype(np.float64), from_case=True),
    }
    violence = view.conduct.of("injury", "threat", "strangulation").any().values > 0
    return Facts(floors, thin, _family_tie(view) & violence)


def _family_tie(view: View) -> Array:
    relation = view.case("relation")
    family_matter = view.case("kind") == DISPUTE_KINDS.index("marriage_family")
    return IS_FAMILY[relation] | ((relation < 0) & family_matter)


def _thin(view: View) -> Array:
    """No visible first contact, or three or more of the key fields null."""
    unknown = np.zeros(len(view), np.int64)
    for name in THIN_FIELDS:
        values = view.case(name)
        unknown += np.isnan(values) if values.dtype.kind == "f" else values < 0
    contacted = view.steps.of("first_contact").any().values > 0
    return ~contacted | (unknown >= THIN_NULLS)


def _acute_preparation(view: View) -> Measure:
    recent = view.conduct.within(ACUTE_DAYS)
    fire = recent.of("arson_explosive_poison").any()
    specific = recent.of("threat").at_least("specifics", 2).any()
    weapon = recent.of("weapon").any()
    armed_threat = specific.values * weapon.values
    evidence = (*fire.evidence, *specific.evidence, *weapon.evidence)
    return Measure(np.maximum(fire.values, armed_threat), evidence)


def _either(first: Measure, second: Measure) -> Measure:
    holds = np.maximum(first.values > 0, second.values > 0).astype(np.float64)
    return Measure(holds, (*first.evidence, *second.evidence))
