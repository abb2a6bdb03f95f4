"""What moved when tickets were merged, so that it can be undone.

Revision ID: 0017
"""

import sqlalchemy as sa
from alembic import op

from inbox.db import UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ticket_merge",
        sa.Column("ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("into_id", sa.BigInteger(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("moved", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_ticket_merge")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], ondelete="CASCADE",
                                name=op.f("fk_ticket_merge_ticket_id")),
        sa.ForeignKeyConstraint(["into_id"], ["ticket.id"], ondelete="CASCADE",
                                name=op.f("fk_ticket_merge_into_id")),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], ondelete="SET NULL",
                                name=op.f("fk_ticket_merge_agent_id")),
    )
    op.create_index(op.f("ix_ticket_merge_into_id"), "ticket_merge", ["into_id"])


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")
