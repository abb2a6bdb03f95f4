"""Segments: kept, and who is in them worked out: at once for one customer, every few minutes for all."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from inbox.toolkit import (
    Agent,
    Customer,
    Invalid,
    NotFound,
    RowBadge,
    Ticket,
    customers,
    gettext,
    session,
    transaction,
    utcnow,
)
from inbox_plugins.crm import conditions
from inbox_plugins.crm.conditions import Condition
from inbox_plugins.crm.models import InSegment, Segment
from inbox_plugins.crm.organisations import fold

PAGE = 50
BATCH = 500  # rows written in one transaction: it lasts milliseconds
MAX_SEGMENTS = 50
STALE = dt.timedelta(hours=1)
TONES = ("", "good", "info", "warn", "bad")


def key_of(name: str) -> str:
    """What is typed into the search box: `segment:very-good`."""
    return re.sub(r"[^\w]+", "-", fold(name)).strip("-")[:60]


def all_segments() -> list[Segment]:
    """Every segment, by name."""
    return list(session().scalars(sa.select(Segment).order_by(Segment.key)))


def get(segment_id: int) -> Segment:
    """Raises NotFound."""
    found = session().get(Segment, segment_id)
    if found is None:
        raise NotFound()
    return found


def save(segment: Segment | None = None, *, name: str, asked: Sequence[Condition], tone: str = "",
         is_badge: bool = True) -> Segment:
    """Make or change one, and work out who is in it. Raises Invalid (name, conditions)."""
    key = key_of(name)
    if not key or len(name.strip()) > 60:
        raise Invalid("name", "Give the segment a name of at most 60 characters.")
    if not asked or len(asked) > conditions.MAX:
        raise Invalid("conditions", "A segment has one to eight conditions.")
    for each in asked:
        conditions.check(each)
    mine = segment.id if segment is not None else 0
    with transaction() as current:
        if current.scalar(sa.select(Segment.id).where(Segment.key == key, Segment.id != mine)) is not None:
            raise Invalid("name", "Another segment has this name.")
        if not mine and (current.scalar(sa.select(sa.func.count()).select_from(Segment)) or 0) >= MAX_SEGMENTS:
            raise Invalid("name", "There are fifty segments already. Throw one away first.")
        row = segment or Segment()
        row.name, row.key, row.tone, row.is_badge = name.strip(), key, tone if tone in TONES else "", is_badge
        row.conditions = [dict(each) for each in asked]
        current.add(row)
        current.flush()
    settle(row)
    return row


def delete(segment: Segment) -> None:
    """Throw one away; the customers stay."""
    segment_id = segment.id
    with transaction() as current:
        current.execute(sa.delete(Segment).where(Segment.id == segment_id))


# --- who is in it -----------------------------------------------------------------------------------------------


def _wanted(segment: Segment) -> sa.Select[Any]:
    """The ids of customers for whom every condition holds; nobody when one names what is gone."""
    query = sa.select(Customer.id).where(Customer.merged_into_id.is_(None))
    for each in segment.conditions:
        try:
            query = query.where(Customer.id.in_(conditions.select(each)))
        except (Invalid, NotFound):
            return query.where(sa.false())
    return query


def settle(segment: Segment) -> None:
    """Write down who is in a segment now: only what has changed, in short transactions."""
    segment_id = segment.id
    wanted = set(session().scalars(_wanted(segment)))
    there = set(session().scalars(sa.select(InSegment.customer_id).where(InSegment.segment_id == segment_id)))
    _change(segment_id, sorted(there - wanted), sorted(wanted - there))
    with transaction() as current:
        current.execute(sa.update(Segment).where(Segment.id == segment_id).values(settled_at=utcnow()))


def _change(segment_id: int, out: list[int], into: list[int]) -> None:
    for start in range(0, len(out), BATCH):
        with transaction() as current:
            current.execute(sa.delete(InSegment).where(
                InSegment.segment_id == segment_id, InSegment.customer_id.in_(out[start:start + BATCH])))
    for start in range(0, len(into), BATCH):
        with transaction() as current:
            part = into[start:start + BATCH]
            there = set(current.scalars(sa.select(InSegment.customer_id).where(
                InSegment.segment_id == segment_id, InSegment.customer_id.in_(part))))
            known = current.scalars(sa.select(Customer.id).where(Customer.id.in_(part)))
            current.add_all(InSegment(segment_id=segment_id, customer_id=each) for each in known if each not in there)


def settle_all() -> None:
    """The job: conditions about time, and what changed without our being told."""
    for each in all_segments():
        settle(each)


def health() -> str:
    """For the status page: that the job keeps segments up to date. Raises ValueError when it does not."""
    oldest = session().scalar(sa.select(sa.func.min(Segment.settled_at)))
    if oldest is None:
        return gettext("There is no segment.")
    if oldest < utcnow() - STALE:
        raise ValueError(gettext("Segments have not been worked out for over an hour. See whether the worker runs, and "
                                 "look at the plugin's faults."))
    return gettext("All segments are up to date.")


def settle_customer(customer_id: int) -> None:
    """In which segments one customer is."""
    found = all_segments()
    wanted = {each.id for each in found
              if session().scalar(_wanted(each).where(Customer.id == customer_id)) is not None}
    there = set(session().scalars(sa.select(InSegment.segment_id).where(InSegment.customer_id == customer_id)))
    for segment_id in wanted ^ there:
        _change(segment_id, [customer_id] if segment_id in there else [], [customer_id] if segment_id in wanted else [])


# --- where it is shown ------------------------------------------------------------------------------------------


def of_customer(customer_id: int) -> list[Segment]:
    """The segments a customer is in, by name."""
    return list(session().scalars(_OF_CUSTOMER, {"customer": customer_id}))


# Put together once: every ticket's page asks.
_OF_CUSTOMER = sa.select(Segment).join(InSegment, InSegment.segment_id == Segment.id).where(
    InSegment.customer_id == sa.bindparam("customer")).order_by(Segment.key)


def for_service_levels(known: dict[str, str], customer_id: int | None) -> dict[str, str]:
    """What the plugin sla is told: all segments, or those a customer is in, by a key that stays."""
    found = all_segments() if customer_id is None else of_customer(customer_id)
    return {**known, **{f"crm:{each.id}": each.name for each in found}}


def sizes() -> dict[int, int]:
    """How many customers segments have, by id."""
    return {row[0]: row[1] for row in session().execute(
        sa.select(InSegment.segment_id, sa.func.count()).group_by(InSegment.segment_id))}


def customers_in(segment: Segment, agent: Agent, *, after: int = 0,
                 limit: int = PAGE) -> tuple[list[Customer], int | None]:
    """Customers of a segment whom the agent may see, and the key of the next page."""
    query = (sa.select(Customer).join(InSegment, InSegment.customer_id == Customer.id)
             .where(InSegment.segment_id == segment.id, InSegment.customer_id > after)
             .order_by(InSegment.customer_id).limit(limit + 1))
    rows = list(session().scalars(customers.within_reach(query, agent)))
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def badges(tickets: Sequence[Any]) -> list[RowBadge]:
    """Badges for a whole page of a list, in one query."""
    rows = session().execute(_BADGES, {"tickets": [each.id for each in tickets]}).all()
    return [RowBadge(row.id, row.name, tone=row.tone) for row in rows]


_BADGES = (sa.select(Ticket.id, Segment.name, Segment.tone).join(InSegment, InSegment.customer_id == Ticket.customer_id)
           .join(Segment, Segment.id == InSegment.segment_id)
           .where(Ticket.id.in_(sa.bindparam("tickets", expanding=True)), Segment.is_badge).order_by(Segment.key))


def matching(value: str) -> sa.ColumnElement[bool]:
    """The condition on tickets behind `segment:vip`."""
    return Ticket.customer_id.in_(sa.select(InSegment.customer_id).join(
        Segment, Segment.id == InSegment.segment_id).where(Segment.key == key_of(value)))
