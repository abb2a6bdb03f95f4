"""What is found while somebody types: tickets by number and by words, customers by name and address; and the tickets
somebody looked at last. A statement each and a handful of rows, since it is asked with every pause between two letters.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from inbox.core import customers, permissions, search
from inbox.core.customers import normalise_address
from inbox.core.models import Agent, Customer, CustomerAddress, Message, Ticket, TicketSeen
from inbox.db import session, utcnow

FEW = 6
RECENT = 20
HITS = 200  # messages that are looked through
Rows = sa.Select[*tuple[Any, ...]]
HIDDEN = ("trash", "merged", "spam")


@dataclass(frozen=True)
class FoundTicket:
    """One line: what is needed to name a ticket."""

    number: int
    subject: str
    customer_name: str
    shelf: str
    at: dt.datetime


@dataclass(frozen=True)
class FoundCustomer:
    id: int
    name: str
    email: str


_mail = (sa.select(CustomerAddress.value).where(CustomerAddress.customer_id == Customer.id,
                                                CustomerAddress.kind == "mail")
         .order_by(CustomerAddress.id).limit(1).correlate(Customer).scalar_subquery())
_LINE: Rows = sa.select(Ticket.number, Ticket.subject, sa.func.coalesce(sa.func.nullif(Customer.name, ""), _mail, ""),
                  Ticket.shelf, Ticket.last_message_at).join(Customer, Customer.id == Ticket.customer_id)


def hits(text: str) -> list[int]:
    """The tickets of the newest messages with these words, by id: asked for once for `tickets` and `people`."""
    phrases = search.phrases(text)
    newest = search.newest(search.match(phrases), below=None, limit=HITS) if phrases else []
    found = sa.select(Message.ticket_id).where(Message.id.in_(newest)).distinct()
    return [each for each in session().scalars(found) if each is not None] if newest else []


def tickets(agent: Agent, text: str, limit: int = FEW, *, among: Sequence[int] | None = None) -> list[FoundTicket]:
    """Tickets within reach with this number, or a message that holds all these words; the last touched first.

    `among`: what `hits` has found for this text, where that was asked for already.
    """
    number = re.fullmatch(r"#?(\d{1,18})", text.strip())
    named = [Ticket.number == int(number[1])] if number is not None else []
    found = hits(text) if among is None else among
    wanted = [*named, *([Ticket.id.in_(found)] if found else [])]
    if not wanted:
        return []
    query = _LINE.where(sa.or_(*wanted), Ticket.shelf.not_in(HIDDEN)).order_by(
        *(each.desc() for each in named), Ticket.last_message_at.desc(), Ticket.id.desc()).limit(limit)
    return [FoundTicket(*row) for row in session().execute(_within(query, agent))]


def _within(query: Rows, agent: Agent) -> Rows:
    """Narrowed to what the agent may see, not by an index: the tickets are found already."""
    reach = permissions.reach(agent)
    return query if reach is None else query.where(sa.func.coalesce(Ticket.department_id, 0).in_(sorted(reach)))


def people(agent: Agent, text: str, limit: int = FEW, *, among: Sequence[int] | None = None) -> list[FoundCustomer]:
    """Customers within reach whose address begins so, or who have these words in their name and in a message.

    `among`: what `hits` has found for this text, where that was asked for already.
    """
    start = normalise_address(text)
    if not start:
        return []
    by_address = sa.select(CustomerAddress.customer_id).where(
        CustomerAddress.kind == "mail", CustomerAddress.normalised >= start,
        CustomerAddress.normalised < start + "\U0010ffff").limit(HITS)
    ids: list[Any] = [sa.select(by_address.subquery())]
    if of := hits(text) if among is None else among:
        ids.append(sa.select(Ticket.customer_id).where(Ticket.id.in_(of)))
    query: Any = sa.select(Customer.id, Customer.name, sa.func.coalesce(_mail, "")).where(
        Customer.id.in_(sa.union_all(*ids)), Customer.merged_into_id.is_(None)).order_by(Customer.id.desc())
    wanted = text.casefold().split()
    rows: Any = session().execute(customers.within_reach(query, agent).limit(HITS))
    found = (FoundCustomer(*row) for row in rows)
    return [each for each in found if each.email.casefold().startswith(start) or _is_named(each, wanted)][:limit]


def _is_named(customer: FoundCustomer, wanted: list[str]) -> bool:
    name = customer.name.casefold()
    return all(each in name for each in wanted)


# --- recently viewed ----------------------------------------------------------------------------------------------


def recent(agent: Agent, limit: int = RECENT) -> list[FoundTicket]:
    """The tickets an agent looked at last, newest first. What is out of reach by now is left out."""
    latest = sa.select(TicketSeen.ticket_id, TicketSeen.seen_at).where(TicketSeen.agent_id == agent.id).order_by(
        TicketSeen.seen_at.desc()).limit(limit * 3).subquery("latest")  # a few more, since some may be left out
    query = _LINE.join(latest, latest.c.ticket_id == Ticket.id).where(Ticket.shelf.not_in(("merged",))).order_by(
        latest.c.seen_at.desc(), Ticket.id.desc()).limit(limit)
    return [FoundTicket(*row) for row in session().execute(_within(query, agent))]


def is_latest(seen: TicketSeen) -> bool:
    """True when the agent has looked at no other ticket since: then there is nothing to write down."""
    later = sa.select(TicketSeen.ticket_id).where(TicketSeen.agent_id == seen.agent_id,
                                                  TicketSeen.seen_at > seen.seen_at).limit(1)
    return seen.seen_at <= utcnow() and session().scalar(later) is None
