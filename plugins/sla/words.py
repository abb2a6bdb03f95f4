"""How times and clocks are put into words for agents."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from inbox.toolkit import Ticket, gettext, utcnow
from inbox_plugins.sla.models import SlaTarget


def kind_title(kind: str) -> str:
    """What a clock is for."""
    return _KINDS[kind]()


_KINDS: dict[str, Callable[[], str]] = {
    "first_reply": lambda: gettext("First answer"), "next_reply": lambda: gettext("Next answer"),
    "resolution": lambda: gettext("Solution")}


def length(seconds: int) -> str:
    """A stretch of time with its two largest units at most: `45 min`, `3 h 20 min`, `2 days`."""
    minutes = max(0, round(seconds / 60))
    if minutes < 60:
        return gettext("%(n)s min", n=minutes)
    if minutes < 48 * 60:
        hours, rest = divmod(minutes, 60)
        return gettext("%(h)s h %(m)s min", h=hours, m=rest) if rest and hours < 10 else gettext("%(h)s h", h=hours)
    return gettext("%(n)s days", n=round(minutes / (24 * 60)))


def short(row: SlaTarget, now: dt.datetime | None = None) -> str:
    """How a clock stands: `due in 20 min`, `2 h late`."""
    now = now or utcnow()
    assert row.due_at is not None
    left = int((row.due_at - now).total_seconds())
    if left < 0:
        return gettext("%(time)s late", time=length(-left))
    return gettext("due in %(time)s", time=length(left))


def tone(row: SlaTarget, now: dt.datetime | None = None) -> str:
    """bad when it is missed, warn when somebody was warned or should have been, else nothing."""
    now = now or utcnow()
    assert row.due_at is not None
    if row.due_at <= now:
        return "bad"
    return "warn" if row.warned_at is not None or (row.due_at - now).total_seconds() <= row.warn_seconds else ""


def standing(row: SlaTarget) -> str:
    """A clock in a panel: how it stands, or how it went."""
    if row.state == "met":
        return gettext("kept, after %(time)s", time=length(row.spent))
    if row.state == "missed":
        return gettext("missed, after %(time)s", time=length(row.spent))
    if row.state == "dropped":
        return gettext("not needed")
    if row.state == "paused" and row.missed_at is not None:
        return gettext("missed, after %(time)s", time=length(row.seconds))
    if row.state == "paused":
        return gettext("waiting, %(time)s left", time=length(row.seconds - row.spent))
    return short(row)


def letter(wish: str, ticket: Ticket, row: SlaTarget) -> tuple[str, str]:
    """The subject and the first line of a mail about a clock."""
    facts = {"number": ticket.number, "subject": ticket.subject, "what": kind_title(row.kind)}
    if wish == "sla.missed":
        return (gettext("Late, #%(number)s: %(subject)s", **facts),
                gettext("%(what)s of ticket #%(number)s was not given in time.", **facts))
    return (gettext("Due soon, #%(number)s: %(subject)s", **facts),
            gettext("%(what)s of ticket #%(number)s is due soon.", **facts))
