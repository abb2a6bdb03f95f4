"""Mailboxes, the mail ledger, the catcher, tombstones of what was purged."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inbox.core.models.people import Department
from inbox.core.models.tickets import BIG
from inbox.db import Model, UtcDateTime, utcnow

FATES = ("waiting", "created", "appended", "duplicate", "ignored", "quarantined")


class Mailbox(Model):
    """An account that mail comes from and goes out by; it feeds a department.

    Incoming: `smtp` (our own listener or pipe, by recipient address), `imap`, `pop3` (with the `imap_` columns).
    Outgoing: `smtp`, `catcher` (kept on the Outbox page, nothing leaves the machine). Passwords are encrypted
    (`inbox.secrets`); where `sign_in` names a provider, a `MailboxLogin` stands in their place.
    """

    __tablename__ = "mailbox"
    __table_args__ = (
        sa.CheckConstraint("incoming IN ('smtp', 'imap', 'pop3')", name="incoming"),
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
    sign_in: Mapped[str] = mapped_column(sa.String(10), default="password", server_default="password")
    delete_after: Mapped[int | None] = mapped_column()  # days until what was taken in goes from the server; None: never
    sent_folder: Mapped[str] = mapped_column(sa.Text, default="", server_default="")  # IMAP; empty: no copies
    failures: Mapped[int] = mapped_column(default=0, server_default="0")  # tries in a row that ended in fetch_error
    next_try_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)

    department: Mapped[Department] = relationship(foreign_keys=[department_id], lazy="joined", innerjoin=True)


class MailboxFolder(Model):
    """A further folder of an IMAP account, fetched beside the mailbox's own: how far it is, and what is wrong."""

    __tablename__ = "mailbox_folder"

    mailbox_id: Mapped[int] = mapped_column(sa.ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    uidvalidity: Mapped[int | None] = mapped_column(sa.BigInteger)
    last_uid: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    added_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    fetched_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(sa.Text)


class MailboxLogin(Model):
    """How a mailbox signs in with OAuth 2: the application at the provider, and what it has granted us.

    Columns that end in `_sealed` are encrypted. `warned_days` is the last warning given: 30, 7 or 1 day before an end.
    """

    __tablename__ = "mailbox_login"

    mailbox_id: Mapped[int] = mapped_column(sa.ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True)
    client_id: Mapped[str] = mapped_column(sa.Text, default="")
    client_secret_sealed: Mapped[str | None] = mapped_column(sa.Text)
    tenant: Mapped[str] = mapped_column(sa.Text, default="")  # Microsoft's directory; empty: any
    authorize_url: Mapped[str] = mapped_column(sa.Text, default="")  # these three: for `other` alone
    token_url: Mapped[str] = mapped_column(sa.Text, default="")
    scope: Mapped[str] = mapped_column(sa.Text, default="")
    secret_expires_on: Mapped[dt.date | None] = mapped_column(sa.Date)
    refresh_token_sealed: Mapped[str | None] = mapped_column(sa.Text)
    refresh_expires_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # where the provider tells
    access_token_sealed: Mapped[str | None] = mapped_column(sa.Text)
    access_expires_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    granted_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    refreshed_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    lease_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # somebody refreshes it now
    error: Mapped[str | None] = mapped_column(sa.Text)  # the provider refused; a person has to do something
    error_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    warned_days: Mapped[int | None] = mapped_column()


class Pop3Seen(Model):
    """A message of a POP3 server that has arrived, by the server's own name for it (UIDL)."""

    __tablename__ = "pop3_seen"

    mailbox_id: Mapped[int] = mapped_column(sa.ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True)
    uidl: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    ledger_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ledger.id", ondelete="SET NULL"), index=True)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)


class MailImport(Model):
    """Old mail that is brought in, or a whole desk: from where, how far it is, what became of it.

    `position` says after which message to go on; it moves in the transaction that stores what lies before it.
    """

    __tablename__ = "mail_import"
    __table_args__ = (
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'stopped')", name="state"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(10))  # mbox, maildir, eml, zip, imap, desk
    source: Mapped[str] = mapped_column(sa.Text)  # a path of this machine, or a folder of the account
    mailbox_id: Mapped[int | None] = mapped_column(sa.ForeignKey("mailbox.id", ondelete="SET NULL"))
    since: Mapped[dt.date | None] = mapped_column(sa.Date)  # older messages are left out
    is_closed: Mapped[bool] = mapped_column(default=True)  # new tickets are closed ones
    state: Mapped[str] = mapped_column(sa.String(10), default="queued")
    position: Mapped[list[Any]] = mapped_column(sa.JSON, default=list)
    trying: Mapped[list[Any] | None] = mapped_column(sa.JSON)  # after a crash: what is read just now
    done_part: Mapped[float] = mapped_column(default=0.0)  # 0 to 1
    counts: Mapped[dict[str, int]] = mapped_column(sa.JSON, default=dict)  # by fate, and `skipped`
    error: Mapped[str | None] = mapped_column(sa.Text)
    agent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="SET NULL"))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    updated_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, onupdate=utcnow)
    finished_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


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
    source: Mapped[str] = mapped_column(sa.String(10))  # smtp, lmtp, imap, pop3, pipe, api, import
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
