"""Lists of tickets: the views every agent has, departments, searches; paged by key, counted with a cap."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa

from inbox.core import excerpts, filters, hits, permissions, query, scope
from inbox.core.errors import Invalid, NotFound
from inbox.core.models import (
    Agent,
    Customer,
    CustomerAddress,
    Department,
    Tag,
    Ticket,
    TicketSeen,
    TicketTag,
)
from inbox.core.scope import Scope
from inbox.db import columns, fixed, is_among, is_sqlite, one_plan, session
from inbox.plugin_host import call

PAGE = 50
COUNT_CAP = 1000
LOOKED_AT = 2000  # tickets, for a count of what no index finds


@dataclass(frozen=True)
class View:
    """A list every agent has, or a plugin's. `title` is a msgid; `counted` ones show a number."""

    slug: str
    title: str
    scope: Callable[[Agent], Scope]
    counted: bool = False
    empty: str = "Nothing here."
    plugin: str = ""  # whose words the title is in


def _shelves(*names: str) -> Callable[[Agent], Scope]:
    return lambda agent: Scope(frozenset(names))


BUILTIN: dict[str, View] = {view.slug: view for view in (
    View("unassigned", "Unassigned",
                lambda agent: Scope(frozenset(("open",)), assignees=frozenset((None,))), True, "Nobody waits."),
    View("mine", "Mine",
                lambda agent: Scope(frozenset(("open", "pending")), assignees=frozenset((agent.id,))), True,
                "Nothing is assigned to you."),
    View("drafts", "Drafts", scope.drafted_by, True, "You have no drafts."),
    View("open", "All open", _shelves("open"), True, "Nobody waits."),
    View("snoozed", "Snoozed", _shelves("snoozed"), True, "Nothing is snoozed."),
    View("closed", "Closed", _shelves("closed"), False, "Nothing was closed yet."),
    View("spam", "Spam", _shelves("spam"), False, "No spam."),
    View("trash", "Trash", _shelves("trash"), False, "The trash is empty."),
    View("all", "All tickets", _shelves(*scope.LIVE), False, "No ticket yet."),
)}


def every() -> dict[str, View]:
    """Our own views and those of active plugins, by slug, in the order of the rail."""
    return BUILTIN | {item.name: View(item.name, item.title, partial(_of_plugin, plugin, item.name, item.where), True,
                                      item.empty, plugin)
                      for plugin, item in call.register("register_ticket_views")}


def _of_plugin(plugin: str, name: str, where: Callable[[], Any], agent: Agent) -> Scope:
    """What a plugin's view holds; nothing when the plugin fails."""
    good, condition = call.guard(plugin, _what(name), where)
    found = condition if good and isinstance(condition, sa.ColumnElement) else sa.false()
    return Scope(scope.LIVE, where=(found,), is_narrow=True)


def _what(name: str) -> str:
    return f"view {name}"[:60]


class Row(NamedTuple):
    """One line of a list, columns only. Two rows that are equal look the same."""

    id: int
    number: int
    subject: str
    snippet: str
    status: str
    shelf: str
    priority: str
    customer_id: int
    customer_name: str
    department_id: int
    department_name: str
    department_hue: int
    assignee_id: int | None
    assignee_name: str | None
    last_message_at: dt.datetime
    waiting_since: dt.datetime | None
    snoozed_until: dt.datetime | None
    message_count: int
    version: int
    seen_at: dt.datetime | None
    tags: tuple[tuple[str, int], ...]  # name, hue
    hit: excerpts.Excerpt = ()  # of a search: the piece of the message it was found by

    @property
    def unread(self) -> bool:
        """The customer waits, and the agent has not looked since the last message."""
        return self.waiting_since is not None and (self.seen_at is None or self.seen_at < self.last_message_at)


@dataclass
class Page:
    """A page of a list. `next` and `previous` are cursors, or None at the ends."""

    rows: list[Row]
    next: str | None = None
    previous: str | None = None


