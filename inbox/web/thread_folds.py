"""A thread folded together: what happened in a row is one line; of a long thread the middle waits until it is wanted.

Open are the first message, the last ones, and what the agent has not seen yet. A page says with each request (the
header `X-Earlier`) up to which message its own thread is folded, so that what it is sent fits what it shows.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import request

if TYPE_CHECKING:
    from inbox.web.tickets import Line

LAST_OPEN = 3  # messages
FEWEST = 4  # messages that are worth a line of their own
ROW = 3  # events that become one line
HEADER = "X-Earlier"


@dataclass
class Fold:
    """One line for several: `hidden` messages that are loaded when asked for, or events in a row."""

    at: dt.datetime
    key: str
    events: list[Line] = field(default_factory=list)
    hidden: int = 0
    upto: str = ""
    message: None = None


def first_unread(lines: list[Line], seen_at: dt.datetime | None, agent_id: int) -> str:
    """The key of the first message an agent has not seen; empty when there is none, or the ticket is new to them."""
    if seen_at is None:
        return ""
    return next((line.key for line in lines if line.message is not None and line.message.at > seen_at
                 and line.message.agent_id != agent_id), "")


def folded(lines: list[Line], unread: str, *, is_fresh: bool) -> list[Line | Fold]:
    """The same lines with folds. `is_fresh`: for a page that shows the thread already."""
    spoken = [place for place, line in enumerate(lines) if line.message is not None]
    begin, end = (spoken[0] + 1 if spoken else 0), _end(lines, spoken, unread, is_fresh=is_fresh)
    hidden = sum(1 for place in spoken if begin <= place < end)
    found: list[Line | Fold] = list(lines)
    if hidden >= (1 if is_fresh else FEWEST):
        last = max(place for place in spoken if place < end)
        found[begin:end] = [Fold(lines[begin].at, "earlier", hidden=hidden, upto=lines[last].key)]
    return _in_rows(found)


def _end(lines: list[Line], spoken: list[int], unread: str, *, is_fresh: bool) -> int:
    """Where the lines begin that are open up to the end."""
    if is_fresh:
        upto = request.headers.get(HEADER, "")
        return next((place + 1 for place, line in enumerate(lines) if upto and line.key == upto), 0)
    if len(spoken) <= LAST_OPEN + 1 or "all" in request.args:
        return 0
    return min([spoken[-LAST_OPEN], *(place for place in spoken if lines[place].key == unread)])


def _in_rows(lines: list[Any]) -> list[Line | Fold]:
    found: list[Line | Fold] = []
    row: list[Line] = []
    for line in [*lines, None]:
        if line is not None and line.message is None and not isinstance(line, Fold) and line.key[0] == "e":
            row.append(line)
            continue
        found += [Fold(row[-1].at, f"{row[0].key}-{len(row)}", events=row)] if len(row) >= ROW else row
        row = []
        if line is not None:
            found.append(line)
    return found
