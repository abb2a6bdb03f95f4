"""Mail that its sender marked as urgent opens a ticket of high priority."""

from __future__ import annotations

from inbox.toolkit import Message, Ticket, hookimpl

URGENT = {"x-priority": ("1", "2"), "x-msmail-priority": ("high",), "importance": ("high",), "priority": ("urgent",)}
"""Headers (RFC 2156, RFC 4021 and the two that mail programs write) and how a value begins that means urgent."""


@hookimpl
def prepare_ticket(ticket: Ticket, message: Message) -> None:
    headers = message.extra.get("headers", {})
    if any(headers.get(name, "").strip().lower().startswith(values) for name, values in URGENT.items()):
        ticket.priority = "high"
