"""Merging tickets: what a ticket may be merged with, the merge, and undoing one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, render_template, request
from flask_babel import gettext

from inbox.core import ticket_merge, tickets, views
from inbox.core.errors import Invalid
from inbox.core.models import Ticket
from inbox.web.auth import actor, me
from inbox.web.desk import Place, sidebar
from inbox.web.htmx import go_to
from inbox.web.tickets import load

blueprint = Blueprint("ticket_merge", __name__)
FOUND = 8


@blueprint.get("/tickets/<int:number>/merge")
def show(number: int) -> Any:
    """What it may be merged with; `?part=dialog` and `?part=found` for htmx, else a page of its own."""
    ticket, place, part = load(number), Place.from_request(), request.args.get("part")
    asked = request.args.get("find", "").strip()
    facts = {"ticket": ticket, "place": place, "asked": asked, "found": _found(ticket, asked)}
    if part == "found":
        return render_template("ticket/_merge_found.html", **facts)
    facts["merges"] = ticket_merge.of(ticket)
    if part == "dialog":
        return render_template("ticket/_merge.html", **facts)
    return render_template("ticket/merge.html", **facts, **sidebar())


def _found(ticket: Ticket, asked: str) -> list[Any]:
    """Tickets by number or words; the customer's others when nothing is asked for."""
    number = asked.lstrip("#")
    if not asked:
        return ticket_merge.proposals(ticket, me())
    if number.isdecimal() and len(number) < 16:
        return [each for each in tickets.selected([int(number)], me()) if each.merged_into_id is None
                and each.id != ticket.id]
    rows = views.page(me(), q=asked, limit=FOUND + 1).rows
    return [row for row in rows if row.id != ticket.id][:FOUND]


@blueprint.post("/tickets/<int:number>/merge")
def merge(number: int) -> Any:
    """Make one of two; `stays` says which is left: the `older` one, `this` or the `other`."""
    ticket, wanted = load(number), request.form.get("number", "").strip().lstrip("#")
    if not (wanted.isdecimal() and len(wanted) < 16):
        raise Invalid("number", "Write the number of a ticket.")
    other = tickets.get(int(wanted), me())
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
