"""Further folders of an IMAP account that are fetched beside the mailbox's own, each with a mark of its own."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from inbox.core import audit, permissions
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Mailbox, MailboxFolder
from inbox.db import session, transaction, utcnow

MOST = 20


def of(mailbox_id: int) -> list[MailboxFolder]:
    """The further folders of a mailbox, by name."""
    return of_many([mailbox_id]).get(mailbox_id, [])


def of_many(mailbox_ids: Iterable[int]) -> dict[int, list[MailboxFolder]]:
    """Those of several mailboxes, in one query."""
    found: dict[int, list[MailboxFolder]] = {}
    for each in session().scalars(sa.select(MailboxFolder).where(
            MailboxFolder.mailbox_id.in_(list(mailbox_ids))).order_by(MailboxFolder.name)):
        found.setdefault(each.mailbox_id, []).append(each)
    return found


def set_names(mailbox: Mailbox, names: Iterable[str], *, by: Actor) -> None:
    """Say which further folders are fetched. A new one begins with the mail of the day it is added; one that is taken
    off and added again begins anew. Raises Invalid, NotAllowed."""
    permissions.require(by, "manage_mailboxes")
    wanted = list(dict.fromkeys(each.strip() for each in names if each.strip()))
    if len(wanted) > MOST:
        raise Invalid("more_folders", "At most 20 further folders can be fetched.")
    if mailbox.imap_folder in wanted:
        raise Invalid("more_folders", "The mailbox's own folder is fetched anyway; name only others.")
    with transaction() as current:
        known = {each.name: each for each in of(mailbox.id)}
        if set(known) == set(wanted):
            return
        for name, row in known.items():
            if name not in wanted:
                current.delete(row)
        current.add_all(MailboxFolder(mailbox_id=mailbox.id, name=each) for each in wanted if each not in known)
        current.flush()
        audit.note("mailbox_changed", by=by, subject=mailbox.address,
                   changes=audit.diff({"folders": sorted(known)}, {"folders": sorted(wanted)}))


def begin_anew(mailbox_id: int) -> None:
    """The mailbox is another account now: what was read before counts for nothing. Inside a transaction."""
    session().execute(sa.update(MailboxFolder).where(MailboxFolder.mailbox_id == mailbox_id).values(
        uidvalidity=None, last_uid=0, added_at=utcnow(), error=None).execution_options(synchronize_session=False))


def noted(mailbox_id: int, name: str, error: str | None = None) -> None:
    """A folder was read, or could not be."""
    values = {"error": error[:1000]} if error else {"error": None, "fetched_at": utcnow()}
    with transaction() as current:
        current.execute(sa.update(MailboxFolder).where(
            MailboxFolder.mailbox_id == mailbox_id, MailboxFolder.name == name).values(**values)
            .execution_options(synchronize_session=False))
