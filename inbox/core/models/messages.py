"""What is said in tickets: messages, drafts, recipients, attachments, the index of references."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inbox.core.models.people import Agent, Customer
from inbox.core.models.tickets import BIG
from inbox.db import Model, UtcDateTime, utcnow

KINDS = ("received", "reply", "note", "forward")
STATES = ("draft", "stored", "queued", "sending", "sent", "failed", "bounced", "unknown")
BODY_POLICY = 1
"""The rules of inbox/mail/sanitise.py: one more whenever they change, and a job cleans the stored bodies again."""


class Message(Model):
    """Something said in a ticket; a draft is a message in state draft.

    States: `draft`; `stored` (received mail and notes: nothing to send); `queued → sending → sent | failed |
    bounced` for replies and forwards, derived from the recipients; `unknown`: it may have been sent, the program
    ended between the server's answer and our commit, and a person decides.
    """

    __tablename__ = "message"
    __table_args__ = (
        sa.CheckConstraint("kind IN ('received', 'reply', 'note', 'forward')", name="kind"),
        sa.CheckConstraint("author_kind IN ('customer', 'agent', 'system')", name="author_kind"),
        sa.CheckConstraint("ticket_id IS NOT NULL OR state = 'draft'", name="ticket_or_draft"),
        sa.UniqueConstraint("id", "kind"),  # recipient rows point at it, so that a note can never be mailed
        sa.UniqueConstraint("message_id", "fingerprint"),
        sa.Index("ix_message_ticket_at", "ticket_id", "at", "id"),
        sa.Index("ix_message_queue", "state", "send_after",
                 sqlite_where=sa.text("state IN ('queued', 'sending')"),
                 postgresql_where=sa.text("state IN ('queued', 'sending')")),
        sa.Index("uq_message_draft", "ticket_id", "agent_id", "kind", unique=True,
                 sqlite_where=sa.text("state = 'draft' AND ticket_id IS NOT NULL"),
                 postgresql_where=sa.text("state = 'draft' AND ticket_id IS NOT NULL")),
        sa.Index("ix_message_body_policy", "body_policy", "id", sqlite_where=sa.text("html IS NOT NULL"),
                 postgresql_where=sa.text("html IS NOT NULL")),
        sa.Index("ix_message_drafts_of", "agent_id", "at", sqlite_where=sa.text("state = 'draft'"),
                 postgresql_where=sa.text("state = 'draft'")),
    )

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    ticket_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ticket.id", ondelete="CASCADE"))
    origin_ticket_id: Mapped[int | None] = mapped_column(BIG)  # where it was before a merge or a move
    kind: Mapped[str] = mapped_column(sa.String(10))
    state: Mapped[str] = mapped_column(sa.String(10), default="stored")
    author_kind: Mapped[str] = mapped_column(sa.String(10))
    customer_id: Mapped[int | None] = mapped_column(sa.ForeignKey("customer.id"), index=True)
    agent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="SET NULL"), index=True)
    is_automatic: Mapped[bool] = mapped_column(default=False)
    subject: Mapped[str] = mapped_column(sa.Text, default="")
    text: Mapped[str] = mapped_column(sa.Text, default="")  # the visible part, plain
    text_quoted: Mapped[str] = mapped_column(sa.Text, default="")  # folded, never deleted
    text_signature: Mapped[str] = mapped_column(sa.Text, default="", server_default="")  # folded too
    html: Mapped[str | None] = mapped_column(sa.Text)  # sanitised on arrival; cid: images filled in on display
    html_quoted: Mapped[str | None] = mapped_column(sa.Text)
    html_signature: Mapped[str | None] = mapped_column(sa.Text)
    body_policy: Mapped[int] = mapped_column(sa.SmallInteger, default=BODY_POLICY, server_default="0")
    needs_frame: Mapped[bool] = mapped_column(default=False)
    frame_height: Mapped[int | None] = mapped_column()  # CSS pixels, remembered so that nothing jumps
    from_name: Mapped[str] = mapped_column(sa.Text, default="")
    from_address: Mapped[str] = mapped_column(sa.Text, default="")
    addressed: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)  # received: to, cc, reply_to
    message_id: Mapped[str | None] = mapped_column(sa.Text)  # RFC 5322, without <>
    fingerprint: Mapped[str] = mapped_column(sa.String(64), default="")
    why: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)  # why it is in this ticket
    defects: Mapped[list[str]] = mapped_column(sa.JSON, default=list)
    ledger_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ledger.id", ondelete="SET NULL"), index=True)
    send_after: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(sa.Text)  # the server's words
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    version: Mapped[int] = mapped_column(default=1)  # of a draft
    extra: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)  # a draft's unsent recipients and subject

    customer: Mapped[Customer | None] = relationship(lazy="select")
    agent: Mapped[Agent | None] = relationship(lazy="select")
    attachments: Mapped[list[Attachment]] = relationship(
        back_populates="message", order_by="Attachment.id", cascade="all, delete-orphan", lazy="selectin")
    recipients: Mapped[list[Recipient]] = relationship(
        order_by="Recipient.id", cascade="all, delete-orphan", lazy="selectin")


class Recipient(Model):
    """One address a reply or forward goes to, with the state of that delivery."""

    __tablename__ = "recipient"
    __table_args__ = (
        sa.ForeignKeyConstraint(["message_pk", "message_kind"], ["message.id", "message.kind"], ondelete="CASCADE"),
        sa.CheckConstraint("message_kind IN ('reply', 'forward')", name="message_kind"),
        sa.CheckConstraint("role IN ('to', 'cc', 'bcc')", name="role"),
        sa.Index("ix_recipient_message", "message_pk", "message_kind"),
    )

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    message_pk: Mapped[int] = mapped_column(BIG)
    message_kind: Mapped[str] = mapped_column(sa.String(10))
    role: Mapped[str] = mapped_column(sa.String(3), default="to")
    name: Mapped[str] = mapped_column(sa.Text, default="")
    address: Mapped[str] = mapped_column(sa.Text)
    state: Mapped[str] = mapped_column(sa.String(10), default="queued")  # queued, sent, failed, bounced, unknown
    error: Mapped[str | None] = mapped_column(sa.Text)
    bounce: Mapped[str | None] = mapped_column(sa.String(10))  # what a report said: hard, soft, full, blocked


class Attachment(Model):
    """A file of a message; its bytes lie in the blob store under `sha256`."""

    __tablename__ = "attachment"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    message_pk: Mapped[int] = mapped_column(sa.ForeignKey("message.id", ondelete="CASCADE"), index=True)
    filename: Mapped[str] = mapped_column(sa.Text)
    content_type: Mapped[str] = mapped_column(sa.Text, default="application/octet-stream")
    size: Mapped[int] = mapped_column(sa.BigInteger)  # bytes
    sha256: Mapped[str] = mapped_column(sa.String(64), index=True)
    is_inline: Mapped[bool] = mapped_column(default=False)
    content_id: Mapped[str | None] = mapped_column(sa.Text)

    message: Mapped[Message] = relationship(back_populates="attachments", lazy="select")


class Reference(Model):
    """A Message-ID named by a message in In-Reply-To or References, known to us or not, so that siblings meet."""

    __tablename__ = "reference"
    __table_args__ = (sa.Index("ix_reference_value", "value", "ticket_id"),)

    message_pk: Mapped[int] = mapped_column(sa.ForeignKey("message.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(sa.Text)
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id", ondelete="CASCADE"), index=True)


class SendAttempt(Model):
    """One try to hand a message to a mail server, recorded before SMTP begins."""

    __tablename__ = "send_attempt"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    message_pk: Mapped[int] = mapped_column(sa.ForeignKey("message.id", ondelete="CASCADE"), index=True)
    started_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    finished_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str] = mapped_column(sa.String(10), default="started")  # started, sent, refused, later, unknown
    response: Mapped[str] = mapped_column(sa.Text, default="")
