"""What is kept of a customer: the clocks of the own tickets."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from inbox.toolkit import Ticket, session, transaction
from inbox_plugins.sla.models import SlaTarget


def export(customer_id: int) -> Any:
    """What was promised for each ticket of a customer, and what became of it."""
    rows = session().execute(sa.select(Ticket.number, SlaTarget).join(Ticket, Ticket.id == SlaTarget.ticket_id).where(
        Ticket.customer_id == customer_id).order_by(SlaTarget.started_at, SlaTarget.id))
    return [{"ticket": number, "promise": row.policy_name, "of": row.kind, "within_seconds": row.seconds,
             "began": row.started_at, "became": row.state, "ended": row.stopped_at} for number, row in rows]


def erase(customer_id: int, addresses: list[str]) -> None:
    """Delete the clocks of a customer's tickets, which go themselves."""
    with transaction() as current:
        current.execute(sa.delete(SlaTarget).where(SlaTarget.ticket_id.in_(
            sa.select(Ticket.id).where(Ticket.customer_id == customer_id)))
            .execution_options(synchronize_session=False))
