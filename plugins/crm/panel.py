"""What stands beside a ticket."""

from __future__ import annotations

from typing import Any

from inbox.toolkit import Agent, Ticket, may
from inbox_plugins.crm import organisations


def beside_ticket(ticket: Ticket, agent: Agent) -> dict[str, Any]:
    """The values of panel.html."""
    return {"customer_id": ticket.customer_id, "organisation": organisations.of_customer(ticket.customer_id),
            "may_edit": may(agent, "crm.edit"), "number": ticket.number}
