"""What each filter of the search box asks for, as a scope of tickets."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from inbox.core import fields, query, scope
from inbox.core.customers import normalise_address
from inbox.core.errors import Invalid
from inbox.core.models import (
    PRIORITIES,
    SHELVES,
    Agent,
    Attachment,
    CustomerAddress,
    CustomerField,
    Department,
    Follower,
    Mention,
    Message,
    Ticket,
    TicketSeen,
)
from inbox.core.query import Filter, Query
from inbox.core.scope import NOTHING, Scope
from inbox.db import fixed, session, utcnow
from inbox.plugin_host import call


class Names:
    """Agents, departments and fields by name: each asked for once, however many queries name some."""

    @cached_property
    def agents(self) -> list[tuple[int, str, str]]:
        """Id, folded name, address."""
        rows = session().execute(sa.select(Agent.id, Agent.name, Agent.email))
        return [(row[0], row[1].casefold(), row[2]) for row in rows]

    @cached_property
    def departments(self) -> dict[str, int]:
        rows = session().execute(sa.select(Department.id, Department.name))
        return {row[1].casefold(): row[0] for row in rows}

    @cached_property
    def fields(self) -> dict[str, CustomerField]:
        return {slug(each.title): each for each in fields.of_customers.all()}

    def agents_called(self, value: str) -> frozenset[int]:
        wanted, address = value.casefold(), normalise_address(value)
        return frozenset(each for each, name, email in self.agents if email == address or name.startswith(wanted))


def slug(title: str) -> str:
    """The title of a field as it is typed in a filter: `Customer no.` is `customer-no.`."""
    return "-".join(title.casefold().split())


class Asker:
    """Who asks, and the names found so far."""

    def __init__(self, agent: Agent, names: Names | None = None) -> None:
        self.agent = agent
        self.names = names or Names()


def names_a_shelf(wanted: Query) -> bool:
    """True when a query asks for spam or the trash, which are left out otherwise."""
    return any(name in ("is", "status") and {*value.split(",")} & {"spam", "trash"}
               for name, value in wanted.every_filter)


def of_query(agent: Agent, wanted: Query, names: Names | None = None) -> Scope:
    """What the filters of a query ask for. Raises Invalid for a time nobody understands."""
    asker, found = Asker(agent, names), Scope()
    for one in wanted.filters:
        found = found.within(_one(asker, one))
    for group in wanted.any:
        found = found.within(Scope.either([_one(asker, one) for one in group]))
    return found


def _one(asker: Asker, one: Filter) -> Scope:
    name, value = one
    bare = name.removeprefix("-")
    if bare.startswith(query.OF_CUSTOMERS):
        found = _of_field(asker, bare.removeprefix(query.OF_CUSTOMERS), value)
    else:
        found = FILTERS[bare](asker, value) if bare in FILTERS else _of_plugin(bare, value)
    return found if bare == name else _not(found)


def _not(found: Scope) -> Scope:
    if not found.where and found.shelves is not None and found.departments is None and found.assignees is None:
        return Scope(frozenset(SHELVES) - found.shelves - {"merged"})
    unknown_is_no = sa.func.coalesce(sa.and_(sa.true(), *found.conditions()), sa.false())
    return Scope(where=(sa.not_(unknown_is_no),))


# --- plugins ------------------------------------------------------------------------------------------------------


def _of_plugin(name: str, value: str) -> Scope:
    """What a plugin's filter asks for. One that fails finds nothing."""
    plugin, item = query.plugin_filters()[name]
    _, condition = call.guard(plugin, f"search filter {name}"[:60], _find, item.find, value)
    return Scope(where=(condition,), is_narrow=True) if isinstance(condition, sa.ColumnElement) else NOTHING


def _find(find: Callable[[str], Any], value: str) -> Any:
    """A filter's condition, tried: one that the database does not answer is the plugin's fault, not the page's."""
    condition = find(value)
    if isinstance(condition, sa.ColumnElement):
        session().execute(sa.select(Ticket.id).where(condition).limit(1))
    return condition


# --- our own ------------------------------------------------------------------------------------------------------



def _seen_by(agent: Agent) -> Any:
    """The agent has looked since the last message."""
    return sa.exists(sa.select(TicketSeen.seen_at).where(
        TicketSeen.agent_id == agent.id, TicketSeen.ticket_id == Ticket.id,
        TicketSeen.seen_at >= Ticket.last_message_at))


def _few(ids: sa.Select[Any]) -> Scope:
    """The tickets of a query that finds few of them by an index of its own."""
    return Scope(where=(Ticket.id.in_(ids),), is_narrow=True)


def _waiting(*where: Any) -> Scope:
    """Tickets whose customer waits; few of all do."""
    return Scope(where=(Ticket.waiting_since.is_not(None), *where), is_ordered=True)


