"""Names of which somebody said that they are different people.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    key = sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")
    op.create_table("crm_apart", sa.Column("name", key, primary_key=True),
                    sa.Column("count", sa.Integer(), nullable=False))


def downgrade() -> None:
    op.drop_table("crm_apart")
