"""By which rules the body of a message was cleaned: a job cleans those of older rules again.

Revision ID: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("body_policy", sa.SmallInteger(), nullable=False, server_default="0"))
    op.create_index("ix_message_body_policy", "message", ["body_policy", "id"],
                    sqlite_where=sa.text("html IS NOT NULL"), postgresql_where=sa.text("html IS NOT NULL"))


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")
