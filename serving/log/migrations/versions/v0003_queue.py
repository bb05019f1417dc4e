"""The indexes of the queue hold every column that it is narrowed by."""

from alembic import op
from sqlalchemy import text

revision = "0003"
down_revision = "0002"

NARROWED_BY = ["tier", "kind", "channel", "area", "assessment_id"]


def upgrade() -> None:
    """Make the two indexes anew."""
    for name in ("cases_waiting", "cases_waiting_by_due"):
        op.drop_index(name, "cases")
    only = text("waits = 1")
    for name, order in (
        ("cases_waiting", ["urgency", "due_at", "number"]),
        ("cases_waiting_by_due", ["due_at", "number"]),
    ):
        op.create_index(name, "cases", [*order, *NARROWED_BY], sqlite_where=only, postgresql_where=only)
