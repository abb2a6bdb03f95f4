"""A message handed over by a mail server's pipe: `inbox receive --to ADDRESS < message`.

The answer is an exit code of sysexits.h, by which Postfix, Exim and sendmail know whether to try again. Like the
listener it only records the arrival; parser and plugins are not loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from flask import Flask
from sqlalchemy.exc import DBAPIError

from inbox.db import current_config, work_context
from inbox.mail import ledger

log = logging.getLogger(__name__)

EX_OK = 0
EX_USAGE = 64  # no recipient given
EX_DATAERR = 65  # nothing on standard input, or more than the desk takes
EX_NOUSER = 67  # no mailbox has that address
EX_TEMPFAIL = 75  # database or disk: try again


def receive_pipe(app: Flask, to: Sequence[str], raw: bytes, *, envelope_from: str | None = None) -> tuple[int, str]:
    """Record a message for the mailboxes of the addresses `to`.

    Returns the exit code and a sentence for standard error (or, on success, what to say). Never raises for what a
    later try can mend. Nothing is kept when one address is unknown.
    """
    if not to:
        return EX_USAGE, "Say for whom the message is: --to ADDRESS."
    if not raw.strip():
        return EX_DATAERR, "There was no message on standard input."
    with work_context(app):
        if len(raw) > current_config().max_message_bytes:
            return EX_DATAERR, f"The message is larger than {current_config().max_message_bytes} bytes."
        try:
            return _record(to, raw, envelope_from)
        except (DBAPIError, OSError) as error:
            log.error("A message could not be stored: %s", error)
            return EX_TEMPFAIL, f"The message could not be stored just now; try again later. ({_short(error)})"


def _record(to: Sequence[str], raw: bytes, envelope_from: str | None) -> tuple[int, str]:
    deliveries: dict[int | None, list[str]] = {}
    for address in to:
        mailbox = ledger.mailbox_for(address)
        if mailbox is None:
            return EX_NOUSER, f"No mailbox of this desk has the address {address}."
        deliveries.setdefault(mailbox.id, []).append(address)
    rows = ledger.arrive_all(raw, ledger.Origin("pipe", envelope_from), deliveries)
    return EX_OK, f"Kept as {', '.join(map(str, rows))}."


def _short(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]
