"""Makes one table and fails at the next.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("brokenmigration_good", sa.Column("id", sa.Integer(), primary_key=True))
    op.execute("CREATE TABLE brokenmigration_bad (id nonsense nonsense nonsense REFERENCES)")
