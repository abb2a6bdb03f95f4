"""/ledger: every message that reached us, and its fate."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response
from marshmallow import fields

from inbox.core.models import FATES, Ledger
from inbox.mail import ledger
from inbox.web.api import base, schemas
from inbox.web.api.auth import agent

blueprint = base.part("ledger", "Every message that reached us, and its fate.")


class LedgerQuery(base.PageQuery):
    """Filters of the ledger; several narrow it together."""

    fate = fields.String(validate=ma.validate.OneOf(FATES))
    mailbox = fields.Integer(validate=ma.validate.Range(1, base.SMALL_ID))
    q = fields.String(load_default="", metadata={"description": "A Message-ID, a sender, words of the subject."})
    since = fields.AwareDateTime()


@blueprint.get("/ledger")
@blueprint.arguments(LedgerQuery, location="query", unknown=ma.RAISE)
@blueprint.response(200, base.page_of(schemas.LedgerRow, "LedgerPage"))
def list_ledger(query: dict[str, Any]) -> dict[str, Any]:
    """The ledger, newest first"""
    found = ledger.page(agent(), fate=query.get("fate"), mailbox_id=query.get("mailbox"), q=query["q"],
                        since=query.get("since"), before=base.key_of(query.get("cursor")), limit=query["limit"])
    return {"items": found.rows, "next": None if found.next is None else str(found.next)}


@blueprint.get(f"/ledger/<{base.ID}:ledger_id>")
@blueprint.response(200, schemas.LedgerRow)
def show_ledger(ledger_id: int) -> Ledger:
    """One row of the ledger"""
    return ledger.get(ledger_id, agent())


@blueprint.get(f"/ledger/<{base.ID}:ledger_id>/raw")
@blueprint.response(200, {"type": "string", "format": "binary"}, content_type="message/rfc822")
def show_raw(ledger_id: int) -> Response:
    """The message exactly as it came"""
    raw = ledger.raw_of(ledger.get(ledger_id, agent()))
    return Response(raw, mimetype="message/rfc822", headers={
        "Content-Disposition": f'attachment; filename="ledger-{ledger_id}.eml"', "X-Content-Type-Options": "nosniff"})
