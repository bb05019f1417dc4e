"""The chain and its tables; a log of before the chain is carried over."""

import sqlalchemy as sa
from alembic import op

from serving.log.carrying_over import carry_over
from serving.log.tables import METADATA
from serving.log.triggers import triggers

revision = "0001"
down_revision = None

OLD, ASIDE = "assessments", "assessments_before_the_chain"


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
        carry_over(connection, ASIDE)
        op.drop_table(ASIDE)
