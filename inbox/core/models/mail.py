"""Mailboxes, the mail ledger, the catcher, tombstones of what was purged."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inbox.core.models.people import Department
from inbox.core.models.tickets import BIG
from inbox.db import Model, UtcDateTime, utcnow

FATES = ("waiting", "created", "appended", "duplicate", "ignored", "quarantined")


class Mailbox(Model):
    """An account that mail comes from and goes out by; it feeds a department.

    Incoming: `smtp` (our own listener or pipe, by recipient address), `imap`. Outgoing: `smtp`, `catcher` (kept on
    the Outbox page, nothing leaves the machine). Passwords are encrypted (`inbox.secrets`).
    """

    __tablename__ = "mailbox"
    __table_args__ = (
        sa.CheckConstraint("incoming IN ('smtp', 'imap')", name="incoming"),
        sa.CheckConstraint("outgoing IN ('smtp', 'catcher')", name="outgoing"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(sa.Text, unique=True)  # normalised
    aliases: Mapped[list[str]] = mapped_column(sa.JSON, default=list, server_default="[]")  # normalised
    takes_all: Mapped[bool] = mapped_column(default=False, server_default=sa.false())  # of its domain: a catch-all
    name: Mapped[str] = mapped_column(sa.Text, default="")
    department_id: Mapped[int] = mapped_column(sa.ForeignKey("department.id"), index=True)
    is_active: Mapped[bool] = mapped_column(default=True)
    incoming: Mapped[str] = mapped_column(sa.String(10), default="smtp")
    imap_host: Mapped[str] = mapped_column(sa.Text, default="")
    imap_port: Mapped[int] = mapped_column(default=993)
    imap_security: Mapped[str] = mapped_column(sa.String(10), default="tls")  # tls, starttls, none
    imap_user: Mapped[str] = mapped_column(sa.Text, default="")
    imap_password: Mapped[str | None] = mapped_column(sa.Text)  # encrypted
    imap_folder: Mapped[str] = mapped_column(sa.Text, default="INBOX")
    uidvalidity: Mapped[int | None] = mapped_column(sa.BigInteger)
    last_uid: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    fetched_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    fetch_error: Mapped[str | None] = mapped_column(sa.Text)
    fetch_error_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    lease_owner: Mapped[str | None] = mapped_column(sa.String(80))  # the process that fetches it now
    lease_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    outgoing: Mapped[str] = mapped_column(sa.String(10), default="catcher")
    smtp_host: Mapped[str] = mapped_column(sa.Text, default="")
    smtp_port: Mapped[int] = mapped_column(default=587)
    smtp_security: Mapped[str] = mapped_column(sa.String(10), default="starttls")
    smtp_user: Mapped[str] = mapped_column(sa.Text, default="")
    smtp_password: Mapped[str | None] = mapped_column(sa.Text)  # encrypted

    department: Mapped[Department] = relationship(foreign_keys=[department_id], lazy="joined", innerjoin=True)


class Ledger(Model):
    """Every message that reached us, before anything else was done with it, and its fate."""

    __tablename__ = "ledger"
    __table_args__ = (
        sa.CheckConstraint(
            "fate IN ('waiting', 'created', 'appended', 'duplicate', 'ignored', 'quarantined')", name="fate"),
        sa.UniqueConstraint("mailbox_id", "folder", "uidvalidity", "uid"),
        sa.Index("ix_ledger_fate", "fate", "id"),
        sa.Index("ix_ledger_mailbox", "mailbox_id", "id"),
    )

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    source: Mapped[str] = mapped_column(sa.String(10))  # smtp, lmtp, imap, pipe, api
    mailbox_id: Mapped[int | None] = mapped_column(sa.ForeignKey("mailbox.id", ondelete="SET NULL"))
    folder: Mapped[str | None] = mapped_column(sa.Text)  # IMAP only, like the next two
    uidvalidity: Mapped[int | None] = mapped_column(sa.BigInteger)
    uid: Mapped[int | None] = mapped_column(sa.BigInteger)
    sha256: Mapped[str] = mapped_column(sa.String(64), index=True)
    size: Mapped[int] = mapped_column(sa.BigInteger)  # bytes as received
    envelope_from: Mapped[str | None] = mapped_column(sa.Text)
    envelope_to: Mapped[list[str]] = mapped_column(sa.JSON, default=list)
    remote: Mapped[str | None] = mapped_column(sa.Text)
    arrived_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    message_id: Mapped[str | None] = mapped_column(sa.Text, index=True)  # as the headers say; known after parsing
    from_address: Mapped[str] = mapped_column(sa.Text, default="")
    subject: Mapped[str] = mapped_column(sa.Text, default="")
    fate: Mapped[str] = mapped_column(sa.String(12), default="waiting")
    reason: Mapped[str] = mapped_column(sa.Text, default="")  # in plain words
    error: Mapped[str | None] = mapped_column(sa.Text)  # traceback, for the site owner
    attempts: Mapped[int] = mapped_column(default=0)  # begun, counted before parsing
    fated_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    ticket_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ticket.id", ondelete="SET NULL"), index=True)
    raw_purged_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class CaughtMail(Model):
    """A message the built-in catcher took instead of a mail server; shown on the Outbox page."""

    __tablename__ = "caught_mail"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    envelope_from: Mapped[str] = mapped_column(sa.Text)
    envelope_to: Mapped[list[str]] = mapped_column(sa.JSON, default=list)
    subject: Mapped[str] = mapped_column(sa.Text, default="")
    sha256: Mapped[str] = mapped_column(sa.String(64), index=True)
    size: Mapped[int] = mapped_column(sa.BigInteger)
    message_pk: Mapped[int | None] = mapped_column(sa.ForeignKey("message.id", ondelete="SET NULL"), index=True)
    ticket_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ticket.id", ondelete="SET NULL"), index=True)


class Tombstone(Model):
    """The hash of a Message-ID or UID whose message was purged, so that it does not come back."""

    __tablename__ = "tombstone"

    digest: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
