"""The chain and its tables; a log of before the chain is carried over.

The tables are written out here, as they were at this step: ``serving.log.tables`` goes on with the code, this does not.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy import REAL, BigInteger, Column, Double, Index, Integer, LargeBinary, MetaData, Table, Text, text

from serving.log.carrying_over import carry_over
from serving.log.triggers import triggers

revision = "0001"
down_revision = None

OLD, ASIDE = "assessments", "assessments_before_the_chain"

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
    _some("cases_waiting", "urgency", "due_at", "number", only="waits = 1"),
    _some("cases_waiting_by_area", "area", "urgency", "due_at", "number", only="waits = 1"),
    _some("cases_waiting_by_due", "due_at", "number", only="waits = 1"),
    _some("cases_waiting_for_care", "care_due_at", only="care_due_at IS NOT NULL"),
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
    **STRICT,
)  # fmt: skip

PROBE = Table(
    "probe", METADATA,
    Column("id", WHOLE, primary_key=True, autoincrement=False),
    Column("at_utc", WHOLE, nullable=False),
    **STRICT,
)  # fmt: skip


def upgrade() -> None:
    """Make the tables and their triggers; take over what an old table holds."""
    connection = op.get_bind()
    has_old = sa.inspect(connection).has_table(OLD)
    if has_old:
        op.rename_table(OLD, ASIDE)
    METADATA.create_all(connection, checkfirst=False)
    for statement in triggers(connection.dialect.name):
        connection.exec_driver_sql(statement)
    if has_old:
        carry_over(connection, ASIDE, METADATA)
        op.drop_table(ASIDE)
