"""Which tickets a list is about, in a form its indexes serve at any size.

A list is ordered by the last message and shown fifty at a time. An index gives that order only within one shelf, one
department, one assignee; `shelf IN (…)` makes a database read and sort all that match. So a list is cut into streams,
one for each combination, each ends after a page, and the page is merged from their beginnings. Where a filter finds
few tickets by an index of its own (a tag, a customer), the list begins there instead.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from inbox.core import search
from inbox.core.customers import normalise_address
from inbox.core.errors import Invalid
from inbox.core.models import (
    SHELVES,
    Agent,
    Attachment,
    CustomerAddress,
    Department,
    Message,
    Tag,
    Ticket,
    TicketTag,
)
from inbox.db import fixed, session
from inbox.plugin_host import call

LIVE = frozenset(("open", "pending", "snoozed", "closed"))  # neither spam nor thrown away
MAX_STREAMS = 40
Condition = sa.ColumnElement[bool]


@dataclass(frozen=True)
class Scope:
    """Shelves, departments and assignees (None: any; an assignee None: nobody), and what else must hold.

    `is_narrow` says that `where` finds few tickets by an index of its own.
    """

    shelves: frozenset[str] | None = None
    departments: frozenset[int] | None = None
    assignees: frozenset[int | None] | None = None
    where: tuple[Condition, ...] = ()
    is_narrow: bool = False

    def within(self, other: Scope) -> Scope:
        """Tickets that are in both."""
        return Scope(_both(self.shelves, other.shelves), _both(self.departments, other.departments),
                     _both(self.assignees, other.assignees), self.where + other.where,
                     self.is_narrow or other.is_narrow)

    def conditions(self) -> list[Condition]:
        """The same as conditions on Ticket, for queries that want no order."""
        if self.is_narrow:
            return [*self._unindexed(), *self.where]
        return [*(_in(column, values) for column, values in self._dimensions()), *self.where]

    def page_of_ids(self, *edge: Condition, descending: bool, limit: int) -> sa.Select[int]:
        """The first tickets by last message, those beyond the `edge`: ids, at most `limit`, in no order."""
        order = (Ticket.last_message_at.desc(), Ticket.id.desc()) if descending else (
            Ticket.last_message_at, Ticket.id)
        first = sa.select(Ticket.id, Ticket.last_message_at).where(*self.where, *edge).order_by(*order).limit(limit)
        parts = [first.where(*stream).subquery() for stream in self._streams()]
        if len(parts) == 1:
            return sa.select(parts[0].c.id)
        merged = sa.union_all(*(sa.select(part.c.id, part.c.last_message_at) for part in parts)).subquery()
        ends = (merged.c.last_message_at.desc(), merged.c.id.desc()) if descending else (
            merged.c.last_message_at, merged.c.id)
        return sa.select(sa.select(merged.c.id).order_by(*ends).limit(limit).subquery().c.id)

    def _dimensions(self) -> list[tuple[Any, frozenset[Any]]]:
        every = ((Ticket.shelf, self.shelves), (Ticket.department_id, self.departments),
                 (Ticket.assignee_id, self.assignees))
        return [(column, values) for column, values in every if values is not None]

    def _streams(self) -> list[list[Condition]]:
        """Conditions on indexed columns that hold one after the other, and together for every ticket once."""
        dimensions = self._dimensions()
        if any(not values for _, values in dimensions):
            return [[sa.false()]]
        if self.is_narrow:
            return [self._unindexed()]
        loose: list[Condition] = []
        if self.assignees is not None and None not in self.assignees and self.departments is not None:
            # Agents have few tickets: shelf and assignee find them, the department is looked at afterwards.
            dimensions = [each for each in dimensions if each[0] is not Ticket.department_id]
            loose = [_hidden(Ticket.department_id, self.departments)]
        everywhere = self.shelves is not None and self.shelves >= LIVE and len(dimensions) == 1
        count = 1
        for _, values in dimensions:
            count *= len(values)
        if count > MAX_STREAMS or everywhere:  # nearly all tickets: along the index of all
            return [self._unindexed()]
        choices = [[_is(column, value) for value in sorted(values, key=str)] for column, values in dimensions]
        return [[*stream, *loose] for stream in itertools.product(*choices)]

    def _unindexed(self) -> list[Condition]:
        found = [_hidden(column, values) for column, values in self._dimensions() if column is not Ticket.shelf]
        if self.shelves is not None:  # by what is left out: no index serves that
            found.append(Ticket.shelf.not_in(sorted({*SHELVES} - self.shelves)))
        return found


def _both(one: frozenset[Any] | None, other: frozenset[Any] | None) -> frozenset[Any] | None:
    return other if one is None else one if other is None else one & other


def _is(column: Any, value: Any) -> Condition:
    return column.is_(None) if value is None else column == value


def _in(column: Any, values: frozenset[Any]) -> Condition:
    known = sorted(value for value in values if value is not None)
    if None not in values:
        return column == known[0] if len(known) == 1 else column.in_(known)
    return sa.or_(column.is_(None), column.in_(known)) if known else column.is_(None)


def _hidden(column: Any, values: frozenset[Any]) -> Condition:
    """The same, not to be looked up in an index: the list begins elsewhere."""
    return sa.func.coalesce(column, 0).in_(sorted(value or 0 for value in values))


# --- filters of the search box ----------------------------------------------------------------------------------

_IS: dict[str, Callable[[Agent], Scope]] = {
    **{shelf: lambda agent, shelf=shelf: Scope(frozenset((shelf,)))  # type: ignore[misc]
       for shelf in ("open", "pending", "closed", "snoozed", "spam", "trash")},
    "unassigned": lambda agent: Scope(assignees=frozenset((None,))),
    "assigned": lambda agent: Scope(where=(Ticket.assignee_id.is_not(None),)),
    "mine": lambda agent: Scope(assignees=frozenset((agent.id,))),
    "waiting": lambda agent: Scope(where=(Ticket.waiting_since.is_not(None),)),
}
NOTHING = Scope(where=(sa.false(),))


def names_a_shelf(query: search.Query) -> bool:
    """True when a query asks for spam or the trash, which are left out otherwise."""
    return any(name == "is" and value in ("spam", "trash") for name, value in query.filters)


def of_filters(agent: Agent, query: search.Query) -> Scope:
    """What the filters of a query ask for. Raises Invalid for a day nobody understands."""
    found = Scope()
    for name, value in query.filters:
        found = found.within(_FILTERS[name](agent, value) if name in _FILTERS else _of_plugin(name, value))
    return found


def _of_plugin(name: str, value: str) -> Scope:
    """What a plugin's filter asks for. One that fails finds nothing."""
    plugin, item = search.plugin_filters()[name]
    _, condition = call.guard(plugin, f"search filter {name}"[:60], _find, item.find, value)
    return Scope(where=(condition,), is_narrow=True) if isinstance(condition, sa.ColumnElement) else NOTHING


