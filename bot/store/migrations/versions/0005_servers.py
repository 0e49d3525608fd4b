"""The server in which a piece was made, how many pieces a count stands for, and the key under which counts outlive
`/forget`. Of older pieces no server is known: NULL, where 0 stands for a direct message."""

import secrets

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0005", "0004"


def upgrade() -> None:
    op.add_column("nocturne_pieces", sa.Column("guild_id", sa.BigInteger, nullable=True))
    op.add_column("nocturne_asked", sa.Column("pieces", sa.Integer, nullable=False, server_default="1"))
    keys = op.create_table(
        "nocturne_keys",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
    )
    op.bulk_insert(keys, [{"name": "counts", "key": secrets.token_hex(32)}])
