"""What the plugin adds to a customer's time line: notes, tasks, and merges that can be undone."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from inbox.toolkit import Agent, Customer, TimelineEntry, gettext, may, merges, plugin_url, session
from inbox_plugins.crm import notes
from inbox_plugins.crm.models import Note, Task

LIMIT = 30
LONGEST = 200


def entries(customer: Customer, before: dt.datetime | None, agent: Agent) -> list[TimelineEntry]:
    """The newest before a time."""
    found = [each for each in _merged(customer, agent) if before is None or each.at < before]
    found += [TimelineEntry(note.at, _noted(note))
             for note in notes.latest(customer_id=customer.id, before=before, limit=LIMIT)]
    return found + [each for task in _tasks(customer, before) for each in _of_task(task)
                    if before is None or each.at < before]


def _merged(customer: Customer, agent: Agent) -> list[TimelineEntry]:
    """Who was merged into the customer: the line leads to where it can be undone."""
    lines = []
    for each in merges.of(customer):
        url = plugin_url("undo_merge", merged_id=each.customer_id) if may(agent, "crm.edit", customer) else ""
        name = name_of(each.customer, customer, each.moved["addresses"])
        lines.append(TimelineEntry(each.at, gettext("Merged, can be undone: %(name)s", name=name)[:LONGEST], url=url))
    return lines


def name_of(merged: Customer, customer: Customer, address_ids: list[int]) -> str:
    """What a merged customer is called: the address says which Kari it was."""
    addresses = ", ".join(each.value for each in customer.addresses if each.id in address_ids)
    return f"{merged.name} ({addresses})" if merged.name and addresses else merged.name or addresses or f"#{merged.id}"


def _noted(note: Note) -> str:
    name = note.agent.name if note.agent else gettext("Somebody")
    return gettext("%(name)s noted: %(text)s", name=name, text=note.text)[:LONGEST]


def _tasks(customer: Customer, before: dt.datetime | None) -> list[Task]:
    query = sa.select(Task).where(Task.customer_id == customer.id).order_by(Task.made_at.desc(), Task.id.desc())
    return list(session().scalars((query if before is None else query.where(Task.made_at < before)).limit(LIMIT)))


def _of_task(task: Task) -> list[TimelineEntry]:
    """Writing a task down is one line, doing it another."""
    found = [TimelineEntry(task.made_at, gettext("Task: %(text)s", text=task.text)[:LONGEST])]
    if task.done_at is not None:
        found.append(TimelineEntry(task.done_at, gettext("Done: %(text)s", text=task.text)[:LONGEST], tone="good"))
    return found
