"""What moved when customers were merged, so that it can be undone.

Revision ID: 0010
"""

import sqlalchemy as sa
from alembic import op

from inbox.db import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customer_merge",
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("into_id", sa.BigInteger(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("moved", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_customer_merge")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], ondelete="CASCADE",
                                name=op.f("fk_customer_merge_customer_id")),
        sa.ForeignKeyConstraint(["into_id"], ["customer.id"], ondelete="CASCADE",
                                name=op.f("fk_customer_merge_into_id")),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], ondelete="SET NULL",
                                name=op.f("fk_customer_merge_agent_id")),
    )
    op.create_index(op.f("ix_customer_merge_into_id"), "customer_merge", ["into_id"])


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")
