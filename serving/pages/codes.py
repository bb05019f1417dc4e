"""The words for codes of the records, as messages of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.pages.language import N_

TIERS = {
    "red": N_("Red: offer help at once"),
    "orange": N_("Orange: offer help soon"),
    "yellow": N_("Yellow: offer help"),
    "blue": N_("Blue: no elevated signal in the records"),
    "contact_first": N_("Not assessable: contact first"),
}
TIERS_SHORT = {
    "red": N_("Red"), "orange": N_("Orange"), "yellow": N_("Yellow"), "blue": N_("Blue"),
    "contact_first": N_("Contact first"),
}  # fmt: skip
TIER_SIGNS = {"red": "▲▲", "orange": "▲", "yellow": "△", "blue": "—", "contact_first": "?"}
"""Beside the colour of a tier stands its word and a sign, so that nobody needs to see colours."""

ACTIONS = {
    "mediation": N_("mediation"),
    "senior_mediation": N_("mediation by a senior mediator"),
    "legal_aid": N_("legal aid"),
    "protection_order_help": N_("help with a protection order"),
    "psychological": N_("psychological help"),
    "hardship_aid": N_("hardship aid"),
    "housing": N_("housing help"),
    "child_support": N_("support for children"),
    "labour_arbitration": N_("labour arbitration"),
    "enforcement_help": N_("help with enforcement"),
    "supervision": N_("supervision of the responsible institution"),
    "follow_up_offered": N_("a follow-up offered"),
}
LANES = {
    "conduct": N_("Conduct"), "handling": N_("Handling"), "proceedings": N_("Proceedings"), "support": N_("Support"),
}  # fmt: skip
EVENTS = {
    "opened": N_("dispute registered"),
    "earlier_dispute": N_("an earlier dispute of the same two sides was closed"),
    "answer_overdue": N_("the institution owes an answer"),
    "petition_upheld": N_("an error of the institution was upheld"),
    "verbal_altercation": N_("verbal altercation"),
    "physical_contact": N_("physical altercation"),
    "injury": N_("injury"),
    "threat": N_("threat"),
    "weapon": N_("weapon shown"),
    "arson_explosive_poison": N_("fire, explosive or poison"),
    "property_damage": N_("damage to property"),
    "strangulation": N_("strangulation"),
    "stalking_blocking": N_("following or blocking"),
    "breach_of_order": N_("breach of an order or undertaking"),
    "self_harm_statement": N_("statement of wanting to die"),
    "last_resort_statement": N_("words of a last resort"),
    "fear_expressed": N_("fear expressed"),
    "registered": N_("registered"),
    "assigned": N_("assigned"),
    "first_contact": N_("first contact"),
    "handed_on": N_("handed on"),
    "mediation_agreed": N_("mediation: agreed"),
    "mediation_failed": N_("mediation: no agreement"),
    "agreement_performed": N_("agreement performed"),
    "agreement_broken": N_("agreement broken"),
    "neutral_party_joined": N_("neutral third party joined"),
    "replied": N_("institution replied"),
    "error_upheld": N_("error of the institution upheld"),
    "followed_up": N_("followed up"),
    "closed": N_("closed"),
    "reopened": N_("reopened"),
    "separation_filed": N_("separation filed"),
    "custody_filed": N_("custody filed"),
    "protection_order_filed": N_("protection order filed"),
    "hearing_scheduled": N_("hearing scheduled"),
    "judgment_effective": N_("judgment in effect"),
    "judgment_performed": N_("judgment performed"),
    "adverse_decision": N_("adverse decision"),
    "enforcement_scheduled": N_("enforcement scheduled"),
    "eviction_notice": N_("eviction notice"),
    "eviction_scheduled": N_("eviction scheduled"),
    "handover_scheduled": N_("handover scheduled"),
    "construction_scheduled": N_("construction scheduled"),
    "support_requested": N_("support requested"),
    "support_delivered": N_("support delivered"),
    "support_refused": N_("support declined"),
}
ASSERTIONS = {
    "affirmed": N_("affirmed"),
    "denied": N_("denied: does not count"),
    "feared": N_("feared: does not count"),
    "hearsay": N_("hearsay: does not count"),
    "past": N_("an earlier time: does not count"),
}
CHANNELS = {
    "grid": N_("grid worker"), "police_110": N_("police 110"), "citizen_app": N_("citizen app"),
    "hotline_12345": N_("hotline 12345"), "sector": N_("sector office"), "court": N_("court"),
    "petition_office": N_("petition office"), "walk_in": N_("walk-in"),
}  # fmt: skip
KINDS = {
    "neighbour": N_("neighbours"), "marriage_family": N_("marriage and family"), "debt_finance": N_("debt"),
    "labour": N_("labour"), "land_eviction": N_("land and eviction"), "property_mgmt": N_("property management"),
    "consumer": N_("consumer"), "traffic": N_("traffic"), "medical": N_("medical"),
    "village_affairs": N_("village affairs"), "inheritance": N_("inheritance"), "other": N_("other"),
}  # fmt: skip
RELATIONS = {
    "spouse_partner": N_("partners"), "ex_spouse_partner": N_("former partners"), "family": N_("family"),
    "neighbour": N_("neighbours"), "work": N_("work"), "commercial": N_("commercial"), "tenancy": N_("tenancy"),
    "care": N_("care"), "other": N_("other"),
}  # fmt: skip
PROXIMITIES = {
    "shared_dwelling": N_("one dwelling"), "adjoining": N_("adjoining"), "shared_worksite": N_("one workplace"),
    "none": N_("apart"),
}  # fmt: skip
SERVICES = {
    "legal_aid": N_("legal aid"), "protection_order": N_("protection order"), "psychological": N_("psychological help"),
    "hardship": N_("hardship aid"), "housing": N_("housing help"), "child": N_("support for children"),
    "labour_arbitration": N_("labour arbitration"), "enforcement": N_("help with enforcement"),
}  # fmt: skip
DUTIES = {
    "assign": N_("assign the case to somebody"),
    "reply": N_("reply to the parties"),
    "close": N_("bring the case to a close"),
    "answer": N_("answer a party's request"),
}
OWNERS = {
    "county_lead": N_("county lead"), "township_lead": N_("township lead"), "senior_mediator": N_("senior mediator"),
    "mediator": N_("mediator"),
}  # fmt: skip
VIEWS = {"agree": N_("agrees"), "disagree": N_("disagrees"), "cannot_say": N_("cannot say")}
REASON_CODES = {
    "agree_facts": N_("the facts speak for it"),
    "facts_wrong": N_("a fact in the record is wrong"),
    "new_fact": N_("there is a new fact"),
    "already_helped": N_("help is under way already"),
    "wrong_route": N_("another kind of help is needed"),
    "other": N_("another reason (please write it down)"),
}
SEVERITIES = {
    0: N_("no violence"), 1: N_("words"), 2: N_("property"), 3: N_("shove or vague threat"),
    4: N_("injury or threat to kill"), 5: N_("weapon, fire or strangulation"),
}  # fmt: skip

SOON = {
    "red": N_("at once, today (red)"), "orange": N_("soon, within days (orange)"), "yellow": N_("in turn (yellow)"),
    "blue": N_("nothing beyond the usual (blue)"),
    "contact_first": N_("somebody has to speak with the parties first"),
}  # fmt: skip
STAGES = {
    "preliminary": N_("own view before the score"), "decision": N_("decision"), "second_look": N_("second look"),
    "objection": N_("objection of a party"), "correction": N_("correction of the record"),
}  # fmt: skip
CORRECTIONS = {
    "denied": N_("it was denied"), "hearsay": N_("it was hearsay only"), "affirmed": N_("it is affirmed"),
}  # fmt: skip
PROBLEMS = {
    400: N_("This form could not be read"), 401: N_("Please log in"), 403: N_("Not allowed"),
    404: N_("There is no such page"), 405: N_("Not possible here"), 409: N_("Not yet"), 413: N_("Too long"),
    415: N_("This form could not be read"), 422: N_("Something is missing"), 429: N_("Too many requests; please wait"),
    500: N_("Something went wrong here"), 503: N_("Not ready; please try again soon"),
}  # fmt: skip
FIELDS = {
    "text": N_("Please say it in your own words: it is needed here."),
    "text refused_value_shape": N_("No number of an identity card, a telephone or a car may stand in the text."),
    "tier": N_("Please choose how soon help should be offered."),
    "reason_code": N_("Please choose why."),
    "objection": N_("Please choose what the party says."),
    "row": N_("Please choose a row of this page."),
    "change": N_("Please choose what is right, and say how this is known."),
}  # fmt: skip
"""What is asked for where a form is not filled in: by the field, or by the field and the rule."""

ALL: Mapping[str, Mapping[Any, str]] = {
    "tier": TIERS, "tier_short": TIERS_SHORT, "action": ACTIONS, "lane": LANES, "event": EVENTS,
    "assertion": ASSERTIONS, "channel": CHANNELS, "kind": KINDS, "relation": RELATIONS, "proximity": PROXIMITIES,
    "service": SERVICES, "duty": DUTIES, "owner": OWNERS, "view": VIEWS, "reason": REASON_CODES, "severity": SEVERITIES,
    "soon": SOON, "stage": STAGES, "correction": CORRECTIONS, "problem": PROBLEMS,
    "field": FIELDS,
}  # fmt: skip


def message(kind: str, code: object) -> str:
    """The message for a code of some kind; the code itself where a deployment brought its own."""
    table: Mapping[Any, str] = ALL[kind]
    return table.get(code, str(code))


def of_fault(path: str, rule: object) -> str | None:
    """The message for a field that is not as it should be; None for one that no form has."""
    return FIELDS.get(f"{path} {rule}") or FIELDS.get(path)
