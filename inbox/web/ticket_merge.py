"""Merging tickets: what a ticket may be merged with, the merge, and undoing one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, request

from inbox.core import ticket_merge, tickets
from inbox.web.auth import actor, me
from inbox.web.desk import Place
from inbox.web.htmx import go_to
from inbox.web.i18n import gettext
from inbox.web.ticket_details import dialog, looked_at, number_from_form, others_found
from inbox.web.tickets import load

blueprint = Blueprint("ticket_merge", __name__)


@blueprint.get("/tickets/<int:number>/merge")
def show(number: int) -> Any:
    """What it may be merged with, and what was merged into it."""
    ticket, asked = load(number), request.args.get("find", "").strip()
    found = others_found(ticket, asked) if asked else ticket_merge.proposals(ticket, me())
    return dialog("merge", ticket, asked=asked, merges=ticket_merge.of(ticket), found=found,
                  recent=looked_at(ticket, found))


@blueprint.post("/tickets/<int:number>/merge")
def merge(number: int) -> Any:
    """Make one of two; `stays` says which is left: the `older` one, `this` or the `other`."""
    ticket = load(number)
    other = tickets.get(number_from_form(), me())
    stays = request.form.get("stays", "older")
    if stays == "older":
        stays = "this" if (ticket.created_at, ticket.id) <= (other.created_at, other.id) else "other"
    kept, lost = (ticket, other) if stays == "this" else (other, ticket)
    gone, left = lost.number, kept.number
    ticket_merge.merge(lost, kept, by=actor())
    flash(gettext("Ticket %(gone)s is part of this ticket now.", gone=gone))
    return go_to(Place.from_request().ticket_url(left))


@blueprint.post("/tickets/<int:number>/unmerge")
def undo(number: int) -> Any:
    """Make a ticket that was merged into this one a ticket of its own again."""
    load(number)
    restored = ticket_merge.undo(request.form.get("ticket", 0, type=int), by=actor())
    flash(gettext("Ticket %(number)s is one of its own again.", number=restored.number))
    return go_to(Place.from_request().ticket_url(restored.number))
