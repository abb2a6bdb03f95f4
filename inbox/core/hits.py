"""Which tickets a search shows, and in which order: by the newest message that is found in each, or by the best one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from inbox.core import search
from inbox.core.models import Message, Ticket
from inbox.core.scope import Scope
from inbox.db import columns, is_among, is_sqlite, one_plan, session

WINDOWS = (80, 400, 2000, 8000, 20000)  # how many hits a search looks through at a time, after one and a half pages
RANKED = (2000, 5000, 20000)  # the same where the best come first: to rank all of a common word would take seconds
WALKED = 15_000  # messages of each such window, on PostgreSQL: to look at so many takes it 20 ms


@dataclass
class Found:
    """Tickets and the message each is shown for, in order; `below` is where the next page begins (None: no more)."""

    messages: dict[int, int]
    below: int | None = None


@dataclass
class _Walk:
    """Hits from the newest down, through growing windows: those of tickets that are wanted, by message."""

    tickets: dict[int, int] = field(default_factory=dict)
    below: int | None = None  # where it has come to
    exhausted: bool = False

    def until(self, many: int, asked: search.Match, wanted: Scope, windows: Sequence[int], **most: int) -> None:
        """Walk on until there are so many tickets, or no more hits, or windows, of which no more is looked through than
        the tickets found so far let expect. `most` as for `search.newest`."""
        seen = 0
        for window in windows:
            hits = window
            if self.tickets:
                tickets = len(set(self.tickets.values()))
                hits = min(window, (many - tickets) * 3 * seen // (2 * tickets) + 10)
            found = search.newest(asked, below=self.below, limit=hits, **most)
            seen += len(found)
            self.tickets |= {message_pk: ticket_id for ticket_id, message_pk in _tickets_of(found, wanted)}
            self.below = found[-1] if found else self.below
            self.exhausted = not found if most else len(found) < hits
            if self.exhausted or len(set(self.tickets.values())) >= many:
                return

    def order(self, message_pks: Iterable[int]) -> dict[int, int]:
        """Each ticket with the first of its messages."""
        first: dict[int, int] = {}
        for message_pk in message_pks:
            first.setdefault(self.tickets[message_pk], message_pk)
        return first


def newest_first(phrases: list[search.Phrase], wanted: Scope, below: int | None, limit: int) -> Found:
    """Newest matching messages first; looks through growing windows until the page is full.

    `below` is the id of the message the page before ended with. A ticket shown on an earlier page because of a newer
    message is not shown again: its newest match lies above it.
    """
    asked, walk = search.match(phrases), _Walk(below=below)
    walk.until(limit + 1, asked, wanted, (limit * 3 // 2 + 5, *WINDOWS))
    order = walk.order(sorted(walk.tickets, reverse=True))
    if below is not None and order:
        order = _not_shown_before(asked, order, below)
    shown = dict(list(order.items())[:limit])
    if len(order) > limit:
        return Found(shown, list(shown.values())[-1])
    return Found(shown, None if walk.exhausted else walk.below)


def best_first(phrases: list[search.Phrase], wanted: Scope, limit: int) -> Found:
    """The best of the newest hits; of those that are alike, the newer first. There is no next page."""
    walk = _Walk()
    walk.until(limit, search.match(phrases), wanted, RANKED, walk=WALKED)
    order = walk.order(search.best(phrases, list(walk.tickets)))
    return Found(dict(list(order.items())[:limit]))


def _tickets_of(hits: list[int], wanted: Scope) -> list[tuple[int, int]]:
    if not hits:
        return []
    build = _within.__wrapped__ if wanted.where else _within  # conditions are new each time: nothing to keep
    found: Iterable[Any] = columns(build(wanted, is_sqlite()), {"hits": hits})
    return [(ticket_id, message_pk) for ticket_id, message_pk in found]  # a message of a ticket that is there has one


@lru_cache(maxsize=200)
def _within(wanted: Scope, _sqlite: bool) -> sa.Select[int | None, int]:
    # The hits come first: EXISTS keeps the database from beginning with tickets.
    theirs = sa.select(Ticket.id).where(Ticket.id == Message.ticket_id, *wanted.conditions())
    found = sa.select(Message.ticket_id, Message.id).where(is_among(Message.id, "hits"), theirs.exists())
    return found if wanted.where else one_plan(found)


def _not_shown_before(asked: search.Match, order: dict[int, int], first_below: int) -> dict[int, int]:
    newer = sa.select(Message.ticket_id, sa.func.max(Message.id)).where(
        Message.ticket_id.in_(list(order)), Message.id >= first_below).group_by(Message.ticket_id)
    candidates = {row[0] for row in session().execute(newer) if row[0] is not None}
    if not candidates:
        return order
    hits = sa.text(f"SELECT message.ticket_id FROM message JOIN ({asked.sql}) AS hit ON hit.pk = message.id "  # noqa: S608
                   "WHERE message.ticket_id IN :tickets AND message.id >= :below").bindparams(
                       sa.bindparam("tickets", expanding=True))
    shown = set(session().scalars(hits, {**asked.values, "tickets": sorted(candidates), "below": first_below}))
    return {ticket_id: pk for ticket_id, pk in order.items() if ticket_id not in shown}