_mail = (sa.select(CustomerAddress.value).where(CustomerAddress.customer_id == Customer.id,
                                                CustomerAddress.kind == fixed("mail"))
         .order_by(CustomerAddress.id).limit(fixed(1)).correlate(Customer).scalar_subquery())
RECORD, UNIT = "\x1e", "\x1f"  # no tag has them in its name
_joined_tags = (sa.select(sa.func.aggregate_strings(Tag.name + UNIT + sa.cast(Tag.hue, sa.Text), RECORD))
                .join(TicketTag, TicketTag.tag_id == Tag.id).where(TicketTag.ticket_id == Ticket.id)
                .correlate(Ticket).scalar_subquery())
_COLUMNS = sa.select(
    Ticket.id, Ticket.number, Ticket.subject, Ticket.snippet, Ticket.status, Ticket.shelf, Ticket.priority,
    Ticket.customer_id, sa.func.coalesce(sa.func.nullif(Customer.name, ""), _mail, "").label("customer_name"),
    Ticket.department_id, Department.name.label("department_name"), Department.hue.label("department_hue"),
    Ticket.assignee_id, Agent.name.label("assignee_name"), Ticket.last_message_at, Ticket.waiting_since,
    Ticket.snoozed_until, Ticket.message_count, Ticket.version, TicketSeen.seen_at, _joined_tags.label("tags"),
).join(Customer, Customer.id == Ticket.customer_id).join(Department, Department.id == Ticket.department_id).outerjoin(
    Agent, Agent.id == Ticket.assignee_id).outerjoin(
    TicketSeen, sa.and_(TicketSeen.ticket_id == Ticket.id, TicketSeen.agent_id == sa.bindparam("viewer")))


def page(agent: Agent, *, view: str | None = None, department_id: int | None = None, q: str = "",
         after: str | None = None, before: str | None = None, limit: int = PAGE, oldest_first: bool = False,
         best_first: bool = False, within: Scope | None = None) -> Page:
    """A page of tickets the agent may see, by last message.

    Without `view` and `department_id`: all live tickets; a department shows its open ones. `q` is the language of
    the search box; a query with words comes newest match first, and only `after` pages it; with `best_first` the best
    of the newest come, on one page. `after` and `before` are cursors of an earlier page. `within` narrows it further.
    Raises NotFound (no such view or department), Invalid (cursor).
    """
    wanted = _scope(agent, view, department_id, q)
    if within is not None:
        wanted = wanted.within(within)
    typed = query.parse(q)
    if typed.phrases:
        return _search(typed, wanted, agent, after, limit, best_first)
    return _walk(agent, wanted, after, before, limit, oldest_first)


def _scope(agent: Agent, view: str | None, department_id: int | None, q: str) -> Scope:
    known = every() if view is not None else {}
    if view is not None and view not in known:
        raise NotFound("There is no such view.")
    departments = permissions.reach(agent)
    if department_id is not None and departments is not None and department_id not in departments:
        raise NotFound()
    typed = query.parse(q)
    found = filters.of_query(agent, typed).within(Scope(departments=departments))
    if department_id is not None:
        found = found.within(Scope(departments=frozenset((department_id,))))
    if view is not None:
        return found.within(_answered(known[view], known[view].scope(agent)))
    if not q and department_id is not None:
        return found.within(Scope(frozenset(("open",))))
    return found if filters.names_a_shelf(typed) else found.within(Scope(scope.LIVE))


def _answered(view: View, wanted: Scope) -> Scope:
    """The scope of a view; nothing when the database does not answer a plugin's condition: that is its fault."""
    if not view.plugin:
        return wanted
    asked = sa.select(Ticket.id).where(*wanted.conditions()).limit(1)
    good, _ = call.guard(view.plugin, _what(view.slug), session().execute, asked)
    return wanted if good else scope.NOTHING


