"""Who follows a ticket, and whom a note calls in (`@Kari`): they are told of what is said there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from inbox.core import agents, permissions
from inbox.core.events import Actor
from inbox.core.models import Agent, Follower, Mention, Message, Ticket
from inbox.db import in_transaction, session, transaction

WITHOUT_BLANKS = "\u0e00"  # from here on scripts write no blanks between words


def follow(ticket: Ticket, *, by: Actor, on: bool = True) -> None:
    """An agent wants to be told of what is said in a ticket, or no longer. Raises NotFound, NotAllowed."""
    permissions.require(by, "view", ticket)
    if by.agent is None:
        return
    agent_id = by.agent.id
    with transaction() as current:
        row = current.get(Follower, (agent_id, ticket.id))
        if on and row is None:
            current.add(Follower(agent_id=agent_id, ticket_id=ticket.id))
        elif not on and row is not None:
            current.delete(row)
        current.expire(ticket)  # the page that is drawn now shows it


def followers(ticket: Ticket) -> list[Agent]:
    """The active agents who follow a ticket, also those who may not see it any more."""
    return list(session().scalars(
        sa.select(Agent).join(Follower, Follower.agent_id == Agent.id)
        .where(Follower.ticket_id == ticket.id, Agent.is_active).order_by(Agent.id)))


def who_see(ticket: Ticket) -> list[Agent]:
    """The active agents who may see a ticket, by name: those whom a note can call in."""
    return [each for each in agents.all_agents(active=True) if permissions.may(each, "view", ticket)]


# --- mentions ---------------------------------------------------------------------------------------------------


def mentioned(text: str, among: Iterable[Agent]) -> list[Agent]:
    """The agents a text names: `@Kari Nordmo`, or `@Kari` where only one of them is called so. Each once."""
    names = _names(among)
    found: dict[int, Agent] = {}
    folded = text.casefold()
    place = folded.find("@")
    while place >= 0:
        rest = folded[place + 1:]
        name = next((name for name in names if rest.startswith(name) and _ends(rest, name)), None)
        if name is not None and not folded[place - 1:place].isalnum():  # kari@nordmo.example mentions nobody
            found.setdefault(names[name].id, names[name])
        place = folded.find("@", place + 1)
    return list(found.values())


def _names(among: Iterable[Agent]) -> dict[str, Agent]:
    """Whom each name means, longest first; a first name that two have means neither."""
    full, first = {}, dict[str, list[Agent]]()
    for each in among:
        name = " ".join(each.name.casefold().split())
        full[name] = each
        first.setdefault(name.partition(" ")[0], []).append(each)
    alone = {name: people[0] for name, people in first.items() if len(people) == 1}
    return dict(sorted((alone | full).items(), key=lambda pair: -len(pair[0])))


def _ends(rest: str, name: str) -> bool:
    after = rest[len(name):len(name) + 1]
    return not after.isalnum() or name[-1] >= WITHOUT_BLANKS


def call_in(note: Message, people: Sequence[Agent], *, by: Actor) -> list[int]:
    """Keep whom a note mentions; from now on they follow its ticket. Inside a transaction. Returns their ids."""
    if not in_transaction():
        raise RuntimeError("Mentions are stored with their note.")
    wanted = [each.id for each in people if by.agent is None or each.id != by.agent.id]
    following = set(session().scalars(sa.select(Follower.agent_id).where(
        Follower.ticket_id == note.ticket_id, Follower.agent_id.in_(wanted)))) if wanted else set()
    session().add_all(Mention(message_pk=note.id, agent_id=each) for each in wanted)
    session().add_all(Follower(ticket_id=note.ticket_id, agent_id=each) for each in wanted if each not in following)
    return wanted
