"""The mail ledger: how the mailboxes are, every message that reached us and its fate, what is held and why."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, render_template, request, url_for
from flask_babel import get_timezone

from inbox.core import arrivals
from inbox.core.errors import NotFound
from inbox.core.models import FATES
from inbox.db import utcnow
from inbox.mail import ledger, ledger_health
from inbox.web.auth import actor, me
from inbox.web.desk import sidebar
from inbox.web.htmx import go_to, wants_partial
from inbox.web.i18n import gettext
from inbox.web.messages import send_blob

blueprint = Blueprint("ledger", __name__)
CHIPS = {"created": "good", "appended": "info", "quarantined": "bad", "waiting": "warn"}


def midnight() -> dt.datetime:
    """When today began for the agent who looks."""
    zone = ZoneInfo(str(get_timezone()))
    return utcnow().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)


@blueprint.get("/ledger")
def index() -> Any:
    """The ledger, newest first, with filters; what htmx asks for is the table alone."""
    fate, q = request.args.get("fate", ""), request.args.get("q", "")
    mailbox_id = request.args.get("mailbox", type=int)
    page = ledger.page(me(), fate=fate or None, mailbox_id=mailbox_id, q=q, before=request.args.get("before", type=int))
    shown = {"page": page, "whys": ledger.whys(page.rows), "fate": fate, "q": q, "mailbox_id": mailbox_id,
             "chips": CHIPS, "names": ledger_health.names(me())}
    if wants_partial():
        return render_template("ledger/_rows.html", **shown)
    today = midnight()
    return render_template("ledger/index.html", tally=ledger.counts(me(), today), fates=FATES, place=None,
                           mailboxes=ledger_health.of_mailboxes(me(), today), **shown, **sidebar())


@blueprint.get("/ledger/<int:ledger_id>")
def show(ledger_id: int) -> Any:
    """One message: where it came from, what became of it, and the error in full."""
    row = ledger.get(ledger_id, me())
    return render_template("ledger/show.html", row=row, why=ledger.whys([row]).get(row.id), chips=CHIPS,
                           number=ledger.ticket_numbers([row]).get(row.ticket_id or 0), names=ledger_health.names(me()),
                           place=None, **sidebar())


@blueprint.get("/ledger/<int:ledger_id>/raw")
def raw(ledger_id: int) -> Any:
    """The message exactly as it came, to be kept as a file."""
    row = ledger.get(ledger_id, me())
    if row.raw_purged_at is not None:
        raise NotFound("The original of this message is not kept.")
    return send_blob(row.sha256, f"ledger-{row.id}.eml", "application/octet-stream")


@blueprint.post("/ledger/<int:ledger_id>/retry")
def retry(ledger_id: int) -> Any:
    """Process a held message again."""
    ledger.retry(ledger_id, actor())
    flash(gettext("The message is processed again."))
    return go_to(url_for("ledger.show", ledger_id=ledger_id))


@blueprint.app_context_processor
def _tests() -> dict[str, Any]:
    return {"ledger_can_retry": arrivals.can_retry}
