"""Mailboxes: the accounts mail comes from and goes out by. Passwords arrive here already encrypted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from inbox.core import audit, events, mailbox_folders, permissions
from inbox.core.customers import is_address, normalise_address
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, Mailbox
from inbox.db import session, transaction, utcnow

SIGN_INS = ("password", "google", "microsoft", "other")
SECURITY = ("tls", "starttls", "none")
FETCHED = ("imap", "pop3")  # ways in that this desk takes itself
SECRETS = ("imap_password", "smtp_password")
LONGEST_KEPT = 3650
CHANGEABLE = ("address", "name", "department_id", "is_active", "incoming", "imap_host", "imap_port", "imap_security",
              "imap_user", "imap_password", "imap_folder", "outgoing", "smtp_host", "smtp_port", "smtp_security",
              "smtp_user", "smtp_password", "sign_in", "delete_after", "sent_folder")


def all_mailboxes(*, active: bool | None = None) -> list[Mailbox]:
    """Every mailbox by address."""
    query = sa.select(Mailbox).order_by(Mailbox.address)
    return list(session().scalars(query if active is None else query.where(Mailbox.is_active.is_(active))))


def visible_to(agent: Agent) -> list[Mailbox]:
    """The mailboxes that feed departments within the agent's reach."""
    return [each for each in all_mailboxes() if permissions.sees(agent, each)]


def get(mailbox_id: int) -> Mailbox:
    """A mailbox. Raises NotFound."""
    mailbox = session().get(Mailbox, mailbox_id)
    if mailbox is None:
        raise NotFound()
    return mailbox


def by_address(address: str) -> Mailbox | None:
    return session().scalar(sa.select(Mailbox).where(Mailbox.address == normalise_address(address)))


def match(address: str, among: Sequence[Mailbox], *, catch_all: bool = True) -> Mailbox | None:
    """The mailbox a recipient address belongs to: its address or an alias, either with a plus-part (`support+x@` is
    `support@`), else the one that takes all mail of the domain."""
    wanted = normalise_address(address)
    local, _at, domain = wanted.rpartition("@")
    if not local:
        return None
    for each in dict.fromkeys((wanted, f"{local.split('+', 1)[0]}@{domain}")):
        for mailbox in among:
            if each == mailbox.address or each in mailbox.aliases:
                return mailbox
    takers = (each for each in among if each.takes_all and each.address.rpartition("@")[2] == domain)
    return next(takers, None) if catch_all else None


def set_addresses(mailbox: Mailbox, aliases: Iterable[str], takes_all: bool, *, by: Actor) -> None:
    """Which other addresses a mailbox takes mail for, and whether all of its domain. Raises Invalid, NotAllowed."""
    permissions.require(by, "manage_mailboxes")
    wanted = list(dict.fromkeys(normalise_address(each) for each in aliases if each.strip()))
    with transaction():
        others = [each for each in all_mailboxes() if each.id != mailbox.id]
        taken = {address for each in others for address in (each.address, *each.aliases)}
        for address in wanted:
            if not is_address(address):
                raise Invalid("aliases", f"{address!r} is not a mail address. It should look like name@example.com.")
            if address in taken or address == mailbox.address:
                raise Invalid("aliases", f"{address} belongs to a mailbox already.")
        domain = mailbox.address.rpartition("@")[2]
        if takes_all and any(each.takes_all and each.address.rpartition("@")[2] == domain for each in others):
            raise Invalid("takes_all", "Another mailbox takes all mail of this domain already.")
        changes = audit.diff({"aliases": mailbox.aliases, "takes_all": mailbox.takes_all},
                             {"aliases": wanted, "takes_all": takes_all})
        mailbox.aliases, mailbox.takes_all = wanted, takes_all
        events.record("settings_changed", by=by, audit_subject=mailbox.address, mailbox=mailbox.id, changes=changes)


def _is_taken(address: str, by_mailbox: Mailbox | None = None) -> bool:
    return any(address in (each.address, *each.aliases) for each in all_mailboxes()
               if by_mailbox is None or each.id != by_mailbox.id)


def own_addresses() -> set[str]:
    """Every address that is ours, aliases too, normalised: mail from them must not loop."""
    rows = session().execute(sa.select(Mailbox.address, Mailbox.aliases)).all()
    return {address for row in rows for address in (row.address, *row.aliases)}


def create(*, by: Actor, address: str, department: Department, **columns: Any) -> Mailbox:
    """A new mailbox. Raises Invalid (address wrong or taken, host missing …), NotAllowed."""
    permissions.require(by, "manage_mailboxes")
    mailbox = Mailbox(address=normalise_address(address), department_id=department.id)
    with transaction() as current:
        if _is_taken(mailbox.address):
            raise Invalid("address", "There is a mailbox with this address already.")
        _fill(mailbox, columns)
        current.add(mailbox)
        current.flush()
        events.record("settings_changed", by=by, audit_subject=mailbox.address, mailbox=mailbox.id,
                      changes=audit.diff({}, columns, SECRETS))
        return mailbox


