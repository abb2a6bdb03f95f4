"""Looks every minute for promises that are about to be missed, or have been, and does what the policy says."""

from __future__ import annotations

import datetime as dt
import logging

import sqlalchemy as sa

from inbox.toolkit import Agent, Ticket, may, me, record, session, tickets, transaction, utcnow
from inbox_plugins.sla import holidays, letters, segments, targets
from inbox_plugins.sla.models import SlaCalendar, SlaPolicy, SlaTarget

log = logging.getLogger(__name__)
BATCH = 200
HIGHER = {"low": "normal", "normal": "high", "high": "urgent"}
YOUNG = dt.timedelta(minutes=12)


def watch() -> None:
    """The job. What was told once is not told again, however often it runs."""
    now = utcnow()
    for ticket_id in _young(now):
        targets.recount(ticket_id, anew=True)
    for when, done, tell in ((SlaTarget.warn_at, SlaTarget.warned_at, _warn),
                             (SlaTarget.due_at, SlaTarget.escalated_at, _escalate)):
        for target_id, ticket_id in _due(when, done, now):
            targets.recount(ticket_id)  # nobody told us of answers while the plugin was not active
            tell(target_id, now)


def _young(now: dt.datetime) -> list[int]:
    """The newest tickets, for a while: in which groups a new customer is, other plugins work out within minutes."""
    if not segments.matter():
        return []
    newest = session().execute(sa.select(Ticket.id, Ticket.created_at, Ticket.shelf).order_by(Ticket.id.desc())
                               .limit(BATCH)).all()
    return [each.id for each in newest if each.created_at > now - YOUNG and each.shelf in targets.LIVE]


def _due(when: sa.orm.InstrumentedAttribute[dt.datetime | None], done: sa.orm.InstrumentedAttribute[dt.datetime | None],
         now: dt.datetime) -> list[tuple[int, int]]:
    """What somebody is to be told of: the ids of the clock and of its ticket."""
    return [(row[0], row[1]) for row in session().execute(
        sa.select(SlaTarget.id, SlaTarget.ticket_id).join(Ticket, Ticket.id == SlaTarget.ticket_id)
        .where(when <= now, done.is_(None), SlaTarget.stopped_at.is_(None), Ticket.shelf.in_(targets.LIVE))
        .order_by(when).limit(BATCH))]


def _warn(target_id: int, now: dt.datetime) -> None:
    with transaction() as current:
        row = current.get(SlaTarget, target_id)
        if row is None or row.warned_at is not None or row.warn_at is None or row.warn_at > now:
            return  # answered meanwhile
        row.warned_at, row.warn_at = now, None
        ticket, policy = current.get_one(Ticket, row.ticket_id), _policy(row)
        event = record("sla.due_soon", ticket=ticket, target=row.kind, policy=row.policy_name)
    if policy is None or policy.notify:
        letters.send(event, ticket, row, "sla.due_soon")


def _escalate(target_id: int, now: dt.datetime) -> None:
    with transaction() as current:
        row = current.get(SlaTarget, target_id)
        if row is None or row.escalated_at is not None or row.due_at is None or row.due_at > now:
            return
        row.escalated_at, row.missed_at, row.warn_at = now, row.missed_at or row.due_at, None
        ticket, policy = current.get_one(Ticket, row.ticket_id), _policy(row)
        event = record("sla.missed", ticket=ticket, target=row.kind, policy=row.policy_name)
        if policy is not None:
            _act(ticket, policy)
    if policy is None or policy.notify:
        letters.send(event, ticket, row, "sla.missed")


def _act(ticket: Ticket, policy: SlaPolicy) -> None:
    if policy.raise_priority and ticket.priority in HIGHER:
        tickets.set_priority(ticket, HIGHER[ticket.priority], by=me())
    agent = session().get(Agent, policy.assign_to) if policy.assign_to else None
    if agent is None or agent.id == ticket.assignee_id:
        return
    if may(agent, "reply", ticket):  # what the core asks for, too: a refusal would end the whole job, every minute
        tickets.assign(ticket, agent, by=me())
    else:
        log.warning("Policy %s would give ticket %s to %s, who cannot answer it.", policy.name, ticket.number,
                    agent.name)


def _policy(row: SlaTarget) -> SlaPolicy | None:
    return session().get(SlaPolicy, row.policy_id) if row.policy_id is not None else None


def renew_holidays() -> None:
    """The daily job: every calendar with a country knows the public holidays of this year and the next ones.

    One that cannot be renewed keeps those it has, and holds up no other; it is a fault when all have been tried.
    """
    chosen = session().execute(sa.select(SlaCalendar.id, SlaCalendar.name, SlaCalendar.country, SlaCalendar.own_days)
                               .where(SlaCalendar.country != "").order_by(SlaCalendar.id)).all()
    wrong: dict[str, Exception] = {}
    for each in chosen:
        try:
            _renew(each.id, holidays.days_off(each.country, each.own_days))  # takes its time: before the write begins
        except Exception as error:  # the library has code of its own for every country
            wrong[f"{each.name} ({each.country})"] = error
    if wrong:
        raise RuntimeError(f"No holidays could be found for {', '.join(wrong)}; the days they had stay. Choose another "
                           "country, or write the days by hand.") from next(iter(wrong.values()))


def _renew(calendar_id: int, days: list[str]) -> None:
    with transaction() as current:
        calendar = current.get(SlaCalendar, calendar_id)
        if calendar is not None and calendar.definition["holidays"] != days:
            calendar.definition = {**calendar.definition, "holidays": days}
