"""What a desk needs before customers write to it, looked up in facts: nothing of it is ticked off by hand.

What takes other servers (name servers, a message sent out and back) is looked up by a job; its last answer is kept as
a sign of life called `fact:…`, and so is the last backup.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from inbox.core import permissions, queue, settings
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Agent, Heartbeat, Invitation, Job, Ledger, Mailbox, Message, SavedReply
from inbox.db import session, transaction, utcnow

LINES = ("mailbox", "answered", "round_trip", "dns", "team", "saved_replies", "backup")
LOOKED_UP = ("round_trip", "dns")  # by the job
JOB, PREFIX, HIDDEN = "go_live.look", "fact:", "desk.go_live_hidden"
OLD = {"round_trip": dt.timedelta(days=30), "dns": dt.timedelta(days=30), "backup": dt.timedelta(days=7)}


@dataclass(frozen=True)
class Line:
    """One line: `done`, `open` or `wrong`, since when that is known, and what there is to say."""

    name: str
    state: str
    at: dt.datetime | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    is_asked: bool = False  # it is being looked up now
    is_hidden: bool = False


def lines(*, by: Actor) -> list[Line]:
    """Every line as it is now. Raises NotAllowed."""
    permissions.require(by, "manage_settings")
    hidden, asked = _hidden(), _asked()
    found = [_mailbox(), _answered(), *map(_looked_up, LOOKED_UP), _team(), _saved_replies(), _backup()]
    return [Line(each.name, each.state, each.at, each.facts, each.name in asked, each.name in hidden)
            for each in found]


def hide(name: str, is_hidden: bool, *, by: Actor) -> None:
    """Show a line no more, or again: a desk without customers abroad needs no saved replies. Raises Invalid."""
    if name not in LINES:
        raise Invalid("name", "There is no such line.")
    with transaction():
        kept = _hidden() - {name} | ({name} if is_hidden else set())
        settings.put(HIDDEN, " ".join(sorted(kept)), by=by)


def _hidden() -> set[str]:
    return set(str(settings.get(HIDDEN)).split())


# --- facts --------------------------------------------------------------------------------------------------------


def _mailbox() -> Line:
    boxes = list(session().scalars(sa.select(Mailbox).where(Mailbox.is_active).order_by(Mailbox.id)))
    failing = [each for each in boxes if each.fetch_error]
    if failing:
        return Line("mailbox", "wrong", failing[0].fetch_error_at,
                    {"address": failing[0].address, "words": failing[0].fetch_error})
    working = [each for each in boxes if each.fetched_at is not None or _has_taken(each)]
    if not working:
        return Line("mailbox", "open", facts={"address": boxes[0].address if boxes else ""})
    caught = [each.address for each in working if each.outgoing == "catcher"]
    return Line("mailbox", "open" if len(caught) == len(working) else "done", facts={
        "addresses": [each.address for each in working], "caught": caught})


def _has_taken(mailbox: Mailbox) -> bool:
    return session().scalar(sa.select(Ledger.id).where(Ledger.mailbox_id == mailbox.id).limit(1)) is not None


def _answered() -> Line:
    at = session().scalar(sa.select(Message.sent_at).where(
        Message.kind == "reply", Message.state == "sent", Message.agent_id.is_not(None)).limit(1))
    return Line("answered", "open" if at is None else "done", at)


def _looked_up(name: str) -> Line:
    known = recall(name)
    if known is None or known.at < utcnow() - OLD[name]:
        return Line(name, "open", known.at if known is not None else None)
    answers = known.info.get("answers", [])  # what, state, words, how to mend
    worst = {each["state"] for each in answers} - {"ok"}
    return Line(name, "wrong" if "wrong" in worst else "open" if worst or not answers else "done", known.at,
                {"answers": answers})


def _team() -> Line:
    count = session().scalar(sa.select(sa.func.count(Agent.id)).where(Agent.is_active)) or 0
    invited = session().scalar(sa.select(sa.func.count(Invitation.id)).where(
        Invitation.ended_at.is_(None), Invitation.expires_at > utcnow())) or 0
    return Line("team", "done" if count + invited > 1 else "open", facts={"count": count, "invited": invited})


def _saved_replies() -> Line:
    count = session().scalar(sa.select(sa.func.count(SavedReply.id)).where(SavedReply.agent_id.is_(None))) or 0
    return Line("saved_replies", "done" if count else "open", facts={"count": count})


def _backup() -> Line:
    known = recall("backup")
    if known is None:
        return Line("backup", "open")
    return Line("backup", "done" if known.at > utcnow() - OLD["backup"] else "wrong", known.at)


# --- what is looked up --------------------------------------------------------------------------------------------


def ask(name: str, *, by: Actor) -> None:
    """Let the worker look something up now. Raises Invalid, NotAllowed."""
    permissions.require(by, "manage_settings")
    if name not in LOOKED_UP:
        raise Invalid("name", "There is no such line.")
    with transaction():
        queue.enqueue(JOB, {"name": name}, key=f"{JOB}:{name}")


def _asked() -> set[str]:
    keys = session().scalars(sa.select(Job.key).where(
        Job.key.in_([f"{JOB}:{each}" for each in LOOKED_UP]), Job.state.in_(("queued", "running"))))
    return {str(each).rpartition(":")[2] for each in keys}


def remember(name: str, **info: Any) -> None:
    """Keep what was found, with the time."""
    with transaction() as current:
        current.merge(Heartbeat(name=f"{PREFIX}{name}", at=utcnow(), info=info))


def recall(name: str) -> Heartbeat | None:
    """What was found last."""
    return session().get(Heartbeat, f"{PREFIX}{name}")
