"""What a forward passes on: one message of its ticket, or all that was said with the customer. Never a note."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from inbox.core.attachments import StoredFile
from inbox.core.errors import Invalid
from inbox.core.models import Message, Ticket
from inbox.db import session

ALL = "all"
SAID = ("stored", "sent", "queued", "sending", "unknown")


def choices(thread: Iterable[Message]) -> list[Message]:
    """The messages of a thread that can be passed on, newest first."""
    found = [each for each in thread if each.kind in ("received", "reply", "forward") and each.state in SAID
             and not each.is_automatic]
    return sorted(found, key=lambda each: (each.at, each.id), reverse=True)


def newest(found: Sequence[Message]) -> Message | None:
    """What is passed on when nobody chooses: the last one that came in, else the last one."""
    return next((each for each in found if each.kind == "received"), found[0] if found else None)


def chosen(ticket: Ticket, about: str) -> list[Message]:
    """The messages a forward names, oldest first: one by its id, `all`, or the newest. Raises Invalid."""
    found = choices(session().scalars(sa.select(Message).where(Message.ticket_id == ticket.id)))
    if about == ALL:
        return found[::-1]
    if not about:
        last = newest(found)
        return [last] if last is not None else []
    one = next((each for each in found if str(each.id) == about), None)
    if one is None:
        raise Invalid("about", "The message to pass on is not in this ticket any more.")
    return [one]


def files(passed: Iterable[Message]) -> list[StoredFile]:
    """The files of what is passed on, each content once."""
    found: dict[tuple[str, str | None], StoredFile] = {}
    for message in passed:
        for each in message.attachments:
            found.setdefault((each.sha256, each.content_id), StoredFile(
                each.filename, each.content_type, each.size, each.sha256, each.is_inline, each.content_id))
    return list(found.values())


def of(message: Message) -> list[Message]:
    """What a forward that is on its way passes on, oldest first; nothing for one of before this could be chosen."""
    wanted = (message.extra or {}).get("passes_on") or []
    return list(session().scalars(sa.select(Message).where(
        Message.id.in_(wanted), Message.ticket_id == message.ticket_id).order_by(Message.at, Message.id)))
