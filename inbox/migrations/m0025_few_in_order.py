"""Tickets whose customer waits, and those of another than the usual priority, in the order of lists: few of all are.

Revision ID: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, columns, which in (
            ("ix_ticket_waiting_last", ["last_message_at", "id"], "waiting_since IS NOT NULL"),
            ("ix_ticket_priority_last", ["priority", "last_message_at", "id"], "priority != 'normal'")):
        op.create_index(name, "ticket", columns, sqlite_where=sa.text(which), postgresql_where=sa.text(which))


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")
