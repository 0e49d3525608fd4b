"""The rules of servers, who asked for how much there, and what there was to say about an upload."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    op.create_table(
        "nocturne_rules",
        sa.Column("guild_id", sa.BigInteger, primary_key=True),
        sa.Column("rules", sa.JSON, nullable=False),
    )
    op.create_table(
        "nocturne_asked",
        sa.Column("job_id", sa.Text, primary_key=True),
        sa.Column("guild_id", sa.BigInteger, nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("asked_at", sa.Float, nullable=False, index=True),
    )
    op.create_index("nocturne_asked_by", "nocturne_asked", ["guild_id", "user_id"])
    op.add_column("nocturne_pieces", sa.Column("remark", sa.JSON, nullable=False, server_default="null"))
    op.add_column("nocturne_pieces", sa.Column("pictures", sa.Integer, nullable=False, server_default="0"))
