"""Invitations by mail; the audit log, begun with what the event log knows; agents whom mail does not reach.

Revision ID: 0020
"""

import sqlalchemy as sa
from alembic import op

from inbox.db import UtcDateTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None
BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
AREAS = {"settings": ("settings_changed", "sender_decided", "automatic_mail_resumed"),
         "people": ("agent_created", "agent_changed", "agent_deactivated"),
         "mailboxes": ("mailbox_login_granted",),
         "plugins": ("plugin_changed",),
         "data": ("customer_merged", "customer_merge_undone", "customer_erased", "mail_imported", "desk_exported"),
         "sign_ins": ("agent_signed_in",)}


def upgrade() -> None:
    op.add_column("agent", sa.Column("mail_failed_at", UtcDateTime(), nullable=True))
    op.add_column("agent", sa.Column("mail_failure", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "invitation",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", sa.String(40), nullable=False),
        sa.Column("departments", sa.JSON(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("invited_by_id", sa.Integer(), sa.ForeignKey(
            "agent.id", name="fk_invitation_invited_by_id", ondelete="SET NULL"), nullable=True),
        sa.Column("sent_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.UniqueConstraint("token_hash", name="uq_invitation_token_hash"))
    op.create_index("ix_invitation_email", "invitation", ["email"])
    op.create_table(
        "audit_entry",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("agent_id", sa.Integer(), sa.ForeignKey(
            "agent.id", name="fk_audit_entry_agent_id", ondelete="SET NULL"), nullable=True),
        sa.Column("source", sa.String(60), nullable=False),
        sa.Column("area", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False))
    op.create_index("ix_audit_entry_area_id", "audit_entry", ["area", "id"])
    op.create_index("ix_audit_entry_agent_id_id", "audit_entry", ["agent_id", "id"])
    for area, kinds in AREAS.items():  # what was done before; to what is not in every event, so it is left open
        listed = ", ".join(f"'{each}'" for each in kinds)
        op.execute(f"INSERT INTO audit_entry (at, agent_id, source, area, kind, subject, changes) "  # noqa: S608
                   f"SELECT e.at, a.id, e.source, '{area}', e.kind, '', '{{}}' FROM event e "
                   f"LEFT JOIN agent a ON a.id = e.actor_id AND e.actor_kind = 'agent' "
                   f"WHERE e.kind IN ({listed}) ORDER BY e.id")


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")
