"""Groups of customers that other plugins know. Where no plugin knows any, there is nothing to choose."""

from __future__ import annotations

import sqlalchemy as sa

from inbox.toolkit import Ticket, asks, session
from inbox_plugins.sla.models import SlaPolicy


def every() -> dict[str, str]:
    """All there are: key and name."""
    return _asked(None)


def of_ticket(ticket_id: int) -> frozenset[str]:
    """The keys of those that a ticket's customer is in. Asks nobody while no policy is for any; not inside of a
    transaction."""
    customer_id = session().scalar(sa.select(Ticket.customer_id).where(Ticket.id == ticket_id))
    return frozenset(_asked(customer_id)) if customer_id is not None and matter() else frozenset()


def matter() -> bool:
    """True when a policy is for one."""
    return session().scalar(sa.select(sa.exists().where(SlaPolicy.is_active, SlaPolicy.segment != ""))) is True


def _asked(customer_id: int | None) -> dict[str, str]:
    found = asks.filter("sla_segments", {}, customer_id=customer_id)
    return {key: name for key, name in found.items() if isinstance(key, str) and isinstance(name, str)
            and 0 < len(key) <= 100}
