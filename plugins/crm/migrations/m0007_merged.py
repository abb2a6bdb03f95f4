"""What went along when customers were merged, so that it can go back.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "crm_merged",
        sa.Column("customer_id", sa.BigInteger(), sa.ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True,
                  autoincrement=False),
        sa.Column("moved", sa.JSON(), nullable=False))


def downgrade() -> None:
    op.drop_table("crm_merged")
