"""Budgets of mail that no person writes, and the circuits that open when one is used up.

Headers tell most machines apart; this is for those that do not say what they are, and for what nobody foresaw. Every
automatic mail asks `hold_back` or `hold_notice` first: an answer to a customer is counted for its address, its ticket,
the text it answers and the whole desk; a mail to an agent for that agent and the whole desk. Beyond the budget a
circuit opens: what it covers is held back, admins are told once, and a person closes it, or time does.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from inbox.core import events, mailboxes, permissions, queue, settings, words
from inbox.core.automatic import give_back, spend
from inbox.core.customers import is_avoided, normalise_address
from inbox.core.errors import NotFound
from inbox.core.events import Actor
from inbox.core.models import Agent, Circuit, Message, Notification, Ticket
from inbox.db import current_config, fixed, session, transaction, utcnow

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
PAGE = "/settings/guards"
TELLINGS = 6  # mails to an admin about circuits in a day
SHORTEST = 40  # letters of a text that tells one machine from others; "Thank you!" says everybody
_OTHER_EACH_TIME = re.compile(r"\S*@\S*|\S*\d\S*|[^\w\s]|_")  # addresses, numbers, marks
AVOIDED = "Held back: the last mail to this address came back, or was called spam there."
SENTENCES = {
    "address": "Held back: this address got {most} automatic mails within {hours} hours.",
    "ticket": "Held back: this ticket sent {most} automatic mails within {hours} hours.",
    "content": "Held back: {most} messages with the same text were answered automatically within {hours} hours.",
    "site": "Held back: the desk sent {most} automatic mails to customers within {hours} hours.",
    "agent": "Held back: this agent got {most} notifications within {hours} hours.",
    "agents": "Held back: the desk sent {most} notifications within {hours} hours.",
}


@dataclass(frozen=True)
class Budget:
    """How many automatic mails may concern one thing (`what`) within a time, and how long it is held back then."""

    scope: str
    what: str
    setting: str  # how many
    within: dt.timedelta
    rest: dt.timedelta


@dataclass(frozen=True)
class Open:
    """A circuit that holds mail back now, for people."""

    id: int
    scope: str
    what: str
    ticket_id: int | None
    most: int
    hours: int
    held: int
    opened_at: dt.datetime
    until: dt.datetime


def hold_back(addresses: Sequence[str], *, ticket_id: int | None = None, answers: str = "") -> str | None:
    """Why an automatic mail to customers is held back (a sentence for `said`), or None: then it is counted.

    `answers` is the text that is answered: a machine that has a new address each time is known by what it says.
    """
    if any(is_avoided(each) for each in addresses):
        return AVOIDED
    return _hold(_budgets(addresses, ticket_id, answers), ticket_id)


def is_held_back(address: str, ticket: Ticket) -> bool:
    """True while a circuit is open for an automatic answer to a ticket's newest message; asking counts as held back.

    For those who answer much: what they would send is then not even stored.
    """
    if is_avoided(address):
        return True
    with transaction():
        return _held_by_open(_budgets([address], ticket.id, newest_words(ticket))) is not None


def newest_words(ticket: Ticket) -> str:
    """What a machine is about to answer: the text of the last message that came in."""
    return session().scalar(sa.select(Message.text).where(Message.ticket_id == ticket.id, Message.kind == "received")
                            .order_by(Message.at.desc(), Message.id.desc()).limit(1)) or ""


def _budgets(addresses: Iterable[str], ticket_id: int | None, answers: str) -> list[Budget]:
    budgets = [Budget("address", normalise_address(each)[:300], "automatic.per_address", DAY, DAY)
               for each in addresses]
    if ticket_id is not None:
        budgets.append(Budget("ticket", str(ticket_id), "automatic.per_ticket", DAY, DAY))
    if content := digest(answers):
        budgets.append(Budget("content", content, "automatic.per_content", HOUR, DAY))
    return [*budgets, Budget("site", "", "automatic.per_hour", HOUR, HOUR)]


def hold_notice(address: str, *, ticket_id: int | None = None) -> str | None:
    """Why a mail of the desk to an agent is held back, or None: then it is counted."""
    return _hold([Budget("agent", normalise_address(address)[:300], "automatic.notices_per_agent", HOUR, HOUR),
                  Budget("agents", "", "automatic.notices_per_hour", HOUR, HOUR)], ticket_id)


def post(to: str, subject: str, text: str, *, name: str = "", key: str | None = None, ticket_id: int | None = None,
         run_at: dt.datetime | None = None, **more: Any) -> bool:
    """Mail one person of the desk something no person wrote. False when it is held back. Inside a transaction.

    `run_at`: not before then. `more` goes to the job that sends it: see `inbox.mail.deliver.system_job`.
    """
    if hold_notice(to, ticket_id=ticket_id) is not None:
        return False
    queue.enqueue("mail.system", {"to": to, "name": name, "subject": subject, "text": text, **more}, key=key,
                  run_at=run_at)
    return True


def digest(text: str) -> str:
    """What stays the same in what a machine writes again and again; empty for a text that is too short to tell."""
    plain = " ".join(_OTHER_EACH_TIME.sub(" ", text[:4000].casefold()).split())
    return hashlib.sha256(plain.encode()).hexdigest()[:40] if len(plain) >= SHORTEST else ""


def _hold(budgets: Sequence[Budget], ticket_id: int | None) -> str | None:
    with transaction():
        if why := _held_by_open(budgets):  # what is held back anyway costs nothing else its budget
            return why
        limits = settings.get_all([each.setting for each in budgets])
        for budget in budgets:
            most = int(limits[budget.setting])
            if not spend(_purse(budget.scope, budget.what), most, budget.within):
                _trip(budget, most, ticket_id)
                return sentence(budget.scope, most, int(budget.within.total_seconds()))
    return None


def _held_by_open(budgets: Sequence[Budget]) -> str | None:
    circuit = session().scalar(sa.select(Circuit).where(
        sa.or_(*(sa.and_(Circuit.scope == each.scope, Circuit.what == each.what) for each in budgets)),
        Circuit.closed_at.is_(None), Circuit.until > utcnow()).limit(1))
    if circuit is None:
        return None
    circuit.held += 1
    return sentence(circuit.scope, circuit.most, circuit.seconds)


def sentence(scope: str, most: int, seconds: int) -> str:
    """Why something is held back, in English for `said`."""
    return SENTENCES[scope].format(most=most, hours=max(1, seconds // 3600))


def _purse(scope: str, what: str) -> str:
    return f"automatic mail:{scope}:{what}"


# --- opening and closing ----------------------------------------------------------------------------------------


def _trip(budget: Budget, most: int, ticket_id: int | None) -> None:
    seconds = int(budget.within.total_seconds())
    circuit = Circuit(scope=budget.scope, what=budget.what, ticket_id=ticket_id, most=most, seconds=seconds, held=1,
                      until=utcnow() + budget.rest)
    session().add(circuit)
    session().flush()
    event = events.record("automatic_mail_held", by=Actor.system("mail"), circuit=circuit.id, scope=circuit.scope,
                          what=circuit.what[:100], most=most, until=circuit.until.isoformat())
    _tell_admins(event.id, circuit)


def _tell_admins(event_id: int, circuit: Circuit) -> None:
    """In the desk and by mail, once. Not by a hook, and past every budget: it must reach them. Who opens one circuit
    after another fills the page, not their mailboxes."""
    by_mail = spend("automatic mail:telling", TELLINGS, DAY)
    ours = mailboxes.own_addresses()  # mail to ourselves would open a ticket
    for agent in session().scalars(sa.select(Agent).where(Agent.is_active).order_by(Agent.id)):
        if not permissions.may(agent, "manage_settings"):
            continue
        _ = words.for_agent(agent).gettext
        title = _("Automatic mail is held back")
        if not _has_unread(agent):
            session().add(Notification(event_id=event_id, agent_id=agent.id, way="app", title=title, path=PAGE))
        if by_mail and agent.email not in ours:
            text = "\n\n".join((_why(circuit, words.say, agent.locale or str(settings.get("desk.locale"))),
                                _("Mail that people write goes on. What is held back, and a button that lets it go "
                                  "out again, is on this page:"), f"{current_config().public_url}{PAGE}"))
            queue.enqueue("mail.system", {"to": agent.email, "name": agent.name, "subject": title, "text": f"{text}\n"},
                          key=f"circuit:{circuit.id}:{agent.id}")


def _has_unread(agent: Agent) -> bool:
    return session().scalar(sa.select(Notification.id).where(
        Notification.agent_id == agent.id, Notification.way == fixed("app"), Notification.read_at.is_(None),
        Notification.path == PAGE).limit(1)) is not None


def _why(circuit: Circuit, say: Callable[[str, str], str], locale: str) -> str:
    told = say(sentence(circuit.scope, circuit.most, circuit.seconds), locale)
    return f"{told} ({circuit.what})" if circuit.scope in ("address", "agent") else told


def all_open() -> list[Open]:
    """The circuits that hold mail back now, the newest first; at most fifty."""
    rows = session().scalars(sa.select(Circuit).where(Circuit.closed_at.is_(None), Circuit.until > utcnow())
                             .order_by(Circuit.id.desc()).limit(50))
    return [Open(each.id, each.scope, each.what, each.ticket_id, each.most, max(1, each.seconds // 3600), each.held,
                 each.opened_at, each.until) for each in rows]


def close(circuit_id: int, *, by: Actor) -> None:
    """A person lets automatic mail go out again. Raises NotAllowed, NotFound."""
    permissions.require(by, "manage_settings")
    with transaction() as current:
        circuit = current.get(Circuit, circuit_id)
        if circuit is None:
            raise NotFound()
        same = sa.select(Circuit).where(Circuit.scope == circuit.scope, Circuit.what == circuit.what,
                                        Circuit.closed_at.is_(None))
        for each in list(current.scalars(same)):
            _close(each, utcnow(), by)
        give_back(_purse(circuit.scope, circuit.what))


def close_due(limit: int = 200) -> int:
    """Close the circuits whose time is over. Returns how many; called by the schedule."""
    over = sa.select(Circuit).where(Circuit.closed_at.is_(None), Circuit.until <= utcnow()).limit(limit)
    if session().scalar(over.with_only_columns(Circuit.id).limit(1)) is None:
        return 0
    with transaction() as current:
        found = list(current.scalars(over))
        for each in found:
            _close(each, each.until, Actor.system("schedule"))
        return len(found)


def _close(circuit: Circuit, at: dt.datetime, by: Actor) -> None:
    circuit.closed_at, circuit.closed_by_id = at, by.agent.id if by.agent is not None else None
    events.record("automatic_mail_resumed", by=by, circuit=circuit.id, scope=circuit.scope, held=circuit.held)
