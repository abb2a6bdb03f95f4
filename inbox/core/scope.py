"""Which tickets a list is about, in a form its indexes serve at any size.

A list is ordered by the last message and shown fifty at a time. An index gives that order only within one shelf, one
department, one assignee; `shelf IN (…)` makes a database read and sort all that match. So a list is cut into streams,
one for each combination, each ends after a page, and the page is merged from their beginnings. Where a filter finds
few tickets by an index of its own (a tag, a customer), the list begins there instead.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from inbox.core.models import (
    SHELVES,
    Agent,
    Message,
    Tag,
    Ticket,
    TicketTag,
)
from inbox.db import fixed

LIVE = frozenset(("open", "pending", "snoozed", "closed"))  # neither spam nor thrown away
MAX_STREAMS = 40
Condition = sa.ColumnElement[bool]


@dataclass(frozen=True)
class Scope:
    """Shelves, departments and assignees (None: any; an assignee None: nobody), and what else must hold.

    `is_narrow` says that `where` finds few tickets by an index of its own; `is_ordered` that it has an index in the
    order of lists, shorter than that of all, so that a list of them needs no stream for each shelf or department.
    """

    shelves: frozenset[str] | None = None
    departments: frozenset[int] | None = None
    assignees: frozenset[int | None] | None = None
    where: tuple[Condition, ...] = ()
    is_narrow: bool = False
    is_ordered: bool = False

    @staticmethod
    def either(choices: Sequence[Scope]) -> Scope:
        """Tickets that are in one or more of them.

        Few tickets are found one choice after the other: no database looks an OR of subqueries up in an index.
        """
        if all(each.is_narrow for each in choices):
            ids = sa.union(*(sa.select(Ticket.id).where(*each.conditions()).correlate(None) for each in choices))
            return Scope(where=(Ticket.id.in_(ids),), is_narrow=True)
        return Scope(where=(sa.or_(*(sa.and_(sa.true(), *each.conditions()) for each in choices)),))

    def within(self, other: Scope) -> Scope:
        """Tickets that are in both."""
        return Scope(_both(self.shelves, other.shelves), _both(self.departments, other.departments),
                     _both(self.assignees, other.assignees), self.where + other.where,
                     self.is_narrow or other.is_narrow, self.is_ordered or other.is_ordered)

    def some(self, most: int) -> sa.Select[int]:
        """A row for each ticket in it, of which at most `most` are looked at: what an index finds, then `where`."""
        rows = sa.select(sa.literal(1)).select_from(Ticket)
        if self.is_narrow or not self.where:
            return rows.where(*self.conditions())
        found = sa.select(Ticket.id).where(*(_in(column, values) for column, values in self._dimensions())).limit(most)
        looked_at = found.subquery("looked_at")
        return rows.join(looked_at, looked_at.c.id == Ticket.id).where(*self.where)

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
        if self.is_narrow or self.is_ordered:
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
            found.append(Ticket.shelf.not_in([fixed(shelf) for shelf in sorted({*SHELVES} - self.shelves)]))
        return found


def _both(one: frozenset[Any] | None, other: frozenset[Any] | None) -> frozenset[Any] | None:
    return other if one is None else one if other is None else one & other


def _is(column: Any, value: Any) -> Condition:
    return column.is_(None) if value is None else column == value


def _in(column: Any, values: frozenset[Any]) -> Condition:
    known = sorted(value for value in values if value is not None)
    known = [fixed(value) for value in known] if column is Ticket.shelf else known
    if None not in values:
        return column == known[0] if len(known) == 1 else column.in_(known)
    return sa.or_(column.is_(None), column.in_(known)) if known else column.is_(None)


def _hidden(column: Any, values: frozenset[Any]) -> Condition:
    """The same, not to be looked up in an index: the list begins elsewhere."""
    return sa.func.coalesce(column, 0).in_(sorted(value or 0 for value in values))


NOTHING = Scope(where=(sa.false(),))


def tagged(name: str) -> Scope:
    """Tickets with a tag."""
    return Scope(where=(Ticket.id.in_(sa.select(TicketTag.ticket_id).join(Tag, Tag.id == TicketTag.tag_id)
                                      .where(Tag.name == " ".join(name.casefold().split()))),), is_narrow=True)


def drafted_by(agent: Agent) -> Scope:
    """Tickets an agent has a draft in."""
    return _drafted_by(agent.id)


@lru_cache(maxsize=500)
def _drafted_by(agent_id: int) -> Scope:
    """The same object for the same agent: what is made of it can be kept."""
    return Scope(where=(Ticket.id.in_(sa.select(Message.ticket_id).where(
        Message.agent_id == agent_id, Message.state == fixed("draft"), Message.ticket_id.is_not(None))),),
        is_narrow=True)
