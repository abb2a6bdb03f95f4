"""Facts about mail on its way in: what became of a message, and its second chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from inbox.core import events, permissions, queue
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Ledger
from inbox.db import session, transaction, utcnow

JOB = "mail.process"
BY_MAIL = Actor.system("mail")
ONLY_HEADER = "Only the header of this message was fetched"  # how the reason begins; see `completed`


def enqueue(row: Ledger) -> None:
    """Ask for a waiting message to be processed. Inside a transaction."""
    queue.enqueue(JOB, {"ledger_id": row.id}, key=f"ledger:{row.id}")


def settle(ledger_id: int, fate: str, reason: str = "", *, error: str | None = None, ticket_id: int | None = None,
           **known: Any) -> bool:
    """Write down what became of a message, once. Inside a transaction.

    `known` are columns learnt from its headers (message_id, from_address, subject). Returns False when the row
    has a fate already (another worker was faster): then undo everything else of this transaction.
    """
    values = {"fate": fate, "reason": reason, "error": error, "ticket_id": ticket_id, "fated_at": utcnow(), **known}
    done = session().execute(
        sa.update(Ledger).where(Ledger.id == ledger_id, Ledger.fate == "waiting").values(values),
        execution_options={"synchronize_session": False})
    if done.rowcount != 1:  # type: ignore[attr-defined]
        return False
    if fate == "quarantined":
        events.record("mail_quarantined", by=BY_MAIL, ledger=ledger_id, reason=reason[:200])
    return True


def settle_taken(fates: Sequence[Mapping[str, Any]]) -> bool:
    """The same for messages that went into tickets: `ledger_id`, `fate`, `ticket_id` and what is known of each. Returns
    False when one of them has a fate already."""
    columns = [name for name in fates[0] if name != "ledger_id"]
    statement = sa.update(Ledger).where(Ledger.id == sa.bindparam("ledger_id"), Ledger.fate == "waiting").values(
        fated_at=utcnow(), reason="", error=None, **{name: sa.bindparam(f"to_{name}") for name in columns})
    done = session().connection().execute(statement, [
        {"ledger_id": each["ledger_id"], **{f"to_{name}": each[name] for name in columns}} for each in fates])
    return done.rowcount == len(fates)


def can_retry(row: Ledger) -> bool:
    """True for a message that was held or ignored and whose bytes are still here."""
    return row.fate in ("quarantined", "ignored") and row.raw_purged_at is None


def retry(row: Ledger, *, by: Actor) -> None:
    """Process a quarantined or ignored message again. Raises NotAllowed, Invalid (nothing to retry)."""
    permissions.require(by, "see_ledger")
    with transaction() as current:
        if row.fate == "waiting":
            return
        if not can_retry(row):
            raise Invalid("fate", "This message has been taken in, or its original was deleted; there is nothing to "
                                  "retry.")
        row.fate, row.reason, row.error, row.fated_at, row.attempts, row.ticket_id = "waiting", "", None, None, 0, None
        current.flush()
        enqueue(row)


def reconciled(words: list[str]) -> None:
    """Write down what the nightly check found, in plain words; nothing when all is where it should be."""
    with transaction():
        events.record("mail_reconciled", by=BY_MAIL, problems=len(words), words=[each[:400] for each in words[:20]])


def completed(ledger_id: int, sha256: str, size: int) -> None:
    """A message of which we had only the header is here now as a whole: it is processed again."""
    with transaction() as current:
        row = current.get(Ledger, ledger_id)
        if row is None or row.fate != "quarantined":
            return
        row.sha256, row.size, row.fate, row.reason, row.error, row.attempts = sha256, size, "waiting", "", None, 0
        current.flush()
        enqueue(row)
