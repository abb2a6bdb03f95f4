"""Tells one plugin of one event. `inbox.jobs.deliveries` claims them, `inbox.jobs.dispatch` has the threads."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import lazyload, make_transient_to_detached

from inbox.core.models import Agent, Customer, Delivery, Event, Mailbox, Message, Ticket
from inbox.db import one_plan, session, transaction, utcnow, work_context
from inbox.jobs import deliveries
from inbox.jobs.deliveries import EVERY, Standing, Task
from inbox.plugin_host import call

BARE = (lazyload("*"),)  # most answers look at neither tags nor files nor recipients: they come when asked for
LOOK_AGAIN = 1.0  # seconds; what stands in an event's way is believed for so long


class Outlook:
    """Several events that one plugin is to be told of, in order: what stands in their way, and which of them it wants
    to hear. What was known when they were claimed is believed for a second, and not after a failure of the plugin."""

    def __init__(self, app: Flask, plugin: str, tasks: Sequence[Task], *, failed_at: float = 0.0) -> None:
        self.failed_at = failed_at  # time.monotonic() when the plugin could last not take an event
        self._app, self._plugin, self._tasks = app, plugin, tasks
        self._known = {task.event_id: task.standing for task in tasks if task.standing is not None}
        self._is_asked = False
        self._unwanted: set[tuple[int, str]] | None = None  # ids of events, and hooks whose answer can do without

    def of(self, task: Task) -> Standing | None:
        """How the event stands; None: it was purged meanwhile."""
        known = self._known.get(task.event_id)
        believed_from = max(self.failed_at, time.monotonic() - LOOK_AGAIN)
        if not self._is_asked if known is None else known.asked_at < believed_from:
            with work_context(self._app):
                self._known = deliveries.standing(self._plugin, [each.event_id for each in self._tasks])
            self._is_asked = True
        return self._known.get(task.event_id)

    def hooks_for(self, task: Task) -> list[str]:
        """The hooks by which the plugin is to be told of the event, in a work context."""
        hooks = [name for name in (task.kind, EVERY) if self._plugin in call.listeners(name)]
        if self._unwanted is None:
            self._unwanted = {pair for name in (*{each.kind for each in self._tasks}, EVERY)
                              for pair in self._not_wanted_by(name)}
        return [name for name in hooks if (task.event_id, name) not in self._unwanted]

    def _not_wanted_by(self, hook: str) -> set[tuple[int, str]]:
        if not call.is_sifted(self._plugin, hook):
            return set()
        events = [event_of(known) for task in self._tasks if hook in (task.kind, EVERY)
                  and (known := self._known.get(task.event_id)) is not None]
        wanted = call.sift(self._plugin, hook, events)
        return {(event.id, hook) for event in events if event.id not in wanted}


def event_of(known: Standing) -> Event:
    """The event as an object that belongs to no session, and to nobody else."""
    event = Event(**{**known.columns, "data": copy.deepcopy(known.columns["data"])})
    make_transient_to_detached(event)
    return event


def deliver(app: Flask, plugin: str, task: Task, outlook: Outlook | None = None) -> str | None:
    """Tell one plugin of one event, in a work context of its own. A failure becomes a row and is returned.

    `outlook`: of this event and others that the plugin is told next.
    """
    outlook = outlook or Outlook(app, plugin, [task])
    known = outlook.of(task)
    if known is None or known.has_row != task.is_retry:
        return None  # it was purged, or somebody else sees to it
    with work_context(app):
        if _is_put_off(plugin, task, known):
            outlook.failed_at = time.monotonic()  # what comes after it has to wait, too
            return None
        problem = _tell(plugin, event_of(known), task, outlook)
    if problem is None and not task.is_retry:
        return None
    with work_context(app):  # a clean one: the plugin's failure may have left its session unusable
        if problem is not None:
            deliveries.note_failure(plugin, task.event_id, problem)
            outlook.failed_at = time.monotonic()  # after the row is stored: what was asked before has not seen it
        else:
            with transaction() as current:
                current.execute(sa.delete(Delivery).where(
                    Delivery.event_id == task.event_id, Delivery.plugin == plugin))
    return problem


def _is_put_off(plugin: str, task: Task, known: Standing) -> bool:
    """True when the plugin cannot be told now; a row says so then."""
    if call.state_of(plugin) in ("paused", "unloaded"):
        row = session().get(Delivery, (task.event_id, plugin))
        deliveries.note(plugin, task.event_id, "waiting", row.attempts if row else 0, "")
        return True
    if not task.is_retry and known.comes_later:
        deliveries.note(plugin, task.event_id, "failed", 0, "An earlier event of the ticket comes first.", utcnow())
        return True
    return False


def _tell(plugin: str, event: Event, task: Task, outlook: Outlook) -> str | None:
    """What went wrong, or None."""
    try:
        hooks = outlook.hooks_for(task)
        facts = facts_of(event, call.taken(plugin, event.kind)) if event.kind in hooks else None
        if facts is not None:  # None: what it is about was deleted meanwhile
            call.event(plugin, event.kind, **facts)
        if EVERY in hooks:
            call.event(plugin, EVERY, event=event)
    except call.PluginFailure as failure:
        return failure.problem
    return None


def facts_of(event: Event, taken: frozenset[str]) -> dict[str, Any] | None:
    """The arguments of an event's hook that are `taken`, loaded afresh, and those that say whom a fault is about; None
    when its ticket, message or customer is gone."""
    names = [each for each in call.arguments(event.kind) if each in taken or each in ("event", "ticket")]
    data = event.data or {}
    facts: dict[str, Any] = {}
    for name in names:
        if name == "event":
            facts[name] = event
        elif name == "ticket":
            facts[name] = session().scalar(_TICKET, {"id": event.ticket_id}) if event.ticket_id else None
        elif name in ("message", "note"):
            facts[name] = _message_of(event)
        elif name in ("agent", "previous_agent"):
            number = data.get("agent" if name == "agent" else "before")
            facts[name] = session().get(Agent, number) if number else None
        elif name == "customer":
            facts[name] = session().get(Customer, data["customer"]) if data.get("customer") else None
        elif name == "mailbox":
            facts[name] = session().get(Mailbox, data["mailbox"]) if data.get("mailbox") else None
        elif name == "error" and "error" in data:
            facts[name] = data["error"]
        elif name == "error":
            message = _message_of(event)
            facts[name] = message.error or "" if message is not None else ""
        else:
            facts[name] = data.get("before" if name.startswith("previous_") else name)
    gone = any(facts.get(name, "") is None for name in ("ticket", "message", "note", "customer", "mailbox"))
    return None if gone else facts


def _message_of(event: Event) -> Message | None:
    """The event's message; of an event about the whole ticket, the ticket's first."""
    if event.message_pk is not None:
        return session().scalar(_MESSAGE, {"id": event.message_pk})
    return session().scalar(_FIRST, {"id": event.ticket_id})


_TICKET = one_plan(sa.select(Ticket).where(Ticket.id == sa.bindparam("id")).options(*BARE))
_MESSAGE = one_plan(sa.select(Message).where(Message.id == sa.bindparam("id")).options(*BARE))
_FIRST = (sa.select(Message).where(Message.ticket_id == sa.bindparam("id"), Message.state != "draft")
          .order_by(Message.at, Message.id).limit(1).options(*BARE))
