"""How far a ticket is: a mark that is another one as soon as what its page shows is."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from inbox.core.models import Event, Message, Ticket
from inbox.db import session

NEIGHBOURS = 20  # at least as many of the customer's other tickets as its page shows


def _said() -> sa.Select[*tuple[object, ...]]:
    ticket_id: sa.BindParameter[int] = sa.bindparam("ticket_id")
    happened = sa.select(sa.func.max(Event.id)).where(Event.ticket_id == ticket_id).scalar_subquery()
    theirs = (sa.select(Ticket.version).where(Ticket.customer_id == sa.bindparam("customer_id"))
              .order_by(Ticket.last_message_at.desc(), Ticket.id.desc()).limit(NEIGHBOURS).subquery())
    beside = sa.select(sa.func.sum(theirs.c.version)).scalar_subquery()
    return sa.select(sa.func.count(), sa.func.max(Message.id), sa.func.sum(Message.version),
                     sa.func.count(Message.sent_at), sa.func.max(Message.at), happened, beside).where(
                         Message.ticket_id == ticket_id)


_SAID = _said()


def of_ticket(ticket: Ticket) -> str:
    """Other as soon as anything of the thread is, drafts and what was sent included, or one of the customer's latest
    tickets, which stand beside it."""
    found = session().execute(_SAID, {"ticket_id": ticket.id, "customer_id": ticket.customer_id}).one()
    return hashlib.sha256(f"{ticket.id} {ticket.version} {tuple(found)}".encode()).hexdigest()[:16]
