"""How the mailboxes are: when they were last read, how much came today, what waits, what is wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from inbox.core import logins, mailbox_folders, mailboxes
from inbox.core.models import Agent, Ledger, Mailbox, MailboxFolder, Message
from inbox.db import session, utcnow
from inbox.mail.ledger import MOST_COUNTED

SILENT_FOR = dt.timedelta(minutes=15)  # a mailbox that was not reached for so long is not fine, error or not


@dataclass(frozen=True)
class Health:
    """One mailbox. `state` is fine, silent (not reached for a while), failing, or off. `lag`: how long its last message
    lay on the server before it came here."""

    mailbox: Mailbox
    state: str
    today: int
    waiting: int
    quarantined: int
    lag: dt.timedelta | None = None
    days_left: int | None = None  # of its OAuth login
    folders: Sequence[MailboxFolder] = ()  # fetched beside its own


def of_mailboxes(agent: Agent, since: dt.datetime) -> list[Health]:
    """The mailboxes within the agent's reach, with what arrived since a time."""
    mine = mailboxes.visible_to(agent)
    # Cut out of the whole first: grouping would walk along the index of mailboxes, over all mail there ever was.
    rows = (sa.select(Ledger.mailbox_id, Ledger.fate).where(Ledger.arrived_at >= since)
            .order_by(Ledger.arrived_at.desc()).limit(MOST_COUNTED).subquery())
    counted = {row.mailbox_id: row for row in session().execute(
        sa.select(rows.c.mailbox_id, sa.func.count().label("today"),
                  sa.func.count(sa.case((rows.c.fate == "waiting", 1))).label("waiting"),
                  sa.func.count(sa.case((rows.c.fate == "quarantined", 1))).label("quarantined"))
        .group_by(rows.c.mailbox_id))}
    folders = mailbox_folders.of_many([each.id for each in mine])
    return [replace(_health(each, counted.get(each.id)), folders=folders.get(each.id, ())) for each in mine]


def _health(mailbox: Mailbox, row: Any) -> Health:
    if row is None:
        return Health(mailbox, state_of(mailbox), 0, 0, 0, lag_of(mailbox), _days(mailbox))
    return Health(mailbox, state_of(mailbox), row.today, row.waiting, row.quarantined, lag_of(mailbox), _days(mailbox))


def _days(mailbox: Mailbox) -> int | None:
    return logins.days_left(logins.of(mailbox.id)) if mailbox.sign_in != "password" else None


def lag_of(mailbox: Mailbox) -> dt.timedelta | None:
    """How long the last message of a fetched mailbox lay on its server, by the server's own clock."""
    if mailbox.incoming not in mailboxes.FETCHED:
        return None
    row = session().execute(
        sa.select(Ledger.id, Ledger.arrived_at, Ledger.source).where(Ledger.mailbox_id == mailbox.id)
        .order_by(Ledger.id.desc()).limit(1)).first()
    if row is None or row.source not in mailboxes.FETCHED:
        return None
    taken = session().scalar(sa.select(Message.at).where(Message.ledger_id == row.id))
    return None if taken is None else max(dt.timedelta(), row.arrived_at - taken)


def state_of(mailbox: Mailbox) -> str:
    """fine, silent, failing or off."""
    if not mailbox.is_active:
        return "off"
    if mailbox.incoming not in mailboxes.FETCHED:
        return "fine"
    if mailbox.fetch_error is not None:
        return "failing"
    fresh = mailbox.fetched_at is not None and utcnow() - mailbox.fetched_at < SILENT_FOR
    return "fine" if fresh else "silent"


def names(agent: Agent) -> dict[int, str]:
    """Mailbox id → address, of the mailboxes within reach."""
    return {each.id: each.address for each in mailboxes.visible_to(agent)}
