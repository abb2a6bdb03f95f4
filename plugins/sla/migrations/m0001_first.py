"""Calendars, policies, clocks.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "sla_calendar",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("own_days", sa.Text(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False))
    op.create_table(
        "sla_policy",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("calendar_id", sa.Integer(), sa.ForeignKey("sla_calendar.id"), nullable=False),
        sa.Column("department_id", sa.Integer(), sa.ForeignKey("department.id", ondelete="CASCADE")),
        sa.Column("priority", sa.String(10), nullable=False),
        sa.Column("tag", sa.String(100), nullable=False),
        sa.Column("segment", sa.String(100), nullable=False),
        sa.Column("first_reply", sa.Integer()),
        sa.Column("next_reply", sa.Integer()),
        sa.Column("resolution", sa.Integer()),
        sa.Column("warn", sa.Integer(), nullable=False),
        sa.Column("notify", sa.Boolean(), nullable=False),
        sa.Column("raise_priority", sa.Boolean(), nullable=False),
        sa.Column("assign_to", sa.Integer(), sa.ForeignKey("agent.id", ondelete="SET NULL")))
    op.create_table(
        "sla_target",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("ticket_id", BIG, sa.ForeignKey("ticket.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("policy_id", sa.Integer(), sa.ForeignKey("sla_policy.id", ondelete="SET NULL")),
        sa.Column("policy_name", sa.String(100), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("warn_seconds", sa.Integer(), nullable=False),
        sa.Column("calendar", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("spent", sa.Integer(), nullable=False),
        *(sa.Column(name, MOMENT) for name in ("since", "due_at", "warn_at", "stopped_at", "missed_at", "warned_at",
                                              "escalated_at")),
        sa.UniqueConstraint("ticket_id", "kind", "started_at", name="uq_sla_target_ticket_id_kind_started_at"))
    op.create_index("ix_sla_target_policy_id", "sla_target", ["policy_id"])
    for name in ("due_at", "warn_at"):
        op.create_index(f"ix_sla_target_{name}", "sla_target", [name],
                        sqlite_where=sa.text(f"{name} IS NOT NULL"), postgresql_where=sa.text(f"{name} IS NOT NULL"))


def downgrade() -> None:
    for table in ("sla_target", "sla_policy", "sla_calendar"):
        op.drop_table(table)
