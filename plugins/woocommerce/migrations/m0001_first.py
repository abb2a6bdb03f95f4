"""Shops, what they said, orders, refunds.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

from inbox.toolkit import UtcDateTime

revision = "0001"
down_revision = None
BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "woocommerce_shop",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("key_sealed", sa.Text(), nullable=False),
        sa.Column("secret_sealed", sa.Text(), nullable=False),
        sa.Column("webhook_sealed", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("asked_at", UtcDateTime()),
        sa.Column("failing_since", UtcDateTime()),
        sa.Column("problem", sa.String(12), nullable=False),
        sa.Column("problem_words", sa.Text(), nullable=False),
        sa.Column("heard_at", UtcDateTime()))
    op.create_table(
        "woocommerce_lookup",
        sa.Column("shop_id", sa.Integer(), sa.ForeignKey("woocommerce_shop.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("address", sa.Text(), primary_key=True),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("accounts", sa.JSON(), nullable=False))
    op.create_table(
        "woocommerce_order",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("shop_id", sa.Integer(), sa.ForeignKey("woocommerce_shop.id", ondelete="CASCADE"), nullable=False),
        sa.Column("remote_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.String(60), nullable=False, index=True),
        sa.Column("email", sa.Text(), nullable=False, index=True),
        sa.Column("account", sa.BigInteger(), nullable=False, index=True),
        sa.Column("placed_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("stored_at", UtcDateTime(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.UniqueConstraint("shop_id", "remote_id"))
    op.create_table(
        "woocommerce_refund",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("token", sa.String(40), nullable=False, unique=True),
        sa.Column("shop_id", sa.Integer(), sa.ForeignKey("woocommerce_shop.id", ondelete="CASCADE"), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.String(60), nullable=False),
        sa.Column("ticket_id", BIG, sa.ForeignKey("ticket.id", ondelete="SET NULL"), index=True),
        sa.Column("agent_id", sa.Integer(), sa.ForeignKey("agent.id", ondelete="SET NULL")),
        sa.Column("agent_name", sa.Text(), nullable=False),
        sa.Column("amount", sa.String(30), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by_provider", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("remote_id", sa.BigInteger()),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False, index=True),
        sa.Column("settled_at", UtcDateTime()),
        sa.CheckConstraint("state IN ('asked', 'unknown', 'done', 'refused', 'not_made')", name="state"))
    unsettled = sa.text("state IN ('asked', 'unknown')")
    op.create_index("uq_woocommerce_refund_unsettled", "woocommerce_refund", ["shop_id", "order_id"], unique=True,
                    sqlite_where=unsettled, postgresql_where=unsettled)


def downgrade() -> None:
    for name in ("refund", "order", "lookup", "shop"):
        op.drop_table(f"woocommerce_{name}")