def _walk(agent: Agent, wanted: Scope, after: str | None, before: str | None, limit: int, oldest_first: bool) -> Page:
    back = before is not None
    key = _decode(before or after)
    descending = oldest_first == back  # newest first going on, or oldest first going back
    build = _listing.__wrapped__ if wanted.where else _listing  # conditions are new each time: nothing to keep
    statement = build(wanted, key is not None, descending, limit + 1)
    rows = _rows(statement, agent, {"edge_at": key[0], "edge_id": key[1]} if key is not None else {})
    more, rows = len(rows) > limit, rows[:limit]
    if back:
        rows.reverse()
    has_next, has_previous = (True, more) if back else (more, key is not None)
    return Page(rows, _encode(rows[-1]) if rows and has_next else None,
                _encode(rows[0]) if rows and has_previous else None)


@lru_cache(maxsize=200)
def _listing(wanted: Scope, goes_on: bool, descending: bool, limit: int) -> sa.Select[*tuple[Any, ...]]:
    """The statement of a list. Built once: that takes four times as long as the database does for it."""
    place = sa.tuple_(Ticket.last_message_at, Ticket.id)
    there = sa.tuple_(sa.bindparam("edge_at", type_=Ticket.last_message_at.type),
                      sa.bindparam("edge_id", type_=Ticket.id.type))
    edge = [place < there if descending else place > there] if goes_on else []
    ids = wanted.page_of_ids(*edge, descending=descending, limit=limit)
    order = (Ticket.last_message_at.desc(), Ticket.id.desc()) if descending else (Ticket.last_message_at, Ticket.id)
    return _COLUMNS.where(Ticket.id.in_(ids)).order_by(*order)  # planned for its values: a department may be empty


def _search(typed: query.Query, wanted: Scope, agent: Agent, after: str | None, limit: int, best_first: bool) -> Page:
    """One row a ticket, with the piece of the message it was found by."""
    if best_first:
        found = hits.best_first(typed.phrases, wanted, limit)
    else:
        found = hits.newest_first(typed.phrases, wanted, _decode_search(after), limit)
    shown = found.messages
    rows = {row.id: row for row in _rows(_these(is_sqlite()), agent, {"tickets": list(shown)})} if shown else {}
    pieces = excerpts.of_messages(shown.values(), typed.phrases)
    return Page([rows[ticket_id]._replace(hit=pieces.get(pk, ())) for ticket_id, pk in shown.items()
                 if ticket_id in rows], _encode_search(found.below) if found.below is not None else None)


@cache
def _these(_sqlite: bool) -> sa.Select[*tuple[Any, ...]]:
    return one_plan(_COLUMNS.where(is_among(Ticket.id, "tickets")))


def _rows(statement: sa.Select[*tuple[Any, ...]], agent: Agent, values: Mapping[str, Any] | None = None) -> list[Row]:
    found: Iterable[Any] = columns(statement, {"viewer": agent.id, **(values or {})}).all()
    return [Row._make((*rest, _tags(joined), ())) for *rest, joined in found]  # `tags` is the last of the columns


@lru_cache(maxsize=5000)
def _tags(joined: str | None) -> tuple[tuple[str, int], ...]:
    pairs = [each.split(UNIT) for each in joined.split(RECORD)] if joined else []
    return tuple(sorted((name, int(hue)) for name, hue in pairs))


# --- counts -----------------------------------------------------------------------------------------------------


@dataclass
class Counts:
    """Numbers beside views and departments; COUNT_CAP + 1 means "more than that"."""

    views: dict[str, int]
    departments: dict[int, int]


class HasId(Protocol):
    """A department, however much of it is known."""

    @property
    def id(self) -> int: ...


