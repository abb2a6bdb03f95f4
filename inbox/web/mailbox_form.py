"""The form for a mailbox, for the set-up and the settings: what was typed, and how the connections went."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from flask import render_template, request
from flask_babel import gettext

from inbox import secrets
from inbox.core import mailboxes, settings
from inbox.core.customers import is_address, normalise_address
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Department, Mailbox
from inbox.db import session, transaction, utcnow
from inbox.mail import deliver, imap, mime

TEXTS = ("address", "name", "incoming", "imap_host", "imap_security", "imap_user", "imap_folder",
         "outgoing", "smtp_host", "smtp_security", "smtp_user")
USUAL_PORTS = {"imap": {"tls": 993, "starttls": 143, "none": 143}, "smtp": {"tls": 465, "starttls": 587, "none": 25}}
STARTS = {"today": dt.timedelta(hours=12),  # half a day back: the server's calendar may be behind ours
          "month": dt.timedelta(days=30), "all": None}
SAY_IT_AGAIN = "The stored password cannot be read any more. Type it again."


@dataclass(frozen=True)
class Line:
    """One line of a connection test: what was tried, and if it failed, why and what to do."""

    is_ok: bool
    title: str
    words: str = ""


def empty(address: str = "") -> Mailbox:
    """What the form of a new mailbox shows; not stored."""
    return Mailbox(address=address, name="", incoming="imap", imap_host="", imap_port=993, imap_security="tls",
                   imap_user="", imap_folder="INBOX", outgoing="smtp", smtp_host="", smtp_port=587,
                   smtp_security="starttls", smtp_user="", is_active=True)


def read(form: Mapping[str, str]) -> dict[str, Any]:
    """The columns that a form names, passwords aside. What is left empty gets its usual value. Raises Invalid."""
    typed: dict[str, Any] = {name: form[name].strip() for name in TEXTS if name in form}
    typed["address"] = normalise_address(typed.get("address", ""))
    for way in ("imap", "smtp"):
        typed[f"{way}_security"] = typed.get(f"{way}_security") or ("tls" if way == "imap" else "starttls")
        typed[f"{way}_user"] = typed.get(f"{way}_user") or typed["address"]
        typed[f"{way}_port"] = _port(form.get(f"{way}_port", ""), way, typed[f"{way}_security"])
    typed["imap_folder"] = typed.get("imap_folder") or "INBOX"
    if "no_smtp_login" in form:
        typed["smtp_user"] = ""
    return typed


def _port(text: str, way: str, security: str) -> int:
    if not text.strip():
        return USUAL_PORTS[way].get(security, 0)
    if not text.strip().isdecimal():
        raise Invalid(f"{way}_port", "A port is a number between 1 and 65535.")
    return int(text)


def passwords(form: Mapping[str, str], mailbox: Mailbox | None, columns: Mapping[str, Any]) -> dict[str, str]:
    """The passwords in the clear: typed, else stored; an empty one for sending is the one for reading.

    A stored password is used only for the server it was given for: nobody gets it sent elsewhere by changing the
    host name. Raises Invalid.
    """
    found = {}
    for way in ("imap", "smtp"):
        typed = form.get(f"{way}_password", "")
        if typed or mailbox is None:
            found[way] = typed
            continue
        stored = getattr(mailbox, f"{way}_password")
        moved = getattr(mailbox, f"{way}_host") != columns[f"{way}_host"]
        wanted = columns["incoming"] == "imap" if way == "imap" else columns["outgoing"] == "smtp"
        if stored and moved and wanted:
            raise Invalid(f"{way}_password", "The server has changed, so type the password again.")
        try:
            found[way] = secrets.decrypt(stored) if stored and not moved else ""
        except secrets.SecretLost:
            raise Invalid(f"{way}_password", SAY_IT_AGAIN) from None
    if not found["smtp"] and columns["smtp_user"] and columns["smtp_user"] == columns["imap_user"]:
        found["smtp"] = found["imap"]
    return found


def save(form: Mapping[str, str], *, by: Actor, department: Department, mailbox: Mailbox | None = None) -> Mailbox:
    """Store what was typed, passwords encrypted. Raises Invalid, NotAllowed."""
    columns = read(form)
    for way, plain in passwords(form, mailbox, columns).items():
        columns[f"{way}_password"] = secrets.encrypt(plain) if plain else None
    with transaction():
        if mailbox is None:
            mailbox = mailboxes.create(by=by, department=department, **columns)
        else:
            mailboxes.change(mailbox, by=by, department_id=department.id, **columns)
        if form.get("start") in STARTS and mailbox.fetched_at is None:
            settings.put("mail.start", _first_day(form["start"]), by=by, scope=settings.mailbox_scope(mailbox))
        return mailbox


def _first_day(start: str) -> str:
    back = STARTS[start]
    return "" if back is None else (utcnow() - back).date().isoformat()


# --- trying -----------------------------------------------------------------------------------------------------


def lines(form: Mapping[str, str], mailbox: Mailbox | None = None) -> list[Line]:
    """Try what was typed, both ways at once; up to half a minute. Sends nothing. Raises Invalid."""
    columns = read(form)
    if not is_address(columns["address"]):
        raise Invalid("address", "This is not a mail address. It should look like name@example.com.")
    plain = passwords(form, mailbox, columns)
    return _try({**columns, "imap_password": plain["imap"], "smtp_password": plain["smtp"]})


def lines_for(mailbox: Mailbox) -> list[Line]:
    """Try a mailbox as it is stored. Raises Invalid when its password cannot be read."""
    columns = {name: getattr(mailbox, name) for name in mailboxes.CHANGEABLE}
    return _try({**columns, **{f"{way}_password": plain for way, plain in passwords({}, mailbox, columns).items()}})


def _try(columns: Mapping[str, Any]) -> list[Line]:
    session().rollback()  # ends the read: no database snapshot is held while servers take their time
    incoming = imap.Account(columns["imap_host"], columns["imap_port"], columns["imap_security"],
                            columns["imap_user"], columns["imap_password"], columns["imap_folder"])
    outgoing = deliver.Account(columns["smtp_host"], columns["smtp_port"], columns["smtp_security"],
                               columns["smtp_user"], columns["smtp_password"],
                               _hello(columns["address"]))
    with ThreadPoolExecutor(2) as pool:
        reading = pool.submit(imap.test_connection, incoming) if columns["incoming"] == "imap" else None
        sending = (pool.submit(deliver.test_connection, outgoing, columns["address"])
                   if columns["outgoing"] == "smtp" else None)
    found = _said(_reading_titles(incoming), reading.result()) if reading else []
    return found + (_said(_sending_titles(outgoing, columns["address"]), sending.result()) if sending else [])


def _hello(address: str) -> str:
    try:
        return mime.wire_address(address).rpartition("@")[2]
    except mime.AddressError as error:
        raise Invalid("address", str(error)) from error


def _said(titles: Mapping[str, tuple[str, str]], tried: Any) -> list[Line]:
    return [Line(each.is_ok, titles[each.step][0 if each.is_ok else 1], each.words) for each in tried
            if each.step in titles]


def _reading_titles(account: imap.Account) -> dict[str, tuple[str, str]]:
    return {
        "host": (gettext("Found the incoming server"), gettext("Cannot receive: the incoming server was not found")),
        "port": (gettext("The incoming server answers on port %(n)s", n=account.port),
                 gettext("Cannot receive: the incoming server does not answer on port %(n)s", n=account.port)),
        "tls": (gettext("Receiving is encrypted"), gettext("Cannot receive: no encrypted connection")),
        "login": (gettext("Signed in as %(user)s", user=account.user),
                  gettext("Cannot receive: the server did not let us sign in")),
        "folder": (gettext("Can read the folder %(name)s", name=account.folder),
                   gettext("Cannot receive: the folder %(name)s cannot be read", name=account.folder)),
    }


def _sending_titles(account: deliver.Account, address: str) -> dict[str, tuple[str, str]]:
    return {
        "connect": (gettext("The outgoing server answers on port %(n)s", n=account.port),
                    gettext("Cannot send: the outgoing server does not answer on port %(n)s", n=account.port)),
        "tls": (gettext("Sending is encrypted"), gettext("Cannot send: no encrypted connection")),
        "login": (gettext("Signed in for sending"), gettext("Cannot send: the server did not let us sign in")),
        "sender": (gettext("The server sends in the name of %(address)s", address=address),
                   gettext("Cannot send in the name of %(address)s", address=address)),
    }


def lines_part(mailbox: Mailbox | None) -> str:
    """The connection test of the request's form as a part of a page; what is wrong with the form is a line, too."""
    try:
        found = lines(request.form, mailbox)
    except Invalid as problem:
        found = [Line(False, gettext("Nothing was tried yet"), gettext(str(problem)))]
    return render_template("settings/_checks.html", lines=found)


def typed(stored: Mailbox | None = None) -> Mailbox:
    """The request's form as a mailbox that is not stored, to fill the form with again. Never the passwords."""
    shown = empty()
    for name, value in request.form.items():
        if name in TEXTS or (name in ("imap_port", "smtp_port") and value.isdecimal()):
            setattr(shown, name, value)
    if stored is not None:
        shown.imap_password, shown.smtp_password = stored.imap_password, stored.smtp_password
        shown.fetched_at = stored.fetched_at
    return shown
