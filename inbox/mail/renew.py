"""Bodies are cleaned once, on arrival. When the rules for that change, a job cleans the stored ones again.

From the original mail where it is kept, else from what is stored: rules that became stricter hold for both.
"""

from __future__ import annotations

import logging
from typing import Any

import sqlalchemy as sa

from inbox.core import attachments
from inbox.core.models import BODY_POLICY, Ledger, Message
from inbox.db import session, transaction
from inbox.jobs.engine import handler
from inbox.jobs.schedule import DAY
from inbox.mail import body, parse
from inbox.mail.sanitise import sanitise, show_remote

log = logging.getLogger(__name__)
BATCH = 50  # messages cleaned between two writes
Parts = dict[str, Any]  # column → value


@handler("bodies.renew", every=DAY)
def renew(args: dict[str, Any]) -> None:
    """Clean every body that was cleaned by older rules."""
    while renew_some():
        pass


def renew_some() -> int:
    """Clean a batch; returns how many there were."""
    rows = session().execute(
        sa.select(Message.id, Message.html, Message.html_quoted, Message.html_signature, Ledger.sha256)
        .join(Ledger, sa.and_(Ledger.id == Message.ledger_id, Ledger.raw_purged_at.is_(None)), isouter=True)
        .where(Message.html.is_not(None), Message.body_policy < BODY_POLICY)
        .order_by(Message.body_policy, Message.id).limit(BATCH)).all()
    session().rollback()  # parsing takes its time
    made = {row.id: _from_raw(row.id, row.sha256) or _from_stored(row) for row in rows}
    with transaction() as current:
        for message_id, parts in made.items():
            current.execute(sa.update(Message).where(Message.id == message_id)
                            .values(**parts, body_policy=BODY_POLICY).execution_options(synchronize_session=False))
    return len(made)


def _from_raw(message_id: int, sha256: str | None) -> Parts | None:
    """The body as it would be made today; None where the original is not kept or shows no HTML now."""
    if sha256 is None:
        return None
    try:
        raw = attachments.read(sha256, packed=True)
    except OSError as error:
        log.warning("The original of message %s cannot be read (%s); its stored body is cleaned.", message_id, error)
        return None
    made = body.build(parse.parse(raw))
    if made.html is None:
        return None
    return {"html": made.html, "html_quoted": made.html_quoted, "html_signature": made.html_signature,
            "needs_frame": made.needs_frame}


def _from_stored(row: Any) -> Parts:
    parts = {name: sanitise(show_remote(html)) for name in ("html", "html_quoted", "html_signature")
             if (html := getattr(row, name)) is not None}
    return {**{name: clean.html for name, clean in parts.items()},
            "needs_frame": any(clean.needs_frame for clean in parts.values())}
