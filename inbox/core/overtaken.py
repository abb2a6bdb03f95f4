"""Somebody was faster: an answer is stopped when a customer or a colleague has said something its author has not seen.

What an author has seen is told by the newest event of the ticket that the page knew. Messages have no such order: a
draft has its id long before it is said.
"""

from __future__ import annotations

import sqlalchemy as sa

from inbox.core.errors import Stale
from inbox.core.events import Actor
from inbox.core.models import Event, Message, Ticket
from inbox.db import is_sqlite, session

SAID = ("message_received", "reply_queued", "reply_scheduled", "note_added")


class Overtaken(Stale):
    """An answer was not sent, since `messages` have been added to the ticket meanwhile. Nothing was changed."""

    def __init__(self, messages: list[Message]) -> None:
        super().__init__("Not sent: somebody wrote in this ticket meanwhile.")
        self.messages = messages


def check(ticket: Ticket, known: int | None, *, by: Actor) -> None:
    """Raises Overtaken when something was said after the event `known`. Inside the transaction that sends.

    None: the sender has not looked at the ticket, so nothing can be new. The ticket's row is locked: of two who send
    at the same moment, one is first.
    """
    if known is None:
        return
    if not is_sqlite():  # there only one writes at a time
        session().execute(sa.select(Ticket.id).where(Ticket.id == ticket.id).with_for_update())
    if found := since(ticket, known, by=by):
        raise Overtaken(found)


def since(ticket: Ticket, known: int, *, by: Actor) -> list[Message]:
    """What customers and colleagues have said after the event `known`, oldest first; not what was taken back again."""
    return list(session().scalars(_SINCE, {"ticket_id": ticket.id, "known": known, "me": by.id or 0}))


_ticket_id: sa.BindParameter[int] = sa.bindparam("ticket_id")
_said = sa.select(Event.message_pk).where(
    Event.ticket_id == _ticket_id, Event.id > sa.bindparam("known"), Event.kind.in_(SAID),
    sa.or_(Event.actor_kind == "customer", sa.and_(Event.actor_kind == "agent", Event.actor_id != sa.bindparam("me"))))
_SINCE = (sa.select(Message).where(Message.id.in_(_said), Message.ticket_id == _ticket_id, Message.state != "draft",
                                   Message.is_automatic.is_(False)).order_by(Message.at, Message.id))


def event_of(message: Message) -> int:
    """The event since which a message is known, for those who name a message instead of an event."""
    told = session().scalar(sa.select(sa.func.max(Event.id)).where(
        Event.ticket_id == message.ticket_id, Event.message_pk == message.id, Event.kind.in_(SAID)))
    return told or session().scalar(sa.select(sa.func.max(Event.id)).where(
        Event.ticket_id == message.ticket_id, Event.at <= message.at)) or 0