def _find(find: Callable[[str], Any], value: str) -> Any:
    """A filter's condition, tried: one that the database does not answer is the plugin's fault, not the page's."""
    condition = find(value)
    if isinstance(condition, sa.ColumnElement):
        session().execute(sa.select(Ticket.id).where(condition).limit(1))
    return condition


def tagged(name: str) -> Scope:
    """Tickets with a tag."""
    return Scope(where=(Ticket.id.in_(sa.select(TicketTag.ticket_id).join(Tag, Tag.id == TicketTag.tag_id)
                                      .where(Tag.name == " ".join(name.casefold().split()))),), is_narrow=True)


def drafted_by(agent: Agent) -> Scope:
    """Tickets an agent has a draft in."""
    return Scope(where=(Ticket.id.in_(sa.select(Message.ticket_id).where(
        Message.agent_id == agent.id, Message.state == fixed("draft"), Message.ticket_id.is_not(None))),),
        is_narrow=True)


def _from(agent: Agent, value: str) -> Scope:
    return Scope(where=(Ticket.customer_id.in_(sa.select(CustomerAddress.customer_id).where(
        CustomerAddress.kind == "mail", CustomerAddress.normalised == normalise_address(value))),), is_narrow=True)


def _assigned(agent: Agent, value: str) -> Scope:
    if value in ("me", "none", "nobody"):
        return Scope(assignees=frozenset((agent.id if value == "me" else None,)))
    named = sa.func.lower(Agent.name).startswith(value.lower(), autoescape=True)
    return Scope(assignees=frozenset(session().scalars(
        sa.select(Agent.id).where(sa.or_(Agent.email == normalise_address(value), named)))))


def _department(agent: Agent, value: str) -> Scope:
    return Scope(departments=frozenset(session().scalars(
        sa.select(Department.id).where(sa.func.lower(Department.name) == value.lower()))))


def _has(agent: Agent, value: str) -> Scope:
    files = sa.select(Attachment.id).join(Message, Message.id == Attachment.message_pk).where(
        Message.ticket_id == Ticket.id)
    return Scope(where=(files.exists(),)) if value in ("attachment", "attachments", "file") else NOTHING


def _day(value: str) -> Any:
    day = search.parse_day(value)
    if day is None:
        raise Invalid("q", "Write a day as year-month-day, for example before:2026-11-22.")
    return day


_FILTERS: dict[str, Callable[[Agent, str], Scope]] = {
    "is": lambda agent, value: _IS[value](agent) if value in _IS else NOTHING,
    "tag": lambda agent, value: tagged(value),
    "from": _from,
    "assigned": _assigned,
    "department": _department,
    "has": _has,
    "before": lambda agent, value: Scope(where=(Ticket.last_message_at < _day(value),)),
    "after": lambda agent, value: Scope(where=(Ticket.last_message_at >= _day(value),)),
}
