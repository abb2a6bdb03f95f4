"""Tasks: what somebody has to do for a customer or an organisation, until when."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from inbox.toolkit import (
    Agent,
    Customer,
    Invalid,
    NotFound,
    customers,
    may,
    notifications,
    plugin_url,
    reach,
    record,
    session,
    settings,
    transaction,
    utcnow,
    words_for,
)
from inbox_plugins.crm.models import Organisation, Task

PAGE = 50
MAX = 500


def today() -> dt.date:
    """The day it is at the desk."""
    return utcnow().astimezone(ZoneInfo(str(settings.get("desk.time_zone")))).date()


def add(about: Customer | Organisation, text: str, *, by: Agent, due: str = "", agent: Agent | None = None) -> Task:
    """Write a task down; without `agent` it is one's own. Raises Invalid (text, due, agent)."""
    if not 0 < len(text.strip()) <= MAX:
        raise Invalid("text", "Write what is to be done, in at most five hundred characters.")
    try:
        due_on = dt.date.fromisoformat(due) if due.strip() else None
    except ValueError:
        raise Invalid("due", "Write a day as year-month-day, for example 2026-11-22.") from None
    if isinstance(about, Customer) and agent is not None and not may(agent, "view", about):
        raise Invalid("agent", "This colleague does not see the customer.")
    customer_id = about.id if isinstance(about, Customer) else None
    organisation_id = about.id if isinstance(about, Organisation) else None
    agent_id, made_by_id = (agent or by).id, by.id
    with transaction() as current:
        task = Task(customer_id=customer_id, organisation_id=organisation_id, agent_id=agent_id,
                    made_by_id=made_by_id, text=text.strip(), due_on=due_on)
        current.add(task)
        current.flush()
    return task


def get(task_id: int, agent: Agent) -> Task:
    """A task about somebody within the agent's reach, or about an organisation. Raises NotFound."""
    found = session().get(Task, task_id)
    if found is None or not _sees(agent, found):
        raise NotFound()
    return found


def _sees(agent: Agent, task: Task) -> bool:
    return task.customer is None or may(agent, "view", task.customer)


def tick(task: Task, done: bool = True) -> None:
    """Mark it as done, or as open again."""
    with transaction():
        task.done_at = (task.done_at or utcnow()) if done else None


def delete(task: Task) -> None:
    task_id = task.id
    with transaction() as current:
        current.execute(sa.delete(Task).where(Task.id == task_id))


def open_ones(*, customer_id: int | None = None, organisation_id: int | None = None, limit: int = 10) -> list[Task]:
    """Open tasks about one of them, the most urgent first."""
    query, about = (_OF_CUSTOMER, customer_id) if customer_id is not None else (_OF_ORGANISATION, organisation_id)
    return list(session().scalars(query, {"about": about, "most": limit}))


# Put together once: every ticket's page asks.
_OPEN = (sa.select(Task).where(Task.done_at.is_(None)).order_by(Task.due_on.is_(None), Task.due_on, Task.id)
         .limit(sa.bindparam("most")).options(sa.orm.lazyload("*")))
_OF_CUSTOMER = _OPEN.where(Task.customer_id == sa.bindparam("about"))
_OF_ORGANISATION = _OPEN.where(Task.organisation_id == sa.bindparam("about"))


def of_agent(agent: Agent, *, after: int = 0, limit: int = PAGE) -> tuple[list[Task], int | None]:
    """An agent's open tasks in the order they are due, those without a day last; and the key of the next page.

    One about a customer whom the agent does not see any more is left out.
    """
    late = sa.func.coalesce(Task.due_on, dt.date.max)
    query = sa.select(Task).where(Task.agent_id == agent.id, Task.done_at.is_(None)).order_by(late, Task.id)
    if reach(agent) is not None:
        query = query.where(sa.or_(Task.customer_id.is_(None), Task.customer_id.in_(
            customers.within_reach(sa.select(Customer.id), agent))))
    edge = session().get(Task, after) if after else None
    if edge is not None:
        query = query.where(sa.tuple_(late, Task.id) > sa.tuple_(
            sa.literal(edge.due_on or dt.date.max, sa.Date()), sa.literal(edge.id)))
    rows = list(session().scalars(query.limit(limit + 1)))
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


# --- reminding --------------------------------------------------------------------------------------------------


def remind() -> None:
    """The job: tell whoever has a task that its day has come; each task once."""
    due = session().scalars(sa.select(Task.id).where(
        Task.reminded_at.is_(None), Task.done_at.is_(None), Task.due_on <= today()).order_by(Task.id).limit(200)).all()
    for task_id in due:
        _remind(task_id)


def _remind(task_id: int) -> None:
    with transaction() as current:
        task = current.get(Task, task_id)
        if task is None or task.done_at is not None or task.reminded_at is not None:
            return  # somebody was faster
        task.reminded_at = utcnow()
        event = record("crm.task_due", task=task_id)
    if task.agent is not None and task.agent.is_active and _sees(task.agent, task):
        _ = words_for(task.agent).gettext
        about = task.customer.display_name if task.customer else task.organisation.name if task.organisation else ""
        said = _("Due: %(task)s") % {"task": task.text}
        page = plugin_url("task_list")
        text = "\n\n".join(part for part in (said, about, plugin_url("task_list", absolute=True)) if part)
        notifications.notify(event, "crm.task", path=page,
                             letters=[notifications.Letter(task.agent, said, text + "\n")])
