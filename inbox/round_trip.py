"""A real message out of each mailbox and back into the ledger, as `inbox doctor --round-trip` sends it.

It is marked as automatic and comes from our own address: the desk knows it as its own and makes no ticket of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import sqlalchemy as sa

from inbox import secrets
from inbox.config import ConfigError
from inbox.core import mailboxes
from inbox.core.models import Ledger, Mailbox
from inbox.db import session, utcnow
from inbox.mail import compose, deliver, dkim, mime, oauth, smtp_client

WAIT_SECONDS = 120.0
LOOK_SECONDS = 1.0
TEXT = "This message was sent by inbox doctor to see whether mail goes out and comes back in."

Answer = tuple[str, bool, str, str]  # address, is it well, words, how to mend


def run(wait_seconds: float | None = None) -> Iterator[Answer]:
    """Send a message from each mailbox to itself, and wait until all of them are in the ledger."""
    sent: dict[str, tuple[Mailbox, float]] = {}
    for mailbox in mailboxes.all_mailboxes(active=True):
        if mailbox.outgoing != "smtp":
            continue
        message_id = compose.random_message_id(mailbox.address)
        problem = _send(mailbox, message_id)
        if problem:
            yield mailbox.address, False, f"It could not be sent: {problem}", "Correct the outgoing server's settings."
        else:
            sent[message_id] = mailbox, time.monotonic()
    yield from _wait(sent, WAIT_SECONDS if wait_seconds is None else wait_seconds)


def _send(mailbox: Mailbox, message_id: str) -> str:
    """What went wrong, or nothing."""
    try:
        composed = compose.compose_system((mailbox.name, mailbox.address), "Round trip of inbox doctor", TEXT,
                                          sender=(mailbox.name, mailbox.address), date=utcnow(), message_id=message_id)
        data, account = dkim.signed(composed.data, mailbox.address), deliver.account_of(mailbox)
    except (mime.AddressError, secrets.SecretLost, ConfigError, oauth.LoginTrouble) as error:
        return str(error)
    session().rollback()
    result = smtp_client.send(account, mailbox.address, [mailbox.address], data,
                              needs_smtputf8=composed.needs_smtputf8)
    return "" if result.outcome == "sent" else result.response


def _wait(sent: dict[str, tuple[Mailbox, float]], seconds: float) -> Iterator[Answer]:
    end = time.monotonic() + seconds
    while sent:
        session().rollback()
        arrived = sa.select(Ledger.message_id).where(Ledger.message_id.in_(list(sent)))
        for message_id in set(session().scalars(arrived)):
            mailbox, began = sent.pop(str(message_id))
            took = time.monotonic() - began
            yield mailbox.address, True, f"A message went out and came back in {took:.0f} s.", ""
        if time.monotonic() > end:
            break
        time.sleep(LOOK_SECONDS if sent else 0)
    for mailbox, _began in sent.values():
        yield (mailbox.address, False, f"A message went out, and did not come back within {seconds:.0f} s.",
               "See to it that the desk runs (`inbox run`) and that mail to this address reaches it: its MX record, "
               "the folder for spam, the folder that is fetched.")
