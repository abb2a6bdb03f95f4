"""Organisations, their domains and members.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
KEY = sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "crm_organisation",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", KEY, nullable=False, unique=True),
        sa.Column("website", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Integer(), sa.ForeignKey("agent.id", ondelete="SET NULL")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False))
    op.create_index("ix_crm_organisation_owner_id", "crm_organisation", ["owner_id"])
    op.create_table(
        "crm_domain",
        sa.Column("domain", sa.String(253), primary_key=True),
        sa.Column("organisation_id", sa.BigInteger(), sa.ForeignKey("crm_organisation.id", ondelete="CASCADE"),
                  nullable=False))
    op.create_index("ix_crm_domain_organisation_id", "crm_domain", ["organisation_id"])
    op.create_table(
        "crm_member",
        sa.Column("customer_id", sa.BigInteger(), sa.ForeignKey("customer.id", ondelete="CASCADE"),
                  primary_key=True, autoincrement=False),
        sa.Column("organisation_id", sa.BigInteger(), sa.ForeignKey("crm_organisation.id", ondelete="CASCADE")),
        sa.Column("by_hand", sa.Boolean(), nullable=False))
    op.create_index("ix_crm_member_organisation", "crm_member", ["organisation_id", "customer_id"])


def downgrade() -> None:
    for table in ("crm_member", "crm_domain", "crm_organisation"):
        op.drop_table(table)
