"""Lines, the rebuild, readers.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "reports_line",
        sa.Column("event_id", BIG, primary_key=True, autoincrement=False),
        sa.Column("ticket_id", BIG, sa.ForeignKey("ticket.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("department_id", sa.Integer(), sa.ForeignKey("department.id", ondelete="SET NULL")),
        sa.Column("agent_id", sa.Integer(), sa.ForeignKey("agent.id", ondelete="SET NULL")),
        sa.Column("seconds", sa.Integer()),
        sa.Column("work_seconds", sa.Integer()),
        sa.Column("is_first", sa.Boolean(), nullable=False))
    op.create_index("ix_reports_line_ticket_id", "reports_line", ["ticket_id"])
    op.create_index("ix_reports_line_kind_day", "reports_line", ["kind", "day", "department_id"])
    op.create_table(
        "reports_rebuild",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("done_id", sa.BigInteger(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False))
    op.create_table(
        "reports_reader",
        sa.Column("agent_id", sa.Integer(), sa.ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True,
                  autoincrement=False),
        sa.Column("department_id", sa.Integer(), sa.ForeignKey("department.id", ondelete="CASCADE")),
        sa.Column("sent_on", sa.Date()))


def downgrade() -> None:
    for table in ("reports_reader", "reports_rebuild", "reports_line"):
        op.drop_table(table)
