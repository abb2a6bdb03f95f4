"""Tickets that have to do with each other: related, a duplicate, parent and child."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from inbox.core import events, permissions
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import Agent, Ticket, TicketLink
from inbox.db import session, transaction

KINDS = {"related": "related", "duplicate": "original", "parent": "child", "original": "duplicate", "child": "parent"}
"""What a ticket is to the other, and what the other is to it. Kept are related, duplicate and parent."""


@dataclass(frozen=True)
class Linked:
    """Another ticket, and what it is to this one (`KINDS`)."""

    link_id: int
    kind: str
    number: int
    subject: str
    shelf: str


def link(ticket: Ticket, other: Ticket, kind: str, *, by: Actor) -> None:
    """Say that `other` is the `kind` of a ticket: its parent, its child … Another word for the two replaces the first.

    Raises Invalid (the same ticket, no such kind), NotFound, NotAllowed.
    """
    permissions.require(by, "change", ticket)
    permissions.require(by, "change", other)
    if kind not in KINDS:
        raise Invalid("kind", "Say how the two belong together.")
    if ticket.id == other.id:
        raise Invalid("number", "Choose another ticket.")
    first, second, kept = (other, ticket, kind) if kind in ("related", "duplicate", "parent") else (
        ticket, other, KINDS[kind])
    with transaction() as current:
        pair = (first.id, second.id)
        current.execute(sa.delete(TicketLink).where(sa.tuple_(TicketLink.ticket_id, TicketLink.other_id).in_(
            (pair, pair[::-1]))))
        current.add(TicketLink(ticket_id=pair[0], other_id=pair[1], kind=kept))
        events.record("ticket_linked", by=by, ticket=ticket, number=other.number, to=kind)
        events.record("ticket_linked", by=by, ticket=other, number=ticket.number, to=KINDS[kind])
        current.expire_all()


def unlink(ticket: Ticket, link_id: int, *, by: Actor) -> None:
    """Take a link away, from either side. Raises NotFound, NotAllowed."""
    permissions.require(by, "change", ticket)
    with transaction() as current:
        row = current.get(TicketLink, link_id)
        if row is None or ticket.id not in (row.ticket_id, row.other_id):
            raise NotFound()
        other = current.get_one(Ticket, row.other_id if row.ticket_id == ticket.id else row.ticket_id)
        current.delete(row)
        events.record("ticket_unlinked", by=by, ticket=ticket, number=other.number)
        events.record("ticket_unlinked", by=by, ticket=other, number=ticket.number)
        current.expire_all()


def of(ticket: Ticket, agent: Agent) -> list[Linked]:
    """The tickets that are linked with one and that the agent may see, in the order they were linked."""
    is_first = TicketLink.ticket_id == ticket.id
    query = (sa.select(TicketLink.id, TicketLink.kind, is_first, Ticket.number, Ticket.subject, Ticket.shelf)
             .join(Ticket, Ticket.id == sa.case((is_first, TicketLink.other_id), else_=TicketLink.ticket_id))
             .where(sa.or_(is_first, TicketLink.other_id == ticket.id),
                    Ticket.merged_into_id.is_distinct_from(ticket.id)).order_by(TicketLink.id))
    return [Linked(row[0], KINDS[row[1]] if row[2] else row[1], *row[3:])
            for row in session().execute(permissions.visible(query, agent))]
