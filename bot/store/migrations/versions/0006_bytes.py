"""How many bytes the files of a piece take, for the quotas of listeners. Of older pieces that is not known: 0."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0006", "0005"


def upgrade() -> None:
    op.add_column("nocturne_pieces", sa.Column("bytes", sa.BigInteger, nullable=False, server_default="0"))
