"""What hangs on a ticket beside its messages: what was merged into it, its links, its fields."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inbox.core.models.fields import FieldColumns, ValueColumns
from inbox.core.models.people import Agent
from inbox.core.models.tickets import BIG, Ticket
from inbox.db import Model, UtcDateTime, utcnow


class TicketMerge(Model):
    """What moved when a ticket was merged into another, so that it can go back. Gone when undone."""

    __tablename__ = "ticket_merge"

    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True)
    into_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id", ondelete="CASCADE"), index=True)
    agent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id", ondelete="SET NULL"))
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    moved: Mapped[dict[str, Any]] = mapped_column(sa.JSON)  # see inbox.core.ticket_merge

    agent: Mapped[Agent | None] = relationship(lazy="select")
    ticket: Mapped[Ticket] = relationship(lazy="select", foreign_keys=[ticket_id])


class TicketLink(Model):
    """Two tickets that have to do with each other: `ticket_id` is `kind` (inbox.core.ticket_links.KINDS) `other_id`."""

    __tablename__ = "ticket_link"
    __table_args__ = (sa.UniqueConstraint("ticket_id", "other_id"),
                      sa.CheckConstraint("kind IN ('related', 'duplicate', 'parent')", name="kind"))

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id", ondelete="CASCADE"))
    other_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(10), default="related")
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)


class TicketField(FieldColumns, Model):
    """A field that every ticket can have."""

    __tablename__ = "ticket_field"
    __table_args__ = (sa.UniqueConstraint("title"),)


class TicketFieldValue(ValueColumns, Model):
    """What a ticket has in a field."""

    __tablename__ = "ticket_field_value"
    __table_args__ = (
        sa.Index("ix_ticket_field_value_ticket", "ticket_id", "field_id"),
        sa.Index("ix_ticket_field_value_amount", "field_id", "amount"),
        sa.Index("ix_ticket_field_value_day", "field_id", "day"),
    )

    field_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket_field.id", ondelete="CASCADE"))
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id", ondelete="CASCADE"))
