"""Where the message is that shows a piece. Of older pieces that is not known: empty."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0008", "0007"


def upgrade() -> None:
    op.add_column("nocturne_pieces", sa.Column("message_url", sa.Text, nullable=False, server_default=""))