def change(mailbox: Mailbox, *, by: Actor, **columns: Any) -> None:
    """Change a mailbox's columns (CHANGEABLE). Another account or folder starts the fetching anew."""
    permissions.require(by, "manage_mailboxes")
    with transaction() as current:
        if "address" in columns:
            columns["address"] = normalise_address(columns["address"])
            if _is_taken(columns["address"], mailbox):
                raise Invalid("address", "There is a mailbox with this address already.")
        before = (mailbox.imap_host, mailbox.imap_user, mailbox.imap_folder)
        changes = audit.diff({each: getattr(mailbox, each, None) for each in columns}, columns, SECRETS)
        _fill(mailbox, columns)
        if before != (mailbox.imap_host, mailbox.imap_user, mailbox.imap_folder):
            mailbox.uidvalidity, mailbox.last_uid = None, 0
        if before[:2] != (mailbox.imap_host, mailbox.imap_user):
            mailbox_folders.begin_anew(mailbox.id)
        mailbox.fetch_error = mailbox.fetch_error_at = mailbox.next_try_at = None
        mailbox.failures = 0
        current.flush()
        current.expire(mailbox, ["department"])
        events.record("settings_changed", by=by, audit_subject=mailbox.address, mailbox=mailbox.id, changes=changes)


def _fill(mailbox: Mailbox, columns: dict[str, Any]) -> None:
    unknown = set(columns) - set(CHANGEABLE)
    if unknown:
        raise Invalid(min(unknown), "This cannot be changed.")
    for column, value in columns.items():
        setattr(mailbox, column, value)
    check(mailbox)


def check(mailbox: Mailbox) -> None:
    """Raises Invalid for a mailbox that cannot work."""
    if not is_address(mailbox.address):
        raise Invalid("address", "This is not a mail address. It should look like name@example.com.")
    if (mailbox.incoming or "smtp") not in ("smtp", "imap", "pop3") or (mailbox.outgoing or "catcher") not in (
            "smtp", "catcher"):
        raise Invalid("incoming", "Mail comes in by smtp, imap or pop3, and goes out by smtp or into the catcher.")
    for way, wanted in (("imap", mailbox.incoming in FETCHED), ("smtp", mailbox.outgoing == "smtp")):
        if not wanted:
            continue
        if not (getattr(mailbox, f"{way}_host") or "").strip():
            raise Invalid(f"{way}_host", "Give the name of the mail server, for example mail.example.com.")
        if not 0 < (getattr(mailbox, f"{way}_port") or 1) < 65536:
            raise Invalid(f"{way}_port", "A port is a number between 1 and 65535.")
        if (getattr(mailbox, f"{way}_security") or "tls") not in SECURITY:
            raise Invalid(f"{way}_security", "Choose tls, starttls or none.")
    _check_more(mailbox)


def _check_more(mailbox: Mailbox) -> None:
    if (mailbox.sign_in or "password") not in SIGN_INS:
        raise Invalid("sign_in", "Choose a password, Google, Microsoft or another provider.")
    if mailbox.delete_after is not None and not 0 <= mailbox.delete_after <= LONGEST_KEPT:
        raise Invalid("delete_after", "Give a number of days between 0 and 3650, or nothing.")


def fetch_failed(mailbox: Mailbox, error: str, *, wait: float = 0, is_login: bool = False) -> None:
    """Note that mail could not be fetched and in how many seconds the next try is; the event tells admins once, not
    at every try. `is_login`: its OAuth provider refused us, which is an event of its own."""
    with transaction():
        first = mailbox.fetch_error is None
        mailbox.failures, mailbox.next_try_at = mailbox.failures + 1, utcnow() + dt.timedelta(seconds=wait)
        mailbox.fetch_error = error[:1000]
        if first:
            mailbox.fetch_error_at = utcnow()
            events.record("mailbox_fetch_failed", by=Actor.system("mail"), mailbox=mailbox.id, error=error[:500],
                          is_login=is_login)


def fetch_worked(mailbox: Mailbox) -> None:
    """Note that mail was fetched; ends an error."""
    with transaction():
        if mailbox.fetch_error is not None:
            mailbox.fetch_error = mailbox.fetch_error_at = mailbox.next_try_at = None
            mailbox.failures = 0
            events.record("mailbox_fetch_recovered", by=Actor.system("mail"), mailbox=mailbox.id)
        mailbox.fetched_at = utcnow()
