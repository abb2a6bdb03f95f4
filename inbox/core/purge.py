"""Deleting for good: rows and blobs go, a tombstone keeps hashed Message-IDs so that nothing comes back."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from inbox.core import events, permissions, search
from inbox.core.events import Actor
from inbox.core.models import CaughtMail, Event, Ledger, Message, Notification, Ticket, Tombstone
from inbox.db import session, transaction, utcnow


def digest(value: str) -> str:
    """What a tombstone holds of a Message-ID or of mailbox/folder/UIDVALIDITY/UID."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def buried_of(message_ids: Collection[str]) -> set[str]:
    """Those of some Message-IDs whose message was purged."""
    digests = {digest(each): each for each in message_ids}
    rows = session().scalars(sa.select(Tombstone.digest).where(Tombstone.digest.in_(digests))) if digests else ()
    return {digests[each] for each in rows}


def purge(ticket: Ticket, *, by: Actor) -> None:
    """Delete a ticket with everything in it. Its blobs go with the next sweep; the number is not used again."""
    permissions.require(by, "purge", ticket)
    with transaction() as current:
        _purge(current, ticket, by)
        current.expire_all()


def _purge(current: Session, ticket: Ticket, by: Actor) -> None:
    for pointer in current.scalars(sa.select(Ticket).where(Ticket.merged_into_id == ticket.id)).all():
        _purge(current, pointer, by)  # what was merged into it is empty, and would lead nowhere
    rows = current.execute(
        sa.select(Message.id, Message.message_id).where(Message.ticket_id == ticket.id)).all()
    for message_id in {row.message_id for row in rows if row.message_id}:
        current.merge(Tombstone(digest=digest(message_id), at=utcnow()))
    search.remove([row.id for row in rows])
    events.record("ticket_deleted", by=by, ticket=None, number=ticket.number)
    current.execute(sa.delete(Notification).where(  # they repeat its subject
        Notification.event_id.in_(sa.select(Event.id).where(Event.ticket_id == ticket.id))))
    current.execute(sa.update(Event).where(Event.ticket_id == ticket.id).values(data=None))
    current.execute(sa.update(Ledger).where(Ledger.ticket_id == ticket.id).values(
        raw_purged_at=utcnow(), subject="", from_address="", envelope_from=None, envelope_to=[], error=None))
    current.execute(sa.delete(CaughtMail).where(CaughtMail.ticket_id == ticket.id))
    current.execute(sa.delete(Ticket).where(Ticket.id == ticket.id))  # the rest follows by foreign key


def purge_trash(days: int, limit: int = 200) -> int:
    """Purge tickets that have lain in the trash for `days`. Returns how many; called by the schedule."""
    before = utcnow() - dt.timedelta(days=days)
    due = session().scalars(sa.select(Ticket.id).where(
        Ticket.trashed_at < before).order_by(Ticket.trashed_at).limit(limit)).all()
    for ticket_id in due:
        ticket = session().get(Ticket, ticket_id)
        if ticket is not None:
            purge(ticket, by=Actor.system("schedule"))
    return len(due)


