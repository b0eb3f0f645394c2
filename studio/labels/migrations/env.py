"""Run by Alembic: migrates over the connection that :mod:`studio.labels.store.database` opened."""

from alembic import context

from studio.labels.store.schema import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
