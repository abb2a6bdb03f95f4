"""An agent's open tickets go to a colleague, or to nobody, all at once."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from inbox.core import events, notifications, permissions, tickets, words
from inbox.core.events import Actor
from inbox.core.models import Agent, Event, Ticket
from inbox.core.notifications import Letter
from inbox.db import session, transaction

LIVE = ("open", "pending", "snoozed")
BATCH = 50  # tickets of one write
MINE = "/views/mine"


@dataclass(frozen=True)
class Done:
    """How many tickets went to the colleague, and how many to nobody."""

    given: int = 0
    freed: int = 0


def _open_of(agent: Agent) -> sa.Select[int]:
    return sa.select(Ticket.id).where(Ticket.assignee_id == agent.id, Ticket.shelf.in_(LIVE))


def count(agent: Agent) -> int:
    """How many open tickets are an agent's, pending and snoozed ones among them."""
    return session().scalar(sa.select(sa.func.count()).select_from(_open_of(agent).subquery())) or 0


def hand_over(agent: Agent, to: Agent | None, *, by: Actor) -> Done:
    """Give all open tickets of an agent to a colleague; those the colleague may not answer, and all of them without a
    colleague, to nobody. The colleague is told once. Raises NotAllowed."""
    if by.agent is None or by.agent.id != agent.id:
        permissions.require(by, "manage_agents")
    permissions.require(by, "assign")
    waiting = list(session().scalars(_open_of(agent).order_by(Ticket.id)))
    given = freed = 0
    for start in range(0, len(waiting), BATCH):
        with transaction() as current:
            for ticket in current.scalars(sa.select(Ticket).where(Ticket.id.in_(waiting[start:start + BATCH]),
                                                                  Ticket.assignee_id == agent.id)).all():
                taker = to if permissions.may(to, "reply", ticket) else None
                tickets.assign(ticket, taker, by=by, is_one_of_many=True)
                given, freed = given + (taker is not None), freed + (taker is None)
    if given or freed:
        _told(agent, to, Done(given, freed), by)
    return Done(given, freed)


def _told(agent: Agent, to: Agent | None, done: Done, by: Actor) -> None:
    with transaction():
        event = events.record("tickets_handed_over", by=by, agent=to.id if to is not None else None, before=agent.id,
                              given=done.given, freed=done.freed)
    if to is not None and done.given:
        _tell(event, agent, to, done.given)


def _tell(event: Event, agent: Agent, to: Agent, given: int) -> None:
    catalogue = words.for_agent(to)
    subject = catalogue.ngettext("%(name)s handed %(num)s ticket over to you",
                                 "%(name)s handed %(num)s tickets over to you", given) % {
        "name": agent.name, "num": given}
    text = f"{subject}\n\n{notifications.page_address(MINE)}\n"
    notifications.notify(event, "notifications.assigned", letters=[Letter(to, subject, text)], path=MINE)
