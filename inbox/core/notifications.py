"""Tells agents of events by mail: each of one event at most once, and never more than they can read."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Letter:
    """A mail to one agent, in that agent's language."""

    agent: Agent
    subject: str
    text: str


def wants(agent: Agent, wish: str) -> bool:
    """True when an agent wants mail about something (a key of WISHES)."""
    chosen = agent.preferences.get("notify")
    return bool((chosen if isinstance(chosen, dict) else {}).get(wish, WISHES[wish]))


def members(ticket: Ticket) -> list[Agent]:
    """The active agents who work in a ticket's department (those who merely may see everything are not among them)."""
    return list(session().scalars(
        sa.select(Agent).join(Membership, Membership.agent_id == Agent.id)
        .where(Membership.department_id == ticket.department_id, Agent.is_active).order_by(Agent.id)))


def notify(event: Event, *, ticket: Ticket, letters: Iterable[Letter]) -> int:
    """Mail agents about an event. Returns how many were; left out are those who did it themselves, cannot see the
    ticket, were told before, or had too many mails this hour."""
    wanted = [(each.agent.id, each) for each in letters if _concerns(each.agent, event, ticket)]
    if not wanted:
        return 0
    event_id, count = event.id, 0
    mails = {number: {"to": each.agent.email, "name": each.agent.name, "subject": each.subject, "text": each.text}
             for number, each in wanted}
    with transaction() as current:
        told = set(current.scalars(sa.select(Notification.agent_id).where(
            Notification.event_id == event_id, Notification.way == "mail")))
        ours = set(current.scalars(sa.select(Mailbox.address).where(
            Mailbox.address.in_([mail["to"] for mail in mails.values()]))))  # mail to ourselves would open a ticket
        for number, mail in mails.items():
            if number in told or mail["to"] in ours:
                continue
            current.add(Notification(event_id=event_id, agent_id=number, way="mail"))
            if not spend(f"notify:{number}", LIMIT, WITHIN):
                log.warning("Agent %s was sent %s mails within an hour; event %s is not mailed.",
                            number, LIMIT, event_id)
                continue
            queue.enqueue("mail.system", mail, key=f"notify:{event_id}:{number}")
            count += 1
    return count


def _concerns(agent: Agent, event: Event, ticket: Ticket) -> bool:
    is_own_act = event.actor_kind == "agent" and event.actor_id == agent.id
    return not is_own_act and permissions.may(agent, "view", ticket)


def ticket_address(ticket: Ticket) -> str:
    """The address of a ticket's page, for mails."""
    return f"{current_config().public_url}/tickets/{ticket.number}"
