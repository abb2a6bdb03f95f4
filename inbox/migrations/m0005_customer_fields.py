"""Fields that a site adds to its customers.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "customer_field",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(100), nullable=False),
        sa.Column("type", sa.String(10), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_field")),
        sa.UniqueConstraint("title", name=op.f("uq_customer_field_title")),
    )
    op.create_table(
        "customer_field_value",
        sa.Column("id", BIG, nullable=False),
        sa.Column("field_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("currency", sa.String(3), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_field_value")),
        sa.ForeignKeyConstraint(["field_id"], ["customer_field.id"], ondelete="CASCADE",
                                name=op.f("fk_customer_field_value_field_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], ondelete="CASCADE",
                                name=op.f("fk_customer_field_value_customer_id")),
    )
    op.create_index("ix_customer_field_value_customer", "customer_field_value", ["customer_id", "field_id"])
    op.create_index("ix_customer_field_value_amount", "customer_field_value", ["field_id", "amount"])
    op.create_index("ix_customer_field_value_day", "customer_field_value", ["field_id", "day"])


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")
