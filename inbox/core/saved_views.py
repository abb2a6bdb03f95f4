"""Views that people make: a query in the language of the search box, with a name and an order; one's own, a
department's, or the desk's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from inbox.core import filters, permissions, query
from inbox.core.errors import CoreError, Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, Tag, View
from inbox.core.query import Query
from inbox.core.scope import Scope
from inbox.db import columns, one_plan, session, transaction

PREFIX = "own-"  # of their addresses: /views/own-7
SORTS = {"newest": "Newest first", "oldest": "Oldest first"}
ICONS = ("inbox", "clock", "tag", "user", "team", "folder", "warn", "zap", "bell", "building", "card", "truck", "globe",
         "spam", "check", "eye")
MOST, MOST_LENGTH = 50, 1000  # views of one agent; characters of a query
COUNTED = 20  # views with a number beside them
AT_WORK = frozenset(("open", "pending", "snoozed"))  # what is counted: finished tickets only ever grow in number


@dataclass(frozen=True)
class Own:
    """A view as lists and rail need it."""

    id: int
    name: str
    query: str
    sort: str
    icon: str
    is_counted: bool
    position: int
    agent_id: int | None
    department_id: int | None

    @property
    def slug(self) -> str:
        return f"{PREFIX}{self.id}"

    @property
    def is_personal(self) -> bool:
        return self.agent_id is not None


@dataclass(frozen=True)
class Line:
    """A department in the rail."""

    id: int
    name: str
    hue: int


_OWN = (View.id, View.name, View.query, View.sort, View.icon, View.is_counted, View.position, View.agent_id,
        View.department_id)


def _reachable(agent: Agent) -> sa.ColumnElement[bool]:
    return _reachable_by(agent.id, permissions.reach(agent))


def _reachable_by(agent_id: int, reach: frozenset[int] | None) -> sa.ColumnElement[bool]:
    shared: sa.ColumnElement[bool] = View.agent_id.is_(None)
    if reach is not None:
        shared = sa.and_(shared, sa.or_(View.department_id.is_(None), View.department_id.in_(sorted(reach))))
    return sa.or_(View.agent_id == agent_id, shared)


def _order(own: Own) -> tuple[bool, int, int]:
    return (own.is_personal, own.position, own.id)


def of(agent: Agent) -> list[Own]:
    """The views an agent has: shared ones first, then personal ones, each in their order."""
    return sorted((Own(*row) for row in session().execute(sa.select(*_OWN).where(_reachable(agent)))), key=_order)


@lru_cache(maxsize=200)
def _rail(agent_id: int, reach: frozenset[int] | None) -> sa.CompoundSelect[*tuple[Any, ...]]:
    """Built once for an agent: that takes longer than the database needs to answer."""
    nothing = sa.cast(sa.null(), sa.Integer)
    departments = sa.select(
        sa.literal("department").label("kind"), Department.id, Department.name, sa.literal(""), sa.literal(""),
        sa.literal(""), sa.literal(False), Department.position, nothing, nothing, Department.hue).where(
        Department.is_active, *([] if reach is None else [Department.id.in_(sorted(reach))]))
    views = sa.select(sa.literal("view").label("kind"), *_OWN, sa.literal(0)).where(_reachable_by(agent_id, reach))
    return one_plan(sa.union_all(departments, views))


def rail(agent: Agent) -> tuple[list[Line], list[Own]]:
    """The departments an agent reaches and the views they have, in one query: every page shows them."""
    rows: Sequence[Any] = columns(_rail(agent.id, permissions.reach(agent))).all()
    lines = sorted((row for row in rows if row[0] == "department"), key=lambda row: (row[7], row[2]))
    own = [Own(row[1], row[2], row[3], row[4], row[5], bool(row[6]), *row[7:10]) for row in rows if row[0] == "view"]
    return [Line(row[1], row[2], row[10]) for row in lines], sorted(own, key=_order)


def is_slug(slug: str) -> bool:
    """True for what looks like the address of such a view."""
    number = slug.removeprefix(PREFIX)
    return slug.startswith(PREFIX) and number.isdecimal() and len(number) < 10


def by_slug(slug: str, agent: Agent) -> Own:
    """The view of an address. Raises NotFound."""
    row = session().execute(sa.select(*_OWN).where(View.id == int(slug.removeprefix(PREFIX)), _reachable(agent))
                            ).first() if is_slug(slug) else None
    if row is None:
        raise NotFound("There is no such view.")
    return Own(*row)


def get(view_id: int, agent: Agent) -> View:
    """A view to change. Raises NotFound."""
    found = session().scalar(sa.select(View).where(View.id == view_id, _reachable(agent)))
    if found is None:
        raise NotFound("There is no such view.")
    return found


def may_change(view: View | Own, agent: Agent) -> bool:
    """One's own, or a shared one for those who look after the desk's views."""
    return view.agent_id == agent.id if view.agent_id is not None else permissions.may(agent, "manage_views")


# --- making and changing ------------------------------------------------------------------------------------------


def save(*, by: Actor, name: str, text: str, sort: str = "newest", icon: str = "", is_counted: bool = True,
         view: View | None = None, department: Department | None = None, personal: bool = True) -> View:
    """Make or change a view. Shared ones need `manage_views`. Raises Invalid, NotAllowed, NotFound."""
    if by.agent is None:
        raise Invalid("personal", "Only an agent makes views.")
    if view is not None:
        _may_change(view, by)
    if not personal:
        permissions.require(by, "manage_views", department)
    wanted = _checked(by.agent, name, text, sort, icon)
    with transaction() as current:
        row = view or View(position=_last_position() + 1)
        row.name, row.query, row.sort, row.icon, row.is_counted = name.strip(), wanted, sort, icon, is_counted
        row.agent_id = by.agent.id if personal else None
        row.department_id = department.id if department is not None and not personal else None
        if view is None and personal and len([each for each in of(by.agent) if each.is_personal]) >= MOST:
            raise Invalid("name", "You have fifty views already; delete one you do not need.")
        current.add(row)
        current.flush()
        return row


def _checked(agent: Agent, name: str, text: str, sort: str, icon: str) -> str:
    if not 0 < len(name.strip()) <= 80:
        raise Invalid("name", "Give the view a name of at most 80 characters.")
    if sort not in SORTS or icon not in ("", *ICONS):
        raise Invalid("sort", "Choose one of the orders.")
    wanted = query.write(query.parse(text))
    if not wanted or len(wanted) > MOST_LENGTH:
        raise Invalid("query", "A view needs at least one condition, and at most 1000 characters of them.")
    try:
        filters.of_query(agent, query.parse(wanted))
    except Invalid as problem:
        raise Invalid("query", str(problem)) from problem
    return wanted


def _last_position() -> int:
    return session().scalar(sa.select(sa.func.max(View.position))) or 0


def copy(view: View, *, by: Actor, name: str) -> View:
    """The same view as one's own, to change it."""
    return save(by=by, name=name[:80], text=view.query, sort=view.sort, icon=view.icon, is_counted=view.is_counted)


