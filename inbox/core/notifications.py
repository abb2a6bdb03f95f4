"""Tells agents of events, inside the desk and by mail: each of one event at most once in each way."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import sqlalchemy as sa

from inbox.core import answers, availability, circuits, following, mailboxes, permissions, quiet, words
from inbox.core.models import Agent, Event, Membership, Notification, Ticket
from inbox.db import columns, current_config, fixed, one_plan, session, transaction, utcnow
from inbox.plugin_host import call
from inbox.plugin_host.items import NotificationType

log = logging.getLogger(__name__)
WAYS = ("app", "mail")
COUNTED = 100  # unread ones are not counted beyond


@dataclass(frozen=True)
class Letter:
    """What one agent is told, in that agent's language. In the desk the subject alone is shown."""

    agent: Agent
    subject: str
    text: str


# --- who wants what ---------------------------------------------------------------------------------------------


def types() -> dict[str, NotificationType]:
    """What agents can be told of now, by name: what active plugins have registered."""
    return {item.name: item for _plugin, item in call.register("register_notification_types")}


def wants(agent: Agent, kind: str, way: str) -> bool:
    """True when an agent wants to be told of a kind in a way (`app`, `mail`). Who never chose gets its default."""
    chosen = agent.preferences.get("notify")
    of_kind = chosen.get(kind) if isinstance(chosen, dict) else None
    if isinstance(of_kind, dict) and way in of_kind:
        return bool(of_kind[way])
    item = types().get(kind)
    return item is not None and item.default


def wants_any(agent: Agent, kind: str) -> bool:
    """True when an agent wants to be told of a kind in any way."""
    return any(wants(agent, kind, way) for way in WAYS)


def wishes(agent: Agent, chosen: Mapping[str, Mapping[str, bool]]) -> dict[str, dict[str, bool]]:
    """An agent's choices with `chosen` put in; those about plugins that are not active now stay as they are."""
    kept = agent.preferences.get("notify")
    return {**(kept if isinstance(kept, dict) else {}), **{kind: dict(ways) for kind, ways in chosen.items()}}


def members(ticket: Ticket) -> list[Agent]:
    """The active agents who work in a ticket's department (those who merely may see everything are not among them)."""
    return list(session().scalars(
        sa.select(Agent).join(Membership, Membership.agent_id == Agent.id)
        .where(Membership.department_id == ticket.department_id, Agent.is_active).order_by(Agent.id)))


def responsible(ticket: Ticket) -> list[Agent]:
    """Who is to answer a ticket's customer: its assignee, and whoever stands in while that one is away; the whole
    department where there is nobody."""
    if ticket.assignee is None:
        return members(ticket)
    stand_in = availability.stand_in(ticket.assignee)
    if stand_in is None or not permissions.may(stand_in, "view", ticket):
        return [ticket.assignee, *(each for each in members(ticket) if each is not ticket.assignee)]
    return [ticket.assignee] if stand_in is ticket.assignee else [ticket.assignee, stand_in]


def followers(ticket: Ticket) -> list[Agent]:
    """The active agents who follow a ticket."""
    return following.followers(ticket)


# --- telling ----------------------------------------------------------------------------------------------------


def notify(event: Event, kind: str, *, letters: Iterable[Letter], ticket: Ticket | None = None, path: str = "") -> int:
    """Tell agents of an event, each in the ways they want. Returns how many mails go out; left out are those who did
    it themselves, cannot see the ticket, were told before, or had too many mails this hour. What is about no ticket
    names the page (`path`) where it is read."""
    asked = [(each.agent.id, each, {way for way in WAYS if wants(each.agent, kind, way)})
             for each in letters if _concerns(each.agent, event, ticket)]
    wanted = [(number, each, ways) for number, each, ways in asked if ways]
    if not wanted:
        return 0
    event_id, ticket_id, count = event.id, ticket.id if ticket is not None else None, 0
    by_mail = {number: each for number, each, ways in wanted if "mail" in ways}
    mails = {number: {"to": each.agent.email, "name": each.agent.name, "subject": each.subject, "text": each.text}
             for number, each in by_mail.items()}
    answered = answers.become(event, [each.agent for each in by_mail.values()], ticket)
    said = {number: _answer_words(each.agent, answered[number]) for number, each in by_mail.items()}
    waits = {number: quiet.ends(each.agent, utcnow()) for number, each in by_mail.items()}
    with transaction() as current:
        told = {(row.agent_id, row.way) for row in current.execute(
            sa.select(Notification.agent_id, Notification.way).where(Notification.event_id == event_id))}
        ours = mailboxes.own_addresses() if by_mail else set()  # mail to ourselves would open a ticket
        for number, each, ways in wanted:
            for way in sorted(ways - {way for agent_id, way in told if agent_id == number}):
                if way == "mail" and mails[number]["to"] in ours:
                    continue
                row = Notification(event_id=event_id, agent_id=number, way=way, kind=kind,
                                   ticket_id=ticket_id, title=each.subject[:500], path=path)
                current.add(row)
                if way == "mail":
                    current.flush()
                    count += _mail(row, mails[number], answered[number], said[number], waits[number])
    return count


