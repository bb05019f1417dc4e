"""Routing: who acts by when, and which offers of help.  The vocabulary is closed; every output is support."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from features.errors import InvalidConfiguration
from serving.cautions import Watch
from serving.log.anchors import Anchoring
from training.artifact.tiers import Tier

POLICY_FILE = "policy.toml"


class Action(StrEnum):
    """Every offer or duty there is.  An action outside this list is a configuration error."""

    MEDIATION = "mediation"
    SENIOR_MEDIATION = "senior_mediation"
    LEGAL_AID = "legal_aid"
    PROTECTION_ORDER_HELP = "protection_order_help"
    PSYCHOLOGICAL = "psychological"
    HARDSHIP_AID = "hardship_aid"
    HOUSING = "housing"
    CHILD_SUPPORT = "child_support"
    LABOUR_ARBITRATION = "labour_arbitration"
    ENFORCEMENT_HELP = "enforcement_help"
    SUPERVISION = "supervision"
    FOLLOW_UP_OFFERED = "follow_up_offered"


PROTECTION_FIRST = (Action.LEGAL_AID, Action.PROTECTION_ORDER_HELP)


class Route(BaseModel):
    """What a tier asks for: usual offers, who owns the case, within how many hours, and when they look again.

    ``follow_up_days`` counts from the deadline: whoever owns the case asks the parties again, whatever was offered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    actions: tuple[Action, ...]
    owner_rank: str = Field(min_length=1)
    due_hours: float = Field(gt=0, le=366 * 24)
    follow_up_days: float = Field(default=30, gt=0, le=366)


class Retention(BaseModel):
    """How long what is kept.  `defuse audit erase` erases what has expired; the chain stays verifiable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case_content_years: Annotated[
        float, Field(gt=0, le=30, description="after the end of a case: its case record, words")
    ] = 2
    care_days: Annotated[
        float, Field(gt=0, le=180, description="statements of wanting to die, and all that shows them")
    ] = 180
    idempotency_hours: Annotated[float, Field(ge=1, le=30 * 24, description="idempotency keys")] = 48
    assessments_years: Annotated[
        float, Field(ge=3, le=100, description="assessments and decisions: at least 3 years by law")
    ] = 10
    impact_reports_years: Annotated[
        float, Field(ge=3, le=100, description="impact assessments: at least 3 years by law")
    ] = 10


class Review(BaseModel):
    """How cases are reviewed.  The shares are probabilities of a draw, kept with the policy under its digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    judge_first_share: Annotated[
        float, Field(ge=0, le=1, description="of all cases: judged before the score shows; 1 = all")
    ] = 0.05
    audit_share_blue: Annotated[float, Field(ge=0, le=1, description="of blue cases: drawn for the random audit")] = (
        0.015
    )
    audit_share_yellow: Annotated[float, Field(ge=0, le=1, description="of yellow cases: the same")] = 0.05
    capacity_a_week: Annotated[
        int, Field(ge=1, description="how many cases the reviewers of an area can look at a week")
    ] = 50


class Policy(BaseModel):
    """The routing policy: one route a tier.  Deadlines are those of the Hebi ladder: 4 h, 9 d, 15 d, 30 d."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = "default-1"
    red: Route = Route(
        actions=(Action.SENIOR_MEDIATION, Action.FOLLOW_UP_OFFERED),
        owner_rank="county_lead",
        due_hours=4,
        follow_up_days=1,
    )
    orange: Route = Route(
        actions=(Action.SENIOR_MEDIATION, Action.FOLLOW_UP_OFFERED),
        owner_rank="township_lead",
        due_hours=9 * 24,
        follow_up_days=7,
    )
    yellow: Route = Route(
        actions=(Action.MEDIATION,), owner_rank="senior_mediator", due_hours=15 * 24, follow_up_days=15
    )
    blue: Route = Route(actions=(Action.MEDIATION,), owner_rank="mediator", due_hours=30 * 24)
    contact_first: Route = Route(
        actions=(Action.FOLLOW_UP_OFFERED,), owner_rank="mediator", due_hours=4, follow_up_days=7
    )

    watch: Watch = Watch()
    retention: Retention = Retention()
    anchor: Anchoring = Anchoring()
    review: Review = Review()

    def route(self, tier: Tier) -> Route:
        """The route of a tier."""
        return getattr(self, tier.value)


def read_policy(home: Path) -> Policy:
    """The policy of ``policy.toml`` in a home, or the default where there is none.

    Raises InvalidConfiguration with every fault, such as an action outside the vocabulary.
    """
    path = home / POLICY_FILE
    if not path.exists():
        return Policy()
    try:
        return Policy.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidConfiguration(f"{path} is not TOML: {error}") from None
    except OSError as error:
        raise InvalidConfiguration(f"{path} can't be read: {error.strerror}") from None
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise InvalidConfiguration(f"{path} is not a policy: {faults}") from None


def offers(
    route: Route, supports: tuple[str, ...], floor_offers: tuple[str, ...], *, violent_family_tie: bool
) -> tuple[Action, ...]:
    """The offers of a case in order, each once: floors first, then what its reasons call for, then the tier's own.

    Where a family tie meets injury, threat or strangulation, legal aid and protection come before joint mediation.
    """
    wanted = [*floor_offers, *supports, *route.actions]
    ordered = list(dict.fromkeys(Action(name) for name in wanted))
    if violent_family_tie:
        ordered = [*PROTECTION_FIRST, *(action for action in ordered if action not in PROTECTION_FIRST)]
    return tuple(ordered)