def delete(view: View, *, by: Actor) -> None:
    """Throw a view away; tickets stay as they are."""
    _may_change(view, by)
    with transaction() as current:
        current.delete(view)


def move_up(view: View, *, by: Actor) -> None:
    """Put a view before the one above it, among those of its kind."""
    _may_change(view, by)
    same = View.agent_id == view.agent_id if view.agent_id is not None else View.agent_id.is_(None)
    with transaction() as current:
        rows = list(current.scalars(sa.select(View).where(same).order_by(View.position, View.id)))
        place = next(i for i, each in enumerate(rows) if each.id == view.id)
        if place > 0:
            rows[place - 1], rows[place] = rows[place], rows[place - 1]
        for position, each in enumerate(rows, start=1):
            each.position = position


def _may_change(view: View, by: Actor) -> None:
    if view.agent_id is None:
        permissions.require(by, "manage_views")
    elif by.agent is None or view.agent_id != by.agent.id:
        raise NotFound("There is no such view.")


# --- counts, and what is gone -------------------------------------------------------------------------------------


def countable(agent: Agent, own: Sequence[Own]) -> list[tuple[str, Scope]]:
    """What is counted of these views, by slug: those about tickets at work, without words and plugins' filters.

    Their numbers join the one query for all counts; a view that asks for what is gone counts nothing.
    """
    names, found = filters.Names(), []
    for each in own:
        wanted = query.parse(each.query)
        if not each.is_counted or wanted.words or not _is_ours(wanted):
            continue
        try:
            asked = filters.of_query(agent, wanted, names)
        except CoreError:
            continue
        if asked.is_narrow or (asked.shelves is not None and asked.shelves <= AT_WORK):
            found.append((each.slug, asked))
    return found[:COUNTED]


def _is_ours(wanted: Query) -> bool:
    return all(_bare(name) in filters.FILTERS or _bare(name).startswith(query.OF_CUSTOMERS)
               for name, _ in wanted.every_filter)


def _bare(name: str) -> str:
    return name.removeprefix("-")


def missing(agent: Agent, own: Own) -> list[query.Filter]:
    """The conditions of a view that name what is gone: a tag, an agent, a department, a field, a plugin's filter.

    They find nothing; the view stays, so that somebody can mend it.
    """
    wanted = query.parse(own.query)
    asker = filters.Names()
    tags = [value for name, value in wanted.every_filter if _bare(name) == "tag"]
    known = set(session().scalars(sa.select(Tag.name).where(Tag.name.in_(map(_folded, tags))))) if tags else set()
    return [each for each in wanted.every_filter if _is_gone(each, asker, known)] + _lost_plugins(wanted)


def _folded(tag: str) -> str:
    return " ".join(tag.casefold().split())


def _is_gone(one: query.Filter, names: filters.Names, tags: set[str]) -> bool:
    name, value = _bare(one[0]), one[1]
    if name == "tag":
        return _folded(value) not in tags
    if name in ("assignee", "assigned"):
        return any(each not in ("me", "none", "nobody") and not names.agents_called(each)
                   for each in (part.strip() for part in value.split(",")) if each)
    if name == "department":
        known = names.departments
        return value.casefold() not in known and any(
            part.strip().casefold() not in known for part in value.split(","))
    if name.startswith(query.OF_CUSTOMERS):
        return name.removeprefix(query.OF_CUSTOMERS) not in names.fields
    return False


def _lost_plugins(wanted: Query) -> list[query.Filter]:
    """Words that were a plugin's filter: without the plugin they are looked for in messages."""
    found = (word.partition(":") for word in wanted.words.split())
    return [(name, value) for name, colon, value in found if colon and value and name.isidentifier()]
