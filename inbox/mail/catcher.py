"""The built-in catcher: takes outgoing mail instead of a mail server and keeps it for the Outbox page."""

from __future__ import annotations

import sqlalchemy as sa

from inbox.core import attachments, permissions, sending
from inbox.core.errors import NotFound
from inbox.core.models import Agent, CaughtMail, Message, SendAttempt, Ticket
from inbox.db import session, transaction

WORDS = "Kept in the Outbox. Nothing left this machine."


def catch(data: bytes, *, sender: str, recipients: list[str], subject: str, message: Message | None = None,
          attempt: SendAttempt | None = None) -> CaughtMail:
    """Keep a message. With `attempt`, keeping it and settling the attempt are one transaction: never lost, never two.

    Call it outside of a transaction. Raises OSError when the bytes cannot be stored.
    """
    sha256 = attachments.store(data, compress=True)
    with transaction() as current:
        caught = CaughtMail(envelope_from=sender, envelope_to=recipients, subject=subject, sha256=sha256,
                            size=len(data), message_pk=message.id if message else None,
                            ticket_id=message.ticket_id if message else None)
        current.add(caught)
        current.flush()
        if attempt is not None:
            sending.finish(attempt, "sent", WORDS)
        return caught


def get(caught_id: int, agent: Agent) -> CaughtMail:
    """A caught message the agent may see. Raises NotFound."""
    caught = session().scalar(_visible(sa.select(CaughtMail).where(CaughtMail.id == caught_id), agent))
    if caught is None:
        raise NotFound()
    return caught


def page(agent: Agent, *, before: int | None = None, limit: int = 50) -> tuple[list[CaughtMail], int | None]:
    """Caught messages the agent may see, newest first, and the id to go on from (None at the end).

    Mail of the desk itself (forgotten passwords, notifications) belongs to no ticket: only those who reach every
    department and set up mailboxes see it.
    """
    query = sa.select(CaughtMail).order_by(CaughtMail.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(CaughtMail.id < before)
    found = list(session().scalars(_visible(query, agent)))
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def _visible(query: sa.Select[CaughtMail], agent: Agent) -> sa.Select[CaughtMail]:
    if permissions.reach(agent) is None and permissions.may(agent, "manage_mailboxes"):
        return query
    theirs = permissions.visible(sa.select(Ticket.id).where(Ticket.id == CaughtMail.ticket_id), agent)
    return query.where(theirs.exists())
