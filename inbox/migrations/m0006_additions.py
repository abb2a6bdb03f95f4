"""Notifications inside the desk; webhooks; the event log by agent and by kind.

Revision ID: 0006
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("notification", sa.Column("kind", sa.String(length=80), nullable=False, server_default=""))
    op.add_column("notification", sa.Column("ticket_id", sa.BigInteger(), nullable=True))
    op.add_column("notification", sa.Column("title", sa.Text(), nullable=False, server_default=""))
    op.add_column("notification", sa.Column("read_at", WHEN, nullable=True))
    unread = sa.text("way = 'app' AND read_at IS NULL")
    op.create_index("ix_notification_unread", "notification", ["agent_id", "ticket_id"], sqlite_where=unread,
                    postgresql_where=unread)
    op.create_index("ix_notification_list", "notification", ["agent_id", "way", "id"])
    op.create_index("ix_notification_at", "notification", ["at"])
    by_agents = sa.text("actor_kind = 'agent'")
    op.create_index("ix_event_actor", "event", ["actor_id", "id"], sqlite_where=by_agents, postgresql_where=by_agents)
    op.create_index("ix_event_kind", "event", ["kind", "id"])
    _name_wishes()
    op.create_table(
        "webhooks_endpoint",
        sa.Column("id", BIG, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("created_at", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks_endpoint")),
    )
    op.create_table(
        "webhooks_delivery",
        sa.Column("id", BIG, nullable=False),
        sa.Column("endpoint_id", BIG, nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", WHEN, nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("at", WHEN, nullable=False),
        sa.Column("done_at", WHEN, nullable=True),
        sa.ForeignKeyConstraint(["endpoint_id"], ["webhooks_endpoint.id"], ondelete="CASCADE",
                                name=op.f("fk_webhooks_delivery_endpoint_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks_delivery")),
        sa.UniqueConstraint("endpoint_id", "event_id", name=op.f("uq_webhooks_delivery_endpoint_id_event_id")),
    )
    op.create_index("ix_webhooks_delivery_due", "webhooks_delivery", ["state", "next_try_at"])
    op.create_index("ix_webhooks_delivery_log", "webhooks_delivery", ["endpoint_id", "id"])
    op.create_index("ix_webhooks_delivery_at", "webhooks_delivery", ["at"])


def _name_wishes() -> None:
    """What agents want to be told of got the name of its plugin, and a way: {"note": false} is about mail."""
    agent = sa.table("agent", sa.column("id", sa.Integer), sa.column("preferences", sa.JSON))
    connection = op.get_bind()
    for row in connection.execute(sa.select(agent.c.id, agent.c.preferences)).all():
        kept = json.loads(row.preferences) if isinstance(row.preferences, str) else row.preferences or {}
        wishes = kept.get("notify") if isinstance(kept, dict) else None
        if isinstance(wishes, dict):
            kept["notify"] = {f"notifications.{name}": {"mail": bool(value)} for name, value in wishes.items()}
            connection.execute(sa.update(agent).where(agent.c.id == row.id).values(preferences=kept))


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")
