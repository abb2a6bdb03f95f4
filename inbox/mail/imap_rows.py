"""What fetching by IMAP keeps in the database: who fetches a mailbox now, how far it is, what has arrived."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from inbox import holders
from inbox.core import arrivals, settings
from inbox.core.models import Ledger, Mailbox, MailboxFolder
from inbox.db import session, transaction, utcnow
from inbox.mail import ledger

LEASE = dt.timedelta(seconds=90)


class LeaseLost(Exception):
    """Another process fetches this mailbox now."""


@dataclass(frozen=True)
class Arrived:
    """A message whose bytes (or only whose header, when they are fewer than `size`) lie in the blob store."""

    uid: int
    sha256: str
    size: int


@dataclass(frozen=True)
class Place:
    """A folder as it is numbered now."""

    mailbox_id: int
    folder: str
    uidvalidity: int
    is_further: bool = False  # one that is fetched beside the mailbox's own


# --- the lease -------------------------------------------------------------------------------------------------


def take_lease(mailbox_id: int, owner: str) -> bool:
    """Become the one who fetches, or stay it. False while somebody else does. `owner` is a name of `inbox.holders`."""
    now = utcnow()
    held = session().scalar(sa.select(Mailbox.lease_owner).where(
        Mailbox.id == mailbox_id, Mailbox.lease_until > now, Mailbox.lease_owner != owner))
    if held is not None and not holders.has_ended(held):
        return False
    with transaction() as current:
        free = sa.or_(Mailbox.lease_owner.is_(None), Mailbox.lease_owner.in_([owner, held or owner]),
                      Mailbox.lease_until.is_(None), Mailbox.lease_until <= now)
        done = current.execute(
            sa.update(Mailbox).where(Mailbox.id == mailbox_id, Mailbox.is_active, free)
            .values(lease_owner=owner, lease_until=now + LEASE), execution_options={"synchronize_session": False})
        return bool(done.rowcount)  # type: ignore[attr-defined]


def release(mailbox_id: int, owner: str) -> None:
    """Let somebody else fetch at once."""
    with transaction() as current:
        current.execute(sa.update(Mailbox).where(Mailbox.id == mailbox_id, Mailbox.lease_owner == owner)
                        .values(lease_owner=None, lease_until=None))


def in_contact(mailbox_id: int, owner: str) -> None:
    """Keep the lease, and note that the server answers. Raises LeaseLost."""
    with transaction() as current:
        extend(current, mailbox_id, owner, fetched_at=utcnow())


def _advance(current: sa.orm.Session, place: Place, owner: str, mark: int) -> None:
    """Move the mark of a folder that is still the one to fetch. Raises LeaseLost."""
    if place.is_further:
        extend(current, place.mailbox_id, owner, fetched_at=utcnow())
        _set_further(current, place, MailboxFolder.uidvalidity == place.uidvalidity, last_uid=mark)
        return
    extend(current, place.mailbox_id, owner, Mailbox.imap_folder == place.folder,
            Mailbox.uidvalidity == place.uidvalidity, last_uid=mark, fetched_at=utcnow())


def _set_further(current: sa.orm.Session, place: Place, *still: sa.ColumnElement[bool], **values: object) -> None:
    """Store how far a further folder is. Raises LeaseLost when it is not to be fetched any more."""
    done = current.execute(sa.update(MailboxFolder).where(
        MailboxFolder.mailbox_id == place.mailbox_id, MailboxFolder.name == place.folder, *still)
        .values(**values), execution_options={"synchronize_session": False})
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise LeaseLost


def extend(current: sa.orm.Session, mailbox_id: int, owner: str, *still: sa.ColumnElement[bool],
            **values: object) -> None:
    """Keep the lease and store what goes with that. Inside a transaction. Raises LeaseLost."""
    done = current.execute(
        sa.update(Mailbox).where(Mailbox.id == mailbox_id, Mailbox.lease_owner == owner, *still)
        .values(lease_until=utcnow() + LEASE, **values), execution_options={"synchronize_session": False})
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise LeaseLost


# --- how far it is ----------------------------------------------------------------------------------------------


def open_folder(place: Place, owner: str, mark_before: Callable[[dt.date], int] = lambda since: 0) -> int:
    """The last UID we have of the folder. When the server numbered it anew, we begin at 0 again.

    In a mailbox that was never fetched, `mark_before` says which messages are older than `mail.start` and stay where
    they are. A further folder begins with the day it was added. Raises LeaseLost.
    """
    if place.is_further:
        return _open_further(place, owner, mark_before)
    stored = session().execute(sa.select(Mailbox.uidvalidity, Mailbox.last_uid, Mailbox.fetched_at).where(
        Mailbox.id == place.mailbox_id)).one_or_none()
    if stored is not None and stored.uidvalidity == place.uidvalidity:
        return stored.last_uid
    since = settings.get("mail.start", f"mailbox:{place.mailbox_id}")
    is_first = stored is not None and stored.uidvalidity is None and stored.fetched_at is None
    mark = mark_before(dt.date.fromisoformat(since)) if is_first and since else 0
    with transaction() as current:
        extend(current, place.mailbox_id, owner, Mailbox.imap_folder == place.folder,
                uidvalidity=place.uidvalidity, last_uid=mark)
    return mark


def _open_further(place: Place, owner: str, mark_before: Callable[[dt.date], int]) -> int:
    row = session().get(MailboxFolder, (place.mailbox_id, place.folder), populate_existing=True)
    if row is None:
        raise LeaseLost
    if row.uidvalidity == place.uidvalidity:
        return row.last_uid
    mark = mark_before(row.added_at.date()) if row.uidvalidity is None else 0
    with transaction() as current:
        extend(current, place.mailbox_id, owner)
        _set_further(current, place, uidvalidity=place.uidvalidity, last_uid=mark)
    return mark


def _not_of_others(place: Place) -> sa.ColumnElement[bool]:
    """Rows that are not another folder's of the same mailbox, which has numbers of its own."""
    names = [*session().scalars(sa.select(MailboxFolder.name).where(MailboxFolder.mailbox_id == place.mailbox_id)),
             *session().scalars(sa.select(Mailbox.imap_folder).where(Mailbox.id == place.mailbox_id))]
    others = [each for each in names if each != place.folder]
    return Ledger.folder.not_in(others) if others else sa.true()


