"""Fields of organisations, notes, tasks.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TIME = sa.DateTime(timezone=True)


def _about() -> list[sa.Column]:
    """What a note or task is about; fresh columns for each table."""
    return [sa.Column("customer_id", sa.BigInteger(), sa.ForeignKey("customer.id", ondelete="CASCADE")),
            sa.Column("organisation_id", sa.BigInteger(), sa.ForeignKey("crm_organisation.id", ondelete="CASCADE")),
            sa.Column("agent_id", sa.Integer(), sa.ForeignKey("agent.id", ondelete="SET NULL"))]


def upgrade() -> None:
    op.create_table(
        "crm_field",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("title", sa.String(100), nullable=False),
        sa.Column("type", sa.String(10), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False))
    op.create_table(
        "crm_field_value",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("field_id", sa.Integer(), sa.ForeignKey("crm_field.id", ondelete="CASCADE"), nullable=False),
        sa.Column("organisation_id", sa.BigInteger(), sa.ForeignKey("crm_organisation.id", ondelete="CASCADE"),
                  nullable=False),
        sa.Column("text", sa.Text()), sa.Column("amount", sa.BigInteger()), sa.Column("day", sa.Date()),
        sa.Column("currency", sa.String(3)))
    op.create_index("ix_crm_field_value_organisation", "crm_field_value", ["organisation_id", "field_id"])
    op.create_index("ix_crm_field_value_field", "crm_field_value", ["field_id"])
    op.create_table("crm_note", sa.Column("id", BIG, primary_key=True), *_about(),
                    sa.Column("text", sa.Text(), nullable=False), sa.Column("at", TIME, nullable=False))
    op.create_index("ix_crm_note_customer", "crm_note", ["customer_id", "at"])
    op.create_index("ix_crm_note_organisation", "crm_note", ["organisation_id", "at"])
    op.create_index("ix_crm_note_agent_id", "crm_note", ["agent_id"])
    op.create_table(
        "crm_task", sa.Column("id", BIG, primary_key=True), *_about(),
        sa.Column("made_by_id", sa.Integer(), sa.ForeignKey("agent.id", ondelete="SET NULL")),
        sa.Column("text", sa.Text(), nullable=False), sa.Column("due_on", sa.Date()),
        sa.Column("made_at", TIME, nullable=False), sa.Column("done_at", TIME), sa.Column("reminded_at", TIME))
    op.create_index("ix_crm_task_customer", "crm_task", ["customer_id", "done_at"])
    op.create_index("ix_crm_task_organisation", "crm_task", ["organisation_id", "done_at"])
    op.create_index("ix_crm_task_agent", "crm_task", ["agent_id", "done_at", "due_on", "id"])
    op.create_index("ix_crm_task_made_by_id", "crm_task", ["made_by_id"])
    waiting = sa.text("reminded_at IS NULL AND done_at IS NULL")
    op.create_index("ix_crm_task_due", "crm_task", ["due_on"], sqlite_where=waiting, postgresql_where=waiting)


def downgrade() -> None:
    for table in ("crm_task", "crm_note", "crm_field_value", "crm_field"):
        op.drop_table(table)
