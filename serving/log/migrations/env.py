"""What Alembic runs: the steps on the connection it is given, inside that connection's transaction."""

from alembic import context

from serving.log.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True
)  # fmt: skip
with context.begin_transaction():
    context.run_migrations()
