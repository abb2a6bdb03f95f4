"""Tells agents that something is due soon or late: whoever has the ticket, else all who work in its department."""

from __future__ import annotations

from inbox.toolkit import Event, Ticket, notifications, speaking_to
from inbox_plugins.sla import words
from inbox_plugins.sla.models import SlaTarget


def send(event: Event, ticket: Ticket, row: SlaTarget, wish: str) -> None:
    """Notify those who want to know, each in the own language."""
    letters = []
    for agent in [ticket.assignee] if ticket.assignee is not None else notifications.members(ticket):
        if notifications.wants_any(agent, wish):
            with speaking_to(agent):
                subject, first = words.letter(wish, ticket, row)
            letters.append(notifications.Letter(agent, subject, f"{first}\n\n{notifications.ticket_address(ticket)}\n"))
    notifications.notify(event, wish, ticket=ticket, letters=letters)
