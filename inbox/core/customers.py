"""Customers: who asks, and by which addresses."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache

import sqlalchemy as sa

from inbox.core import events, permissions
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import Agent, Customer, CustomerAddress, Message, Ticket
from inbox.db import fixed, one_plan, session, transaction


def normalise_address(address: str) -> str:
    """What mail addresses are compared by: NFKC, lower case, no blanks; an IDN domain as people read it."""
    cleaned = unicodedata.normalize("NFKC", address).strip().strip("<>").casefold()
    local, at, domain = cleaned.rpartition("@")
    if at and "xn--" in domain:
        with suppress(UnicodeError):  # not valid punycode: compare it as it stands
            domain = domain.encode("ascii").decode("idna")
    return f"{local}{at}{domain}"


def is_address(address: str) -> bool:
    """True for something one can write to: one @, a local part, a domain, no blanks or control characters."""
    local, at, domain = address.rpartition("@")
    return bool(at and local and domain and not domain.startswith(".") and len(address) <= 320
                and not any(c.isspace() or c in '<>,;"' or ord(c) < 32 for c in address))


def by_address(address: str, kind: str = "mail") -> Customer | None:
    """The customer who has an address (the survivor, if merged), or None."""
    query = (sa.select(Customer).join(CustomerAddress)
             .where(CustomerAddress.kind == kind, CustomerAddress.normalised == normalise_address(address)))
    return survivor(session().scalar(one_plan(query)))


def survivor(customer: Customer | None) -> Customer | None:
    """Follow the redirects that merging leaves behind."""
    while customer is not None and customer.merged_into_id is not None:
        customer = session().get(Customer, customer.merged_into_id)
    return customer


def find_or_create(address: str, name: str = "", *, by: Actor) -> Customer:
    """The customer with this address; a new one when nobody has it. An empty address makes one without any.

    A known customer without a name takes the given one. Raises Invalid for what is no address.
    """
    if address and not is_address(address):
        raise Invalid("address", "This is not a mail address. It should look like name@example.com.")
    with transaction():
        return find_or_create_many([(address, name)], by=by)[0]


def find_or_create_many(people: Sequence[tuple[str, str]], *, by: Actor) -> list[Customer]:
    """The same for several (address, name), the addresses checked before, in a few statements. In a transaction."""
    known = _by_addresses({normalise_address(address) for address, _name in people if address})
    found, made = [], []
    for address, name in people:
        normalised = normalise_address(address)
        customer = known.get(normalised)
        if customer is None:
            customer = Customer(name=name.strip())
            made.append(customer)
            if address:
                customer.addresses.append(CustomerAddress(kind="mail", value=address, normalised=normalised))
                known[normalised] = customer
        elif name and not customer.name:
            customer.name = name
        found.append(customer)
    session().add_all(made)
    session().flush()
    if made:
        events.record_many("customer_created", [{"customer": each.id} for each in made], by=by)
    return found


def _by_addresses(normalised: Collection[str]) -> dict[str, Customer]:
    """Customers (the survivors, where merged) by the normalised addresses they have."""
    if not normalised:
        return {}
    rows = session().execute(sa.select(CustomerAddress.normalised, Customer).join(Customer, CustomerAddress.customer)
                             .where(CustomerAddress.kind == "mail", CustomerAddress.normalised.in_(normalised)))
    return {address: customer for address, each in rows.all() if (customer := survivor(each)) is not None}


def heard_from(addresses: Collection[str]) -> None:
    """People wrote from these addresses: they work, whatever reports said before. Inside a transaction."""
    session().execute(sa.update(CustomerAddress).where(
        CustomerAddress.kind == "mail", CustomerAddress.normalised.in_({normalise_address(a) for a in addresses}),
        CustomerAddress.bounced_at.is_not(None)).values(bounced_at=None))


def is_avoided(address: str) -> bool:
    """True when the last mail to an address came back for good, or was called spam there."""
    return session().scalar(one_plan(sa.select(CustomerAddress.id).where(
        CustomerAddress.kind == "mail", CustomerAddress.normalised == normalise_address(address),
        CustomerAddress.bounced_at.is_not(None)).limit(fixed(1)))) is not None


def add_many(people: Mapping[str, str], *, by: Actor) -> dict[str, int]:
    """New customers by address, with their names; nobody may have one of the addresses. Returns their ids by address.

    For imports: a handful of statements, however many there are.
    """
    permissions.require(by, "change")
    with transaction() as current:
        made = {address: Customer(name=name.strip()[:200], addresses=[
            CustomerAddress(kind="mail", value=address, normalised=normalise_address(address))])
            for address, name in people.items()}
        current.add_all(made.values())
        current.flush()
        events.record_many("customer_created", [{"customer": each.id} for each in made.values()], by=by)
        return {address: each.id for address, each in made.items()}


def get(customer_id: int, agent: Agent) -> Customer:
    """A customer the agent may see. Raises NotFound."""
    customer = survivor(session().get(Customer, customer_id))
    if customer is None or not permissions.sees(agent, customer):
        raise NotFound()
    return customer


def tickets_of(customer: Customer, agent: Agent, limit: int = 20) -> list[Ticket]:
    """The customer's tickets that the agent may see, newest first."""
    asked = {"customer_id": customer.id, "most": limit}
    return list(session().scalars(_tickets_of(permissions.reach(agent)), asked))


