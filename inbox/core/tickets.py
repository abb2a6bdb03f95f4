"""What can happen to a ticket. One function a fact: check, change, record.

Every function opens `transaction()` (joining an outer one), asks `permissions`, and records its event.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import contains_eager, joinedload

from inbox.core import availability, events, finder, permissions
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import (
    PRIORITIES,
    STATUSES,
    Agent,
    Counter,
    Customer,
    Department,
    Follower,
    Tag,
    Ticket,
    TicketField,
    TicketLink,
    TicketSeen,
    TicketTag,
)
from inbox.db import is_sqlite, one_plan, session, transaction, utcnow

MAX_SUBJECT = 500
NO_SUBJECT = "(no subject)"
_is_linked = sa.or_(sa.exists().where(TicketLink.ticket_id == Ticket.id),
                    sa.exists().where(TicketLink.other_id == Ticket.id))


def get(number: int, agent: Agent) -> Ticket:
    """A ticket by its number, with what its page shows; of a merged one the survivor, if the agent may see that one.

    Raises NotFound when the agent may not see it.
    """
    asked = _with_its_page(permissions.reach(agent))
    row = session().execute(asked, {"number": number, "viewer": agent.id}).unique().one_or_none()
    if row is None or not permissions.may(agent, "view"):
        raise NotFound()
    ticket: Ticket = row[0]
    ticket.is_followed, ticket.seen_at, ticket.is_linked, ticket.has_fields = row[1:]
    if ticket.merged_into_id is not None:
        survivor = session().get(Ticket, ticket.merged_into_id)
        if survivor is not None and permissions.sees(agent, survivor):
            return get(survivor.number, agent)
    return ticket


@lru_cache(maxsize=200)
def _with_its_page(reach: frozenset[int] | None) -> sa.Select[Ticket, bool, dt.datetime | None, bool, bool]:
    """The statement of `get`, built once for all who reach the same: that takes longer than asking."""
    viewer = sa.bindparam("viewer", type_=sa.Integer)
    follows = sa.exists().where(Follower.ticket_id == Ticket.id, Follower.agent_id == viewer)
    seen_at = sa.select(TicketSeen.seen_at).where(TicketSeen.ticket_id == Ticket.id, TicketSeen.agent_id == viewer)
    query = (sa.select(Ticket, follows, seen_at.scalar_subquery(), _is_linked, sa.exists(sa.select(TicketField.id)))
             .outerjoin(TicketTag, TicketTag.ticket_id == Ticket.id).outerjoin(Tag, Tag.id == TicketTag.tag_id)
             .where(Ticket.number == sa.bindparam("number")).order_by(Tag.name)
             .options(joinedload(Ticket.customer).joinedload(Customer.addresses), joinedload(Ticket.department),
                      joinedload(Ticket.assignee).lazyload(Agent.memberships), contains_eager(Ticket.tags)))
    return one_plan(permissions.within(query, reach))


def kept(ticket_ids: Collection[int]) -> dict[int, Ticket]:
    """Tickets by id as they are now; in a transaction, and none is merged into another before its end."""
    if not ticket_ids:
        return {}
    query = sa.select(Ticket).where(Ticket.id.in_(ticket_ids)).order_by(Ticket.id)
    return {each.id: each for each in session().scalars(query.with_for_update(key_share=True))}


def at_the_end_of(ticket_id: int) -> int:
    """The id of the ticket that is left of one, through any number of merges; in a transaction, and it stays so."""
    while True:
        following = session().scalar(_FOLLOWING, {"ticket_id": ticket_id})
        if following is None:
            return ticket_id
        ticket_id = following


_FOLLOWING = sa.select(Ticket.merged_into_id).where(
    Ticket.id == sa.bindparam("ticket_id")).with_for_update(key_share=True)


def by_id(ticket_id: int, agent: Agent) -> Ticket:
    """The same by id."""
    number = session().scalar(sa.select(Ticket.number).where(Ticket.id == ticket_id))
    if number is None:
        raise NotFound()
    return get(number, agent)


def selected(numbers: Iterable[int], agent: Agent) -> list[Ticket]:
    """The tickets of several numbers, at most 200 of them; those the agent may not see are left out."""
    wanted = sorted(set(numbers))[:200]
    query = permissions.visible(sa.select(Ticket).where(Ticket.number.in_(wanted)), agent).order_by(Ticket.number)
    return list(session().scalars(query)) if permissions.may(agent, "view") else []


def numbers(ids: Iterable[int | None]) -> dict[int, int]:
    """Ticket ids and the numbers people see."""
    wanted = {each for each in ids if each is not None}
    rows = session().execute(sa.select(Ticket.id, Ticket.number).where(Ticket.id.in_(wanted))) if wanted else ()
    return {row[0]: row[1] for row in rows}


def next_numbers(count: int) -> list[int]:
    """New ticket numbers: of a counter on SQLite, of a sequence on PostgreSQL. Inside a transaction."""
    if not is_sqlite():
        return list(session().scalars(
            sa.text("SELECT nextval('ticket_number') FROM generate_series(1, :count)"), {"count": count}))
    last = int(session().scalar(
        sa.update(Counter).where(Counter.name == "ticket_number").values(value=Counter.value + count)
        .returning(Counter.value)) or 0)
    return list(range(last - count + 1, last + 1))


def create(*, by: Actor, subject: str, department: Department, customer: Customer, channel: str,
           mailbox_id: int | None = None, like: Ticket | None = None) -> Ticket:
    """Insert a ticket and record it. `like` is the unsaved ticket plugins have prepared.

    Used by `intake` and `messages.open_ticket`, which add the first message in the same transaction.
    """
    ticket = like or Ticket()
    fill(ticket, next_numbers(1)[0], subject=subject, department_id=department.id, customer_id=customer.id,
         mailbox_id=mailbox_id, channel=channel)
    session().add(ticket)
    session().flush()
    created(ticket, by=by)
    return ticket


def fill(ticket: Ticket, number: int, *, subject: str, department_id: int, customer_id: int, mailbox_id: int | None,
         channel: str) -> None:
    """What a new ticket has, whoever opens it; what plugins have prepared stays."""
    ticket.number, ticket.subject, ticket.channel = number, clean_subject(subject), channel
    ticket.department_id, ticket.customer_id, ticket.mailbox_id = department_id, customer_id, mailbox_id
    ticket.status = ticket.status or "open"
    ticket.is_spam = bool(ticket.is_spam)
    ticket.reshelve()


def created(ticket: Ticket, *, by: Actor) -> None:
    """Record that a ticket is there now; it is stored with the next flush."""
    events.put("ticket_created", by=by, ticket=ticket, department=ticket.department_id, channel=ticket.channel)


def clean_subject(subject: str) -> str:
    """One line, no control characters, a placeholder for none."""
    line = " ".join("".join(c if c.isprintable() else " " for c in subject).split())
    return line[:MAX_SUBJECT] or NO_SUBJECT


def touch(ticket: Ticket) -> None:
    """Something about the ticket changed: pages that show it are older now."""
    ticket.version += 1
    ticket.updated_at = utcnow()


def assign(ticket: Ticket, assignee: Agent | None, *, by: Actor, is_one_of_many: bool = False) -> None:
    """Give a ticket to an agent who works in its department, or to nobody. Raises Invalid.

    What no person decides goes to nobody who is away: to their substitute, or the ticket stays as it is.
    `is_one_of_many`: whoever gets it is told of all of them at once.
    """
    permissions.require(by, "assign", ticket)
    with transaction():
        if assignee is not None and by.agent is None and assignee.is_away:
            assignee = availability.for_machines(assignee, ticket)
            if assignee is None:
                return
        if assignee is not None and not permissions.may(assignee, "reply", ticket):
            raise Invalid("assignee", "This agent does not work in the ticket's department.")
        new = assignee.id if assignee else None
        if ticket.assignee_id == new:
            return
        before, ticket.assignee_id = ticket.assignee_id, new
        touch(ticket)
        session().flush()
        session().expire(ticket, ["assignee"])
        many: dict[str, Any] = {"many": True} if is_one_of_many else {}
        events.record("ticket_assigned", by=by, ticket=ticket, agent=new, before=before, **many)


def set_status(ticket: Ticket, status: str, *, by: Actor) -> None:
    """Set a ticket to open, pending (waiting for the customer) or closed. Closing wakes it, too."""
    permissions.require(by, "change", ticket)
    if status not in STATUSES:
        raise Invalid("status", "A ticket is open, pending or closed.")
    with transaction():
        if ticket.status == status and ticket.snoozed_until is None:
            return
        before, ticket.status = ticket.status, status
        ticket.snoozed_until = None
        ticket.closed_at = utcnow() if status == "closed" else None
        if status == "closed":
            ticket.waiting_since = None
        ticket.reshelve()
        touch(ticket)
        events.record("ticket_status_changed", by=by, ticket=ticket, status=status, before=before,
                      reopened=before == "closed")


def move(ticket: Ticket, department: Department, *, by: Actor) -> None:
    """Move a ticket to another department; an assignee who does not work there lets go of it."""
    permissions.require(by, "move", ticket)
    with transaction():
        if not department.is_active:
            raise Invalid("department", "This department is no longer in use.")
        if ticket.department_id == department.id:
            return
        before, ticket.department_id = ticket.department_id, department.id
        assignee = session().get(Agent, ticket.assignee_id) if ticket.assignee_id else None
        if assignee is not None and not permissions.may(assignee, "view", ticket):
            ticket.assignee_id = None
        touch(ticket)
        session().flush()
        session().expire(ticket, ["department", "assignee"])
        events.record("ticket_moved", by=by, ticket=ticket, department=department.id, before=before)


def set_subject(ticket: Ticket, subject: str, *, by: Actor) -> None:
    """Give a ticket another subject."""
    permissions.require(by, "change", ticket)
    with transaction():
        before, ticket.subject = ticket.subject, clean_subject(subject)
        if before != ticket.subject:
            touch(ticket)
            events.record("ticket_subject_changed", by=by, ticket=ticket, subject=ticket.subject, before=before)


def set_priority(ticket: Ticket, priority: str, *, by: Actor) -> None:
    """Set low, normal, high or urgent."""
    permissions.require(by, "change", ticket)
    if priority not in PRIORITIES:
        raise Invalid("priority", "Priority is low, normal, high or urgent.")
    with transaction():
        before, ticket.priority = ticket.priority, priority
        if before != priority:
            touch(ticket)
            events.record("ticket_priority_changed", by=by, ticket=ticket, priority=priority, before=before)


def tag(ticket: Ticket, name: str, *, by: Actor) -> None:
    """Put a tag on a ticket; a new one is made on the way."""
    permissions.require(by, "tag", ticket)
    folded = clean_tag(name)
    with transaction() as current:
        row = current.scalar(sa.select(Tag).where(Tag.name == folded))
        if row is None:
            row = Tag(name=folded, hue=sum(folded.encode()) % 12)
            current.add(row)
            current.flush()
        if row not in ticket.tags:
            ticket.tags.append(row)
            touch(ticket)
            events.record("ticket_tagged", by=by, ticket=ticket, tag=folded)


def untag(ticket: Ticket, name: str, *, by: Actor) -> None:
    """Take a tag off a ticket."""
    permissions.require(by, "tag", ticket)
    folded = clean_tag(name)
    with transaction():
        for row in [each for each in ticket.tags if each.name == folded]:
            ticket.tags.remove(row)
            touch(ticket)
            events.record("ticket_untagged", by=by, ticket=ticket, tag=folded)


def clean_tag(name: str) -> str:
    """Lower case, single blanks, at most 50 characters. Raises Invalid for an empty one."""
    folded = " ".join(name.casefold().split())[:50].strip()
    if not folded or not folded.isprintable():
        raise Invalid("tag", "A tag needs a name.")
    return folded


def snooze(ticket: Ticket, until: dt.datetime, *, by: Actor) -> None:
    """Put a ticket away until a time; a customer's answer brings it back earlier."""
    permissions.require(by, "change", ticket)
    if until <= utcnow():
        raise Invalid("until", "Choose a time that is still to come.")
    with transaction():
        ticket.snoozed_until = until
        if ticket.status == "closed":
            ticket.status, ticket.closed_at = "open", None
        ticket.reshelve()
        touch(ticket)
        events.record("ticket_snoozed", by=by, ticket=ticket, until=until.isoformat())


