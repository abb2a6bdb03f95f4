"""Trying a mailbox: as it was typed or as it is stored, both ways at once, told line by line."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from flask import render_template, request

from inbox.core import mailboxes
from inbox.core.customers import is_address
from inbox.core.errors import Invalid
from inbox.core.models import Mailbox
from inbox.db import session
from inbox.mail import deliver, imap, mime, oauth, pop3
from inbox.web.i18n import gettext
from inbox.web.mailbox_form import passwords, read


@dataclass(frozen=True)
class Line:
    """One line of a connection test: what was tried, and if it failed, why and what to do."""

    is_ok: bool
    title: str
    words: str = ""


def lines(form: Mapping[str, str], mailbox: Mailbox | None = None) -> list[Line]:
    """Try what was typed, both ways at once; up to half a minute. Sends nothing. Raises Invalid."""
    columns = read(form)
    if not is_address(columns["address"]):
        raise Invalid("address", "This is not a mail address. It should look like name@example.com.")
    plain = passwords(form, mailbox, columns)
    return _try(mailbox, {**columns, "imap_password": plain["imap"], "smtp_password": plain["smtp"]})


def lines_for(mailbox: Mailbox) -> list[Line]:
    """Try a mailbox as it is stored. Raises Invalid when its password cannot be read."""
    columns = {name: getattr(mailbox, name) for name in mailboxes.CHANGEABLE}
    plain = passwords({}, mailbox, columns)
    return _try(mailbox, {**columns, "imap_password": plain["imap"], "smtp_password": plain["smtp"]})


def _try(mailbox: Mailbox | None, columns: Mapping[str, Any]) -> list[Line]:
    signs: dict[str, str] = {"sign_in": columns["sign_in"]}
    if columns["sign_in"] != "password":
        if mailbox is None or mailbox.sign_in != columns["sign_in"]:
            return [Line(False, gettext("Not connected yet"), gettext("Save the mailbox first, then press Connect."))]
        try:
            signs["token"] = oauth.access_token(mailbox.id)
        except oauth.LoginTrouble as trouble:
            return [Line(False, gettext("The provider does not let us in"), trouble.words)]
    session().rollback()  # ends the read: no database snapshot is held while servers take their time
    incoming = imap.Account(columns["imap_host"], columns["imap_port"], columns["imap_security"],
                            columns["imap_user"], columns["imap_password"], columns["imap_folder"], **signs)
    outgoing = deliver.Account(columns["smtp_host"], columns["smtp_port"], columns["smtp_security"],
                               columns["smtp_user"], columns["smtp_password"],
                               _hello(columns["address"]), **(signs if columns["smtp_user"] else {}))
    with ThreadPoolExecutor(2) as pool:
        way = {"imap": imap.test_connection, "pop3": pop3.test_connection}.get(columns["incoming"])
        reading = pool.submit(way, incoming) if way is not None else None
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
