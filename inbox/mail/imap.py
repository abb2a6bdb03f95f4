"""Fetching mail by IMAP: one round over an open folder. `inbox.mail.fetcher` runs the rounds.

What has been fetched is known by our own mark (UIDVALIDITY and the last UID, stored with the ledger rows in one
transaction), never by the server's Seen flag. A lease keeps two processes from fetching the same mailbox; if both
do all the same, the ledger takes each UID once.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from imapclient import IMAPClient

from inbox import secrets
from inbox.core import arrivals, attachments, logins
from inbox.core.models import Mailbox
from inbox.db import current_config
from inbox.mail import imap_rows as rows
from inbox.mail import oauth
from inbox.mail.headers import message_id as clean_message_id
from inbox.mail.imap_client import Account, Trouble, test_connection
from inbox.mail.imap_rows import Arrived, Place

__all__ = ["Account", "account_of", "fetch_new", "signed", "test_connection"]

WINDOW = 200  # messages whose sizes are asked for at once
GROUP_MESSAGES, GROUP_BYTES = 50, 8 * 1024 * 1024  # fetched and committed together

DISK = "This desk could not write to its disk ({error}). The mail waits on the server."


def account_of(mailbox: Mailbox) -> Account:
    """Where a mailbox is read, with its password in the clear. Raises SecretLost."""
    if mailbox.sign_in != "password":
        login = logins.of(mailbox.id)
        grant = login.granted_at.isoformat() if login is not None and login.granted_at is not None else ""
        return Account(mailbox.imap_host, mailbox.imap_port, mailbox.imap_security, mailbox.imap_user, "",
                       mailbox.imap_folder, mailbox.sign_in, grant)
    password = secrets.decrypt(mailbox.imap_password) if mailbox.imap_password else ""
    return Account(mailbox.imap_host, mailbox.imap_port, mailbox.imap_security, mailbox.imap_user, password,
                   mailbox.imap_folder)


def signed(account: Account, mailbox_id: int) -> Account:
    """The account with what it takes to sign in just now; asks its OAuth provider if need be. Raises Trouble."""
    if account.sign_in == "password":
        return account
    try:
        return replace(account, token=oauth.access_token(mailbox_id))
    except oauth.LoginTrouble as trouble:
        raise Trouble("permission" if trouble.needs_person else "provider", trouble.words) from trouble


# --- one round --------------------------------------------------------------------------------------------------


def fetch_new(client: IMAPClient, place: Place, owner: str, stop: threading.Event | None = None) -> int:
    """Bring everything new of the open folder into the ledger, in small commits. Returns how many messages.

    Raises LeaseLost, Trouble (disk), SERVER_ERRORS and sqlalchemy's errors; what was committed stays.
    """
    limit = current_config().max_message_bytes
    last = rows.open_folder(place, owner, lambda since: _mark_before(client, since))
    uids = sorted(uid for uid in client.search(["UID", f"{last + 1}:*"]) if uid > last)  # `*` is the last one, always
    anew = bool(uids) and rows.was_numbered_anew(place)
    count = 0
    for start in range(0, len(uids), WINDOW):
        window = uids[start:start + WINDOW]
        sizes = _sizes(client, window)
        if anew:
            known = rows.renumber(place, owner, _identities(client, sizes), window[-1])
            sizes = {uid: size for uid, size in sizes.items() if uid not in known}
        for group in _groups(sizes, limit):
            if stop is not None and stop.is_set():
                return count
            rows.keep(place, owner, _fetch(client, group, sizes, limit), group[-1])
            count += len(group)
    _fetch_whole(client, place, limit)
    return count


def _mark_before(client: IMAPClient, since: dt.date) -> int:
    """The UID before the first message that arrived on that day or later; RFC 3501 SINCE, by the server's calendar."""
    newer = client.search(["SINCE", since])
    return min(newer) - 1 if newer else max(client.search(["UID", "*"]), default=0)


def _sizes(client: IMAPClient, uids: Sequence[int]) -> dict[int, int]:
    """The size of each message, asked before anything is fetched. Those deleted meanwhile are missing."""
    answer = client.fetch(list(uids), ["RFC822.SIZE"])
    return {uid: int(answer[uid][b"RFC822.SIZE"]) for uid in sorted(answer) if b"RFC822.SIZE" in answer[uid]}


def _identities(client: IMAPClient, sizes: Mapping[int, int]) -> dict[int, tuple[str, int]]:
    """Message-ID and size, by which a message is recognised under its new number."""
    if not sizes:
        return {}
    name = b"BODY[HEADER.FIELDS (MESSAGE-ID)]"
    answer = client.fetch(list(sizes), ["BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"])
    found = {}
    for uid, data in answer.items():
        line = (data.get(name) or b"").decode("utf-8", "replace").partition(":")[2]
        message_id = clean_message_id(line.strip())
        if uid in sizes and message_id:
            found[uid] = (message_id, sizes[uid])
    return found


def _groups(sizes: Mapping[int, int], limit: int) -> Iterator[list[int]]:
    """UIDs in order, cut so that a group stays small in number and bytes."""
    group: list[int] = []
    weight = 0
    for uid, size in sizes.items():
        size = min(size, limit)
        if group and (len(group) >= GROUP_MESSAGES or weight + size > GROUP_BYTES):
            yield group
            group, weight = [], 0
        group.append(uid)
        weight += size
    if group:
        yield group


def _fetch(client: IMAPClient, group: Sequence[int], sizes: Mapping[int, int], limit: int) -> list[Arrived]:
    """The bytes of a group, stored on disk; of what is too big only the header."""
    whole = [uid for uid in group if sizes[uid] <= limit]
    heads = [uid for uid in group if sizes[uid] > limit]
    answer: dict[int, dict[bytes, Any]] = {}
    for uids, part in ((whole, "BODY.PEEK[]"), (heads, "BODY.PEEK[HEADER]")):
        if uids:
            answer.update(client.fetch(uids, [part]))
    arrived = []
    for uid in group:
        if uid not in answer:
            continue  # deleted on the server since we asked for its size
        raw = answer[uid].get(b"BODY[]") if uid in whole else answer[uid].get(b"BODY[HEADER]")
        raw = raw or b""  # what the server does not give is held, and says so
        arrived.append(Arrived(uid, store(raw), sizes[uid] if uid in heads or not raw else len(raw)))
    return arrived


def store(raw: bytes) -> str:
    """The bytes of a message, on disk. Raises Trouble."""
    try:
        return attachments.store(raw, compress=True)
    except OSError as error:
        raise Trouble("disk", DISK.format(error=error.strerror or error)) from error


def _fetch_whole(client: IMAPClient, place: Place, limit: int) -> None:
    """Messages that were too big, and are not any more since somebody raised the limit."""
    for ledger_id, uid in rows.cut_short(place, limit):
        raw = client.fetch([uid], ["BODY.PEEK[]"]).get(uid, {}).get(b"BODY[]")
        if raw:
            arrivals.completed(ledger_id, store(raw), len(raw))