def _mail(row: Notification, mail: dict[str, str], answer: str, words_for_it: str,
          run_at: dt.datetime | None) -> int:
    """One mail. Where it can be answered, the address for that is made when it goes out (`inbox.mail.answers`)."""
    more = {"answer": {"kind": answer, "notification_id": row.id, "agent_id": row.agent_id,
                       "ticket_id": row.ticket_id, "words": words_for_it}} if answer else {}
    sent = circuits.post(mail["to"], mail["subject"], mail["text"], name=mail["name"],
                         key=f"notify:{row.event_id}:{row.agent_id}", ticket_id=row.ticket_id, run_at=run_at,
                         **more)
    if not sent:
        log.warning("Event %s is not mailed to agent %s: there were too many mails.", row.event_id, row.agent_id)
    return int(sent)


def _answer_words(agent: Agent, answer: str) -> str:
    """What happens with an answer to the mail, in the agent's language."""
    _ = words.for_agent(agent).gettext
    return {"reply": _("Answer this mail, once and within 30 days, and your words go to the customer as your reply."),
            "note": _("Answer this mail, once and within 30 days, and your words become a note that customers never "
                      "see.")}.get(answer, "")


def mail(agent: Agent, subject: str, text: str, *, key: str) -> None:
    """Mail an agent something that no event stands behind (a report). Inside a transaction; `key` keeps it single."""
    circuits.post(agent.email, subject, text, name=agent.name, key=key)


def _concerns(agent: Agent, event: Event, ticket: Ticket | None) -> bool:
    is_own_act = event.actor_kind == "agent" and event.actor_id == agent.id
    return not is_own_act and permissions.may(agent, "view", ticket)  # without a ticket: is active, and may look


def able(ability: str) -> list[Agent]:
    """The active agents who may do something, in every department."""
    return [each for each in session().scalars(sa.select(Agent).where(Agent.is_active).order_by(Agent.id))
            if permissions.may(each, ability)]


def page_address(path: str) -> str:
    """The address of a page, for mails."""
    return f"{current_config().public_url}{path}"


def ticket_address(ticket: Ticket) -> str:
    """The address of a ticket's page, for mails."""
    return f"{current_config().public_url}/tickets/{ticket.number}"


# --- the list of an agent ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """One line of an agent's list."""

    id: int
    kind: str
    title: str
    at: dt.datetime
    number: int | None  # of the ticket
    is_unread: bool
    path: str = ""  # its page, where there is no ticket


def _of(agent_id: int) -> sa.ColumnElement[bool]:
    return sa.and_(Notification.agent_id == agent_id, Notification.way == fixed("app"))


def _unread(agent_id: int) -> sa.ColumnElement[bool]:
    return sa.and_(_of(agent_id), Notification.read_at.is_(None))


def unread(agent: Agent) -> int:
    """How many lines of the agent's list are not read; counted to a hundred."""
    return columns(_counted(agent.id, permissions.reach(agent))).scalar() or 0


@lru_cache(maxsize=200)
def _counted(agent_id: int, departments: frozenset[int] | None) -> sa.Select[int]:
    """Built once for an agent: every page asks for it."""
    lines = sa.select(Notification.id).outerjoin(Ticket, Ticket.id == Notification.ticket_id)
    return one_plan(sa.select(sa.func.count()).select_from(
        lines.where(_unread(agent_id), _in_reach(departments)).limit(fixed(COUNTED)).subquery()))


def _in_reach(departments: frozenset[int] | None) -> sa.ColumnElement[bool]:
    """Of a notification joined with its ticket: it is about none, or one that is there and the agent may see."""
    theirs = Ticket.id.is_not(None) if departments is None else Ticket.department_id.in_(sorted(departments))
    return sa.or_(Notification.ticket_id.is_(None), theirs)


def page(agent: Agent, *, before: int | None = None, limit: int = 50) -> tuple[list[Told], int | None]:
    """Lines of tickets the agent may see, newest first, and the id to go on from (None: these are the last)."""
    query = (sa.select(Notification, Ticket.number).outerjoin(Ticket, Ticket.id == Notification.ticket_id)
             .where(_of(agent.id), _in_reach(permissions.reach(agent))).order_by(Notification.id.desc())
             .limit(limit + 1))
    if before is not None:
        query = query.where(Notification.id < before)
    rows = session().execute(query).all()
    found = [Told(row.id, row.kind, row.title, row.at, number, row.read_at is None, row.path)
             for row, number in rows[:limit]]
    return found, found[-1].id if len(rows) > limit else None


def mark_read(agent: Agent, *, ticket: Ticket | None = None) -> None:
    """Everything is read, or what is about one ticket. Writes only when there is something unread."""
    which = _unread(agent.id) if ticket is None else sa.and_(_unread(agent.id), Notification.ticket_id == ticket.id)
    if session().scalar(sa.select(Notification.id).where(which).limit(1)) is not None:
        with transaction() as current:
            current.execute(sa.update(Notification).where(which).values(read_at=utcnow())
                            .execution_options(synchronize_session=False))
