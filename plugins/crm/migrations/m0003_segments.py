"""Segments and who is in them.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "crm_segment",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("key", sa.String(60), nullable=False, unique=True),
        sa.Column("conditions", sa.JSON(), nullable=False),
        sa.Column("tone", sa.String(10), nullable=False),
        sa.Column("is_badge", sa.Boolean(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True)))
    op.create_table(
        "crm_in_segment",
        sa.Column("segment_id", sa.Integer(), sa.ForeignKey("crm_segment.id", ondelete="CASCADE"), primary_key=True,
                  autoincrement=False),
        sa.Column("customer_id", sa.BigInteger(), sa.ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True,
                  autoincrement=False))
    op.create_index("ix_crm_in_segment_customer", "crm_in_segment", ["customer_id", "segment_id"])


def downgrade() -> None:
    op.drop_table("crm_in_segment")
    op.drop_table("crm_segment")
