"""One person's data: all of it in one file, or gone for good, in the core and in every plugin."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from inbox.core import audit, events, fields, merges, permissions, purge
from inbox.core.errors import CoreError
from inbox.core.events import Actor
from inbox.core.models import Customer, CustomerAddress, CustomerFieldValue, CustomerMerge, Message, Ticket
from inbox.core.ticket_fields import of_tickets
from inbox.db import session, transaction
from inbox.plugin_host import call


def export(customer: Customer, *, by: Actor) -> dict[str, Any]:
    """Everything that is stored about a customer, as plain values for a JSON file. Raises NotFound, NotAllowed,
    CoreError when a plugin cannot say what it knows: half an answer is none."""
    permissions.require(by, "purge", customer)
    known = fields.of_customers.of(customer.id)
    found: dict[str, Any] = {
        "name": customer.name, "customer_since": customer.created_at.isoformat(),
        "addresses": [{"kind": each.kind, "value": each.value} for each in customer.addresses],
        "fields": {each.title: fields.typed(known[each.id]) for each in fields.of_customers.all() if each.id in known},
        "merged": [_merged(each) for each in merges.all_of(customer)],
        "tickets": [_ticket(each) for each in session().scalars(
            sa.select(Ticket).where(Ticket.customer_id == customer.id).order_by(Ticket.id))]}
    for plugin, item in call.register("register_personal_data"):
        good, answer = call.guard(plugin, "personal data", _as_plain, item.export, customer.id)
        if not good:
            raise CoreError(f"The plugin {plugin} could not say what it knows. Its fault was written down.")
        found[plugin.removeprefix("builtin.")] = answer
    with transaction():
        audit.note("customer_exported", by=by, subject=f"customer {customer.id}")
    return found


def _as_plain(tell: Callable[[int], Any], customer_id: int) -> Any:
    """What a plugin tells, as JSON holds it: what cannot become JSON is its fault, and found out in its call."""
    return json.loads(json.dumps(tell(customer_id), default=str))


def _merged(merge: CustomerMerge) -> dict[str, Any]:
    """What is kept so that a merge can be undone."""
    lost: dict[int, list[dict[str, Any]]] = {}
    for row in merge.moved["fields"]:
        lost.setdefault(row["field_id"], []).append(fields.from_plain(row))
    return {"name": merge.customer.name, "at": merge.at.isoformat(), "fields": {
        each.title: fields.as_typed(each.type, lost[each.id]) for each in fields.of_customers.all() if each.id in lost}}


def _ticket(ticket: Ticket) -> dict[str, Any]:
    said = session().scalars(sa.select(Message).where(
        Message.ticket_id == ticket.id, Message.state != "draft").order_by(Message.at, Message.id))
    known = of_tickets.of(ticket.id)
    return {"number": ticket.number, "subject": ticket.subject, "opened": ticket.created_at.isoformat(),
            "type": ticket.type, "fields": {each.title: fields.typed(known[each.id]) for each in of_tickets.all()
                                            if each.id in known},
            "checklist": [each["text"] for each in ticket.checklist],
            "messages": [{"at": each.at.isoformat(), "kind": each.kind, "from": each.from_address, "text": each.text}
                         for each in said]}


def erase(customer: Customer, *, by: Actor) -> None:
    """Delete a customer's tickets, addresses, fields, and what plugins know; an empty row without a name stays.

    Plugins come first: when one fails, the rest stays as it is and can be erased later. Done twice it changes nothing
    more. Raises NotFound, NotAllowed, CoreError.
    """
    permissions.require(by, "purge", customer)
    customer_id, addresses = customer.id, [each.value for each in customer.addresses]
    for plugin, item in call.register("register_personal_data"):
        good, _ = call.guard(plugin, "personal data", item.erase, customer_id, addresses, may_write=True)
        if not good:
            raise CoreError(f"The plugin {plugin} could not erase what it knows, so nothing else was erased. Its fault "
                            "was written down; try again when it is mended, or deactivate the plugin first.")
    for ticket_id in session().scalars(sa.select(Ticket.id).where(Ticket.customer_id == customer_id)).all():
        ticket = session().get(Ticket, ticket_id)
        if ticket is not None:
            purge.purge(ticket, by=by)
    _forget(customer_id, by)


def _forget(customer_id: int, by: Actor) -> None:
    with transaction() as current:
        same = merges.redirects(customer_id)
        current.execute(sa.delete(CustomerMerge).where(CustomerMerge.customer_id.in_(same))  # holds values of fields
                        .execution_options(synchronize_session=False))
        current.execute(sa.update(Customer).where(Customer.id.in_([customer_id, *same])).values(
                        name="", locale=None, time_zone=None).execution_options(synchronize_session=False))
        current.execute(sa.update(Message).where(Message.customer_id == customer_id)  # in tickets of other customers
                        .values(from_name="", from_address="").execution_options(synchronize_session=False))
        for table in (CustomerAddress, CustomerFieldValue):
            current.execute(sa.delete(table).where(table.customer_id == customer_id)
                            .execution_options(synchronize_session=False))
        events.record("customer_erased", by=by, customer=customer_id)
        current.expire_all()
