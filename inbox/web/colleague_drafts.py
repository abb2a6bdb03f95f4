"""What colleagues have begun to write in a ticket: to be read, and to be taken over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, render_template

from inbox.core import drafts, messages, tickets
from inbox.core.models import Agent, Message
from inbox.web.auth import actor, me
from inbox.web.desk import Place
from inbox.web.htmx import go_to, wants_partial

blueprint = Blueprint("colleague_drafts", __name__)


def drafts_of_colleagues(thread: Iterable[Message], agent: Agent) -> list[Message]:
    """Those that say something, among a ticket's messages and drafts."""
    return [each for each in thread if each.state == "draft" and each.agent_id != agent.id and each.agent is not None
            and (each.text.strip() or each.attachments)]


@blueprint.get("/tickets/<int:number>/drafts")
def show(number: int) -> Any:
    """These drafts alone, while somebody writes."""
    ticket = tickets.get(number, me())
    thread = messages.thread(ticket, with_drafts=True)
    return render_template("ticket/_colleague_drafts.html", ticket=ticket, place=Place.from_request(),
                           of_colleagues=drafts_of_colleagues(thread, me()))


@blueprint.post("/drafts/<int:draft_pk>/take-over")
def take_over(draft_pk: int) -> Any:
    """Go on with it: it is in the own composer now, and nowhere else."""
    from inbox.web.composer import fresh  # which draws the thread, and so needs this room

    draft = drafts.take_over(draft_pk, by=actor())
    ticket = tickets.by_id(draft.ticket_id or 0, me())
    if wants_partial():
        return fresh(ticket, focus=draft.kind)
    return go_to(Place.from_request().ticket_url(ticket.number))
