"""The tables of the log.  What may be appended only is guarded by triggers; the migrations create both.

=================  ====================================================================================================
``entries``        the chain, append-only
``assessments``    what was computed, append-only: the record and, beside it, the columns one looks for
``decisions``      what reviewers decided, append-only: the record is its entry's payload
``policies``       every policy that was in force, by digest, append-only
``contents``       case content that can be erased (salt and content become null); nothing else of it can change
``cases``          the last assessment of each dispute and whether it waits: follows from the above, kept for speed
``shown``          what the pages showed, by digest and role; its content is erased with the case's
``request_keys``   idempotency keys until they expire
``shadow_scores``  what the challenger would have said beside an assessment, append-only: never returned
``probe``          one row that is written to find out whether anything can be written
=================  ====================================================================================================

Times are microseconds since 1970-01-01 UTC.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import REAL, BigInteger, Column, Double, Index, Integer, LargeBinary, MetaData, Table, Text, text

WHOLE = BigInteger().with_variant(Integer(), "sqlite")
FRACTION: Any = Double().with_variant(REAL(), "sqlite")
STRICT: Any = {"sqlite_strict": True}

METADATA = MetaData()


def _some(name: str, *columns: str, only: str) -> Index:
    """An index of some rows only."""
    return Index(name, *columns, sqlite_where=text(only), postgresql_where=text(only))


ENTRIES = Table(
    "entries", METADATA,
    Column("seq", WHOLE, primary_key=True, autoincrement=False),
    Column("at_utc", WHOLE, nullable=False),
    Column("kind", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("payload_digest", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    **STRICT,
)  # fmt: skip

ASSESSMENTS = Table(
    "assessments", METADATA,
    Column("number", WHOLE, primary_key=True, autoincrement=False),
    Column("assessment_id", Text, nullable=False, unique=True),
    Column("dispute_id", Text, nullable=False),
    Column("area", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("as_of", WHOLE, nullable=False),
    Column("scored_at", WHOLE, nullable=False),
    Column("due_at", WHOLE, nullable=False),
    Column("closed_at", WHOLE),
    Column("probability", FRACTION, nullable=False),
    Column("model_digest", Text, nullable=False),
    Column("record", Text, nullable=False),
    Index("assessments_by_dispute", "dispute_id", "as_of", "number"),
    Index("assessments_by_time", "scored_at"),
    **STRICT,
)  # fmt: skip

DECISIONS = Table(
    "decisions", METADATA,
    Column("seq", WHOLE, primary_key=True, autoincrement=False),
    Column("decision_id", Text, nullable=False, unique=True),
    Column("assessment_id", Text, nullable=False),
    Column("dispute_id", Text, nullable=False),
    Column("area", Text, nullable=False),
    Column("at_utc", WHOLE, nullable=False),
    Column("account", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("view", Text),
    Column("assessed_tier", Text, nullable=False),
    Column("tier", Text),
    Column("tier_in_force", Text),
    Column("reason_code", Text),
    Index("decisions_by_assessment", "assessment_id", "seq"),
    Index("decisions_by_dispute", "dispute_id", "seq"),
    Index("decisions_by_time", "at_utc"),
    **STRICT,
)  # fmt: skip

POLICIES = Table(
    "policies", METADATA,
    Column("digest", Text, primary_key=True),
    Column("content", Text, nullable=False),
    **STRICT,
)  # fmt: skip

CONTENTS = Table(
    "contents", METADATA,
    Column("number", WHOLE, primary_key=True, autoincrement=False),
    Column("part", Text, primary_key=True),
    Column("salt", LargeBinary),
    Column("content", LargeBinary),
    **STRICT,
)  # fmt: skip

NARROWED_BY = ("tier", "kind", "channel", "area", "assessment_id")
CASES = Table(
    "cases", METADATA,
    Column("dispute_id", Text, primary_key=True),
    Column("number", WHOLE, nullable=False),
    Column("assessment_id", Text, nullable=False),
    Column("area", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("urgency", WHOLE, nullable=False),
    Column("due_at", WHOLE, nullable=False),
    Column("care_due_at", WHOLE),
    Column("as_of", WHOLE, nullable=False),
    Column("scored_at", WHOLE, nullable=False),
    Column("closed_at", WHOLE),
    Column("probability", FRACTION, nullable=False),
    Column("waits", WHOLE, nullable=False),
    Column("decided_seq", WHOLE),
    Column("decided_urgency", WHOLE),
    Column("decided_until", WHOLE),
    # an order first, then all that one may narrow by: with these no filter, however rare, looks at the rows
    _some("cases_waiting", "urgency", "due_at", "number", *NARROWED_BY, only="waits = 1"),
    _some("cases_waiting_by_due", "due_at", "number", *NARROWED_BY, only="waits = 1"),
    _some("cases_waiting_by_area", "area", "urgency", "due_at", "number", only="waits = 1"),
    _some("cases_waiting_for_care", "care_due_at", only="care_due_at IS NOT NULL"),
    **STRICT,
)  # fmt: skip

SHOWN = Table(
    "shown", METADATA,
    Column("digest", Text, primary_key=True),
    Column("number", WHOLE, nullable=False),
    Column("role", Text, nullable=False),
    Column("first_shown_at", WHOLE, nullable=False),
    Column("content", LargeBinary),
    Index("shown_by_assessment", "number"),
    **STRICT,
)  # fmt: skip

REQUEST_KEYS = Table(
    "request_keys", METADATA,
    Column("key_digest", Text, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("body_digest", Text, nullable=False),
    Column("expires_at", WHOLE, nullable=False),
    Column("seq", WHOLE, nullable=False),
    Column("answer_id", Text, nullable=False),
    Index("request_keys_by_expiry", "expires_at"),
    **STRICT,
)  # fmt: skip

SHADOW_SCORES = Table(
    "shadow_scores", METADATA,
    Column("assessment_id", Text, primary_key=True),
    Column("model_digest", Text, primary_key=True),
    Column("model_version", Text, nullable=False),
    Column("probability", FRACTION, nullable=False),
    Column("margin", FRACTION, nullable=False),
    Column("tier", Text, nullable=False),
    Column("seq", WHOLE, nullable=False),
    Column("place", WHOLE, nullable=False),
    Index("shadow_scores_by_entry", "seq", "place", unique=True),
    **STRICT,
)  # fmt: skip

PROBE = Table(
    "probe", METADATA,
    Column("id", WHOLE, primary_key=True, autoincrement=False),
    Column("at_utc", WHOLE, nullable=False),
    **STRICT,
)  # fmt: skip

APPEND_ONLY = (ENTRIES, ASSESSMENTS, DECISIONS, POLICIES, SHADOW_SCORES)
