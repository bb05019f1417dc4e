"""Assessments that no model made: fast, and every field can be chosen."""

import itertools
import random

from features.catalogue import INDICATORS
from serving.assessment import Part, Scored
from serving.log.decision_log import new_id
from serving.log.stored import Assessed
from training.artifact.tiers import Tier

NOW = 1_717_200_000_000_000
STATEMENT = "ESTATEMENT"
TIMES = {"opened_at": "2024-05-12T00:00:00Z", "recorded_at": "2024-05-12T00:10:00Z"}


def case_record(dispute_id="D1", *, statement=True, story="他们为了边界争吵"):
    """A case record as it is sent, with a pair token, a story and a statement of wanting to die between two events."""
    events = [
        {"event_id": "E1", "dispute_id": dispute_id, "type": "threat", "occurred_at": "2024-05-20T08:00:00Z",
         "recorded_at": "2024-05-20T09:00:00Z", "channel": "grid", "narrative": story},
        {"event_id": STATEMENT, "dispute_id": dispute_id, "type": "self_harm_statement",
         "occurred_at": "2024-05-21T08:00:00Z", "recorded_at": "2024-05-21T09:00:00Z", "channel": "grid"},
        {"event_id": "E3", "dispute_id": dispute_id, "type": "first_contact", "occurred_at": "2024-05-22T08:00:00Z",
         "recorded_at": "2024-05-22T09:00:00Z", "channel": "grid"},
    ]  # fmt: skip
    dispute = {"dispute_id": dispute_id, "channel": "grid", "kind": "neighbour", "pair_token": "ptsecret",
               "area": "330106001", **TIMES}  # fmt: skip
    kept = events if statement else [events[0], events[2]]
    return {"dispute": dispute, "events": kept, "petitions": [], "prior_disputes": [], "as_of": None}


def scored_case(dispute_id="D1", *, tier=Tier.YELLOW, as_of=NOW, seed=1, statement=True):
    """Something computed: contributions drawn by a seed, the self-harm indicator among them."""
    draw = random.Random(seed)
    parts = tuple(
        Part(one.id, float("nan") if number % 7 == 3 else float(number % 3), draw.uniform(-1, 1),
             (STATEMENT,) if one.care_only and statement else (f"E{number}",) if number % 4 == 0 else ())
        for number, one in enumerate(INDICATORS)
    )  # fmt: skip
    floors = (("F2", ("E1",)), *((("F3", (STATEMENT,)),) if statement else ()))
    margin = -5.0 + sum(part.contribution for part in parts)
    return Scored(
        dispute_id, as_of, 0.0123456789, (0.01, 0.02), margin, -5.0, tier, parts, floors, thin=False,
        violent_family_tie=False, care_rows=frozenset({STATEMENT} if statement else ()), cautions=("synthetic_model",),
    )  # fmt: skip


def assessed(dispute_id="D1", *, tier=Tier.YELLOW, as_of=NOW, seed=1, statement=True, area="330106001", **more):
    """An assessment ready to be stored."""
    settings = {
        "kind": "neighbour", "channel": "grid", "due_at": as_of + 10**12, "care_due_at": as_of + 10**10 if statement else None,
        "policy_digest": "", "case_record": case_record(dispute_id, statement=statement),
    } | more  # fmt: skip
    scored = scored_case(dispute_id, tier=tier, as_of=as_of, seed=seed, statement=statement)
    return Assessed(new_id("a"), as_of + 5, area, "f" * 64, "1", scored, **settings)


def many(count, *, start=0, **more):
    """Different disputes, one assessment each."""
    tiers = itertools.cycle([Tier.BLUE, Tier.YELLOW, Tier.ORANGE, Tier.RED, Tier.CONTACT_FIRST])
    return [
        assessed(f"D{n}", tier=next(tiers), seed=n, statement=n % 3 == 0, **more) for n in range(start, start + count)
    ]
