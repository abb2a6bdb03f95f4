"""Two customers made into one, and made two again: what moved is written down, and goes back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from inbox.core import events, fields, permissions
from inbox.core.customers import normalise_address
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Customer, CustomerAddress, CustomerMerge, Message, Ticket
from inbox.db import session, transaction

BATCH = 500  # ids in one statement
INHERITED = ("name", "locale", "time_zone")  # what the survivor takes over when it has none


def merge(customer: Customer, into: Customer, *, by: Actor) -> None:
    """Make one customer out of two: everything of `customer` belongs to `into` from now on; a redirect stays.

    What moved is kept in a `CustomerMerge`. Raises Invalid when they are one already, NotFound, NotAllowed.
    """
    permissions.require(by, "change", customer)
    permissions.require(by, "change", into)
    old, new = customer.id, into.id
    with transaction() as current:
        lost, kept = current.get_one(Customer, old), current.get_one(Customer, new)
        if old == new or lost.merged_into_id is not None or kept.merged_into_id is not None:
            raise Invalid("customer", "These two are one customer already.")
        moved = {"tickets": _ids(Ticket, old), "messages": _ids(Message, old), "addresses": _ids(CustomerAddress, old),
                 "fields": fields.of_customers.written_down(old), "lent": _lent_fields(old, new)}
        for table in (Ticket, Message, CustomerAddress):
            current.execute(sa.update(table).where(table.customer_id == old).values(customer_id=new)
                            .execution_options(synchronize_session=False))
        fields.of_customers.inherit(old, new)
        lost.merged_into_id = new
        moved["kept"] = _inherit(kept, lost)
        current.add(CustomerMerge(customer_id=old, into_id=new, agent_id=by.agent.id if by.agent else None,
                                  moved=moved))
        events.record("customer_merged", by=by, customer=new, merged_customer_id=old, tickets=moved["tickets"],
                      addresses=moved["addresses"])
        current.flush()
        current.expire_all()


def _ids(table: Any, customer_id: int) -> list[int]:
    return list(session().scalars(sa.select(table.id).where(table.customer_id == customer_id).order_by(table.id)))


def _lent_fields(old: int, new: int) -> list[int]:
    mine = fields.of_customers.of(new)
    return [each for each in fields.of_customers.of(old) if each not in mine]


def _inherit(kept: Customer, lost: Customer) -> dict[str, list[str | None]]:
    """Fill in what the survivor has not. Returns `[before, now]` of what changed."""
    changed: dict[str, list[str | None]] = {}
    for name in INHERITED:
        if not getattr(kept, name) and getattr(lost, name):
            changed[name] = [getattr(kept, name), getattr(lost, name)]
            setattr(kept, name, getattr(lost, name))
    if lost.created_at < kept.created_at:
        changed["created_at"] = [kept.created_at.isoformat(), lost.created_at.isoformat()]
        kept.created_at = lost.created_at
    return changed


# --- looking --------------------------------------------------------------------------------------------------------


def of(customer: Customer) -> list[CustomerMerge]:
    """Merges into a customer that can be undone, newest first."""
    return list(session().scalars(sa.select(CustomerMerge).where(CustomerMerge.into_id == customer.id)
                                  .order_by(CustomerMerge.at.desc(), CustomerMerge.customer_id.desc())))


def all_of(customer: Customer) -> list[CustomerMerge]:
    """The same, with merges into those who were merged into the customer."""
    same = redirects(customer.id)
    return list(session().scalars(sa.select(CustomerMerge).where(CustomerMerge.customer_id.in_(same))
                                  .order_by(CustomerMerge.at)))


def redirects(customer_id: int) -> list[int]:
    """Customers who were merged into one, directly or by way of another."""
    found, latest = [], [customer_id]
    while latest:
        latest = list(session().scalars(sa.select(Customer.id).where(Customer.merged_into_id.in_(latest))))
        found += latest
    return found


def find(customer_id: int) -> CustomerMerge:
    """How a customer was merged. Raises Invalid when it cannot be undone (any more, or before another is)."""
    found = session().get(CustomerMerge, customer_id)
    if found is None:
        raise Invalid("customer", "This merge cannot be undone: it was undone already, or the customer's data was "
                                  "erased since.")
    if session().get_one(Customer, found.into_id).merged_into_id is not None:
        raise Invalid("customer", "The customer who stayed was merged with another one since. Undo that merge first.")
    return found


# --- undoing --------------------------------------------------------------------------------------------------------


def undo(customer_id: int, *, by: Actor) -> Customer:
    """Make a merged customer one of their own again, with what they brought along, and what came in from their
    addresses since. What was changed since stays as it is. Raises Invalid as `find`, NotFound, NotAllowed.
    """
    with transaction() as current:
        current.get(CustomerMerge, customer_id, with_for_update=True)  # pressed twice, it is undone once
        found = find(customer_id)
        kept, lost = current.get_one(Customer, found.into_id), current.get_one(Customer, customer_id)
        permissions.require(by, "change", kept)
        addresses = _still_there(CustomerAddress, found.moved["addresses"], kept.id)
        theirs = {each.normalised for each in kept.addresses if each.kind == "mail" and each.id in set(addresses)}
        tickets = sorted({*_still_there(Ticket, found.moved["tickets"], kept.id), *_opened_by(theirs, kept.id)})
        messages = sorted({*_still_there(Message, found.moved["messages"], kept.id), *_written_by(theirs, kept.id)})
        for table, ids in ((CustomerAddress, addresses), (Ticket, tickets), (Message, messages)):
            _give(table, ids, lost.id)
        _return_fields(found, kept.id)
        _return_inherited(found, kept)
        lost.merged_into_id = None
        current.delete(found)
        events.record("customer_merge_undone", by=by, customer=kept.id, restored_customer_id=lost.id, tickets=tickets,
                      addresses=addresses)
        current.flush()
        current.expire_all()
        permissions.require(by, "change", lost)  # nobody undoes what happens out of their reach
        return lost


def _batches(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start:start + BATCH] for start in range(0, len(ids), BATCH))


def _still_there(table: Any, ids: Sequence[int], customer_id: int) -> list[int]:
    """Those of the rows that exist and belong to the survivor."""
    return [each for batch in _batches(ids) for each in session().scalars(
        sa.select(table.id).where(table.id.in_(batch), table.customer_id == customer_id))]


def _give(table: Any, ids: Sequence[int], customer_id: int) -> None:
    for batch in _batches(ids):
        session().execute(sa.update(table).where(table.id.in_(batch)).values(customer_id=customer_id)
                          .execution_options(synchronize_session=False))


def _written_by(addresses: set[str], customer_id: int) -> list[int]:
    """The survivor's messages from these addresses: they came in since."""
    rows = session().execute(sa.select(Message.id, Message.from_address).where(
        Message.customer_id == customer_id, Message.kind == "received"))
    return [row.id for row in rows if normalise_address(row.from_address) in addresses]


