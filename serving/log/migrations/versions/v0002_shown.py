"""What the reviewer's pages showed."""

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text

revision = "0002"
down_revision = "0001"

WHOLE = BigInteger().with_variant(Integer(), "sqlite")
STRICT: dict[str, Any] = {"sqlite_strict": True}

METADATA = MetaData()
"""The table as this version made it; ``serving.log.tables`` has it as it is now."""

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


def upgrade() -> None:
    """Make the table."""
    METADATA.create_all(op.get_bind())
