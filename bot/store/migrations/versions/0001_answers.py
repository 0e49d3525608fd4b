"""The unanswered interactions. Bots that knew no migrations have made this table already."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None


def upgrade() -> None:
    if not sa.inspect(op.get_bind()).has_table("nocturne_answers"):
        op.create_table(
            "nocturne_answers",
            sa.Column("job_id", sa.Text, primary_key=True),
            sa.Column("answer", sa.JSON, nullable=False),
        )
