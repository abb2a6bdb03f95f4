"""What keeps mail from harm: circuits of automatic mail, senders who are let in or kept out."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from inbox.core.models.tickets import BIG
from inbox.db import Model, UtcDateTime, utcnow

SCOPES = ("address", "ticket", "content", "site", "agent", "agents")


class Circuit(Model):
    """Automatic mail that is held back because there was too much of it; closed by a person, or by time.

    `what` is the address, the ticket's id, the digest of a text, the agent's address; empty for the whole desk.
    """

    __tablename__ = "circuit"
    __table_args__ = (
        sa.CheckConstraint("scope IN ('address', 'ticket', 'content', 'site', 'agent', 'agents')", name="scope"),
        sa.Index("ix_circuit_open", "scope", "what", sqlite_where=sa.text("closed_at IS NULL"),
                 postgresql_where=sa.text("closed_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    scope: Mapped[str] = mapped_column(sa.String(10))
    what: Mapped[str] = mapped_column(sa.Text, default="")
    ticket_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ticket.id", ondelete="SET NULL"), index=True)
    most: Mapped[int] = mapped_column()  # the budget that was used up …
    seconds: Mapped[int] = mapped_column()  # … within so long
    held: Mapped[int] = mapped_column(default=0)  # mails held back since
    opened_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    until: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    closed_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="SET NULL"), index=True)


class SenderRule(Model):
    """A sender, or a whole domain (`@example.com`), whose mail is never spam or always is."""

    __tablename__ = "sender_rule"
    __table_args__ = (sa.CheckConstraint("verdict IN ('allow', 'block')", name="verdict"),)

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    sender: Mapped[str] = mapped_column(sa.Text, unique=True)  # normalised
    verdict: Mapped[str] = mapped_column(sa.String(5))
    agent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="SET NULL"), index=True)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
