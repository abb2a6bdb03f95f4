"""A message goes to another ticket, or to a new one of its own, and back again.

Its references and its place in the mail ledger go with it, so later mail that names it follows. A ticket that is left
without any message leads on to where its last one went.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from inbox.core import events, messages, permissions, tickets
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import CaughtMail, Customer, Department, Ledger, Message, Reference, Ticket, TicketLink
from inbox.db import session, transaction, utcnow

ON_ITS_WAY = ("draft", "queued", "sending")


def move(message: Message, to: Ticket | None, *, by: Actor, subject: str = "") -> Ticket:
    """Put a message into another ticket; None: into a new one, named by `subject` or the message's own. Returns it.

    Raises Invalid (it is being sent, it is there already, a ticket of its own is what it has), NotFound, NotAllowed.
    """
    source = _ticket_of(message)
    permissions.require(by, "change", source)
    if to is not None:
        permissions.require(by, "change", to)
    else:
        permissions.require(by, "open_ticket", session().get(Department, source.department_id))
    with transaction():
        if message.state in ON_ITS_WAY:
            raise Invalid("message", "This message is not sent yet. Move it afterwards.")
        if to is None and _count(source) < 2:
            raise Invalid("message", "This is the only message of its ticket.")
        if to is not None and (to.id == source.id or to.merged_into_id is not None):
            raise Invalid("number", "Choose another ticket.")
        target = to or _new_ticket(message, source, subject, by)
        _carry(message, source, target)
        message.origin_ticket_id = source.id
        message.why = {**{key: value for key, value in message.why.items() if key != "subject"},
                       "moved": {"from": source.number, "at": utcnow().isoformat()}}
        _record(message, source, target, by)
        return target


def move_back(message: Message, *, by: Actor) -> Ticket:
    """Undo the last move of a message. Returns the ticket it is in now. Raises as `move`."""
    source = _ticket_of(message)
    origin = session().get(Ticket, message.origin_ticket_id) if message.origin_ticket_id is not None else None
    if origin is None:
        raise Invalid("message", "The ticket it came from is gone.")
    permissions.require(by, "change", source)
    permissions.require(by, "change", origin)
    with transaction():
        if origin.merged_into_id == source.id:  # it was left empty, and led here
            origin.merged_into_id = None
            origin.reshelve()
        _carry(message, source, origin)
        message.origin_ticket_id = None
        message.why = {key: value for key, value in message.why.items() if key != "moved"}
        _record(message, source, origin, by)
        return origin


def _ticket_of(message: Message) -> Ticket:
    ticket = session().get(Ticket, message.ticket_id) if message.ticket_id is not None else None
    if ticket is None:
        raise NotFound()
    return ticket


def _new_ticket(message: Message, source: Ticket, subject: str, by: Actor) -> Ticket:
    customer = session().get_one(Customer, message.customer_id or source.customer_id)
    department = session().get_one(Department, source.department_id)
    ticket = tickets.create(by=by, subject=subject.strip() or message.subject, department=department, customer=customer,
                            channel=source.channel, mailbox_id=source.mailbox_id)
    ticket.assignee_id, ticket.is_spam = source.assignee_id, source.is_spam
    session().add(TicketLink(ticket_id=source.id, other_id=ticket.id))
    ticket.reshelve()
    return ticket


def _carry(message: Message, source: Ticket, target: Ticket) -> None:
    message.ticket_id = target.id
    session().execute(sa.update(Reference).where(Reference.message_pk == message.id).values(ticket_id=target.id))
    session().execute(sa.update(CaughtMail).where(CaughtMail.message_pk == message.id).values(ticket_id=target.id))
    session().execute(sa.update(Ledger).where(Ledger.id == message.ledger_id).values(ticket_id=target.id))
    session().flush()
    recount(target)
    recount(source)
    if source.message_count == 0:
        source.merged_into_id = target.id
        source.reshelve()
    session().flush()


def _record(message: Message, source: Ticket, target: Ticket, by: Actor) -> None:
    for ticket in (source, target):
        events.record("message_moved", by=by, ticket=ticket, message=message, to=target.number,
                      before=source.number)


def _count(ticket: Ticket) -> int:
    return session().scalar(sa.select(sa.func.count()).select_from(Message).where(
        Message.ticket_id == ticket.id, Message.state != "draft")) or 0


def recount(ticket: Ticket) -> None:
    """What a ticket's row says of its messages, worked out anew."""
    rows = session().execute(sa.select(Message.id, Message.kind, Message.at, Message.is_automatic, Message.state).where(
        Message.ticket_id == ticket.id, Message.state != "draft").order_by(Message.at, Message.id)).all()
    ticket.message_count = len(rows)
    spoken = [row for row in rows if row.kind in ("received", "reply") and not (
        row.is_automatic and row.kind == "reply")]
    if spoken:
        ticket.last_message_at = spoken[-1].at
        ticket.snippet = messages.snippet(session().get_one(Message, spoken[-1].id).text)
    waiting: dt.datetime | None = None
    for row in spoken:
        if row.kind == "received" and not row.is_automatic:
            waiting = waiting or row.at
        elif row.kind == "reply":
            waiting = None
    ticket.waiting_since = waiting if ticket.status != "closed" else None
    tickets.touch(ticket)