def _opened_by(addresses: set[str], customer_id: int) -> list[int]:
    """The survivor's tickets that began with a message from these addresses."""
    rows = session().execute(
        sa.select(Message.ticket_id, Message.from_address).join(Ticket, Ticket.id == Message.ticket_id)
        .where(Ticket.customer_id == customer_id, Message.kind == "received").order_by(Message.id.desc()))
    first = {row.ticket_id: row.from_address for row in rows}
    return [ticket_id for ticket_id, address in first.items() if normalise_address(address) in addresses]


def _return_fields(found: CustomerMerge, kept_id: int) -> None:
    """The survivor gives up values that it took over and nobody changed since."""
    known = fields.of_customers
    known.bring_back(found.customer_id, found.moved["fields"])
    theirs, mine = known.of(found.customer_id), known.of(kept_id)
    known.put(kept_id, {each: [] for each in found.moved["lent"] if each in mine and mine[each] == theirs.get(each)})


def _return_inherited(found: CustomerMerge, kept: Customer) -> None:
    for name, (before, given) in found.moved["kept"].items():
        if name == "created_at":
            if kept.created_at == dt.datetime.fromisoformat(str(given)):
                kept.created_at = dt.datetime.fromisoformat(str(before))
        elif getattr(kept, name) == given:
            setattr(kept, name, before)