IS: dict[str, Callable[[Agent], Scope]] = {
    **{shelf: lambda agent, shelf=shelf: Scope(frozenset((shelf,)))  # type: ignore[misc]
       for shelf in ("open", "pending", "closed", "snoozed", "spam", "trash")},
    "unassigned": lambda agent: Scope(assignees=frozenset((None,))),
    "assigned": lambda agent: Scope(where=(Ticket.assignee_id.is_not(None),)),
    "mine": lambda agent: Scope(assignees=frozenset((agent.id,))),
    "waiting": lambda agent: _waiting(),
    "unread": lambda agent: _waiting(~_seen_by(agent)),
    "followed": lambda agent: _few(sa.select(Follower.ticket_id).where(Follower.agent_id == agent.id)),
    "mentioned": lambda agent: _few(sa.select(Message.ticket_id).join(Mention, Mention.message_pk == Message.id).where(
        Mention.agent_id == agent.id, Message.ticket_id.is_not(None))),
}


def _is(asker: Asker, value: str) -> Scope:
    return IS[value](asker.agent) if value in IS else NOTHING


def _status(asker: Asker, value: str) -> Scope:
    return Scope(frozenset(value.lower().split(",")) & frozenset(SHELVES) - {"merged"})


def _from(asker: Asker, value: str) -> Scope:
    return Scope(where=(Ticket.customer_id.in_(sa.select(CustomerAddress.customer_id).where(
        CustomerAddress.kind == "mail", CustomerAddress.normalised == normalise_address(value))),), is_narrow=True)


def _assignee(asker: Asker, value: str) -> Scope:
    found: set[int | None] = set()
    for each in (part.strip() for part in value.split(",")):
        if each in ("me", "none", "nobody"):
            found.add(asker.agent.id if each == "me" else None)
        elif each:
            found |= asker.names.agents_called(each)
    return Scope(assignees=frozenset(found))


def _department(asker: Asker, value: str) -> Scope:
    known = asker.names.departments
    found = known.get(value.casefold())
    several = [known.get(each.strip().casefold()) for each in value.split(",")] if found is None else [found]
    return Scope(departments=frozenset(each for each in several if each is not None))


def _has(asker: Asker, value: str) -> Scope:
    files = sa.select(Attachment.id).join(Message, Message.id == Attachment.message_pk).where(
        Message.ticket_id == Ticket.id)
    return Scope(where=(files.exists(),)) if value in ("attachment", "attachments", "file") else NOTHING


def _priority(asker: Asker, value: str) -> Scope:
    wanted = sorted({*value.lower().split(",")} & {*PRIORITIES})
    if not wanted or "normal" in wanted:  # as most are
        return Scope(where=(Ticket.priority.in_(wanted),))
    of_these = Ticket.priority == wanted[0] if len(wanted) == 1 else Ticket.priority.in_(wanted)
    return Scope(where=(Ticket.priority != fixed("normal"), of_these), is_ordered=True)


def _channel(asker: Asker, value: str) -> Scope:
    return Scope(where=(Ticket.channel.in_(value.lower().split(",")),))


def _time(column: Any) -> Callable[[Asker, str], Scope]:
    def find(asker: Asker, value: str) -> Scope:
        begins, ends = query.between(value, utcnow())
        edges = ([column >= begins] if begins is not None else []) + ([column < ends] if ends is not None else [])
        return Scope(where=tuple(edges))
    return find


def _day(value: str) -> Any:
    day = query.parse_day(value)
    if day is None:
        raise Invalid("q", "Write a day as year-month-day, for example before:2026-11-22.")
    return day


def _of_field(asker: Asker, name: str, value: str) -> Scope:
    """A field of customers: `customer.segment:gold`, `customer.size>=100`, `customer.note:*wool*`, `customer.vip:*`."""
    field = asker.names.fields.get(name)
    if field is None:
        return NOTHING
    compared, text = query.split(value)
    test = {"": "is", ">": "min", ">=": "min", "<": "max", "<=": "max"}[compared]
    if test == "is" and text.startswith("*"):
        test, text = ("contains", text.strip("*")) if text.strip("*") else ("set", "")
    owners = fields.of_customers.having(field, test, text)
    return Scope(where=(Ticket.customer_id.in_(owners),), is_narrow=True)


FILTERS: dict[str, Callable[[Asker, str], Scope]] = {
    "is": _is,
    "status": _status,
    "tag": lambda asker, value: scope.tagged(value),
    "from": _from,
    "customer": _from,
    "assigned": _assignee,
    "assignee": _assignee,
    "department": _department,
    "priority": _priority,
    "channel": _channel,
    "has": _has,
    "before": lambda asker, value: Scope(where=(Ticket.last_message_at < _day(value),)),
    "after": lambda asker, value: Scope(where=(Ticket.last_message_at >= _day(value),)),
    "created": _time(Ticket.created_at),
    "updated": _time(Ticket.updated_at),
    "last": _time(Ticket.last_message_at),
    "waiting": _time(Ticket.waiting_since),
    "snoozed": _time(Ticket.snoozed_until),
}
