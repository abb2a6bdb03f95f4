"""Figures for the front page: how many wait, what was answered today, how long the first answer takes this week."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from inbox.toolkit import Agent, Card, Ticket, gettext, may, plugin_url, reach, session, utcnow, visible
from inbox_plugins.reports import words
from inbox_plugins.reports.figures import Choice, Figures, Period, figures
from inbox_plugins.reports.models import ReportsLine

MOST = 1000


def cards(agent: Agent) -> list[Card]:
    """What everybody may know; with the permission to see reports also the figures of colleagues."""
    found = [_waiting(agent)]
    if not may(agent, "reports.see"):
        return [*found, Card(gettext("Answered by you today"), str(_answered(agent, own=True)))]
    return [*found, Card(gettext("Answered today"), str(_answered(agent, own=False)), url=_page()),
            _first_answer(agent)]


def _page() -> str:
    return plugin_url("overview", days=7)


def _waiting(agent: Agent) -> Card:
    """Open tickets whose customer waits, within reach: the first thousand by the time of their last message."""
    inside = visible(
        sa.select(Ticket.waiting_since).where(Ticket.shelf == "open", Ticket.waiting_since.is_not(None))
        .order_by(Ticket.last_message_at, Ticket.id).limit(MOST + 1), agent).subquery()
    count, first = session().execute(sa.select(sa.func.count(), sa.func.min(inside.c.waiting_since))).one()
    if not count:
        return Card(gettext("Waiting now"), "0", url="/views/open", hint=gettext("Nobody waits."))
    waited = round((utcnow() - first).total_seconds())
    return Card(gettext("Waiting now"), str(count) if count <= MOST else "1k+", url="/views/open",
                hint=gettext("the longest for %(time)s", time=words.length(waited)))


def _answered(agent: Agent, *, own: bool) -> int:
    today = words.today()
    conditions = Choice(Period(today, today), reach(agent)).where("answered")
    if own:
        conditions.append(ReportsLine.agent_id == agent.id)
    return session().scalar(sa.select(sa.func.count()).select_from(ReportsLine).where(*conditions)) or 0


def _first_answer(agent: Agent) -> Card:
    """The median of this week, beside that of the week before."""
    today = words.today()
    monday = today - dt.timedelta(days=today.weekday())
    this, last = (words.median(figures(Choice(period, reach(agent))).get(0, Figures())) for period in (
        Period(monday, today), Period(monday - dt.timedelta(days=7), monday - dt.timedelta(days=1))))
    return Card(gettext("First answer, median this week"), words.length(this), url=_page(),
                hint=gettext("last week: %(time)s", time=words.length(last)))