def wake(ticket: Ticket, *, by: Actor) -> None:
    """Bring a snoozed ticket back, open."""
    permissions.require(by, "change", ticket)
    with transaction():
        if ticket.snoozed_until is None:
            return
        ticket.snoozed_until, ticket.status = None, "open"
        ticket.reshelve()
        touch(ticket)
        events.record("ticket_woke", by=by, ticket=ticket)


def wake_due(limit: int = 200) -> int:
    """Bring back snoozed tickets whose time has come. Returns how many; called by the schedule."""
    due = session().scalars(sa.select(Ticket.id).where(
        Ticket.snoozed_until <= utcnow()).order_by(Ticket.snoozed_until).limit(limit)).all()
    for ticket_id in due:
        with transaction() as current:
            ticket = current.get(Ticket, ticket_id)
            if ticket is not None and ticket.snoozed_until is not None and ticket.snoozed_until <= utcnow():
                wake(ticket, by=Actor.system("schedule"))
    return len(due)


def mark_spam(ticket: Ticket, *, by: Actor) -> None:
    """Put a ticket into the spam folder."""
    _set_spam(ticket, True, "ticket_marked_spam", by)


def mark_not_spam(ticket: Ticket, *, by: Actor) -> None:
    """Take a ticket out of the spam folder."""
    _set_spam(ticket, False, "ticket_unmarked_spam", by)


