"""What a reviewer decides about an assessment: its shape, its rules, and what takes effect.

A score is advice: no tier is in force before somebody decides.  Up at once; down only with a reason in words; a red case
is let go of by two people.  A decision is never changed: the next one takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from features.errors import Fault, InvalidRecords, UserError
from features.refused import refused_shape
from serving.policy import Action
from training.artifact.tiers import Tier

MOST_CHARACTERS = 4_000
RANK = {Tier.BLUE: 0, Tier.CONTACT_FIRST: 1, Tier.YELLOW: 2, Tier.ORANGE: 3, Tier.RED: 4}
"""Going to a lower rank is going down.  From contact first to blue is: somebody must have been asked."""
Stage = Literal["decision", "preliminary", "objection"]
View = Literal["agree", "disagree", "cannot_say"]
ReasonCode = Literal["already_helped", "facts_wrong", "new_fact", "agree_facts", "wrong_route", "other"]


class DecisionRequest(BaseModel):
    """What a reviewer makes of an assessment.  The reviewer is the holder of the token."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    view: View | None = Field(None, description="of the tier that was proposed; required but for the other stages")
    tier: Tier | None = Field(None, description="the tier in the reviewer's own eyes; null leaves the manual path")
    reason_code: ReasonCode | None = Field(None, description="required for a decision")
    text: str | None = Field(
        None, max_length=MOST_CHARACTERS, description="in words; required to go down; no ID, phone or plate number"
    )
    offers: tuple[Action, ...] = Field((), max_length=len(Action), description="the help that was offered")
    stage: Stage = Field(
        "decision",
        description="preliminary: the reviewer's own view, recorded before the score is shown; "
        "objection: a party refuses the machine's ranking",
    )


@dataclass(frozen=True)
class Reviewer:
    """Who decides: a staff account and its role, from the token."""

    account: str
    role: str


@dataclass(frozen=True)
class Earlier:
    """A decision made before on the same assessment."""

    account: str
    stage: str
    view: str | None
    tier: str | None


@dataclass(frozen=True)
class Effect:
    """What a decision does: the tier in force (None: none is, the manual path), and the second look of a red case.

    While the second look is due, the case is not settled.
    """

    tier_in_force: Tier | None
    second_look: Literal["due", "done"] | None


def read_decision(body: bytes | dict[str, Any]) -> DecisionRequest:
    """The decision in a JSON body (or what JSON gave).

    Raises UserError where it is not JSON, InvalidRecords with every fault; no value is repeated.
    """
    try:
        content = from_json(body) if isinstance(body, bytes) else body
    except ValueError:
        raise UserError("the body is not JSON") from None
    try:
        request = DecisionRequest.model_validate(content)
    except ValidationError as error:
        faults = tuple(
            Fault(_path(one["loc"]), one["type"], one["msg"]) for one in error.errors(include_input=False)
        )  # fmt: skip
        raise InvalidRecords("this is not a decision", faults=faults) from None
    if request.text is not None and (shape := refused_shape(request.text, opaque=False)) is not None:
        fault = Fault("text", "refused_value_shape", f"no {shape.value} in a decision")
        raise InvalidRecords("the text holds what is never kept", faults=(fault,))
    return request


def _path(place: tuple[int | str, ...]) -> str:
    """Where in the body; a name that is not ours is not repeated."""
    known = DecisionRequest.model_fields
    return ".".join(str(part) for part in place if isinstance(part, int) or part in known) or "body"


def check(request: DecisionRequest, *, assessed: Tier) -> None:
    """Raise InvalidRecords with every rule that a decision about an assessed tier breaks."""
    faults = tuple(_decision_faults(request, assessed) if request.stage == "decision" else _other_faults(request))
    if faults:
        raise InvalidRecords("this decision can't take effect", faults=faults)


def _decision_faults(request: DecisionRequest, assessed: Tier) -> list[Fault]:
    found = []
    if request.view is None:
        found.append(Fault("view", "required", "agree, disagree or cannot_say"))
    if request.reason_code is None:
        found.append(Fault("reason_code", "required", "a tier takes effect only with a reason"))
    if request.view == "agree" and request.tier not in (None, assessed):
        found.append(Fault("tier", "not_agreeing", f"to agree is {assessed.value}, or null; else disagree"))
    if request.view == "disagree" and request.tier == assessed:
        found.append(Fault("tier", "not_disagreeing", f"any tier but {assessed.value}, or null"))
    if request.view == "cannot_say" and request.tier is not None:
        found.append(Fault("tier", "not_said", "null where nothing can be said"))
    if request.tier is not None and _is_down(request.tier, assessed) and not (request.text or "").strip():
        found.append(Fault("text", "required", "to go down, say why in words"))
    return found


def _other_faults(request: DecisionRequest) -> list[Fault]:
    found = []
    cannot_say = request.stage == "preliminary" and request.view == "cannot_say"
    if request.view is not None and not cannot_say:
        found.append(Fault("view", "not_a_decision", "null at this stage, or cannot_say for a preliminary view"))
    if request.stage == "preliminary" and (request.tier is None) is not cannot_say:
        found.append(Fault("tier", "required", "the tier in your own eyes, or null where you cannot say"))
    if request.stage == "objection" and request.tier is not None:
        found.append(Fault("tier", "not_a_decision", "null: an objection ranks nothing"))
    return found


def _is_down(tier: Tier, assessed: Tier) -> bool:
    return RANK[tier] < RANK[assessed]


def outcome(request: DecisionRequest, *, assessed: Tier) -> Tier | None:
    """The tier that a reviewer stands for."""
    return assessed if request.view == "agree" else request.tier


def effect(request: DecisionRequest, *, assessed: Tier, reviewer: Reviewer, earlier: Sequence[Earlier]) -> Effect:
    """What a decision does, after those made before on the same assessment (in order).

    A red case wants a second look: by another account, with the same outcome.  Until then red stays in force, whichever
    way the first reviewer decided, unless somebody raised it to red, which is in force at once.
    """
    if request.stage != "decision" or request.view == "cannot_say":
        return Effect(None, None)
    tier = outcome(request, assessed=assessed)
    if Tier.RED not in (assessed, tier):
        return Effect(tier, None)
    decided = [one for one in earlier if one.stage == "decision"]
    last = decided[-1] if decided else None
    seconds = (
        last is not None and last.account != reviewer.account and last.view == request.view
        and last.tier == (None if tier is None else tier.value)
    )  # fmt: skip
    if seconds:
        return Effect(tier, "done")
    return Effect(Tier.RED, "due")
