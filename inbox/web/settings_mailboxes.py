"""Settings of mailboxes: where mail comes from and how it goes out."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_babel import gettext

from inbox import secrets
from inbox.core import departments, mailboxes
from inbox.core.errors import Invalid
from inbox.core.models import Mailbox
from inbox.web import mailbox_form
from inbox.web.auth import actor
from inbox.web.settings import blueprint, page, require, saved


@blueprint.get("/mailboxes")
def mailbox_list() -> Any:
    """Every mailbox and how it is."""
    require("manage_mailboxes")
    return page("mailboxes", mailboxes=mailboxes.all_mailboxes(), lost=_lost)


def _lost(mailbox: Mailbox) -> bool:
    """True when a stored password was encrypted with a key that is gone."""
    try:
        for stored in (mailbox.imap_password, mailbox.smtp_password):
            if stored:
                secrets.decrypt(stored)
    except secrets.SecretLost:
        return True
    return False


@blueprint.route("/mailboxes/new", methods=["GET", "POST"])
def new_mailbox() -> Any:
    """Another mailbox."""
    return _edit(None)


@blueprint.route("/mailboxes/<int:mailbox_id>", methods=["GET", "POST"])
def mailbox(mailbox_id: int) -> Any:
    """One mailbox."""
    require("manage_mailboxes")
    return _edit(mailboxes.get(mailbox_id))


def _edit(stored: Mailbox | None) -> Any:
    require("manage_mailboxes")
    if request.method == "GET":
        return _page(stored, stored or mailbox_form.empty())
    typed = mailbox_form.typed(stored)
    try:
        if request.form.get("act") == "test":
            return _page(stored, typed, lines=mailbox_form.lines(request.form, stored))
        department_id = request.form.get("department_id", "")
        if not department_id.isdecimal():
            raise Invalid("department_id", "Choose the department that this mail goes to.")
        changed = mailbox_form.save(request.form, by=actor(), department=departments.get(int(department_id)),
                                    mailbox=stored)
    except Invalid as problem:
        return _page(stored, typed, error=problem, status=422)
    return saved("settings.mailbox", gettext("The mailbox is saved."), mailbox_id=changed.id)


def _page(stored: Mailbox | None, shown: Mailbox, *, status: int = 200, **values: Any) -> Any:
    chosen = request.form.get("department_id", type=int) or (stored.department_id if stored else None)
    return page("mailbox", status, mailbox=shown, stored=stored, chosen=chosen,
                departments=departments.all_departments(), start=request.form.get("start", "month"),
                lost=stored is not None and _lost(stored), **values)


@blueprint.post("/mailboxes/test")
@blueprint.post("/mailboxes/<int:mailbox_id>/test")
def test_mailbox(mailbox_id: int | None = None) -> Any:
    """The lines of a connection test of what is typed, to be put into the form."""
    require("manage_mailboxes")
    return mailbox_form.lines_part(mailboxes.get(mailbox_id) if mailbox_id is not None else None)


@blueprint.post("/mailboxes/<int:mailbox_id>/active")
def switch_mailbox(mailbox_id: int) -> Any:
    """Switch a mailbox on or off. What it brought stays."""
    require("manage_mailboxes")
    found = mailboxes.get(mailbox_id)
    mailboxes.change(found, by=actor(), is_active=request.form.get("on") == "1")
    return saved("settings.mailbox", gettext("The mailbox is switched on.") if found.is_active else
                 gettext("The mailbox is switched off: it takes no mail."), mailbox_id=found.id)
