"""A few lines with boxes on a ticket: what has to be done before it is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from inbox.core import events, permissions, tickets
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import Ticket
from inbox.db import session, transaction

MAX_LINES, MAX_TEXT = 50, 200
Line = dict[str, Any]  # id, text, done


def add(ticket: Ticket, text: str, *, by: Actor) -> None:
    """One more line at the end. Raises Invalid (nothing written, too many)."""
    wanted = _clean(text)
    with _changed(ticket, "added", by) as (lines, told):
        if len(lines) >= MAX_LINES:
            raise Invalid("text", "Fifty lines are enough for one ticket.")
        lines.append({"id": max((each["id"] for each in lines), default=0) + 1, "text": wanted, "done": False})
        told["text"] = wanted


def tick(ticket: Ticket, line_id: int, done: bool, *, by: Actor) -> None:
    """A line is done, or not any more."""
    with _changed(ticket, "ticked" if done else "unticked", by) as (lines, told):
        line = _line(lines, line_id)
        line["done"], told["text"] = done, line["text"]


def rename(ticket: Ticket, line_id: int, text: str, *, by: Actor) -> None:
    """Other words for a line; none take it away."""
    if not text.strip():
        remove(ticket, line_id, by=by)
        return
    wanted = _clean(text)
    with _changed(ticket, "renamed", by) as (lines, told):
        _line(lines, line_id)["text"] = told["text"] = wanted


def remove(ticket: Ticket, line_id: int, *, by: Actor) -> None:
    """Take a line away."""
    with _changed(ticket, "removed", by) as (lines, told):
        line = _line(lines, line_id)
        lines.remove(line)
        told["text"] = line["text"]


def move(ticket: Ticket, line_id: int, steps: int, *, by: Actor) -> None:
    """Put a line so many places further down (or up, when negative)."""
    with _changed(ticket, "moved", by) as (lines, told):
        line = _line(lines, line_id)
        place = max(0, min(len(lines) - 1, lines.index(line) + steps))
        lines.remove(line)
        lines.insert(place, line)
        told["text"] = line["text"]


def progress(lines: list[Line]) -> tuple[int, int]:
    """How many lines are done, and how many there are."""
    return sum(each["done"] for each in lines), len(lines)


@contextmanager
def _changed(ticket: Ticket, what: str, by: Actor) -> Iterator[tuple[list[Line], dict[str, Any]]]:
    """The lines as they are now, to be changed; stored and recorded afterwards, if they are others then."""
    permissions.require(by, "note", ticket)
    with transaction():
        session().refresh(ticket, ["checklist"], with_for_update={"key_share": True})
        lines, told = [dict(each) for each in ticket.checklist], dict[str, Any](what=what)
        yield lines, told
        if lines == ticket.checklist:
            return
        ticket.checklist = lines
        tickets.touch(ticket)
        done, total = progress(lines)
        events.record("checklist_changed", by=by, ticket=ticket, done=done, total=total, **told)


def _line(lines: list[Line], line_id: int) -> Line:
    found = next((each for each in lines if each["id"] == line_id), None)
    if found is None:
        raise NotFound("Somebody has taken this line away.")
    return found


def _clean(text: str) -> str:
    line = " ".join(text.split())[:MAX_TEXT]
    if not line:
        raise Invalid("text", "Write something first.")
    return line
