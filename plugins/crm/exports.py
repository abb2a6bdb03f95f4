"""Customers as a CSV file."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from inbox.toolkit import Agent, Customer, customers, fields, session
from inbox_plugins.crm import csv_rows
from inbox_plugins.crm.models import Member, Organisation

BATCH = 1000


def rows(agent: Agent) -> Iterator[str]:
    """A heading, then every customer whom the agent may see. The same file can be imported again."""
    known = fields.of_customers.all()
    yield "\ufeff" + csv_rows.line(["mail", "name", "organisation", "other addresses", "customer since",
                                    *(each.title for each in known)])
    after = 0
    while True:
        query = sa.select(Customer).where(Customer.merged_into_id.is_(None), Customer.id > after)
        found = list(session().scalars(customers.within_reach(query, agent).order_by(Customer.id).limit(BATCH)))
        if not found:
            return
        ids = [each.id for each in found]
        values, homes = fields.of_customers.of_many(ids), _organisations(ids)
        for each in found:
            mine = values.get(each.id, {})
            others = [one.value for one in each.addresses if one.value != each.email]
            yield csv_rows.line([each.email or "", each.name, homes.get(each.id, ""), "; ".join(others),
                                 each.created_at.date().isoformat(),
                                 *(fields.typed(mine.get(field.id)) for field in known)])
        after = found[-1].id


def _organisations(ids: list[int]) -> dict[int, str]:
    query = sa.select(Member.customer_id, Organisation.name).join(
        Organisation, Organisation.id == Member.organisation_id).where(Member.customer_id.in_(ids))
    return {row[0]: row[1] for row in session().execute(query)}
