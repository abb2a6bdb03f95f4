"""Customers who may be one: found by name, merged by the core (`merged.py` says what the plugin does then)."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from inbox.toolkit import Agent, Customer, customers, session, transaction
from inbox_plugins.crm.models import Apart

PAGE = 20
MOST = 10  # customers of one name that are shown
NAME = sa.func.lower(Customer.name)


@dataclass(frozen=True)
class Group:
    """Customers of one name."""

    name: str
    customers: list[Customer]


def page(agent: Agent, *, after: str = "") -> tuple[list[Group], str]:
    """Names that several customers within reach have and nobody has looked at, and where the next page begins.

    Only names of two words or more, or in a script without blanks: there are too many people called Kari.
    """
    count = sa.func.count()
    query = customers.within_reach(sa.select(NAME.label("name"), count).where(
        Customer.merged_into_id.is_(None), Customer.name != "", after < NAME), agent)
    names = list(session().scalars(query.group_by(NAME).having(count > 1).order_by(NAME).limit(PAGE + 1)))
    groups = [_group(agent, name) for name in names[:PAGE] if " " in name or not name.isascii()]
    return [each for each in groups if each is not None], names[PAGE - 1] if len(names) > PAGE else ""


def _group(agent: Agent, name: str) -> Group | None:
    """None when everybody of the name was looked at."""
    ids = _ids(agent, name)
    if set(ids) <= _apart(name):
        return None
    rows = {each.id: each for each in session().scalars(sa.select(Customer).where(Customer.id.in_(ids[:MOST])))}
    return Group(name, [rows[each] for each in ids[:MOST]])


def _ids(agent: Agent, name: str) -> list[int]:
    query = sa.select(Customer.id).where(Customer.merged_into_id.is_(None), name == NAME)
    return list(session().scalars(customers.within_reach(query, agent).order_by(Customer.id)))


def _apart(name: str) -> set[int]:
    return set(session().scalar(sa.select(Apart.customers).where(Apart.name == name[:200])) or ())


def keep_apart(name: str, agent: Agent) -> None:
    """All whom the agent sees are different people: do not show them again, until there is one more."""
    looked_at = _ids(agent, name)
    with transaction() as current:
        current.merge(Apart(name=name[:200], customers=sorted(_apart(name) | set(looked_at))))
