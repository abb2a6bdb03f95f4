"""What is kept of a customer: the countable facts of the own tickets."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from inbox.toolkit import Ticket, session, transaction
from inbox_plugins.reports.models import ReportsLine


def export(customer_id: int) -> Any:
    """When each ticket of a customer was opened, asked about, answered and closed."""
    rows = session().execute(
        sa.select(Ticket.number, ReportsLine.kind, ReportsLine.at).join(Ticket, Ticket.id == ReportsLine.ticket_id)
        .where(Ticket.customer_id == customer_id).order_by(ReportsLine.event_id))
    return [{"ticket": row.number, "what": row.kind, "at": row.at} for row in rows]


def erase(customer_id: int, addresses: list[str]) -> None:
    """Delete the lines of a customer's tickets, which go themselves: figures of the past become smaller."""
    with transaction() as current:
        current.execute(sa.delete(ReportsLine).where(ReportsLine.ticket_id.in_(
            sa.select(Ticket.id).where(Ticket.customer_id == customer_id)))
            .execution_options(synchronize_session=False))
