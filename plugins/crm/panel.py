"""What stands beside a ticket."""

from __future__ import annotations

from typing import Any

from flask import url_for
from flask_babel import gettext as words

from inbox.toolkit import Agent, Ticket, may
from inbox_plugins.crm import organisations

__all__ = ["beside_ticket", "words"]


def beside_ticket(ticket: Ticket, agent: Agent) -> dict[str, Any]:
    """The values of panel.html."""
    return {"customer_id": ticket.customer_id, "organisation": organisations.of_customer(ticket.customer_id),
            "may_edit": may(agent, "crm.edit"), "back": url_for("tickets.show", number=ticket.number)}
