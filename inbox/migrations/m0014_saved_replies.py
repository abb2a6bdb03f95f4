"""Saved replies: what they do when the answer goes out, files that go along, and how often each was put in.

Revision ID: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("saved_reply", sa.Column("actions", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("saved_reply", sa.Column("files", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("saved_reply", sa.Column("used", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")
