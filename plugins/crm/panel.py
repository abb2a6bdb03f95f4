"""What stands beside a ticket, and on a customer's page."""

from __future__ import annotations

from typing import Any

from inbox.toolkit import Agent, fields, may
from inbox_plugins.crm import notes, organisations, segments, tasks
from inbox_plugins.crm.own_fields import of_organisations


def known(customer_id: int, agent: Agent, number: int | None) -> dict[str, Any]:
    """The values of panel.html: where the customer belongs and what the fields say. `number` is the ticket's."""
    organisation = organisations.of_customer(customer_id)
    return {"customer_id": customer_id, "number": number, "organisation": organisation,
            "fields": filled(fields.of_customers, customer_id),
            "own": filled(of_organisations, organisation.id) if organisation else [],
            "segments": segments.of_customer(customer_id), "may_edit": may(agent, "crm.edit")}


def filled(kind: fields.Fields[Any], owner_id: int) -> list[tuple[Any, Any]]:
    """Fields that have a value, with it, in their order."""
    values = kind.of(owner_id)
    return [(each, values[each.id]) for each in kind.all() if each.id in values] if values else []


def notes_and_tasks(customer_id: int, agent: Agent, number: int | None) -> dict[str, Any]:
    """The values of notes_panel.html."""
    to_do = tasks.open_ones(customer_id=customer_id)
    return {"about": {"customer_id": customer_id}, "number": number, "may_edit": may(agent, "crm.edit"), "agent": agent,
            "notes": notes.latest(customer_id=customer_id), "tasks": to_do, "today": tasks.today() if to_do else None}