def _set_spam(ticket: Ticket, value: bool, kind: str, by: Actor) -> None:
    permissions.require(by, "spam", ticket)
    with transaction():
        if ticket.is_spam == value:
            return
        ticket.is_spam = value
        ticket.reshelve()
        touch(ticket)
        events.record(kind, by=by, ticket=ticket)


def trash(ticket: Ticket, *, by: Actor) -> None:
    """Put a ticket into the trash; it can be restored until it is purged."""
    permissions.require(by, "trash", ticket)
    with transaction():
        if ticket.trashed_at is None:
            ticket.trashed_at = utcnow()
            ticket.reshelve()
            touch(ticket)
            events.record("ticket_trashed", by=by, ticket=ticket)


def restore(ticket: Ticket, *, by: Actor) -> None:
    """Take a ticket out of the trash."""
    permissions.require(by, "trash", ticket)
    with transaction():
        if ticket.trashed_at is not None:
            ticket.trashed_at = None
            ticket.reshelve()
            touch(ticket)
            events.record("ticket_restored", by=by, ticket=ticket)


def mark_seen(ticket: Ticket, agent: Agent) -> None:
    """The agent has seen all there is now; only newer messages make the ticket unread again. The last in the order of
    what the agent looked at, too."""
    seen = session().get(TicketSeen, (agent.id, ticket.id))
    if seen is not None and seen.seen_at >= ticket.last_message_at and finder.is_latest(seen):
        return  # nothing to write: a page that looks again while it stays open
    with transaction() as current:
        seen = current.get(TicketSeen, (agent.id, ticket.id))
        if seen is None:
            current.add(TicketSeen(agent_id=agent.id, ticket_id=ticket.id, seen_at=utcnow()))
        else:
            seen.seen_at = utcnow()
