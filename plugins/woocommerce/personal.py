"""What is kept of a customer here, to be handed out or deleted. The shop itself has its own."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from inbox.toolkit import Customer, customers, session, transaction
from inbox_plugins.woocommerce import orders
from inbox_plugins.woocommerce.models import Lookup, Order


def export(customer_id: int) -> Any:
    """The kept orders of a customer: all of them, of all addresses."""
    customer = session().get(Customer, customer_id)
    theirs = [each.normalised for each in customer.addresses if each.kind == "mail"] if customer is not None else []
    lookups = session().scalars(sa.select(Lookup).where(Lookup.address.in_(theirs)))
    return [{"shop": each.shop.name, "number": each.number, "mail": each.email, "placed": each.placed_at.isoformat(),
             **each.data} for each in orders.of_addresses(theirs, lookups, limit=None)]


def erase(customer_id: int, addresses: list[str]) -> None:
    """Delete the kept orders of these addresses, and of the accounts behind them. Refunds hold no name of theirs."""
    theirs = sorted({name for each in addresses for name in (each.strip().lower(), customers.normalise_address(each))})
    with transaction() as current:
        found = list(current.scalars(sa.select(Lookup).where(Lookup.address.in_(theirs))))
        for order in orders.of_addresses(theirs, found, limit=None):
            current.delete(order)
        current.execute(sa.delete(Order).where(Order.email.in_(theirs)))
        current.execute(sa.delete(Lookup).where(Lookup.address.in_(theirs)))
