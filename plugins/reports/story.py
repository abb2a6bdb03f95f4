"""A ticket's events as lines that can be counted: opened, asked, answered, closed, reopened. Knows no database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from inbox.toolkit import hours

KINDS = ("opened", "asked", "answered", "closed", "reopened")
MERGES = ("ticket_merged", "ticket_merged_away", "ticket_unmerged", "ticket_came_back")
RELEVANT = ("ticket_created", "message_received", "reply_queued", "ticket_status_changed", "ticket_moved",
            "reply_undone", *MERGES)


@dataclass(frozen=True)
class Line:
    """One countable fact. `seconds` of an answer: since the customer began to wait; of a closing: since it was opened;
    `work_seconds` the same in working hours. `is_first`: the first answer; a closing after a single answer."""

    event_id: int
    kind: str
    at: dt.datetime
    department_id: int | None
    agent_id: int | None = None
    seconds: int | None = None
    work_seconds: int | None = None
    is_first: bool = False


def lines(events: Iterable[Any], week: hours.Hours) -> list[Line]:
    """The lines of one ticket from its events (id, kind, at, actor_kind, actor_id, data), in any order."""
    teller, told = _Teller(week), sorted(events, key=lambda each: each.id)
    undone = {number for event in told for number in (event.data or {}).get("undoes", ())}
    return [line for event in told if event.id not in undone for line in teller.tell(event)]


@dataclass
class _Teller:
    week: hours.Hours
    department: int | None = None
    opened_at: dt.datetime | None = None
    waits_since: dt.datetime | None = None
    answers: int = 0
    is_closed: bool = False
    was_asked: bool = field(default=False)

    def tell(self, event: Any) -> Iterator[Line]:
        data = event.data or {}
        agent = event.actor_id if event.actor_kind == "agent" else None
        if event.kind in ("ticket_created", "ticket_moved"):
            self.department = data.get("department", self.department)
        if event.kind == "ticket_created":
            self.opened_at = event.at
            yield self._line(event, "opened", agent)
        elif event.kind == "message_received" and not data.get("automatic"):
            self.was_asked = True
            self.waits_since = self.waits_since or event.at
            yield self._line(event, "asked")
        elif event.kind == "reply_queued" and agent is not None:
            self.answers += 1
            yield self._line(event, "answered", agent, self.waits_since, self.was_asked and self.answers == 1)
            self.waits_since = None
        elif event.kind in MERGES:  # who waits where is another matter now
            self.waits_since = dt.datetime.fromisoformat(data["waiting_since"]) if data.get("waiting_since") else None
            self.was_asked = self.was_asked or self.waits_since is not None
        elif event.kind == "ticket_status_changed":
            yield from self._turned(event, data.get("status"), agent)

    def _turned(self, event: Any, status: str | None, agent: int | None) -> Iterator[Line]:
        if status == "closed" and not self.is_closed:
            yield self._line(event, "closed", agent, self.opened_at, self.answers == 1)
            self.waits_since = None  # nobody waits for an answer to a closed ticket
        elif status != "closed" and self.is_closed:
            yield self._line(event, "reopened", agent)
        self.is_closed = status == "closed"

    def _line(self, event: Any, kind: str, agent: int | None = None, since: dt.datetime | None = None,
              is_first: bool = False) -> Line:
        if since is None:
            return Line(event.id, kind, event.at, self.department, agent, None, None, is_first)
        return Line(event.id, kind, event.at, self.department, agent, round((event.at - since).total_seconds()),
                    self.week.between(since, event.at), is_first)
