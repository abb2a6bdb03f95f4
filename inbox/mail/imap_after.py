"""What this desk writes to an IMAP account, and only where the mailbox says so: it deletes what was taken in, and it
keeps copies of what was sent. Also the list of folders.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

import sqlalchemy as sa
from imapclient import SEEN, IMAPClient
from imapclient.exceptions import IMAPClientError

from inbox.core import attachments, mailboxes
from inbox.core.errors import NotFound
from inbox.core.models import Ledger, Message
from inbox.db import session, utcnow
from inbox.jobs.engine import handler
from inbox.mail import compose, deliver
from inbox.mail.imap import account_of, signed
from inbox.mail.imap_client import SERVER_ERRORS, Account, Trouble, connected, words_for
from inbox.mail.imap_rows import Place

log = logging.getLogger(__name__)
TAKEN_IN = ("created", "appended", "duplicate", "ignored")  # fates after which the server's copy is not needed
CHUNK = 400


def tidy(client: IMAPClient, place: Place, days: int) -> int:
    """Delete from the open folder what was taken in at least `days` ago. Returns how many messages.

    Only what has a fate, was fetched whole and lies in our own store. The folder is open read-only again afterwards.
    """
    due = _due(place, client.search("ALL"), utcnow() - dt.timedelta(days=days))
    if not due:
        return 0
    client.select_folder(place.folder)
    try:
        client.delete_messages(due, silent=True)
        if client.has_capability("UIDPLUS"):
            client.expunge(due)
        elif set(client.search("DELETED")) <= set(due):  # else somebody's own marks would be carried out as well
            client.expunge()
    finally:
        client.select_folder(place.folder, readonly=True)
    return len(due)


def _due(place: Place, there: list[int], before: dt.datetime) -> list[int]:
    found: list[int] = []
    for start in range(0, len(there), CHUNK):
        for row in session().execute(sa.select(Ledger.uid, Ledger.sha256).where(
                Ledger.mailbox_id == place.mailbox_id, Ledger.folder == place.folder,
                Ledger.uidvalidity == place.uidvalidity, Ledger.uid.in_(there[start:start + CHUNK]),
                Ledger.fate.in_(TAKEN_IN), Ledger.arrived_at <= before, Ledger.raw_purged_at.is_(None))):
            if attachments.exists(row.sha256, packed=True):
                found.append(row.uid)
    return found


@handler("mail.sent_copy", retries=6)
def sent_copy_job(args: dict[str, Any]) -> None:
    """Job: put a copy of `args["message"]`, which was sent, into the folder the mailbox keeps them in."""
    message = session().get(Message, int(args["message"]))
    mailbox = deliver.mailbox_for(message) if message is not None and message.ticket_id is not None else None
    if message is None or mailbox is None or mailbox.incoming != "imap" or not mailbox.sent_folder:
        return
    letter = compose.compose(deliver.letter_for(message, mailbox))
    account, folder = signed(account_of(mailbox), mailbox.id), mailbox.sent_folder
    message_id, at = message.message_id or "", message.sent_at or message.at
    session().rollback()  # ends the read: no database snapshot is held while the server takes its time
    with connected(account) as (client, _state):
        try:
            client.select_folder(folder, readonly=True)
        except IMAPClientError:
            client.create_folder(folder)
            client.select_folder(folder, readonly=True)
        if not (message_id and client.search(["HEADER", "Message-ID", f"<{message_id}>"])):
            client.append(folder, letter.data, flags=(SEEN,), msg_time=at)


def folders(account: Account) -> list[str]:
    """The names of an account's folders. Raises Trouble."""
    try:
        with connected(account) as (client, _state):
            found = client.list_folders()
    except SERVER_ERRORS as error:
        raise Trouble("folder", words_for(error)) from error
    return sorted(str(name) for flags, _sign, name in found if b"\\Noselect" not in flags)


def folders_of(mailbox_id: int) -> list[str]:
    """The same for a stored mailbox. Raises Trouble, NotFound, SecretLost."""
    mailbox = mailboxes.get(mailbox_id)
    if mailbox.incoming != "imap":
        raise NotFound()
    account = signed(account_of(mailbox), mailbox_id)
    session().rollback()
    return folders(account)
