"""What hangs on a ticket beside its messages: what was merged into it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inbox.core.models.people import Agent
from inbox.core.models.tickets import Ticket
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
