"""What a customer may be told: "We answer within 4 hours of our working time: by Monday, …"."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton, format_time, get_timezone_location
from flask_babel import get_locale

from inbox.toolkit import Ticket, gettext, hours, ngettext, session, speaking_to, utcnow
from inbox_plugins.sla import segments, targets
from inbox_plugins.sla.models import SlaCalendar

WHOLE_DAY = ((0, 24 * 60),)


def answer_within(ticket: Ticket) -> str:
    """For `{sla.answer_within}`: what is promised for the answer that is owed, in the customer's language.

    Nothing where nothing is promised. Of an answer that is due today how long it takes; of another also when that is,
    since a customer does not know our working hours.
    """
    found = _owed(ticket)
    if found is None:
        return ""
    seconds, calendar, due = found
    with speaking_to(ticket.customer):
        time = _time(seconds)
        there = ZoneInfo(calendar.zone)
        if all(day == WHOLE_DAY for day in calendar.week):
            return gettext("We answer within %(time)s.", time=time)
        if due.astimezone(there).date() == utcnow().astimezone(there).date():
            return gettext("We answer within %(time)s of our working time.", time=time)
        return gettext("We answer within %(time)s of our working time: by %(when)s (%(zone)s) at the latest.",
                       time=time, when=_when(due, there), zone=_zone_name(calendar.zone))


def _owed(ticket: Ticket) -> tuple[int, hours.Hours, dt.datetime] | None:
    """Seconds, whose hours, and the moment: of the clock that runs, else of one that would begin now."""
    rows = [row for row in targets.of_ticket(ticket.id) if row.kind != "resolution"]
    running = next((row for row in rows if row.stopped_at is None and row.due_at is not None), None)
    if running is not None and running.due_at is not None and running.due_at > utcnow():
        return running.seconds, hours.Hours.of(running.calendar), running.due_at
    policy = targets.policy_for(ticket, segments.of_ticket(ticket.id))
    was_answered = any(fact.kind == "answered" for fact in targets.facts_of(ticket))
    minutes = (policy.next_reply if was_answered else policy.first_reply) if policy is not None else None
    calendar = session().get(SlaCalendar, policy.calendar_id) if policy is not None else None
    due = calendar.hours.after(utcnow(), minutes * 60) if calendar is not None and minutes else None
    return (minutes * 60, calendar.hours, due) if minutes and calendar is not None and due is not None else None


def _time(seconds: int) -> str:
    """A promise in whole words: `45 minutes`, `4 hours`; working days differ, so days are told in hours."""
    minutes = round(seconds / 60)
    if minutes % 60:
        return ngettext("%(num)d minute", "%(num)d minutes", minutes)
    return ngettext("%(num)d hour", "%(num)d hours", minutes // 60)


def _when(moment: dt.datetime, there: ZoneInfo) -> str:
    locale, local = get_locale(), moment.astimezone(there)
    return f"{format_skeleton('MMMEd', local, locale=locale)}, {format_time(local, 'short', locale=locale)}"


def _zone_name(zone: str) -> str:
    """The city whose clock counts, as the reader calls it."""
    city: str = get_timezone_location(ZoneInfo(zone), locale=get_locale(), return_city=True)
    return city if "/" in zone and not zone.startswith("Etc/") else zone
