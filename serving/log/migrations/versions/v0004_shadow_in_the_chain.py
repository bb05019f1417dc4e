"""Shadow scores become part of the chain; those that are there are taken over under entries of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy import REAL, BigInteger, Column, Double, Index, Integer, MetaData, Table, Text

from serving.log.chain import START, Kind, digest_of_many, next_entry
from serving.log.shadow_rows import ShadowScore, shadow_rows
from serving.log.transaction import now_us
from serving.log.triggers import append_only

revision = "0004"
down_revision = "0003"

NAME, ASIDE = "shadow_scores", "shadow_scores_before_the_chain"
ROWS = 1_000
WHOLE = BigInteger().with_variant(Integer(), "sqlite")
FRACTION: Any = Double().with_variant(REAL(), "sqlite")
STRICT: Any = {"sqlite_strict": True}
METADATA = MetaData()
"""The table as this version made it; ``serving.log.tables`` has it as it is now."""

SHADOW_SCORES = Table(
    NAME, METADATA,
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
FIELDS = ("assessment_id", "model_digest", "model_version", "probability", "margin", "tier")
ENTRY = ("seq", "at_utc", "kind", "payload", "payload_digest", "previous", "hash")
ENTRIES = sa.table("entries", *(sa.column(name) for name in ENTRY))


def upgrade() -> None:
    """Make the table anew, and append an entry for every thousand scores of the old one."""
    connection = op.get_bind()
    op.rename_table(NAME, ASIDE)
    METADATA.create_all(connection, checkfirst=False)
    last = sa.select(ENTRIES.c.seq, ENTRIES.c.hash).order_by(ENTRIES.c.seq.desc()).limit(1)
    seq, head = connection.execute(last).first() or (0, START)
    for scores in _parts(connection):
        payload = {"count": len(scores), "digest": digest_of_many([one.digest for one in scores])}
        entry = next_entry(seq + 1, at_utc=now_us(), kind=Kind.SHADOW_PART, payload=payload, previous=head)
        seq, head = entry.seq, entry.hash
        connection.execute(sa.insert(ENTRIES), [vars(entry)])
        connection.execute(sa.insert(SHADOW_SCORES), shadow_rows(scores, seq=seq))
    op.drop_table(ASIDE)
    for statement in append_only(connection.dialect.name, NAME):
        connection.exec_driver_sql(statement)


def _parts(connection: sa.Connection) -> Iterator[list[ShadowScore]]:
    table = sa.table(ASIDE, *(sa.column(name) for name in FIELDS))
    wanted = sa.select(*(table.c[name] for name in FIELDS)).order_by(table.c.assessment_id, table.c.model_digest)
    for rows in connection.execute(wanted).partitions(ROWS):
        yield [ShadowScore(*row) for row in rows]
