"""Drafts: a message row in state draft, one per ticket, agent and kind; kept on the server, never lost."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

import sqlalchemy as sa

from inbox.core import events, messages, permissions
from inbox.core.attachments import StoredFile
from inbox.core.errors import Invalid, NotFound, Stale
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import Agent, Message, Ticket
from inbox.db import fixed, session, transaction, utcnow

GONE = "This draft has been sent or discarded already."
TAKEN = "{name} goes on with this draft now."


def of(ticket: Ticket, agent: Agent, kind: str) -> Message | None:
    """An agent's draft of a kind in a ticket, or None."""
    return session().scalar(_ONE, {"ticket_id": ticket.id, "agent_id": agent.id, "of_kind": kind})


_ONE = sa.select(Message).where(
    Message.ticket_id == sa.bindparam("ticket_id"), Message.agent_id == sa.bindparam("agent_id"),
    Message.kind == sa.bindparam("of_kind"), Message.state == fixed("draft"))


def all_of(agent: Agent, limit: int = 100) -> list[Message]:
    """An agent's drafts, newest first, those of new tickets among them."""
    return list(session().scalars(
        sa.select(Message).where(Message.agent_id == agent.id, Message.state == fixed("draft"))
        .order_by(Message.at.desc()).limit(limit)))


def get(draft_pk: int, agent: Agent) -> Message:
    """An agent's own draft. Raises NotFound."""
    draft = session().get(Message, draft_pk)
    if draft is None or draft.state != "draft" or draft.agent_id != agent.id:
        raise NotFound(GONE)
    return draft


def save(*, by: Actor, kind: str, body: Body, ticket: Ticket | None = None, draft: Message | None = None,
         version: int = 0, extra: dict[str, Any] | None = None) -> Message:
    """Keep what an agent has written so far. `version` is the one the agent's page builds on.

    Raises Stale when a newer one is stored (another tab, another device): nothing is overwritten, the caller shows
    the stored one. `extra` holds what is not yet in columns: recipients, subject, department.
    """
    agent = by.agent
    if agent is None or kind not in ("reply", "note", "forward"):
        raise Invalid("kind", "A draft is a reply, a note or a forward of an agent.")
    permissions.require(by, "draft", ticket)
    with transaction() as current:
        if draft is None and ticket is not None:
            draft = of(ticket, agent, kind)
        if draft is None and ticket is not None and version > 0:
            raise Stale(_why_gone(ticket, agent, kind))
        if draft is None:
            draft = Message(kind=kind, state="draft", author_kind="agent", agent_id=agent.id, version=0,
                            ticket_id=ticket.id if ticket else None)
            current.add(draft)
        elif draft.state != "draft" or draft.agent_id != agent.id:
            raise NotFound(GONE)
        elif version < draft.version:
            raise Stale("A newer version of this draft is stored. It was opened in another place.")
        draft.text, draft.html, draft.needs_frame = body.text, body.html, body.needs_frame
        whose = {"from": draft.extra["from"]} if "from" in (draft.extra or {}) else {}  # who began it is not forgotten
        draft.extra = {**whose, **(extra or {})}
        draft.version += 1
        draft.at = utcnow()
        current.flush()
        return draft


def _why_gone(ticket: Ticket, agent: Agent, kind: str) -> str:
    """Why what an agent writes on has no draft any more."""
    for each in of_colleagues(ticket, agent, kind):
        if (each.extra or {}).get("from") == agent.id and each.agent is not None:
            return TAKEN.format(name=each.agent.name)
    return GONE


def of_colleagues(ticket: Ticket, agent: Agent, kind: str) -> list[Message]:
    """What others have begun to write in a ticket, oldest first."""
    return list(session().scalars(sa.select(Message).where(
        Message.ticket_id == ticket.id, Message.kind == kind, Message.state == fixed("draft"),
        Message.agent_id != agent.id).order_by(Message.at)))


def take_over(draft_pk: int, *, by: Actor) -> Message:
    """Go on with what a colleague has begun to write. The draft is moved as it is, with its files: there is one of it,
    before and after. Raises NotFound (sent, discarded, or out of reach), NotAllowed, and Invalid when one has written
    something of the same kind oneself."""
    agent = by.agent
    if agent is None:
        raise Invalid("agent", "A draft is an agent's.")
    with transaction() as current:
        draft = current.get(Message, draft_pk, with_for_update=True)
        ticket = current.get(Ticket, draft.ticket_id) if draft is not None and draft.ticket_id is not None else None
        if draft is None or ticket is None or draft.state != "draft" or draft.agent_id == agent.id:
            raise NotFound(GONE)
        permissions.require(by, "note" if draft.kind == "note" else "reply", ticket)
        mine = of(ticket, agent, draft.kind)
        if mine is not None and (mine.text.strip() or mine.attachments):
            raise Invalid("draft", "You have begun to write here yourself. Send or discard that first.")
        if mine is not None:
            current.delete(mine)
            current.flush()
        before, draft.agent_id = draft.agent_id, agent.id
        draft.extra = {**(draft.extra or {}), "from": before}
        draft.version += 1
        current.flush()
        current.expire(draft, ["agent"])
        events.record("draft_taken_over", by=by, ticket=ticket, message=draft, agent=agent.id, before=before)
        return draft


def add_files(draft: Message, files: Sequence[StoredFile], *, by: Actor) -> None:
    """Attach stored files to a draft."""
    with transaction():
        _own(draft, by)
        messages.attach(draft, files)


def remove_file(draft: Message, attachment_id: int, *, by: Actor) -> None:
    """Take a file off a draft."""
    with transaction():
        _own(draft, by)
        draft.attachments = [each for each in draft.attachments if each.id != attachment_id]


def drop_images(draft: Message, *, besides: Container[str], by: Actor) -> None:
    """Take off the pictures that stand in the text no more, before it is sent."""
    gone = [each for each in draft.attachments if each.is_inline and each.content_id not in besides]
    if gone:
        with transaction():
            _own(draft, by)
            draft.attachments = [each for each in draft.attachments if each not in gone]


def discard(draft: Message, *, by: Actor) -> None:
    """Throw a draft away."""
    with transaction() as current:
        _own(draft, by)
        current.delete(draft)


def _own(draft: Message, by: Actor) -> None:
    if by.agent is None or draft.state != "draft" or draft.agent_id != by.agent.id:
        raise NotFound(GONE)
