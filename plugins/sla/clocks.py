"""What was promised for a ticket and what became of it, worked out from its history. Pure; knows no database.

A ticket has one clock for its first answer, one for each later answer, and one for its solution. A clock runs while
its calendar is open and the ticket is; it stands while the ticket waits for the customer. Whoever works the history
out again, from the first fact on, gets the same: so an event told twice changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from inbox.toolkit import hours

KINDS = ("first_reply", "next_reply", "resolution")
FACTS = ("asked", "answered", "open", "pending", "closed")
MERGES = ("waits", "away", "back")


@dataclass(frozen=True)
class Fact:
    """Something that starts, stops or holds clocks: the customer asked, an agent answered, the status changed.

    After a merge, or one undone, the customer `waits` since another time (`since`; None: no more); a ticket that was
    merged is `away`, its own clocks are dropped, until it is `back`.
    """

    at: dt.datetime
    kind: str  # one of FACTS or MERGES
    since: dt.datetime | None = None


@dataclass(frozen=True)
class Promise:
    """So many seconds of a calendar's time, with a warning so many seconds before they are over."""

    seconds: int
    calendar: hours.Hours
    warn_seconds: int = 0


@dataclass
class Clock:
    """One promise at work. `spent` are the seconds that counted up to `since`; since then it runs, unless None."""

    kind: str
    started_at: dt.datetime
    promise: Promise
    spent: int = 0
    since: dt.datetime | None = None
    stopped_at: dt.datetime | None = None
    was_kept: bool | None = None  # answered or solved: True in time, False late; None while open, or dropped
    missed_at: dt.datetime | None = field(default=None)

    @property
    def state(self) -> str:
        """running, paused, met, missed (stopped late) or dropped (closed without an answer)."""
        if self.stopped_at is not None:
            return {True: "met", False: "missed", None: "dropped"}[self.was_kept]
        return "paused" if self.since is None else "running"

    @property
    def due_at(self) -> dt.datetime | None:
        """When it is over, should nothing happen; None while it stands or has stopped."""
        return self._moment(self.promise.seconds)

    @property
    def warn_at(self) -> dt.datetime | None:
        return self._moment(max(0, self.promise.seconds - self.promise.warn_seconds))

    def _moment(self, seconds: int) -> dt.datetime | None:
        if self.since is None or self.stopped_at is not None or self.missed_at is not None:
            return None
        return self.promise.calendar.after(self.since, max(0, seconds - self.spent))

    def run(self, at: dt.datetime) -> None:
        if self.since is None and self.stopped_at is None:
            self.since = at

    def hold(self, at: dt.datetime) -> None:
        """Stop counting; what has counted stays."""
        if self.since is not None:
            self._note_if_missed(at)
            self.spent += self.promise.calendar.between(self.since, at)
            self.since = None

    def stop(self, at: dt.datetime, *, kept: bool = True) -> None:
        """Answered or solved; with kept=False dropped: nobody waits any more."""
        self.hold(at)
        self.stopped_at = at
        self.was_kept = None if not kept else self.missed_at is None

    def go_on(self, at: dt.datetime) -> None:
        """The ticket was opened again: closed time does not count."""
        self.stopped_at, self.was_kept = None, None
        self.run(at)

    def _note_if_missed(self, at: dt.datetime) -> None:
        due = self.due_at
        if due is not None and due < at:
            self.missed_at = due

    def look(self, now: dt.datetime) -> None:
        """Note that it was missed by now; nothing else changes."""
        self._note_if_missed(now)


PromiseFor = Callable[[str, dt.datetime], Promise | None]


def clocks_of(facts: Iterable[Fact], promise_for: PromiseFor) -> list[Clock]:
    """Every clock of a ticket, in the order they started. `promise_for(kind, started_at)` says what was promised."""
    history = _History(promise_for)
    for fact in sorted(facts, key=lambda each: each.at):
        history.tell(fact)
    return history.clocks


class _History:
    """The clocks while a history is told."""

    def __init__(self, promise_for: PromiseFor) -> None:
        self.clocks: list[Clock] = []
        self._promise_for = promise_for
        self._reply: Clock | None = None  # the answer that is owed
        self._solution: Clock | None = None
        self._left: list[Clock] = []  # of a ticket that was merged: dropped until it is back
        self._has_begun = False
        self._was_answered = False
        self._status = "open"

    def tell(self, fact: Fact) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._solution = self._start("resolution", fact.at)
        if fact.kind == "asked":
            self._asked(fact.at)
        elif fact.kind == "answered":
            self._answered(fact.at)
        elif fact.kind == "waits":
            self._waits(fact.since)
        elif fact.kind == "away":
            self._away(fact.at)
        elif fact.kind == "back":
            self._back(fact.since)
        else:
            self._turned(fact.kind, fact.at)

    def _start(self, kind: str, at: dt.datetime) -> Clock | None:
        promise = self._promise_for(kind, at)
        if promise is None:
            return None
        clock = Clock(kind, at, promise)
        if self._status == "open":
            clock.run(at)
        self.clocks.append(clock)
        return clock

    def _asked(self, at: dt.datetime) -> None:
        if self._reply is None and self._status != "closed":
            self._reply = self._start("next_reply" if self._was_answered else "first_reply", at)

    def _answered(self, at: dt.datetime) -> None:
        self._was_answered = True
        if self._reply is not None:
            self._reply.stop(at)
            self._reply = None

    def _waits(self, since: dt.datetime | None) -> None:
        """An answer is owed since another time: the clock of before makes room for one that began then."""
        if self._reply is not None and self._reply.started_at != since:
            self.clocks.remove(self._reply)
            self._reply = None
        if since is not None and self._reply is None and self._status != "closed":
            self._reply = self._start("next_reply" if self._was_answered else "first_reply", since)

    def _away(self, at: dt.datetime) -> None:
        for clock in (self._reply, self._solution):
            if clock is not None and clock.stopped_at is None:
                clock.stop(at, kept=False)
                self._left.append(clock)

    def _back(self, since: dt.datetime | None) -> None:
        """The clocks go on as if the ticket had never been away."""
        for clock in self._left:
            at, clock.stopped_at = clock.stopped_at, None
            if at is not None and self._status == "open":
                clock.run(at)
        self._left.clear()
        self._waits(since)

    def _turned(self, status: str, at: dt.datetime) -> None:
        self._status = status
        if status == "closed":
            if self._reply is not None:
                self._reply.stop(at, kept=False)
                self._reply, self._was_answered = None, True
            if self._solution is not None and self._solution.stopped_at is None:
                self._solution.stop(at)
            return
        for clock in (self._reply, self._solution):
            if clock is not None and status == "pending":
                if clock.stopped_at is not None:
                    clock.stopped_at, clock.was_kept = None, None
                clock.hold(at)
            elif clock is not None:
                clock.go_on(at) if clock.stopped_at is not None else clock.run(at)
