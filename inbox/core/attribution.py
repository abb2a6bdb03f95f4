"""Who really asks: a colleague passes a customer's mail on, and an agent says whose it is.

Never by what a message claims: a name in a body can be anybody's. What an agent said is kept beside the message, whose
own sender stays what it is, and can be taken back.
"""

from __future__ import annotations

import re

from inbox.core import customers, events, mailboxes, permissions, tickets
from inbox.core.customers import normalise_address
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Customer, Message, Ticket
from inbox.db import session, transaction

_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_SEARCHED = 20_000  # characters
SUGGESTED = 5


def attribute(message: Message, address: str, *, by: Actor, name: str = "") -> Customer:
    """A received message was passed on for somebody: that one is the customer, and gets the answer.

    Raises Invalid (not received, no address, one of ours), NotFound, NotAllowed.
    """
    permissions.require(by, "change", message)
    if message.kind != "received" or message.ticket_id is None:
        raise Invalid("address", "Only mail that came in was written for somebody.")
    if not customers.is_address(address.strip()):
        raise Invalid("address", f"{address!r} is not a mail address. It should look like name@example.com.")
    if normalise_address(address) in mailboxes.own_addresses():
        raise Invalid("address", "This is an address of the desk itself.")
    with transaction():
        customer = customers.find_or_create(address.strip(), name.strip(), by=by)
        kept = message.why.get("written_for") or {}
        message.why = {**message.why, "written_for": {
            "address": address.strip(), "name": customer.name, "before": kept.get("before", message.customer_id)}}
        _give_to(message, customer, by)
        return customer


def take_back(message: Message, *, by: Actor) -> None:
    """The message is its sender's again, as if nobody had said otherwise."""
    permissions.require(by, "change", message)
    with transaction():
        said = message.why.get("written_for")
        if not said:
            return
        before = session().get(Customer, said["before"]) or customers.by_address(message.from_address)
        message.why = {key: value for key, value in message.why.items() if key != "written_for"}
        if before is not None:
            _give_to(message, before, by)


def _give_to(message: Message, customer: Customer, by: Actor) -> None:
    """The message changes hands; the ticket too, where it was that customer's."""
    ticket = session().get_one(Ticket, message.ticket_id)
    old, message.customer_id = message.customer_id, customer.id
    if ticket.customer_id == old != customer.id:
        ticket.customer_id = customer.id
        events.record("ticket_customer_changed", by=by, ticket=ticket, customer=customer.id, before=old)
    tickets.touch(ticket)
    session().flush()
    session().expire(ticket, ["customer"])
    session().expire(message, ["customer"])


def suggestions(message: Message) -> list[str]:
    """Addresses in a message that it may have been passed on for: not ours, nor its sender's."""
    text = f"{message.text[:_SEARCHED]}\n{message.text_quoted[:_SEARCHED]}"
    known = mailboxes.own_addresses() | {normalise_address(message.from_address)}
    found = (each.group().strip(".'`") for each in _ADDRESS.finditer(text))
    fresh = dict.fromkeys(each for each in found if normalise_address(each) not in known)
    return list(fresh)[:SUGGESTED]

