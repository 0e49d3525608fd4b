"""Which bot sees to an answer, and until when the others leave it to that one: seconds since 1970 by the database."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0004", "0003"


def upgrade() -> None:
    op.add_column("nocturne_answers", sa.Column("owner", sa.Text, nullable=False, server_default=""))
    op.add_column("nocturne_answers", sa.Column("lease", sa.Double, nullable=False, server_default="0"))
