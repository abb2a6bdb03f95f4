"""The form for a mailbox, for the set-up and the settings: what was typed, and what the form shows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from flask import request, url_for

from inbox import secrets
from inbox.core import logins, mailbox_folders, mailboxes, settings
from inbox.core.customers import normalise_address
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Department, Mailbox
from inbox.db import current_config, transaction, utcnow
from inbox.mail.providers import PRESETS, preset_for

TEXTS = ("address", "name", "incoming", "imap_host", "imap_security", "imap_user", "imap_folder",
         "outgoing", "smtp_host", "smtp_security", "smtp_user", "sign_in", "sent_folder")
LOGIN_TEXTS = ("client_id", "tenant", "authorize_url", "token_url", "scope")
USUAL_PORTS = {"imap": {"tls": 993, "starttls": 143, "none": 143}, "pop3": {"tls": 995, "starttls": 110, "none": 110},
               "smtp": {"tls": 465, "starttls": 587, "none": 25}}
STARTS = {"today": dt.timedelta(hours=12),  # half a day back: the server's calendar may be behind ours
          "month": dt.timedelta(days=30), "all": None}
SAY_IT_AGAIN = "The stored password cannot be read any more. Type it again."


def empty(address: str = "") -> Mailbox:
    """What the form of a new mailbox shows; not stored."""
    return Mailbox(address=address, name="", incoming="imap", imap_host="", imap_port=993, imap_security="tls",
                   imap_user="", imap_folder="INBOX", outgoing="smtp", smtp_host="", smtp_port=587,
                   smtp_security="starttls", smtp_user="", is_active=True, sign_in="password", sent_folder="")


def read(form: Mapping[str, str]) -> dict[str, Any]:
    """The columns that a form names, passwords aside. What is left empty gets its usual value. Raises Invalid."""
    typed: dict[str, Any] = {name: form[name].strip() for name in TEXTS if name in form}
    typed["address"] = normalise_address(typed.get("address", ""))
    for way in ("imap", "smtp"):
        typed[f"{way}_security"] = typed.get(f"{way}_security") or ("tls" if way == "imap" else "starttls")
        typed[f"{way}_user"] = typed.get(f"{way}_user") or typed["address"]
        usual = USUAL_PORTS["pop3" if way == "imap" and typed.get("incoming") == "pop3" else way]
        typed[f"{way}_port"] = _port(form.get(f"{way}_port", ""), way, usual.get(typed[f"{way}_security"], 0))
    typed["imap_folder"] = typed.get("imap_folder") or "INBOX"
    typed["sign_in"] = typed.get("sign_in") or "password"
    if "no_smtp_login" in form:
        typed["smtp_user"] = ""
    if "delete_after" in form:
        typed["delete_after"] = _days(form["delete_after"])
    return typed


def _days(text: str) -> int | None:
    if text.strip() and not (text.strip().isdecimal() and len(text.strip()) < 6):
        raise Invalid("delete_after", "Give a number of days between 0 and 3650, or nothing.")
    return int(text) if text.strip() else None


def _login(form: Mapping[str, str]) -> dict[str, Any]:
    """The OAuth application as a form names it. Raises Invalid."""
    day = form.get("secret_expires_on", "").strip()
    try:
        ends = dt.date.fromisoformat(day) if day else None
    except ValueError:
        raise Invalid("secret_expires_on", "Write a day like 2025-01-31, or nothing.") from None
    return {**{name: form.get(name, "").strip() for name in LOGIN_TEXTS}, "secret_expires_on": ends,
            "client_secret": form.get("client_secret", "").strip()}


def _port(text: str, way: str, usual: int) -> int:
    if not text.strip():
        return usual
    if not text.strip().isdecimal():
        raise Invalid(f"{way}_port", "A port is a number between 1 and 65535.")
    return int(text)


def passwords(form: Mapping[str, str], mailbox: Mailbox | None, columns: Mapping[str, Any]) -> dict[str, str]:
    """The passwords in the clear: typed, else stored; an empty one for sending is the one for reading.

    A stored password is used only for the server it was given for: nobody gets it sent elsewhere by changing the
    host name. Raises Invalid.
    """
    found = {}
    if columns.get("sign_in", "password") != "password":
        return {"imap": "", "smtp": ""}
    for way in ("imap", "smtp"):
        typed = form.get(f"{way}_password", "")
        if typed or mailbox is None:
            found[way] = typed
            continue
        stored = getattr(mailbox, f"{way}_password")
        moved = getattr(mailbox, f"{way}_host") != columns[f"{way}_host"]
        wanted = columns["incoming"] in mailboxes.FETCHED if way == "imap" else columns["outgoing"] == "smtp"
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
        if mailbox.sign_in != "password":
            logins.configure(mailbox, by=by, **_login(form))
        if "more_folders" in form:
            mailbox_folders.set_names(mailbox, form["more_folders"].splitlines() if mailbox.incoming == "imap" else (),
                                      by=by)
        if form.get("start") in STARTS and mailbox.fetched_at is None:
            settings.put("mail.start", _first_day(form["start"]), by=by, scope=settings.mailbox_scope(mailbox))
        return mailbox


def more_folders(stored: Mailbox | None) -> str:
    """The further folders, one on each line: as typed, else as stored."""
    if "more_folders" in request.form:
        return request.form["more_folders"]
    return "\n".join(each.name for each in mailbox_folders.of(stored.id)) if stored is not None else ""


def _first_day(start: str) -> str:
    back = STARTS[start]
    return "" if back is None else (utcnow() - back).date().isoformat()


# --- what the form shows ------------------------------------------------------------------------------------------


def with_preset(shown: Mailbox, key: str) -> Mailbox:
    """What was typed, with the servers of a provider in their fields. An unknown provider changes nothing."""
    preset = PRESETS.get(key or preset_for(shown.address) or "")
    if preset is None:
        return shown
    way = shown.incoming if shown.incoming in mailboxes.FETCHED else "imap"
    server = preset.pop3 if way == "pop3" and preset.pop3 is not None else preset.imap
    shown.incoming = "pop3" if server is preset.pop3 else "imap"
    shown.imap_host, shown.imap_port, shown.imap_security = server
    shown.outgoing = "smtp"
    shown.smtp_host, shown.smtp_port, shown.smtp_security = preset.smtp
    shown.sign_in, shown.sent_folder = preset.sign_in, preset.sent_folder
    return shown


def redirect_uri() -> str:
    """Where a provider sends the browser back to; it has to be entered there."""
    return current_config().public_url + url_for("settings.connected_mailbox")


def login_shown(stored: Mailbox | None) -> dict[str, Any]:
    """What the fields of an OAuth application show: what was typed, what is stored, what another mailbox has."""
    login = logins.of(stored.id) if stored is not None else None
    other = logins.copy_application(stored) if stored is not None and login is None else None
    source = login or other
    kept = {name: getattr(source, name, "") or "" for name in LOGIN_TEXTS}
    ends = login.secret_expires_on.isoformat() if login is not None and login.secret_expires_on else ""
    return {"login": login, "connect_uri": redirect_uri(), "days_left": logins.days_left(login),
            "fields": {**kept, "secret_expires_on": ends, **{
                name: request.form[name] for name in (*LOGIN_TEXTS, "secret_expires_on") if name in request.form}}}


def typed(stored: Mailbox | None = None) -> Mailbox:
    """The request's form as a mailbox that is not stored, to fill the form with again. Never the passwords."""
    shown = empty()
    for name, value in request.form.items():
        if name == "delete_after" and value.isdecimal():
            shown.delete_after = int(value[:6])
        if name in TEXTS or (name in ("imap_port", "smtp_port") and value.isdecimal()):
            setattr(shown, name, value)
    if stored is not None:
        shown.imap_password, shown.smtp_password = stored.imap_password, stored.smtp_password
        shown.fetched_at = stored.fetched_at
    return shown
