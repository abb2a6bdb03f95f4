"""The other addresses a mailbox takes mail for."""

from __future__ import annotations

from typing import Any

from flask import flash, request, url_for

from inbox.core import mailboxes
from inbox.core.errors import Invalid
from inbox.web.auth import actor
from inbox.web.htmx import go_to
from inbox.web.i18n import gettext, said
from inbox.web.settings import blueprint, require, saved


@blueprint.post("/mailboxes/<int:mailbox_id>/addresses")
def mailbox_addresses(mailbox_id: int) -> Any:
    """Aliases, and whether it takes whatever else comes for its domain."""
    require("manage_mailboxes")
    mailbox = mailboxes.get(mailbox_id)
    typed = request.form.get("aliases", "").replace(",", "\n").split()
    try:
        mailboxes.set_addresses(mailbox, typed, bool(request.form.get("takes_all")), by=actor())
    except Invalid as problem:
        flash(said(str(problem)), "bad")
        return go_to(url_for("settings.mailbox", mailbox_id=mailbox_id))
    return saved("settings.mailbox", gettext("The addresses are saved."), mailbox_id=mailbox_id)
