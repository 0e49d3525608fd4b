"""How Alembic runs the steps in `versions/`: on the connection that `bot.store.database` gives it."""

from alembic import context

from bot.store.database import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
