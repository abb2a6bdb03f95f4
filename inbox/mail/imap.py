"""Fetching mail by IMAP: one thread a mailbox, in the worker process.

What has been fetched is known by our own mark (UIDVALIDITY and the last UID, stored with the ledger rows in one
transaction), never by the server's Seen flag. A lease keeps two processes from fetching the same mailbox; if both
do all the same, the ledger takes each UID once.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from flask import Flask
from imapclient import IMAPClient
from sqlalchemy.exc import SQLAlchemyError

from inbox import secrets
from inbox.core import arrivals, attachments
from inbox.core.models import Ledger, Mailbox
from inbox.db import current_config, session, transaction, utcnow, work_context
from inbox.mail import imap_rows as rows
from inbox.mail import ledger
from inbox.mail.imap_client import SERVER_ERRORS, Account, Trouble, connected, test_connection, words_for

__all__ = ["Account", "Fetcher", "account_of", "fetch_new", "test_connection"]

log = logging.getLogger(__name__)

POLL_SECONDS = 60.0  # where the server cannot tell us by itself
IDLE_TICK = 2.0  # how often an idle connection looks whether it is to end
IDLE_SECONDS = 25 * 60.0  # servers end an idle connection after 29 to 30 minutes
LOOK_SECONDS = 5.0  # for new, changed and removed mailboxes
FIRST_BACKOFF, LONGEST_BACKOFF = 5.0, 300.0
WINDOW = 200  # messages whose sizes are asked for at once
GROUP_MESSAGES, GROUP_BYTES = 50, 8 * 1024 * 1024  # fetched and committed together


def account_of(mailbox: Mailbox) -> Account:
    """Where a mailbox is read, with its password in the clear. Raises inbox.secrets.SecretsError (key lost)."""
    password = secrets.decrypt(mailbox.imap_password) if mailbox.imap_password else ""
    return Account(mailbox.imap_host, mailbox.imap_port, mailbox.imap_security, mailbox.imap_user, password,
                   mailbox.imap_folder)
