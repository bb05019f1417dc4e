"""The shapes of the answers, for the OpenAPI document and for tests: what a client can rely on, field by field.

Answers are built as plain records (``assessment.py``, ``problems.py``); these models describe them and say each field's
meaning and unit.  Nothing is checked against them at run time: the tests do that.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from serving.policy import Action
from training.artifact.tiers import Tier

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"}, description="RFC 3339 in Z")]
Probability = Annotated[float, Field(gt=0, lt=1)]


class Answer(BaseModel):
    """A closed record."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Bilingual(Answer):
    """A text in English and in Chinese."""

    en: str
    zh: str


class ModelNamed(Answer):
    """Which model scored the case."""

    name: str
    version: str
    digest: str = Field(description="sha256 over the saved model")
    catalogue: str = Field(description="sha256 over the indicators and their code")
    synthetic: bool = Field(description="trained on simulated records: shows that the code works, nothing more")


class Reason(Answer):
    """One of the ten largest contributions."""

    indicator: str
    name: Bilingual
    sentence: Bilingual = Field(description="what the records say")
    value: float | str | None = Field(description="a number, a category code, or null where it is not known")
    typical: float | str | None = Field(description="the median of the calibration rows")
    contribution: float = Field(description="log-odds: raises the score above 0, lowers it below")
    evidence: list[str] = Field(description="ids of the rows that made the value")


class Floor(Answer):
    """A public rule that holds for this case; floors raise a tier, never lower it."""

    floor: str
    rule: Bilingual
    tier: Tier | None
    evidence: list[str]


class Caution(Answer):
    """Something to know before relying on the score."""

    caution: str
    sentence: Bilingual


class Routing(Answer):
    """Who acts by when, and which help is offered."""

    actions: list[Action]
    due: Time
    follow_up_due: Time = Field(description="when the owner asks again, whatever was offered")
    owner_rank: str
    policy: str = Field(description="the version of the policy file")


class Assessment(Answer):
    """One scored case: ``probability = sigmoid(margin)``, and base margin, reasons and the rest add up to the margin."""

    schema_version: int
    assessment_id: str
    dispute_id: str
    as_of: Time
    scored_at: Time
    model: ModelNamed
    probability: Probability = Field(description="of serious violence from this dispute within 90 days")
    interval: tuple[Probability, Probability] = Field(
        description="95%, for the mean risk of cases with this score; no statement about one case"
    )
    base_rate: Probability = Field(description="the same over all calibration rows")
    tier: Tier
    floors: list[Floor]
    margin: float = Field(description="log-odds")
    base_margin: float = Field(description="log-odds before any indicator speaks")
    reasons: list[Reason] = Field(description="the ten largest contributions by size")
    other_contribution: float = Field(description="the sum of all other contributions")
    cautions: list[Caution]
    routing: Routing


class ReviewerNamed(Answer):
    """Who decided, from the token."""

    account: str = Field(description="the staff account of the token (`defuse token create --name`)")
    role: str


class Decision(Answer):
    """One decision as it was logged; the words are not repeated."""

    decision_id: str
    assessment_id: str
    dispute_id: str
    at: Time
    reviewer: ReviewerNamed
    stage: Literal["decision", "preliminary", "objection"]
    view: Literal["agree", "disagree", "cannot_say"] | None
    assessed_tier: Tier
    tier: Tier | None = Field(description="the tier that the reviewer stands for")
    tier_in_force: Tier | None = Field(description="after this decision; null is the manual path")
    second_look: Literal["due", "done"] | None = Field(
        description="of a red case, by another account; until then it stays red"
    )
    reason_code: str | None
    offers: list[Action]


class FaultNamed(Answer):
    """One thing wrong with a request; never the value itself."""

    path: str
    rule: str
    message: str


class ProblemDocument(Answer):
    """An error (RFC 9457), of one shape on every route."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FaultNamed]


class AssessmentResult(Answer):
    """The answer to one case of a batch."""

    assessment: Assessment


class ProblemResult(Answer):
    """The error of one case of a batch; the other cases are answered all the same."""

    problem: ProblemDocument


class BatchAnswer(Answer):
    """The answers of a batch, in the order of its cases."""

    results: list[AssessmentResult | ProblemResult]


class ModelInForce(BaseModel):
    """What is in force: version, digests, thresholds and the catalogue of indicators."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    digest: str
    fallback: str | None = Field(description="what stands in where the model in force can't be verified")
    horizon_days: int
    base_rate: Probability
    base_margin: float
    provenance: dict[str, str | bool]
    tiers: dict[str, float] = Field(description="the margin from which a case is red, orange or yellow")
    policy: str
    catalogue: list[dict[str, object]]


class Ready(Answer):
    """A score could be given and logged now."""

    ready: Literal[True]


class Alive(Answer):
    """The process lives."""

    alive: Literal[True]
