"""Alembic's entry: runs the migrations on the connection that studio.store.database hands over."""

from alembic import context

from studio.store.tables.base import Table

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Table.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
