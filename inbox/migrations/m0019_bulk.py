"""Acts on many tickets at once, which can be undone for a day.

Revision ID: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "bulk_act",
        sa.Column("id", BIG, nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(length=20), nullable=False),
        sa.Column("args", sa.JSON(), nullable=False),
        sa.Column("place", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False)
          for name in ("total", "done", "same", "refused", "undone", "stayed")),
        sa.Column("at", WHEN, nullable=False),
        sa.Column("finished_at", WHEN, nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], ondelete="CASCADE", name=op.f("fk_bulk_act_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_act")))
    op.create_index("ix_bulk_act_agent_id", "bulk_act", ["agent_id"])
    op.create_index("ix_bulk_act_at", "bulk_act", ["at"])
    op.create_table(
        "bulk_ticket",
        sa.Column("bulk_id", BIG, nullable=False),
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("event_id", BIG, nullable=True),
        sa.Column("why", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["bulk_id"], ["bulk_act.id"], ondelete="CASCADE", name=op.f("fk_bulk_ticket_bulk_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], ondelete="CASCADE",
                                name=op.f("fk_bulk_ticket_ticket_id")),
        sa.PrimaryKeyConstraint("bulk_id", "ticket_id", name=op.f("pk_bulk_ticket")))
    op.create_index("ix_bulk_ticket_state", "bulk_ticket", ["bulk_id", "state", "ticket_id"])
    op.create_index("ix_bulk_ticket_ticket_id", "bulk_ticket", ["ticket_id"])


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")
