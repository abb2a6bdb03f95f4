"""How many promises were kept, for the reports."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from inbox.toolkit import Ticket, gettext, session, settings
from inbox_plugins.sla import words
from inbox_plugins.sla.clocks import KINDS
from inbox_plugins.sla.models import SlaTarget


def kept(first: dt.date, last: dt.date, departments: frozenset[int] | None) -> dict[str, str]:
    """In words for each kind: the share of the clocks stopped on these days (of the desk's clock) that were in time."""
    there = ZoneInfo(settings.get("desk.time_zone"))
    begin = dt.datetime.combine(first, dt.time(), there)
    end = dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), there)
    query = sa.select(SlaTarget.kind, SlaTarget.state, sa.func.count()).where(
        SlaTarget.stopped_at >= begin, SlaTarget.stopped_at < end, SlaTarget.state.in_(("met", "missed")),
    ).group_by(SlaTarget.kind, SlaTarget.state)
    if departments is not None:
        query = query.join(Ticket, Ticket.id == SlaTarget.ticket_id).where(
            Ticket.department_id.in_(sorted(departments)))
    counts = Counter({(kind, state): count for kind, state, count in session().execute(query)})
    found = {}
    for kind in KINDS:
        met, total = counts[kind, "met"], counts[kind, "met"] + counts[kind, "missed"]
        if total:
            percent = round(100 * met / total)
            found[words.kind_title(kind)] = gettext("%(percent)s %% in time, of %(n)s", percent=percent, n=total)
    return found
