"""What machines do here: who acts when a plugin does, how often it may, and whom it may answer."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import sqlalchemy as sa

from inbox.core import events
from inbox.core.events import Actor
from inbox.core.models import Attempt, Event, Message, Ticket
from inbox.db import session, transaction, utcnow
from inbox.plugin_host import call


def me() -> Actor:
    """The plugin whose code is running, acting because of the event it answers. Raises RuntimeError outside of one."""
    running = call.answering()
    if running is None:
        raise RuntimeError("Only a plugin's answer to a hook can ask who it is.")
    actor = Actor.system(f"plugin:{running.plugin}")
    return actor.because_of(running.event) if running.event is not None else actor


def record(kind: str, *, ticket: Ticket | None = None, **data: Any) -> Event:
    """Write down a fact of the running plugin, of a kind it has registered, in the current transaction.

    Raises RuntimeError outside of a transaction, outside of a plugin, and for a kind that is not its own.
    """
    running = call.answering()
    if running is None or not kind.startswith(f"{running.plugin.removeprefix('builtin.')}."):
        raise RuntimeError(f"{kind} is not an event of the plugin that records it.")
    if kind not in {item.name for _, item in call.registered("register_events")}:
        raise RuntimeError(f"The plugin has not registered the event {kind}: return it from register_events.")
    return events.record(kind, by=me(), ticket=ticket, **data)


def spend(budget: str, limit: int, within: dt.timedelta) -> bool:
    """Take one from a budget of `limit` within a time of at most a day; False when it is used up.

    `budget` says what it is for and for whom, e.g. `auto_reply:somebody@example.com`. Counted in the database, so
    right with any number of processes.
    """
    key = _key(budget)
    with transaction() as current:
        used = session().scalar(sa.select(sa.func.count()).select_from(Attempt).where(
            Attempt.key == key, Attempt.at > utcnow() - within)) or 0
        if used >= limit:
            return False
        current.add(Attempt(key=key))
        return True


def give_back(budget: str) -> None:
    """Fill a budget again. Inside a transaction."""
    session().execute(sa.delete(Attempt).where(Attempt.key == _key(budget))
                      .execution_options(synchronize_session=False))


def _key(budget: str) -> str:
    return f"budget:{hashlib.sha256(budget.encode()).hexdigest()[:40]}"


def why_not_answer(message: Message) -> str | None:
    """Why no machine may answer a message (RFC 3834), or None. Mail intake has looked at its headers."""
    if message.kind != "received" or message.is_automatic:
        return "Nobody wrote this message to us by hand."
    reason: str | None = message.extra.get("unanswerable", "It did not come by mail.")
    return reason or None


def auto_reply_words(text: str, ticket: Ticket) -> str:
    """The words of an automatic answer, as plugins leave them. Not inside of a transaction."""
    return call.filter("filter_auto_reply", text, ticket=ticket)
