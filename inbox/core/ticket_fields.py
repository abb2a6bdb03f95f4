"""What a ticket says about itself beyond subject and status: its customer, its type, the fields of this desk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from inbox.core import customers, events, permissions, settings, tickets
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.fields import DeskFields, Typed
from inbox.core.models import Customer, Message, Ticket, TicketField, TicketFieldValue
from inbox.db import transaction

MAX_TYPE = 40

of_tickets: DeskFields[TicketField] = DeskFields(TicketField, TicketFieldValue, "ticket_id", called="ticket field")
"""The fields that every ticket of this desk can have."""


def set_values(ticket: Ticket, typed: Mapping[int, Typed], *, by: Actor) -> list[int]:
    """Store what was typed into fields of a ticket, by field id. Returns the fields that changed. Raises Invalid."""
    permissions.require(by, "change", ticket)
    with transaction():
        changed = of_tickets.put(ticket.id, of_tickets.check(typed))
        if changed:
            tickets.touch(ticket)
            events.record("ticket_fields_changed", by=by, ticket=ticket, fields=changed)
        return changed


@dataclass(frozen=True)
class Filled:
    """A field with what a ticket has in it; None: nothing."""

    field: TicketField
    value: Any


def of(ticket: Ticket) -> list[Filled]:
    """Every field of tickets, in its order, with the ticket's values."""
    values = of_tickets.of(ticket.id)
    return [Filled(each, values.get(each.id)) for each in of_tickets.all()]


# --- type -------------------------------------------------------------------------------------------------------


def types_in(text: str) -> list[str]:
    """The types of tickets that the setting `desk.ticket_types` names, one on each line."""
    return list(dict.fromkeys(each.strip()[:MAX_TYPE] for each in text.splitlines() if each.strip()))


def set_type(ticket: Ticket, type: str, *, by: Actor) -> None:
    """Say of which type a ticket is; empty: of none. Raises Invalid for one the desk does not have."""
    permissions.require(by, "change", ticket)
    wanted = type.strip() or None
    if wanted is not None and wanted not in types_in(settings.get("desk.ticket_types")):
        raise Invalid("type", "There is no such type of tickets.")
    with transaction():
        before, ticket.type = ticket.type, wanted
        if before != wanted:
            tickets.touch(ticket)
            events.record("ticket_type_changed", by=by, ticket=ticket, type=wanted, before=before)


# --- customer ---------------------------------------------------------------------------------------------------


def set_customer(ticket: Ticket, customer: Customer, *, by: Actor) -> None:
    """A ticket is another customer's: the next answer goes to them. What was said stays whose it is."""
    permissions.require(by, "change", ticket)
    customer_id, address = customer.id, customer.email or ""
    with transaction() as current:
        before = ticket.customer_id
        if before == customer_id:
            return
        ticket.customer_id = customer_id
        last = current.scalar(sa.select(Message).where(
            Message.ticket_id == ticket.id, Message.kind == "received", Message.is_automatic.is_(False))
            .order_by(Message.at.desc(), Message.id.desc()).limit(1))
        if last is not None and address and customers.normalise_address(last.from_address) not in _addresses(customer):
            kept = last.why.get("written_for") or {}
            last.why = {**last.why, "written_for": {"address": address, "name": customer.name,
                                                    "before": kept.get("before", last.customer_id)}}
            last.customer_id = customer_id
        tickets.touch(ticket)
        events.record("ticket_customer_changed", by=by, ticket=ticket, customer=customer_id, before=before)
        current.flush()
        current.expire_all()


def set_customer_by_address(ticket: Ticket, address: str, name: str, *, by: Actor) -> None:
    """The same by a mail address; whoever has none here becomes a new customer. Raises Invalid."""
    permissions.require(by, "change", ticket)
    if not address.strip():
        raise Invalid("address", "This is not a mail address. It should look like name@example.com.")
    with transaction():
        set_customer(ticket, customers.find_or_create(address.strip(), name.strip(), by=by), by=by)


def _addresses(customer: Customer) -> set[str]:
    return {each.normalised for each in customer.addresses if each.kind == "mail"}
