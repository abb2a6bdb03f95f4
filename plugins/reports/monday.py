"""The report by mail, every Monday morning of the desk's clock."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from inbox.toolkit import Agent, gettext, may, notifications, reach, session, settings, speaking_to, transaction, utcnow
from inbox_plugins.reports import tables, words
from inbox_plugins.reports.figures import Choice, Figures, figures
from inbox_plugins.reports.models import ReportsReader

FROM_HOUR = 6


def is_reader(agent: Agent) -> bool:
    """True when an agent gets the mail."""
    return session().get(ReportsReader, agent.id) is not None


def subscribe(agent: Agent, wanted: bool) -> None:
    """Send the mail to an agent from the next Monday on, or no longer."""
    with transaction() as current:
        row = current.get(ReportsReader, agent.id)
        if wanted and row is None:
            current.add(ReportsReader(agent_id=agent.id))
        elif not wanted and row is not None:
            current.delete(row)


def send() -> None:
    """The hourly job: on Monday after six, once for each reader."""
    now = utcnow().astimezone(ZoneInfo(settings.get("desk.time_zone")))
    if now.weekday() != 0 or now.hour < FROM_HOUR:
        return
    waiting = session().scalars(sa.select(ReportsReader.agent_id).where(
        sa.or_(ReportsReader.sent_on.is_(None), ReportsReader.sent_on < now.date()))).all()
    for agent_id in waiting:
        _send_to(agent_id, now.date())


def _send_to(agent_id: int, day: dt.date) -> None:
    agent = session().get(Agent, agent_id)
    if agent is None or not agent.is_active or not may(agent, "reports.see"):
        return
    with speaking_to(agent):
        subject, text = _letter(Choice(words.last(7), reach(agent)))
    with transaction() as current:
        row = current.get(ReportsReader, agent_id, with_for_update=True)
        if row is not None and row.sent_on != day:
            row.sent_on = day
            notifications.mail(agent, subject, text, key=f"reports:{agent_id}:{day}")


def _letter(choice: Choice) -> tuple[str, str]:
    now, before = (figures(each).get(0, Figures()) for each in (choice, choice.before()))
    lines = [f"{tile.title}: {tile.value} ({tile.change})" for tile in words.tiles(now, before)]
    table = tables.by_department(choice)
    lines += ["", *(f"{row[0]}: " + ", ".join(f"{title} {cell}" for title, cell in
                                              zip(table.columns[1:], row[1:], strict=True)) for row in table.rows)]
    period = {"first": choice.period.first.isoformat(), "last": choice.period.last.isoformat()}
    return gettext("The week from %(first)s to %(last)s", **period), "\n".join(lines) + "\n"
