"""Further folders of an IMAP account, each with its own mark.

Revision ID: 0022
"""

import sqlalchemy as sa
from alembic import op

from inbox.db import UtcDateTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None
contract = True  # this and all before it: the rule that a migration only adds begins behind it


def upgrade() -> None:
    op.create_table(
        "mailbox_folder",
        sa.Column("mailbox_id", sa.Integer(), sa.ForeignKey(
            "mailbox.id", name="fk_mailbox_folder_mailbox_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=True),
        sa.Column("last_uid", sa.BigInteger(), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.Column("fetched_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")
