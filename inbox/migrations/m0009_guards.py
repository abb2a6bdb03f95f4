"""Circuits of automatic mail, rules about senders, aliases of mailboxes, why a recipient was not reached.

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
WHEN = sa.DateTime(timezone=True)
SCOPE = "scope IN ('address', 'ticket', 'content', 'site', 'agent', 'agents')"


def upgrade() -> None:
    op.create_table(
        "circuit",
        sa.Column("id", BIG, nullable=False),
        sa.Column("scope", sa.String(length=10), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("ticket_id", BIG, nullable=True),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("opened_at", WHEN, nullable=False),
        sa.Column("until", WHEN, nullable=False),
        sa.Column("closed_at", WHEN, nullable=True),
        sa.Column("closed_by_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(SCOPE, name=op.f("ck_circuit_scope")),
        sa.ForeignKeyConstraint(["closed_by_id"], ["agent.id"], ondelete="SET NULL",
                                name=op.f("fk_circuit_closed_by_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], ondelete="SET NULL", name=op.f("fk_circuit_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_circuit")),
    )
    is_open = sa.text("closed_at IS NULL")
    op.create_index("ix_circuit_open", "circuit", ["scope", "what"], sqlite_where=is_open, postgresql_where=is_open)
    op.create_index("ix_circuit_ticket_id", "circuit", ["ticket_id"])
    op.create_index("ix_circuit_closed_by_id", "circuit", ["closed_by_id"])
    op.create_table(
        "sender_rule",
        sa.Column("id", BIG, nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(length=5), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("at", WHEN, nullable=False),
        sa.CheckConstraint("verdict IN ('allow', 'block')", name=op.f("ck_sender_rule_verdict")),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], ondelete="SET NULL", name=op.f("fk_sender_rule_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sender_rule")),
        sa.UniqueConstraint("sender", name=op.f("uq_sender_rule_sender")),
    )
    op.create_index("ix_sender_rule_agent_id", "sender_rule", ["agent_id"])
    op.add_column("mailbox", sa.Column("aliases", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("mailbox", sa.Column("takes_all", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("recipient", sa.Column("bounce", sa.String(length=10), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")
