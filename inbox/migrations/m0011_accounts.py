"""Mailboxes by POP3 and with OAuth 2, copies of what was sent, what happens after fetching, the next try; imports.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("mailbox") as table:
        table.drop_constraint(op.f("ck_mailbox_incoming"), type_="check")
        table.create_check_constraint(op.f("ck_mailbox_incoming"), "incoming IN ('smtp', 'imap', 'pop3')")
        table.add_column(sa.Column("sign_in", sa.String(length=10), nullable=False, server_default="password"))
        table.add_column(sa.Column("delete_after", sa.Integer(), nullable=True))
        table.add_column(sa.Column("sent_folder", sa.Text(), nullable=False, server_default=""))
        table.add_column(sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("next_try_at", WHEN, nullable=True))
    op.create_table(
        "mailbox_login",
        sa.Column("mailbox_id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("client_secret_sealed", sa.Text(), nullable=True),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("authorize_url", sa.Text(), nullable=False),
        sa.Column("token_url", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("secret_expires_on", sa.Date(), nullable=True),
        sa.Column("refresh_token_sealed", sa.Text(), nullable=True),
        sa.Column("refresh_expires_at", WHEN, nullable=True),
        sa.Column("access_token_sealed", sa.Text(), nullable=True),
        sa.Column("access_expires_at", WHEN, nullable=True),
        sa.Column("granted_at", WHEN, nullable=True),
        sa.Column("refreshed_at", WHEN, nullable=True),
        sa.Column("lease_until", WHEN, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_at", WHEN, nullable=True),
        sa.Column("warned_days", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], ondelete="CASCADE",
                                name=op.f("fk_mailbox_login_mailbox_id")),
        sa.PrimaryKeyConstraint("mailbox_id", name=op.f("pk_mailbox_login")),
    )
    op.create_table(
        "pop3_seen",
        sa.Column("mailbox_id", sa.Integer(), nullable=False),
        sa.Column("uidl", sa.Text(), nullable=False),
        sa.Column("ledger_id", BIG, nullable=True),
        sa.Column("at", WHEN, nullable=False),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], ondelete="CASCADE",
                                name=op.f("fk_pop3_seen_mailbox_id")),
        sa.ForeignKeyConstraint(["ledger_id"], ["ledger.id"], ondelete="SET NULL",
                                name=op.f("fk_pop3_seen_ledger_id")),
        sa.PrimaryKeyConstraint("mailbox_id", "uidl", name=op.f("pk_pop3_seen")),
    )
    op.create_index("ix_pop3_seen_ledger_id", "pop3_seen", ["ledger_id"])
    op.create_table(
        "mail_import",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("mailbox_id", sa.Integer(), nullable=True),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("is_closed", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("position", sa.JSON(), nullable=False),
        sa.Column("trying", sa.JSON(), nullable=True),
        sa.Column("done_part", sa.Float(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("created_at", WHEN, nullable=False),
        sa.Column("updated_at", WHEN, nullable=False),
        sa.Column("finished_at", WHEN, nullable=True),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], ondelete="SET NULL",
                                name=op.f("fk_mail_import_mailbox_id")),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], ondelete="SET NULL",
                                name=op.f("fk_mail_import_agent_id")),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'stopped')",
                           name=op.f("ck_mail_import_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_import")),
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations of the core go forward only; restore a backup to go back.")
