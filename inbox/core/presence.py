"""Who has a ticket open now, and what they do there. Rows that tell of seconds: no event, nothing to clean up later.

A browser says so every ten seconds; what is older than a row's time counts for nothing, whoever reads it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from inbox.core.errors import Invalid
from inbox.core.models import Agent, Presence, Ticket
from inbox.db import session, transaction, utcnow

DOING = ("reading", "reply", "note", "forward")
LASTS = dt.timedelta(seconds=21)  # a beat every ten seconds: one may get lost


@dataclass(frozen=True)
class Here:
    """Somebody at a ticket."""

    agent_id: int
    name: str
    number: int
    department_id: int
    doing: str
    until: dt.datetime


def here(ticket: Ticket, agent: Agent, doing: str) -> None:
    """The agent is at the ticket: reading, or writing a reply, note or forward. Raises Invalid."""
    if doing not in DOING:
        raise Invalid("doing", "One reads, or writes a reply, a note or a forward.")
    key, now = {"agent_id": agent.id, "ticket_id": ticket.id}, utcnow()
    mine = sa.and_(Presence.agent_id == agent.id, Presence.ticket_id == ticket.id)
    with transaction(is_quiet=True) as current:  # nearly all of what browsers say is "still": a third of all commits
        same = current.execute(sa.update(Presence).where(
            mine, Presence.doing == doing, Presence.seen_at > now - LASTS).values(seen_at=now),
            execution_options={"synchronize_session": False})
    if same.rowcount:  # type: ignore[attr-defined]
        return
    try:
        with transaction() as current:
            done = current.execute(sa.update(Presence).where(mine).values(doing=doing, seen_at=now),
                                   execution_options={"synchronize_session": False})
            if done.rowcount == 0:  # type: ignore[attr-defined]
                current.execute(sa.delete(Presence).where(Presence.seen_at < now - 2 * LASTS),
                                execution_options={"synchronize_session": False})
                current.execute(sa.insert(Presence).values(**key, doing=doing, seen_at=now))
    except IntegrityError:  # another window of the same agent said so at the same moment, or the ticket is gone
        return


def gone(ticket: Ticket, agent: Agent) -> None:
    """The agent has left the ticket."""
    with transaction() as current:
        current.execute(sa.delete(Presence).where(Presence.agent_id == agent.id, Presence.ticket_id == ticket.id),
                        execution_options={"synchronize_session": False})


def everyone() -> list[Here]:
    """All who are at tickets now, by ticket and name."""
    rows = session().execute(
        sa.select(Presence.agent_id, Agent.name, Ticket.number, Ticket.department_id, Presence.doing, Presence.seen_at)
        .join(Agent, Agent.id == Presence.agent_id).join(Ticket, Ticket.id == Presence.ticket_id)
        .where(Presence.seen_at > utcnow() - LASTS, Agent.is_active).order_by(Presence.ticket_id, Agent.name))
    return [Here(*row[:5], row.seen_at + LASTS) for row in rows]
