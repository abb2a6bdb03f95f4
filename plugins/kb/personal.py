"""Readers leave no name; but a comment may hold a customer's mail address, and then it is the customer's, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from inbox.toolkit import Customer, session, transaction
from inbox_plugins.kb.models import Vote


def export(customer_id: int) -> Any:
    """Comments in which an address of the customer stands."""
    customer = session().get(Customer, customer_id)
    theirs = [each.value for each in customer.addresses if each.kind == "mail"] if customer is not None else []
    found = session().scalars(sa.select(Vote).where(_holds(theirs)).order_by(Vote.at))
    return [{"article": each.translation.live_title or each.translation.title, "at": each.at.isoformat(),
             "comment": each.comment} for each in found]


def erase(customer_id: int, addresses: list[str]) -> None:
    """Empty these comments; the votes stay, which nobody's are. Twice does no harm."""
    with transaction() as current:
        current.execute(sa.update(Vote).where(_holds(addresses)).values(comment="")
                        .execution_options(synchronize_session=False))


def _holds(addresses: Sequence[str]) -> sa.ColumnElement[bool]:
    return sa.or_(sa.false(), *(Vote.comment.icontains(each.strip(), autoescape=True)
                                for each in addresses if each.strip()))
