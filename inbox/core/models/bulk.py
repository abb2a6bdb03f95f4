"""What was done to many tickets at once, and what each of them was like before, so that it can go back."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inbox.core.models.people import Agent
from inbox.core.models.tickets import BIG
from inbox.db import Model, UtcDateTime, utcnow


class BulkAct(Model):
    """One act on many tickets. `state`: gathering, running, done, stopped, undoing, undone.

    The counts: `total` chosen, `done` changed, `same` were so already, `refused` could not be changed, `undone` went
    back, `stayed` did not because they were changed meanwhile.
    """

    __tablename__ = "bulk_act"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agent.id", ondelete="CASCADE"), index=True)
    act: Mapped[str] = mapped_column(sa.String(20))
    args: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)
    place: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)  # the list all of which was chosen
    state: Mapped[str] = mapped_column(sa.String(10), default="running")
    total: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    same: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    undone: Mapped[int] = mapped_column(default=0)
    stayed: Mapped[int] = mapped_column(default=0)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    finished_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)

    agent: Mapped[Agent] = relationship(lazy="select")


class BulkTicket(Model):
    """One ticket of it. `state`: waiting, done, same, refused (`why`), undone, stayed.

    `version` and `event_id` tell whether somebody changed the ticket since.
    """

    __tablename__ = "bulk_ticket"
    __table_args__ = (sa.Index("ix_bulk_ticket_state", "bulk_id", "state", "ticket_id"),)

    bulk_id: Mapped[int] = mapped_column(sa.ForeignKey("bulk_act.id", ondelete="CASCADE"), primary_key=True)
    ticket_id: Mapped[int] = mapped_column(
        sa.ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True, index=True)
    state: Mapped[str] = mapped_column(sa.String(8), default="waiting")
    before: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON)
    version: Mapped[int | None] = mapped_column()
    event_id: Mapped[int | None] = mapped_column(BIG)
    why: Mapped[str] = mapped_column(sa.String(200), default="")