def counts(agent: Agent, departments: Sequence[HasId], own: Sequence[tuple[str, Scope]] = ()) -> Counts:
    """All of them in one query; each stops at the cap, so that they cost the same at any size.

    `own` are views that people made, by what they are called in the answer.
    """
    reach = Scope(departments=permissions.reach(agent))
    ours = [_capped(view.slug, view.scope(agent).within(reach), COUNT_CAP) for view in BUILTIN.values() if view.counted]
    ours += [_capped(f"department:{each.id}", Scope(frozenset(("open",)), frozenset((each.id,))).within(reach),
                     COUNT_CAP)
             for each in departments]
    ours += [_capped.__wrapped__(slug, asked.within(reach), COUNT_CAP) for slug, asked in own]
    theirs = [(view, _capped.__wrapped__(view.slug, view.scope(agent).within(reach), COUNT_CAP))
              for view in every().values() if view.plugin]
    build = sa.union_all if own or theirs else _together  # what is new each time is not kept
    try:
        found = _numbers(*ours, *(part for _, part in theirs), build=build)
    except sa.exc.SQLAlchemyError:
        if not theirs:
            raise
        session().rollback()
        found = _one_by_one(ours, theirs)
    return Counts({key: value for key, value in found.items() if not key.startswith("department:")},
                  {int(key.partition(":")[2]): value for key, value in found.items() if key.startswith("department:")})


def how_many(agent: Agent, *, view: str | None = None, department_id: int | None = None, q: str = "",
             cap: int) -> int | None:
    """How many tickets `page` would show in all, at most `cap` + 1; None for words, which are not counted."""
    if query.parse(q).phrases:
        return None
    inside = sa.select(Ticket.id).where(*_scope(agent, view, department_id, q).conditions()).limit(cap + 1)
    return session().scalar(sa.select(sa.func.count()).select_from(inside.subquery())) or 0


def _numbers(*parts: sa.Select[str, int], build: Callable[..., Any] = sa.union_all) -> dict[str, int]:
    found: Iterable[Any] = columns(build(*parts)).all()
    return {row[0]: row[1] for row in found}


@lru_cache(maxsize=100)
def _together(*parts: sa.Select[str, int]) -> sa.CompoundSelect[str, int]:
    """Built once for the same parts: that takes five times as long as counting."""
    return sa.union_all(*parts)


def _one_by_one(ours: list[sa.Select[str, int]], theirs: list[tuple[View, sa.Select[str, int]]]) -> dict[str, int]:
    """The same when the database has refused: ours together, then each plugin's alone, to find whose fault it is."""
    found = _numbers(*ours)
    for view, part in theirs:
        found |= call.guard(view.plugin, _what(view.slug), _numbers, part)[1] or {view.slug: 0}
    return found


@lru_cache(maxsize=1000)
def _capped(name: str, wanted: Scope, cap: int) -> sa.Select[str, int]:
    inside = wanted.some(LOOKED_AT).limit(cap + 1)
    return sa.select(sa.literal(name).label("name"), sa.func.count().label("n")).select_from(inside.subquery())


def departments_of(agent: Agent) -> list[Department]:
    """The departments an agent reaches, in their order."""
    query = sa.select(Department).where(Department.is_active).order_by(Department.position, Department.name)
    reach = permissions.reach(agent)
    return list(session().scalars(query if reach is None else query.where(Department.id.in_(reach))))


# --- cursors ----------------------------------------------------------------------------------------------------


def _encode(row: Row) -> str:
    return _pack([row.last_message_at.isoformat(), row.id])


def _decode(cursor: str | None) -> tuple[dt.datetime, int] | None:
    if not cursor:
        return None
    try:
        at, ticket_id = _unpack(cursor)
        return dt.datetime.fromisoformat(at).astimezone(dt.UTC), _id(ticket_id)
    except (ValueError, TypeError, OverflowError) as error:
        raise Invalid("cursor", "This page is no longer there. Start from the first one.") from error


def _encode_search(message_pk: int) -> str:
    return _pack([message_pk])


def _decode_search(cursor: str | None) -> int | None:
    if not cursor:
        return None
    try:
        return _id(_unpack(cursor)[0])
    except (ValueError, TypeError, IndexError) as error:
        raise Invalid("cursor", "This page is no longer there. Start from the first one.") from error


def _id(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError("not an id")
    return value


def _pack(values: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _unpack(cursor: str) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
    if not isinstance(values, list):
        raise ValueError("not a cursor")
    return values
