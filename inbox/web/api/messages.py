"""/tickets/{id}/messages: what was said, and saying something."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response
from marshmallow import fields

from inbox.core import messages, overtaken, tickets
from inbox.core.errors import Invalid
from inbox.core.messages import Address, Sending
from inbox.core.models import STATUSES, Message, Ticket
from inbox.core.overtaken import Overtaken
from inbox.db import session
from inbox.web.api import base, idempotency, problems, schemas
from inbox.web.api.auth import actor, agent
from inbox.web.api.bodies import BodyIn, body_of

blueprint = base.part("messages", "What is said in tickets.")


class MessageIn(BodyIn):
    """A reply, which is mailed, or a note, which only agents see."""

    kind = fields.String(required=True, validate=ma.validate.OneOf(("reply", "note")))
    to = fields.List(fields.String(), metadata={"description": "Of a reply; left out: who wrote last."})
    cc = fields.List(fields.String(), load_default=list)
    bcc = fields.List(fields.String(), load_default=list)
    status = fields.String(validate=ma.validate.OneOf(STATUSES), metadata={"description": "Set with the reply."})
    seen = fields.Integer(metadata={"description": "Of a reply: the id of the newest message you know. When a customer "
                                                   "or a colleague has said something since, nothing is sent: 409, "
                                                   "with what is `new`."})

    @ma.validates_schema
    def _notes_go_nowhere(self, data: dict[str, Any], **options: Any) -> None:
        for name in ("to", "cc", "bcc", "status", "seen"):
            if data.get("kind") == "note" and data.get(name):
                raise ma.ValidationError("A note is not sent to anybody and changes no status.", name)


@blueprint.get(f"/tickets/<{base.ID}:ticket_id>/messages")
@blueprint.arguments(base.PageQuery, location="query", unknown=ma.RAISE)
@blueprint.response(200, base.page_of(schemas.ShownMessage, "MessagePage"))
def list_messages(query: dict[str, Any], ticket_id: int) -> dict[str, Any]:
    """The messages of a ticket, oldest first"""
    thread = messages.thread(tickets.by_id(ticket_id, agent()))
    start, after = 0, base.key_of(query.get("cursor"))
    if after is not None:
        start = next((place + 1 for place, each in enumerate(thread) if each.id == after), -1)
        if start < 0:
            raise Invalid("cursor", "This page is no longer there. Start from the first one.")
    shown = thread[start:start + query["limit"]]
    more = len(thread) > start + query["limit"]
    return {"items": shown, "next": str(shown[-1].id) if more else None}


@blueprint.post(f"/tickets/<{base.ID}:ticket_id>/messages")
@blueprint.arguments(MessageIn)
@blueprint.response(201, schemas.ShownMessage)
def add_message(given: dict[str, Any], ticket_id: int) -> Response:
    """Reply to the customer, or leave a note

    With the header `Idempotency-Key`, a post that is sent twice says it once.
    """
    ticket = tickets.by_id(ticket_id, agent())
    before = idempotency.answered_before()
    if before is not None:
        return before
    by, body = actor(), body_of(given)

    def work() -> tuple[dict[str, Any], str]:
        if given["kind"] == "note":
            message = messages.note(ticket, body, by=by)
        else:
            message = messages.reply(ticket, body, by=by, to=_recipients(given, ticket), status=given.get("status"),
                                     how=Sending(known=_known(given, ticket)))
        return dict(schemas.ShownMessage().dump(message)), f"{base.PREFIX}/tickets/{ticket_id}/messages"

    try:
        return idempotency.once(work)
    except Overtaken as stopped:
        return problems.problem(409, str(stopped), new=schemas.ShownMessage(many=True).dump(stopped.messages))


def _known(given: dict[str, Any], ticket: Ticket) -> int | None:
    """The event since which the message is known that the sender names. Raises Invalid for one of another ticket."""
    if "seen" not in given:
        return None
    seen = session().get(Message, given["seen"])
    if seen is None or seen.ticket_id != ticket.id:
        raise Invalid("seen", "There is no such message in this ticket.")
    return overtaken.event_of(seen)


def _recipients(given: dict[str, Any], ticket: Any) -> list[Address]:
    to = [Address("to", each) for each in given["to"]] if "to" in given else messages.recipients_for_reply(ticket)
    return [*to, *(Address(role, each) for role in ("cc", "bcc") for each in given[role])]
