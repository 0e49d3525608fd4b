"""How Alembic runs the steps in `versions/`: on the connection that `bot.store.database` gives it."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table="nocturne_version")
with context.begin_transaction():
    context.run_migrations()
