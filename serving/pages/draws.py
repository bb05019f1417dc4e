"""Which cases are judged before their score shows: a random share of all, and the audit's sample of the lower tiers.

The draw is in the assessment's own random id: known from the moment it is made, the same for everybody, and open to
checking years later.  Its probability is that of the policy, which is kept in the log under the digest that the
assessment names.
"""

from __future__ import annotations

from serving.policy import Review

DIGITS = 4
_SPACE = 16**DIGITS
JUDGE_PLACE, AUDIT_PLACE = 3, 3 + DIGITS
"""Where in an id such as ``a-0f3c...`` the digits of either draw begin, counted from 1 as SQL does."""
AUDITED = ("blue", "yellow")


def threshold(share: float) -> str:
    """The hex digits below which a share of all ids lies; a letter above every digit where the share is 1."""
    number = round(share * _SPACE)
    return "g" if number >= _SPACE else f"{number:0{DIGITS}x}"


def is_judged_first(assessment_id: str, tier: str, review: Review) -> bool:
    """Whether a reviewer sees the score only after an own view: by the random share, or in the audit's sample."""
    drawn = _digits(assessment_id, JUDGE_PLACE) < threshold(review.judge_first_share)
    return drawn or is_audited(assessment_id, tier, review)


def is_audited(assessment_id: str, tier: str, review: Review) -> bool:
    """Whether an assessment is in the random audit of the lower tiers."""
    return _digits(assessment_id, AUDIT_PLACE) < threshold(audit_probability(tier, review))


def audit_probability(tier: str, review: Review) -> float:
    """With which probability an assessment of a tier is drawn for the audit; 0 for the tiers that are looked at anyway."""
    return {"blue": review.audit_share_blue, "yellow": review.audit_share_yellow}.get(tier, 0.0)


def _digits(assessment_id: str, place: int) -> str:
    return assessment_id[place - 1 : place - 1 + DIGITS]
