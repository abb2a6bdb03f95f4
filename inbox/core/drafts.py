"""Drafts: a message row in state draft, one per ticket, agent and kind; kept on the server, never lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from inbox.core import messages, permissions
from inbox.core.attachments import StoredFile
from inbox.core.errors import Invalid, NotFound, Stale
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import Agent, Message, Ticket
from inbox.db import fixed, session, transaction, utcnow


def of(ticket: Ticket, agent: Agent, kind: str) -> Message | None:
    """An agent's draft of a kind in a ticket, or None."""
    return session().scalar(sa.select(Message).where(
        Message.ticket_id == ticket.id, Message.agent_id == agent.id, Message.kind == kind,
        Message.state == fixed("draft")))


def all_of(agent: Agent, limit: int = 100) -> list[Message]:
    """An agent's drafts, newest first, those of new tickets among them."""
    return list(session().scalars(
        sa.select(Message).where(Message.agent_id == agent.id, Message.state == fixed("draft"))
        .order_by(Message.at.desc()).limit(limit)))


def get(draft_pk: int, agent: Agent) -> Message:
    """An agent's own draft. Raises NotFound."""
    draft = session().get(Message, draft_pk)
    if draft is None or draft.state != "draft" or draft.agent_id != agent.id:
        raise NotFound("This draft has been sent or discarded already.")
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
        if draft is None:
            draft = Message(kind=kind, state="draft", author_kind="agent", agent_id=agent.id, version=0,
                            ticket_id=ticket.id if ticket else None)
            current.add(draft)
        elif draft.state != "draft" or draft.agent_id != agent.id:
            raise NotFound("This draft has been sent or discarded already.")
        elif version < draft.version:
            raise Stale("A newer version of this draft is stored. It was opened in another place.")
        draft.text, draft.html, draft.needs_frame = body.text, body.html, body.needs_frame
        draft.extra = extra or {}
        draft.version += 1
        draft.at = utcnow()
        current.flush()
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


def discard(draft: Message, *, by: Actor) -> None:
    """Throw a draft away."""
    with transaction() as current:
        _own(draft, by)
        current.delete(draft)


def _own(draft: Message, by: Actor) -> None:
    if by.agent is None or draft.state != "draft" or draft.agent_id != by.agent.id:
        raise NotFound("This draft has been sent or discarded already.")
