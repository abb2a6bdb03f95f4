"""Tells agents of events by mail: each of one event at most once, and never more than they can read."""

from __future__ import annotations

import datetime as dt
import logging

import sqlalchemy as sa

from inbox.core import permissions, queue
from inbox.core.automatic import spend
from inbox.core.models import Agent, Event, Mailbox, Membership, Notification, Ticket
from inbox.db import current_config, session, transaction

log = logging.getLogger(__name__)
LIMIT, WITHIN = 60, dt.timedelta(hours=1)  # mails to one agent

WISHES: dict[str, bool] = {
    "new_ticket": True,  # somebody opened a ticket in one of my departments
    "assigned": True,  # somebody gave me a ticket
    "answer": True,  # the customer wrote again in my ticket, or in one of my departments' that nobody has
    "note": True,  # a colleague left a note in my ticket
    "failed": True,  # my reply could not be sent
}
"""What an agent can be told of, and whether one is who never chose. Choices: `agent.preferences["notify"]`."""


def wants(agent: Agent, wish: str) -> bool:
    """True when an agent wants mail about something (a key of WISHES)."""
    chosen = agent.preferences.get("notify")
    return bool((chosen if isinstance(chosen, dict) else {}).get(wish, WISHES[wish]))


def members(ticket: Ticket) -> list[Agent]:
    """The active agents who work in a ticket's department (those who merely may see everything are not among them)."""
    return list(session().scalars(
        sa.select(Agent).join(Membership, Membership.agent_id == Agent.id)
        .where(Membership.department_id == ticket.department_id, Agent.is_active).order_by(Agent.id)))


def notify(agent: Agent, event: Event, *, ticket: Ticket, subject: str, text: str) -> bool:
    """Mail an agent about an event. False when that is not to be: told already, own act, out of reach, too many."""
    if (event.actor_kind == "agent" and event.actor_id == agent.id) or not permissions.may(agent, "view", ticket):
        return False
    with transaction() as current:
        told = current.scalar(sa.select(Notification.id).where(
            Notification.event_id == event.id, Notification.agent_id == agent.id, Notification.way == "mail"))
        own_mailbox = current.scalar(sa.select(Mailbox.id).where(Mailbox.address == agent.email))
        if told is not None or own_mailbox is not None:  # mail to our own mailbox would open a ticket
            return False
        current.add(Notification(event_id=event.id, agent_id=agent.id, way="mail"))
        current.flush()
        if not spend(f"notify:{agent.id}", LIMIT, WITHIN):
            log.warning("Agent %s was sent %s mails within an hour; event %s is not mailed.", agent.id, LIMIT, event.id)
            return False
        queue.enqueue("mail.system", {"to": agent.email, "name": agent.name, "subject": subject, "text": text},
                      key=f"notify:{event.id}:{agent.id}")
        return True


def ticket_address(ticket: Ticket) -> str:
    """The address of a ticket's page, for mails."""
    return f"{current_config().public_url}/tickets/{ticket.number}"