@lru_cache(maxsize=100)
def _tickets_of(reach: frozenset[int] | None) -> sa.Select[Ticket]:
    query = (sa.select(Ticket).where(Ticket.customer_id == sa.bindparam("customer_id"),
                                     Ticket.shelf.not_in(("trash", "merged")))
             .order_by(Ticket.last_message_at.desc(), Ticket.id.desc()).limit(sa.bindparam("most"))
             .options(sa.orm.lazyload(Ticket.tags)))
    return one_plan(permissions.within(query, reach))


def within_reach(query: sa.Select[Customer], agent: Agent) -> sa.Select[Customer]:
    """The same query over Customer, narrowed to those whom the agent may see: who has a ticket that the agent may see,
    or none at all yet."""
    if permissions.reach(agent) is None:
        return query
    # One row looked up, not EXISTS: of two of those PostgreSQL makes lists of all tickets there are.
    theirs = sa.select(Ticket.id).where(Ticket.customer_id == Customer.id).limit(1)
    return query.where(sa.or_(permissions.visible(theirs, agent).scalar_subquery().is_not(None),
                              theirs.scalar_subquery().is_(None)))


def page(agent: Agent, *, q: str = "", after: int | None = None, limit: int = 50) -> tuple[list[Customer], int | None]:
    """Customers within the agent's reach, newest first, by key. Returns them and the key of the next page.

    `q` is the beginning of a mail address; names are found by the search box, through messages.
    """
    query = sa.select(Customer).where(Customer.merged_into_id.is_(None)).order_by(Customer.id.desc()).limit(limit + 1)
    query = within_reach(query, agent)
    if after is not None:
        query = query.where(Customer.id < after)
    if q:
        found = sa.select(CustomerAddress.customer_id).where(
            CustomerAddress.kind == "mail",
            CustomerAddress.normalised >= normalise_address(q),
            CustomerAddress.normalised < normalise_address(q) + "\U0010ffff")
        query = query.where(Customer.id.in_(found))
    rows = list(session().scalars(query))
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def rename(customer: Customer, name: str, *, by: Actor) -> None:
    """Give a customer another name."""
    permissions.require(by, "change", customer)
    with transaction():
        customer.name = name.strip()[:200]
        events.record("customer_changed", by=by, customer=customer.id)


def add_address(customer: Customer, address: str, *, by: Actor) -> CustomerAddress:
    """Note that a customer writes from another mail address, too: mail from it finds them from now on.

    Raises Invalid (no address, ours, somebody else's), NotFound, NotAllowed.
    """
    from inbox.core import mailboxes  # which compares addresses as this file does

    permissions.require(by, "change", customer)
    wanted = normalise_address(address)
    if not is_address(wanted):
        raise Invalid("address", "This is not a mail address. It should look like name@example.com.")
    with transaction() as current:
        if wanted in mailboxes.own_addresses():
            raise Invalid("address", "This is an address of the desk itself.")
        owner = by_address(wanted)
        if owner is not None and owner.id == customer.id:
            raise Invalid("address", "This customer has the address already.")
        if owner is not None:
            raise Invalid("address", "Another customer has this address. If the two are one, merge them.")
        row = CustomerAddress(customer_id=customer.id, kind="mail", value=address.strip(), normalised=wanted)
        current.add(row)
        current.flush()
        current.expire(customer, ["addresses"])
        events.record("customer_changed", by=by, customer=customer.id)
        return row


def remove_address(customer: Customer, address_id: int, *, by: Actor) -> None:
    """Take an address off a customer; mail from it makes a new customer. One address stays.

    Raises Invalid, NotFound, NotAllowed.
    """
    permissions.require(by, "change", customer)
    with transaction() as current:
        row = current.get(CustomerAddress, address_id)
        if row is None or row.customer_id != customer.id:
            raise NotFound()
        if len(customer.addresses) < 2:
            raise Invalid("address", "A customer keeps one address. To delete everything, erase the customer.")
        customer.addresses.remove(row)
        current.flush()
        events.record("customer_changed", by=by, customer=customer.id)


def history(customer: Customer, agent: Agent, *, before: dt.datetime | None = None,
            limit: int = 30) -> list[tuple[Message, Ticket]]:
    """What was said with a customer in tickets the agent may see, newest first."""
    query = (sa.select(Message, Ticket).join(Ticket, Ticket.id == Message.ticket_id)
             .where(Ticket.customer_id == customer.id, Ticket.shelf.not_in(("trash", "spam")), Message.state != "draft")
             .order_by(Message.at.desc(), Message.id.desc()).limit(limit).options(sa.orm.lazyload(Ticket.tags)))
    if before is not None:
        query = query.where(Message.at < before)
    return [(row[0], row[1]) for row in session().execute(permissions.visible(query, agent))]
