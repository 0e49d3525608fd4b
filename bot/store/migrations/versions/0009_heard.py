"""What there is to hear in a piece, for lists of many. Of older pieces a file says it, and this is NULL."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0009", "0008"


def upgrade() -> None:
    op.add_column("nocturne_pieces", sa.Column("heard", sa.JSON, nullable=True))
