"""Service levels of the demo shop: its hours in Bergen, what it promises everybody, and what it promises shops."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from inbox.toolkit import Department, Ticket, hours, session, transaction, utcnow
from inbox_plugins.sla import holidays, segments, targets
from inbox_plugins.sla.models import SlaCalendar, SlaPolicy


def fill() -> None:
    """One calendar, two policies (three where customers have segments), and the clocks of every ticket."""
    free = holidays.days_off("NO", "")  # takes its time: before the write begins
    weekday, saturday = hours.read_hours("08:00-16:00"), hours.read_hours("10:00-14:00")
    definition = hours.Hours("Europe/Oslo", ((weekday,) * 5 + (saturday, ()))).kept()
    dear = next((key for key, name in segments.every().items() if name == "VIP"), None)
    long_ago = utcnow() - dt.timedelta(days=365)  # the tickets of the demo are older than the demo
    with transaction() as current:
        calendar = SlaCalendar(name="Bergen", country="NO", own_days="",
                               definition={**definition, "holidays": free})
        current.add(calendar)
        current.flush()
        if dear is not None:
            current.add(SlaPolicy(name="Our best customers", position=0, segment=dear, calendar_id=calendar.id,
                                  made_at=long_ago, first_reply=60, next_reply=120, resolution=None, warn=15))
        wholesale = current.scalar(sa.select(Department.id).where(Department.name == "Wholesale"))
        if wholesale is not None:
            current.add(SlaPolicy(name="Shops we supply", position=1, department_id=wholesale, calendar_id=calendar.id,
                                  made_at=long_ago, first_reply=120, next_reply=120, resolution=2 * 24 * 60, warn=30))
        current.add(SlaPolicy(name="Everybody", position=2, calendar_id=calendar.id, made_at=long_ago,
                              first_reply=4 * 60, next_reply=8 * 60, resolution=None, warn=60))
    for ticket_id in session().scalars(sa.select(Ticket.id).order_by(Ticket.id)).all():
        targets.recount(ticket_id)
