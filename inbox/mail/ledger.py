"""The mail ledger: every message that reached us has a row before anything else is done with it, and later a fate.

This file holds the first of the two commits, *arrival*. It imports neither parser nor plugin: the process that
listens for mail must not end because of a message or of somebody's code. The second commit, *fate*, is in
`inbox.mail.receive`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from inbox.core import arrivals, attachments, mailboxes, permissions, queue
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import FATES, Agent, Job, Ledger, Mailbox, Message, Ticket
from inbox.core.permissions import S
from inbox.db import fixed, inserted, one_plan, session, transaction

MAX_ATTEMPTS = 2  # a message that ends the process this often while it is parsed is not parsed again
MOST_COUNTED = 20_000
SEARCH_WINDOW = 20_000  # newest rows in which a word is looked for; exact addresses and Message-IDs: in all
SOURCES = ("smtp", "lmtp", "imap", "pop3", "pipe", "import", "api", "form", "demo")


@dataclass(frozen=True)
class Origin:
    """Where a message came from. `source` is one of SOURCES; the last three are for IMAP alone."""

    source: str
    envelope_from: str | None = None
    remote: str | None = None
    folder: str | None = None
    uidvalidity: int | None = None
    uid: int | None = None


# --- arrival ---------------------------------------------------------------------------------------------------


def arrive(raw: bytes, *, source: str, mailbox_id: int | None, envelope_from: str | None = None,
           envelope_to: Sequence[str] = (), remote: str | None = None, folder: str | None = None,
           uidvalidity: int | None = None, uid: int | None = None) -> int:
    """Keep a message for good, for one mailbox. When this returns, the bytes and the row are on disk.

    Returns the id of the ledger row: the existing one when this UID of this folder has arrived before.
    Raises OSError (disk) or sqlalchemy's DBAPIError (database); then nothing of it was kept and the sender
    must be told to try again.
    """
    origin = Origin(source, envelope_from, remote, folder, uidvalidity, uid)
    return arrive_all(raw, origin, {mailbox_id: envelope_to})[0]


def arrive_all(raw: bytes, origin: Origin, deliveries: Mapping[int | None, Iterable[str]]) -> list[int]:
    """Keep one message for several mailboxes ({mailbox id: envelope recipients}): a row each, all or none."""
    return arrive_stored(store(raw), len(raw), origin, deliveries)


def store(raw: bytes) -> str:
    """Keep the bytes of a message. Returns their SHA-256. Raises OSError (disk full, storage away …)."""
    return attachments.store(raw, compress=True)


def arrive_stored(digest: str, size: int, origin: Origin, deliveries: Mapping[int | None, Iterable[str]]) -> list[int]:
    """The rows of a message whose bytes are kept already."""
    try:
        with transaction():
            return [add(digest, size, origin, mailbox_id, to) for mailbox_id, to in deliveries.items()]
    except IntegrityError:  # another process was faster with the same UID (PostgreSQL; SQLite waits in line)
        found = [known_uid(mailbox_id, origin) for mailbox_id in deliveries]
        if None in found:
            raise
        return [row for row in found if row is not None]


def add(sha256: str, size: int, origin: Origin, mailbox_id: int | None, envelope_to: Iterable[str] = ()) -> int:
    """The row and the job of a message whose bytes are stored already. Inside a transaction. Returns the row's id.

    A known UID with other bytes is another message (the mailbox moved to a server that numbers alike): it gets a
    row without number rather than being taken for the old one.
    """
    existing = known_uid(mailbox_id, origin)
    if existing is not None:
        if session().scalar(one_plan(sa.select(Ledger.sha256).where(Ledger.id == existing))) == sha256:
            return existing
        origin = replace(origin, uid=None)
    row: int = inserted(Ledger, {
        "source": origin.source, "mailbox_id": mailbox_id, "folder": origin.folder, "uidvalidity": origin.uidvalidity,
        "uid": origin.uid, "sha256": sha256, "size": size, "envelope_from": _printable(origin.envelope_from),
        "envelope_to": [_printable(each) for each in envelope_to], "remote": _printable(origin.remote)})
    queue.add(arrivals.JOB, {"ledger_id": row}, key=f"ledger:{row}")
    return row


def known_uid(mailbox_id: int | None, origin: Origin) -> int | None:
    """The row of this UID in this folder, when it has arrived before; None for anything but IMAP."""
    if origin.uid is None:
        return None
    return session().scalar(one_plan(sa.select(Ledger.id).where(
        Ledger.mailbox_id == mailbox_id, Ledger.folder == origin.folder,
        Ledger.uidvalidity == origin.uidvalidity, Ledger.uid == origin.uid)))


def _printable(text: str | None) -> str | None:
    """Envelope text as a database can hold it: no NUL, no half characters (they come from 8-bit addresses)."""
    if text is None:
        return None
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "")[:1000]


def mailbox_for(address: str) -> Mailbox | None:
    """The active mailbox a recipient address belongs to (see `inbox.core.mailboxes.match`)."""
    return mailboxes.match(address, mailboxes.all_mailboxes(active=True))


# --- again -----------------------------------------------------------------------------------------------------


def retry(ledger_id: int, by: Actor) -> None:
    """Process a quarantined or ignored message again. Raises NotFound, NotAllowed, Invalid (nothing to retry)."""
    row = get(ledger_id, by.agent) if by.agent is not None else session().get(Ledger, ledger_id)
    if row is None:
        raise NotFound()
    arrivals.retry(row, by=by)


def sweep_forgotten() -> int:
    """Queue a job for every waiting message that has none (a restored backup, a job given up). Returns how many."""
    keys = sa.literal("ledger:") + sa.cast(Ledger.id, sa.String)
    has_job = sa.exists().where(Job.key == keys, Job.state.in_((fixed("queued"), fixed("running"))))
    waiting = sa.select(Ledger).where(Ledger.fate == "waiting", ~has_job).order_by(Ledger.id).limit(1000)
    if not session().scalars(waiting).all():
        return 0
    with transaction() as current:
        rows = current.scalars(waiting).all()
        for row in rows:
            arrivals.enqueue(row)
        return len(rows)


# --- looking at it ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LedgerPage:
    """Rows, newest first, and the id to give as `before` for the next page (None: there is none)."""

    rows: list[Ledger]
    next: int | None
    tickets: dict[int, int] = field(default_factory=dict)  # ticket id → number, of the tickets the rows name


def visible(statement: S, agent: Agent | None) -> S:
    """A query over Ledger, narrowed to the mailboxes within reach and the tickets the agent may see.

    Without an agent it is the command line, which sees all.
    """
    departments = permissions.reach(agent) if agent is not None else None
    if departments is None:
        return statement
    within = sa.select(Mailbox.id).where(Mailbox.department_id.in_(sorted(departments)))
    theirs = sa.exists().where(Ticket.id == Ledger.ticket_id, Ticket.department_id.in_(sorted(departments)))
    return statement.where(Ledger.mailbox_id.in_(within), sa.or_(Ledger.ticket_id.is_(None), theirs))


def get(ledger_id: int, agent: Agent | None) -> Ledger:
    """One row. Raises NotFound (not there, or out of reach) and NotAllowed (no right to the ledger)."""
    row = session().scalar(visible(sa.select(Ledger).where(Ledger.id == ledger_id), agent))
    if row is None:
        raise NotFound()
    if agent is not None:
        permissions.require(Actor.of(agent), "see_ledger")
    return row


def page(agent: Agent | None, *, fate: str | None = None, mailbox_id: int | None = None, q: str = "",
         since: dt.datetime | None = None, before: int | None = None, limit: int = 50) -> LedgerPage:
    """Ledger rows the agent may see, newest first, by key. `q`: a Message-ID, a sender, or words of the subject.

    Raises NotAllowed, and Invalid for a fate there is not.
    """
    if agent is not None:
        permissions.require(Actor.of(agent), "see_ledger")
    query = sa.select(Ledger).order_by(Ledger.id.desc()).limit(limit + 1)
    if fate and fate not in FATES:
        raise Invalid("fate", "There is no such fate.")
    if fate:
        query = query.where(Ledger.fate == fate)
    if mailbox_id is not None:
        # With a fate its index is the one to walk: the mailbox, written so that no index serves it, is looked at then.
        query = query.where((sa.func.coalesce(Ledger.mailbox_id, 0) if fate else Ledger.mailbox_id) == mailbox_id)
    if since is not None:  # the first row since then: rows are in the order of arrival, and the page goes by id
        first = sa.select(Ledger.id).where(Ledger.arrived_at >= since).order_by(Ledger.arrived_at, Ledger.id).limit(1)
        query = query.where(Ledger.id >= first.scalar_subquery(), Ledger.arrived_at >= since)
    if before is not None:
        query = query.where(Ledger.id < before)
    if q.strip():
        query = query.where(Ledger.id.in_(_search(q.strip())))
    rows = list(session().scalars(visible(query, agent)))
    more = rows[limit - 1].id if len(rows) > limit else None
    rows = rows[:limit]
    return LedgerPage(rows, more, ticket_numbers(rows))


def _search(words: str) -> sa.CompoundSelect[Any]:
    """Ids of rows that match: exact identifiers by index, words in the newest rows only, so that it stays quick."""
    newest = sa.select(sa.func.max(Ledger.id)).scalar_subquery()
    like = "%" + words.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_") + "%"
    return sa.union(
        sa.select(Ledger.id).where(Ledger.message_id == words.strip("<>")),
        sa.select(Ledger.id).where(Ledger.id > newest - SEARCH_WINDOW, sa.or_(
            Ledger.from_address.ilike(like, escape="\\"), Ledger.subject.ilike(like, escape="\\"),
            Ledger.envelope_from.ilike(like, escape="\\"))))


def ticket_numbers(rows: Iterable[Ledger]) -> dict[int, int]:
    """Ticket id → number, of the tickets the rows name."""
    ticket_ids = {row.ticket_id for row in rows if row.ticket_id is not None}
    if not ticket_ids:
        return {}
    found = session().execute(sa.select(Ticket.id, Ticket.number).where(Ticket.id.in_(ticket_ids)))
    return {row.id: row.number for row in found}


def whys(rows: Iterable[Ledger]) -> dict[int, dict[str, Any]]:
    """Ledger id → why its message is in its ticket (see `inbox.mail.thread`), of rows that became a message."""
    wanted = [row.id for row in rows if row.fate in ("created", "appended")]
    if not wanted:
        return {}
    found = session().execute(sa.select(Message.ledger_id, Message.why).where(Message.ledger_id.in_(wanted)))
    return {row.ledger_id: row.why or {} for row in found if row.ledger_id is not None}


def counts(agent: Agent, since: dt.datetime) -> dict[str, int]:
    """How many messages of each fate arrived since a time (of the newest MOST_COUNTED at most); `quarantined` counts
    all that are held, however old."""
    newest = visible(sa.select(Ledger.fate).where(Ledger.arrived_at >= since), agent)
    counted = newest.order_by(Ledger.arrived_at.desc()).limit(MOST_COUNTED).subquery()
    query = sa.select(counted.c.fate, sa.func.count()).group_by(counted.c.fate)
    found = {fate: count for fate, count in session().execute(query)}  # noqa: C416
    found["quarantined"] = held(agent)
    return found


def held(agent: Agent) -> int:
    """How many messages are quarantined and wait for a person; at most 1000 are counted."""
    waiting = visible(sa.select(Ledger.id).where(Ledger.fate == "quarantined"), agent).limit(1000)
    return session().scalar(sa.select(sa.func.count()).select_from(waiting.subquery())) or 0


def raw_of(row: Ledger) -> bytes:
    """The message exactly as it came. Raises NotFound when it was purged."""
    return attachments.read(row.sha256, packed=True)
