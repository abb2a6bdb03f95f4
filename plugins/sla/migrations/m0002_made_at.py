"""When a service level was made: what was over before was never promised.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

from inbox.toolkit import UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("sla_policy") as table:
        table.add_column(sa.Column("made_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("sla_policy") as table:
        table.drop_column("made_at")
