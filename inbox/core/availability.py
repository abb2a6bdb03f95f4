"""Agents who are away: since when, until when, and who stands in for them."""

from __future__ import annotations

import datetime as dt

from inbox.core import agents, events, permissions
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Agent, Ticket
from inbox.db import session, transaction, utcnow

LONGEST_CHAIN = 5  # of substitutes who are away themselves


def go_away(agent: Agent, *, by: Actor, until: dt.datetime | None = None, substitute: Agent | None = None) -> None:
    """An agent is away from now on, until a time or until they say that they are back. Raises Invalid, NotAllowed."""
    _may_say(by, agent)
    if until is not None and until <= utcnow():
        raise Invalid("until", "Choose a time that is still to come.")
    if substitute is not None and (substitute.id == agent.id or not substitute.is_active):
        raise Invalid("substitute", "Choose a colleague who works here.")
    with transaction():
        agent.away_at = agent.away_at if agent.is_away else utcnow()
        agent.away_until, agent.substitute_id = until, substitute.id if substitute is not None else None
        events.record("agent_changed", by=by, agent=agent.id, away=True)


def come_back(agent: Agent, *, by: Actor) -> None:
    """An agent is available again. Whoever stood in is remembered for the next time."""
    _may_say(by, agent)
    with transaction():
        agent.away_at = agent.away_until = None
        events.record("agent_changed", by=by, agent=agent.id, away=False)


def _may_say(by: Actor, agent: Agent) -> None:
    if by.agent is None or by.agent.id != agent.id:
        agents.may_manage(by, agent)


def stand_in(agent: Agent) -> Agent | None:
    """Who does an agent's work now: themselves, their substitute, or whoever stands in for that one. None: nobody."""
    current: Agent | None = agent
    for _ in range(LONGEST_CHAIN):
        if current is None or (current.is_active and not current.is_away):
            return current
        current = session().get(Agent, current.substitute_id) if current.substitute_id is not None else None
    return None


def for_machines(agent: Agent, ticket: Ticket) -> Agent | None:
    """Whom a rule or a plugin gives a ticket to that it wants this agent to have: never somebody who is away."""
    found = stand_in(agent)
    return found if found is agent or permissions.may(found, "reply", ticket) else None
