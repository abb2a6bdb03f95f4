"""Tables of the plugin host; indexes by which a lane finds its next job and a plugin its rows.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

from inbox.db import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "plugin",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("state IN ('installed', 'active', 'paused')", name=op.f("ck_plugin_state")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_plugin")),
    )
    op.create_table(
        "plugin_revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_revision")),
    )
    op.execute("INSERT INTO plugin_revision (id, value) VALUES (1, 0)")
    op.create_table(
        "plugin_fault",
        sa.Column("id", BIG, nullable=False),
        sa.Column("plugin", sa.String(length=60), nullable=False),
        sa.Column("hook", sa.String(length=60), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=True),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("trace", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_fault")),
    )
    op.create_index(op.f("ix_plugin_fault_at"), "plugin_fault", ["at"])
    op.create_index("ix_plugin_fault_plugin_at", "plugin_fault", ["plugin", "at"])
    op.create_index("ix_delivery_plugin", "delivery", ["plugin", "state"])
    op.create_index("ix_job_kind_due", "job", ["kind", "state", "run_at", "id"])


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")
