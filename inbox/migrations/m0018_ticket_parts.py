"""Links between tickets, fields of tickets, checklists.

Revision ID: 0018
"""

import sqlalchemy as sa
from alembic import op

from inbox.db import UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("ticket", sa.Column("checklist", sa.JSON(), nullable=False, server_default="[]"))
    op.create_table(
        "ticket_link",
        sa.Column("id", BIG, nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("other_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_link")),
        sa.UniqueConstraint("ticket_id", "other_id", name=op.f("uq_ticket_link_ticket_id")),
        sa.CheckConstraint("kind IN ('related', 'duplicate', 'parent')", name=op.f("ck_ticket_link_kind")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], ondelete="CASCADE",
                                name=op.f("fk_ticket_link_ticket_id")),
        sa.ForeignKeyConstraint(["other_id"], ["ticket.id"], ondelete="CASCADE",
                                name=op.f("fk_ticket_link_other_id")),
    )
    op.create_index(op.f("ix_ticket_link_other_id"), "ticket_link", ["other_id"])
    op.create_table(
        "ticket_field",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(100), nullable=False),
        sa.Column("type", sa.String(10), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_field")),
        sa.UniqueConstraint("title", name=op.f("uq_ticket_field_title")),
    )
    op.create_table(
        "ticket_field_value",
        sa.Column("id", BIG, nullable=False),
        sa.Column("field_id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("currency", sa.String(3), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_field_value")),
        sa.ForeignKeyConstraint(["field_id"], ["ticket_field.id"], ondelete="CASCADE",
                                name=op.f("fk_ticket_field_value_field_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], ondelete="CASCADE",
                                name=op.f("fk_ticket_field_value_ticket_id")),
    )
    op.create_index("ix_ticket_field_value_ticket", "ticket_field_value", ["ticket_id", "field_id"])
    op.create_index("ix_ticket_field_value_amount", "ticket_field_value", ["field_id", "amount"])
    op.create_index("ix_ticket_field_value_day", "ticket_field_value", ["field_id", "day"])


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")
