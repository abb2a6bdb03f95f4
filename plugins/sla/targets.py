"""Keeps a ticket's clocks as rows: works them out from its history whenever something happened to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from inbox.toolkit import Agent, Event, Ticket, hours, session, transaction, utcnow, visible
from inbox_plugins.sla import segments
from inbox_plugins.sla.clocks import Clock, Fact, Promise, clocks_of
from inbox_plugins.sla.models import SlaCalendar, SlaPolicy, SlaTarget

LIVE = ("open", "pending", "snoozed")
MERGES = {"ticket_merged": "waits", "ticket_unmerged": "waits", "ticket_merged_away": "away",
          "ticket_came_back": "back"}
RELEVANT = ("message_received", "reply_queued", "ticket_status_changed", "reply_undone", *MERGES)


def policy_for(ticket: Ticket, groups: frozenset[str]) -> SlaPolicy | None:
    """The first active policy whose conditions a ticket meets; `groups` are those its customer is in."""
    tags = {tag.name for tag in ticket.tags}
    query = sa.select(SlaPolicy).where(
        SlaPolicy.is_active, sa.or_(SlaPolicy.department_id.is_(None), SlaPolicy.department_id == ticket.department_id),
        SlaPolicy.priority.in_(("", ticket.priority))).order_by(SlaPolicy.position, SlaPolicy.id)
    return next((each for each in session().scalars(query)
                 if (not each.tag or each.tag in tags) and (not each.segment or each.segment in groups)), None)


def facts_of(ticket: Ticket) -> list[Fact]:
    """What happened to a ticket, as far as clocks mind it: what machines wrote asks and answers nothing."""
    events = session().scalars(sa.select(Event).where(
        Event.ticket_id == ticket.id, Event.kind.in_(RELEVANT)).order_by(Event.id))
    return list(_facts(events.all()))


def _facts(events: Sequence[Event]) -> Iterator[Fact]:
    undone = {number for event in events for number in (event.data or {}).get("undoes", ())}
    for event in events:
        data = event.data or {}
        if event.id in undone:
            continue
        if event.kind == "ticket_status_changed":
            yield Fact(event.at, data["status"])
        elif event.kind == "message_received" and not data.get("automatic"):
            yield Fact(event.at, "asked")
        elif event.kind == "reply_queued" and event.actor_kind == "agent":
            yield Fact(event.at, "answered")
        elif event.kind in MERGES:
            since = data.get("waiting_since")
            yield Fact(event.at, MERGES[event.kind], dt.datetime.fromisoformat(since) if since else None)


def recount(ticket_id: int, *, anew: bool = False) -> None:
    """Bring the rows of a ticket to what its history says. Safe to repeat; does nothing for a ticket that is gone.

    With `anew` the ticket itself has changed: a clock that runs, and is not late yet, goes by the policy that fits now.
    Without, it keeps what was promised, whatever became of the policy. Whoever does the same for the same ticket at the
    same moment waits for its row.
    """
    if not _matters(ticket_id):
        return
    groups = segments.of_ticket(ticket_id)  # asks other plugins: before the write begins
    with transaction() as current:
        ticket = current.get(Ticket, ticket_id, with_for_update={"of": Ticket, "key_share": True})
        if ticket is None:
            return
        rows = {(row.kind, row.started_at): row for row in current.scalars(
            sa.select(SlaTarget).where(SlaTarget.ticket_id == ticket_id))}
        book = _Book(policy_for(ticket, groups), rows, anew)
        clocks = clocks_of(facts_of(ticket), book.promise)
        for clock in clocks:
            clock.look(utcnow())
            if book.was_never_promised(clock):
                continue
            _keep(book.row(ticket_id, clock), clock)
        owed = {(clock.kind, clock.started_at) for clock in clocks}
        for key, row in rows.items():
            if key not in owed:  # nothing is promised any more: another department, another priority
                current.delete(row)


def _matters(ticket_id: int) -> bool:
    """False while nothing is promised to anybody, and nothing was to this ticket: then nothing is written."""
    return session().scalar(sa.select(sa.or_(
        sa.exists().where(SlaPolicy.is_active), sa.exists().where(SlaTarget.ticket_id == ticket_id)))) is True


class _Book:
    """What is promised to one ticket: as long as a policy stays its policy, by the words it had when a clock began."""

    def __init__(self, policy: SlaPolicy | None, rows: dict[tuple[str, dt.datetime], SlaTarget], anew: bool) -> None:
        self._policy, self._rows, self._anew = policy, rows, anew
        kept = session().get(SlaCalendar, policy.calendar_id) if policy is not None else None
        self._hours = kept.hours if kept is not None else None

    def promise(self, kind: str, started_at: dt.datetime) -> Promise | None:
        row = self._rows.get((kind, started_at))
        if row is not None and self._stays(row):
            return Promise(row.seconds, hours.Hours.of(row.calendar), row.warn_seconds)
        minutes = getattr(self._policy, kind) if self._policy is not None else None
        if not minutes or self._policy is None or self._hours is None or not self._hours.is_ever_open:
            return None
        return Promise(minutes * 60, self._hours, min(self._policy.warn, minutes) * 60)

    def _stays(self, row: SlaTarget) -> bool:
        """What is over, or late, was promised as it was; nothing makes it undone."""
        is_ours = self._policy is not None and row.policy_id == self._policy.id
        return is_ours or not self._anew or row.stopped_at is not None or row.missed_at is not None

    def was_never_promised(self, clock: Clock) -> bool:
        """True for what was over before there was the policy: neither kept nor missed."""
        made_at = self._policy.made_at if self._policy is not None else None
        is_new = (clock.kind, clock.started_at) not in self._rows
        return is_new and made_at is not None and clock.stopped_at is not None and clock.stopped_at < made_at

    def row(self, ticket_id: int, clock: Clock) -> SlaTarget:
        """The row of a clock; a new one, or one that now runs by another policy, takes down what is promised."""
        row = self._rows.get((clock.kind, clock.started_at))
        if row is None:
            row = SlaTarget(ticket_id=ticket_id, kind=clock.kind, started_at=clock.started_at)
            session().add(row)
        elif self._stays(row):
            return row
        assert self._policy is not None
        row.policy_id, row.policy_name = self._policy.id, self._policy.name
        row.seconds, row.warn_seconds = clock.promise.seconds, clock.promise.warn_seconds
        row.calendar, row.warned_at, row.escalated_at = clock.promise.calendar.kept(), None, None
        return row


def _keep(row: SlaTarget, clock: Clock) -> None:
    row.state, row.spent, row.since, row.stopped_at = clock.state, clock.spent, clock.since, clock.stopped_at
    row.missed_at = clock.missed_at
    row.due_at = clock.due_at or (clock.missed_at if clock.stopped_at is None else None)
    row.warn_at = clock.warn_at if row.warned_at is None else None


def of_ticket(ticket_id: int) -> list[SlaTarget]:
    """The rows of a ticket, oldest first."""
    return list(session().scalars(sa.select(SlaTarget).where(SlaTarget.ticket_id == ticket_id).order_by(
        SlaTarget.started_at, SlaTarget.id)))


def open_of(ticket_ids: list[int]) -> dict[int, SlaTarget]:
    """Of each ticket the clock that is due first among those that run: for badges of a whole page, in one query."""
    return {row.ticket_id: row for row in session().scalars(_OPEN, {"tickets": ticket_ids})}


# Put together once, with what badges say: every list asks.
_OPEN = (sa.select(SlaTarget).where(SlaTarget.ticket_id.in_(sa.bindparam("tickets", expanding=True)),
                                    SlaTarget.due_at.is_not(None)).order_by(SlaTarget.due_at.desc())
         .options(sa.orm.load_only(SlaTarget.ticket_id, SlaTarget.kind, SlaTarget.due_at, SlaTarget.warned_at,
                                   SlaTarget.warn_seconds)))


def how_many(agent: Agent, ahead: dt.timedelta) -> tuple[int, int]:
    """How many live tickets within an agent's reach are due within a time or late, and how many of them late."""
    now = utcnow()
    counted = sa.func.count(sa.distinct(SlaTarget.ticket_id))
    row = session().execute(visible(
        sa.select(counted, counted.filter(SlaTarget.due_at <= now)).join(Ticket, Ticket.id == SlaTarget.ticket_id)
        .where(SlaTarget.due_at <= now + ahead, Ticket.shelf.in_(LIVE)), agent)).one()
    return row[0], row[1]
