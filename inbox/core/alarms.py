"""What everybody who could mend it should see on every page: a silent worker, replies that do not go out, mailboxes
that cannot be read, logins that end, mail that is missing, automatic mail that is held back, agents whom mail does not
reach.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from inbox.core import attachments, logins, permissions
from inbox.core.models import Agent, Circuit, Department, Event, Heartbeat, Mailbox, MailboxLogin, Message, Ticket
from inbox.db import current_config, session, transaction, utcnow

SILENT = dt.timedelta(seconds=90)  # a worker shows itself every 30 s
UNSENT = dt.timedelta(minutes=5)
UNREAD = dt.timedelta(minutes=15)  # a server that cannot be reached for a moment is no alarm
SOON = 7  # days
MOST = 50
STORE = "store:"  # signs of life that tell of a store which does not answer
ON_THE_WAY = sa.text("message.state IN ('queued', 'sending')")  # word for word as the partial index has it


@dataclass(frozen=True)
class Unsent:
    """A reply or forward that should have left."""

    agent_id: int | None
    department_id: int
    number: int  # of its ticket
    since: dt.datetime
    error: str


@dataclass(frozen=True)
class Alarms:
    """Facts of the whole desk, for `for_agent` to choose from."""

    silent_since: dt.datetime | None = None  # the last sign of life of a worker that has become silent
    store: str = ""  # why the store of files cannot be used
    unsent: list[Unsent] = field(default_factory=list)
    mailboxes: list[dict[str, Any]] = field(default_factory=list)  # id, address, department_id, words
    logins: list[dict[str, Any]] = field(default_factory=list)  # id, address, department_id, days
    missing: int = 0  # what the last nightly check found
    held_since: dt.datetime | None = None  # automatic mail is held back
    unreached: list[dict[str, Any]] = field(default_factory=list)  # agents whom mail does not reach: id, name, words

    def __bool__(self) -> bool:
        return bool(self.silent_since or self.store or self.unsent or self.mailboxes or self.logins or self.missing
                    or self.held_since or self.unreached)


def look() -> Alarms:
    """All there is now. A handful of short queries; pages keep the answer for some seconds."""
    now = utcnow()
    seen = session().scalar(sa.select(sa.func.max(Heartbeat.at)).where(Heartbeat.name.startswith("worker:")))
    return Alarms(seen if seen is not None and seen < now - SILENT else None, _store(now), _unsent(now),
                  *_mailboxes(now), _missing(), _held_since(now), _unreached())


def note_store(worker: str) -> None:
    """Write down, as a sign of life, that a worker cannot use the store of files; nothing while all is well.

    It asks another machine where the files lie in a bucket: never call it inside a transaction.
    """
    problem = attachments.store_problem()
    if problem:
        with transaction() as current:
            current.merge(Heartbeat(name=f"{STORE}{worker}"[:80], at=utcnow(), info={"words": problem}))


def _store(now: dt.datetime) -> str:
    if not current_config().blobs:
        return ""
    info = session().scalar(sa.select(Heartbeat.info).where(
        Heartbeat.name.startswith(STORE), Heartbeat.at > now - SILENT).order_by(Heartbeat.at.desc()).limit(1))
    return str((info or {}).get("words", ""))


def _unsent(now: dt.datetime) -> list[Unsent]:
    late = sa.or_(Message.send_after < now - UNSENT, sa.and_(Message.error.is_not(None), Message.at < now - UNSENT))
    rows = session().execute(
        sa.select(Message.agent_id, Ticket.department_id, Ticket.number, Message.at, Message.error)
        .join(Ticket, Ticket.id == Message.ticket_id).where(ON_THE_WAY, late).order_by(Message.at).limit(MOST))
    return [Unsent(row.agent_id, row.department_id, row.number, row.at, row.error or "") for row in rows]


def _mailboxes(now: dt.datetime) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    failing, ending = [], []
    rows = session().execute(
        sa.select(Mailbox, MailboxLogin).join(Department, Department.id == Mailbox.department_id)
        .outerjoin(MailboxLogin, sa.and_(MailboxLogin.mailbox_id == Mailbox.id, Mailbox.sign_in != "password"))
        .options(sa.orm.lazyload(Mailbox.department)).where(Mailbox.is_active).order_by(Mailbox.id)).all()
    for mailbox, login in rows:
        it = {"id": mailbox.id, "address": mailbox.address, "department_id": mailbox.department_id}
        days = logins.days_left(login)
        if login is not None and login.error:
            failing.append({**it, "words": login.error})
        elif mailbox.fetch_error and mailbox.fetch_error_at is not None and mailbox.fetch_error_at < now - UNREAD:
            failing.append({**it, "words": mailbox.fetch_error})
        elif days is not None and days <= SOON:
            ending.append({**it, "days": days})
    return failing, ending


def _missing() -> int:
    found = session().scalar(sa.select(Event.data).where(Event.kind == "mail_reconciled")
                             .order_by(Event.id.desc()).limit(1))
    return int((found or {}).get("problems", 0))


def _held_since(now: dt.datetime) -> dt.datetime | None:
    return session().scalar(sa.select(sa.func.min(Circuit.opened_at)).where(
        Circuit.closed_at.is_(None), Circuit.until > now))


def _unreached() -> list[dict[str, Any]]:
    rows = session().execute(sa.select(Agent.id, Agent.name, Agent.email, Agent.mail_failure).where(
        Agent.mail_failed_at.is_not(None), Agent.is_active).order_by(Agent.name).limit(MOST))
    return [{"id": row.id, "name": row.name, "address": row.email, "words": row.mail_failure} for row in rows]


def for_agent(found: Alarms, agent: Agent) -> Alarms:
    """What concerns an agent: everybody a silent worker, authors their own replies, those who set up mailboxes the
    rest, within their reach."""
    if not found:
        return found
    manages, reach = permissions.may(agent, "manage_mailboxes"), permissions.reach(agent)

    def near(department_id: int) -> bool:
        return manages and (reach is None or department_id in reach)

    return Alarms(
        found.silent_since, found.store,
        [each for each in found.unsent if each.agent_id == agent.id or near(each.department_id)],
        [each for each in found.mailboxes if near(each["department_id"])],
        [each for each in found.logins if near(each["department_id"])], found.missing if manages else 0,
        found.held_since if permissions.may(agent, "manage_settings") else None,
        [each for each in found.unreached if each["id"] == agent.id or permissions.may(agent, "manage_agents")])
