"""Working together: who looks at a ticket now, followers, mentions, agents who are away, answers to notifications.

Revision ID: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
WHEN = sa.DateTime(timezone=True)


def _of_agent_and(table: str, other: str, target: str, *columns: sa.Column) -> None:
    """A table whose rows belong to an agent and one other thing."""
    op.create_table(
        table,
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column(other, BIG, nullable=False),
        *columns,
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], ondelete="CASCADE", name=op.f(f"fk_{table}_agent_id")),
        sa.ForeignKeyConstraint([other], [f"{target}.id"], ondelete="CASCADE", name=op.f(f"fk_{table}_{other}")),
        sa.PrimaryKeyConstraint("agent_id", other, name=op.f(f"pk_{table}")))


def upgrade() -> None:
    _of_agent_and("presence", "ticket_id", "ticket", sa.Column("doing", sa.String(length=10), nullable=False),
                  sa.Column("seen_at", WHEN, nullable=False))
    op.create_index("ix_presence_ticket_id", "presence", ["ticket_id"])
    _of_agent_and("ticket_follower", "ticket_id", "ticket", sa.Column("at", WHEN, nullable=False))
    op.create_index("ix_ticket_follower_ticket_id", "ticket_follower", ["ticket_id"])
    _of_agent_and("mention", "message_pk", "message")
    op.create_index("ix_mention_message_pk", "mention", ["message_pk"])
    with op.batch_alter_table("agent") as table:
        table.add_column(sa.Column("away_at", WHEN, nullable=True))
        table.add_column(sa.Column("away_until", WHEN, nullable=True))
        table.add_column(sa.Column("substitute_id", sa.Integer(), nullable=True))
        table.create_foreign_key(op.f("fk_agent_substitute_id"), "agent", ["substitute_id"], ["id"],
                                 ondelete="SET NULL")
    op.add_column("notification", sa.Column("answered_at", WHEN, nullable=True))
    op.add_column("notification", sa.Column("answered_with", sa.Text(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")
