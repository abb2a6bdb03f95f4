"""Customers who may be one: found by name, merged by the core, and what the plugin keeps of them moved along."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from inbox.toolkit import Agent, Customer, customers, session, transaction
from inbox_plugins.crm import organisations, segments
from inbox_plugins.crm.models import Apart, InSegment, Member, Note, Task

PAGE = 20
MOST = 10  # customers of one name that are shown


@dataclass(frozen=True)
class Group:
    """Customers of one name."""

    name: str
    count: int
    customers: list[Customer]


def page(agent: Agent, *, after: str = "") -> tuple[list[Group], str]:
    """Names that several customers have and nobody has looked at, and where the next page begins.

    Only names of two words or more, or in a script without blanks: there are too many people called Kari.
    """
    name = sa.func.lower(Customer.name)
    count = sa.func.count()
    query = (sa.select(name.label("name"), count.label("count")).where(
        Customer.merged_into_id.is_(None), Customer.name != "", name > after)
        .group_by(name).having(count > 1).order_by(name).limit(PAGE + 1))
    rows = session().execute(query).all()
    apart = {row.name: row.count for row in session().scalars(
        sa.select(Apart).where(Apart.name.in_([row.name for row in rows])))}
    groups = [_group(agent, row.name, row[1]) for row in rows[:PAGE]
              if apart.get(row.name[:200]) != row[1] and (" " in row.name or not row.name.isascii())]
    return [each for each in groups if len(each.customers) > 1], rows[PAGE - 1].name if len(rows) > PAGE else ""


def _group(agent: Agent, name: str, count: int) -> Group:
    query = sa.select(Customer).where(Customer.merged_into_id.is_(None), sa.func.lower(Customer.name) == name)
    found = session().scalars(customers.within_reach(query, agent).order_by(Customer.id).limit(MOST))
    return Group(name, count, list(found))


def keep_apart(name: str) -> None:
    """They are different people: do not show them again, until there is one more."""
    count = session().scalar(sa.select(sa.func.count()).select_from(Customer).where(
        Customer.merged_into_id.is_(None), sa.func.lower(Customer.name) == name)) or 0
    with transaction() as current:
        current.merge(Apart(name=name[:200], count=count))


def follow(customer_id: int, merged_id: int) -> None:
    """After the core has merged two: notes, tasks and membership go along. Doing it twice changes nothing more."""
    with transaction() as current:
        for table in (Note, Task):
            current.execute(sa.update(table).where(table.customer_id == merged_id).values(customer_id=customer_id)
                            .execution_options(synchronize_session=False))
        theirs, mine = current.get(Member, merged_id), current.get(Member, customer_id)
        if theirs is not None and theirs.by_hand and (mine is None or not mine.by_hand):
            current.merge(Member(customer_id=customer_id, organisation_id=theirs.organisation_id, by_hand=True))
        current.execute(sa.delete(Member).where(Member.customer_id == merged_id))
        current.execute(sa.delete(InSegment).where(InSegment.customer_id == merged_id))
    organisations.settle([customer_id])
    segments.settle_customer(customer_id)
