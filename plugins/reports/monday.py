"""The report by mail, every Monday morning of the desk's clock."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from inbox.toolkit import (
    Agent,
    Department,
    gettext,
    may,
    notifications,
    reach,
    session,
    settings,
    speaking_to,
    transaction,
    utcnow,
)
from inbox_plugins.reports import tables, words
from inbox_plugins.reports.figures import Choice, Figures, figures, narrowed
from inbox_plugins.reports.models import ReportsReader

FROM_HOUR = 6


def subscription(agent: Agent) -> ReportsReader | None:
    """What an agent gets by mail; None: nothing."""
    return session().get(ReportsReader, agent.id)


def subscribe(agent: Agent, wanted: bool, department_id: int | None = None) -> None:
    """Send the mail to an agent from the next Monday on, of one department or of all within reach; or no longer."""
    with transaction() as current:
        current.execute(sa.select(Agent.id).where(Agent.id == agent.id).with_for_update(key_share=True))  # one a time
        row = current.get(ReportsReader, agent.id)
        if wanted and row is None:
            row = ReportsReader(agent_id=agent.id)
            current.add(row)
        if wanted and row is not None:
            row.department_id = department_id
        elif row is not None:
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
    agent, row = session().get(Agent, agent_id), session().get(ReportsReader, agent_id)
    if agent is None or row is None or not agent.is_active or not may(agent, "reports.see"):
        return
    department = session().get(Department, row.department_id) if row.department_id is not None else None
    within = narrowed(reach(agent), department.id if department is not None else None)
    with speaking_to(agent):
        subject, text = _letter(Choice(words.last(7), within), department.name if department is not None else "")
    with transaction() as current:
        row = current.get(ReportsReader, agent_id, with_for_update=True)
        if row is not None and row.sent_on != day:
            row.sent_on = day
            notifications.mail(agent, subject, text, key=f"reports:{agent_id}:{day}")


def _letter(choice: Choice, department: str) -> tuple[str, str]:
    now, before = (figures(each).get(0, Figures()) for each in (choice, choice.before()))
    lines = [f"{tile.title}: {tile.value} ({tile.change})" for tile in words.tiles(now, before)]
    table = tables.by_department(choice)
    lines += ["", *(f"{row[0]}: " + ", ".join(f"{title} {cell}" for title, cell in
                                              zip(table.columns[1:], row[1:], strict=True)) for row in table.rows)]
    period = {"first": choice.period.first.isoformat(), "last": choice.period.last.isoformat()}
    subject = gettext("The week from %(first)s to %(last)s", **period)
    return f"{subject} · {department}" if department else subject, "\n".join(lines) + "\n"
