"""What agents know of each other: who is looking at a ticket, who follows it, who was called in."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from inbox.core.models.tickets import BIG
from inbox.db import Model, UtcDateTime, utcnow


class Presence(Model):
    """An agent has a ticket open now. Worth something for seconds only: see `inbox.core.presence`."""

    __tablename__ = "presence"

    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True)
    ticket_id: Mapped[int] = mapped_column(
        sa.ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True, index=True)
    doing: Mapped[str] = mapped_column(sa.String(10), default="reading")  # reading, reply, note, forward
    seen_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)


class Follower(Model):
    """An agent wants to be told of what is said in a ticket."""

    __tablename__ = "ticket_follower"

    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True)
    ticket_id: Mapped[int] = mapped_column(
        sa.ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True, index=True)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)


class Mention(Model):
    """A note calls an agent in."""

    __tablename__ = "mention"

    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True)
    message_pk: Mapped[int] = mapped_column(
        BIG, sa.ForeignKey("message.id", ondelete="CASCADE"), primary_key=True, index=True)
