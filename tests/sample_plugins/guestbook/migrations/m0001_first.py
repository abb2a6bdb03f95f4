"""The first table.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("guestbook_guest", sa.Column("event_id", sa.BigInteger(), primary_key=True),
                    sa.Column("name", sa.Text(), nullable=False))


def downgrade() -> None:
    op.drop_table("guestbook_guest")