def was_numbered_anew(place: Place) -> bool:
    """True when messages of this mailbox are in the ledger under other numbers than the folder's present ones."""
    return session().scalar(sa.select(Ledger.id).where(
        Ledger.mailbox_id == place.mailbox_id, Ledger.uid.is_not(None),
        Ledger.uidvalidity != place.uidvalidity, _not_of_others(place)).limit(1)) is not None


def renumber(place: Place, owner: str, found: Mapping[int, tuple[str, int]], mark: int) -> set[int]:
    """Give rows we have under old numbers their new ones. `found` is {uid: (Message-ID, size)}.

    Returns the UIDs that are known by that, and need not be fetched again. Raises LeaseLost.
    """
    known: set[int] = set()
    with transaction() as current:
        of_this = _not_of_others(place)
        for uid, (message_id, size) in found.items():
            row = current.scalar(
                sa.select(Ledger).where(
                    Ledger.message_id == message_id, Ledger.size == size, Ledger.mailbox_id == place.mailbox_id,
                    Ledger.uid.is_not(None), Ledger.uidvalidity != place.uidvalidity, of_this)
                .order_by(Ledger.id).limit(1))
            if row is None or _stored(place, uid):
                continue
            row.folder, row.uidvalidity, row.uid = place.folder, place.uidvalidity, uid
            current.flush()
            known.add(uid)
        if len(known) == len(found):
            _advance(current, place, owner, mark)
    return known


def _stored(place: Place, uid: int) -> bool:
    origin = ledger.Origin("imap", folder=place.folder, uidvalidity=place.uidvalidity, uid=uid)
    return ledger.known_uid(place.mailbox_id, origin) is not None


def keep(place: Place, owner: str, messages: Sequence[Arrived], mark: int) -> None:
    """The arrival of a group of messages and the new mark, in one transaction. Raises LeaseLost; then nothing is."""
    with transaction() as current:
        for each in messages:
            origin = ledger.Origin("imap", folder=place.folder, uidvalidity=place.uidvalidity, uid=each.uid)
            ledger.add(each.sha256, each.size, origin, place.mailbox_id)
        _advance(current, place, owner, mark)


# --- what was too big and no longer is -----------------------------------------------------------------------------


def cut_short(place: Place, max_bytes: int) -> list[tuple[int, int]]:
    """(ledger id, uid) of messages of which only the header was fetched, and which would be taken whole now."""
    return [(row.id, row.uid) for row in session().execute(
        sa.select(Ledger.id, Ledger.uid).where(
            Ledger.fate == "quarantined", Ledger.mailbox_id == place.mailbox_id, Ledger.folder == place.folder,
            Ledger.uidvalidity == place.uidvalidity, Ledger.size <= max_bytes,
            Ledger.reason.startswith(arrivals.ONLY_HEADER)).order_by(Ledger.id).limit(20))]
