"""What stands beside a ticket and is changed in place: its customer, type and fields, its checklist, linked tickets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, render_template, request
from flask_babel import lazy_gettext

from inbox.core import checklists, customers, finder, ticket_fields, ticket_links, tickets, views
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Ticket
from inbox.web.auth import actor, me
from inbox.web.desk import Place, sidebar
from inbox.web.field_parts import fields_from_form
from inbox.web.i18n import desk
from inbox.web.tickets import answer, load

blueprint = Blueprint("ticket_details", __name__)
FOUND = 8
LINK_WORDS = {
    "related": lazy_gettext("Related"),
    "duplicate": lazy_gettext("Duplicate"), "original": lazy_gettext("Duplicate of"),
    "parent": lazy_gettext("Part of"), "child": lazy_gettext("Has part")}


@blueprint.app_template_global("ticket_details")
def details(ticket: Ticket) -> dict[str, Any]:
    """What the boxes beside a ticket show; only what there is costs a query."""
    return {"types": ticket_fields.types_in(desk()["desk.ticket_types"]),
            "fields": ticket_fields.of(ticket) if ticket.has_fields is not False else [],
            "links": ticket_links.of(ticket, me()) if ticket.is_linked is not False else [],
            "progress": checklists.progress(ticket.checklist), "link_words": LINK_WORDS}


def dialog(name: str, ticket: Ticket, **facts: Any) -> str:
    """A page of its own, or as a dialog above the ticket (`?part=dialog`), or what was found alone (`?part=found`)."""
    part = request.args.get("part")
    facts |= {"ticket": ticket, "place": Place.from_request()}
    if part in ("dialog", "found"):
        return render_template(f"ticket/_{name}{'_found' if part == 'found' else ''}.html", **facts)
    return render_template("ticket/dialog.html", dialog=f"ticket/_{name}.html", **facts, **sidebar())


def others_found(ticket: Ticket, asked: str) -> list[Any]:
    """Tickets by number or words, without those that are merged and the ticket itself."""
    number = asked.lstrip("#")
    if number.isdecimal() and len(number) < 16:
        return [each for each in tickets.selected([int(number)], me()) if each.merged_into_id is None
                and each.id != ticket.id]
    rows = views.page(me(), q=asked, limit=FOUND + 1).rows
    return [row for row in rows if row.id != ticket.id][:FOUND]


def looked_at(ticket: Ticket, found: list[Any]) -> list[Any]:
    """The tickets the agent looked at last, without those that are shown already."""
    shown = {ticket.number, *(each.number for each in found)}
    return [each for each in finder.recent(me(), FOUND) if each.number not in shown]


def number_from_form() -> int:
    """The number of another ticket. Raises Invalid."""
    wanted = request.form.get("number", "").strip().lstrip("#")
    if not (wanted.isdecimal() and len(wanted) < 16):
        raise Invalid("number", "Write the number of a ticket.")
    return int(wanted)


# --- type and fields --------------------------------------------------------------------------------------------


@blueprint.post("/tickets/<int:number>/details")
def change(number: int) -> Any:
    """The type, or fields of tickets: whatever the form holds."""
    ticket = load(number)
    if "type" in request.form:
        ticket_fields.set_type(ticket, request.form["type"], by=actor())
    typed = fields_from_form(ticket_fields.of_tickets.all(), request.form)
    if typed:
        ticket_fields.set_values(ticket, typed, by=actor())
    return answer(ticket)


# --- the customer -----------------------------------------------------------------------------------------------


@blueprint.get("/tickets/<int:number>/customer")
def choose_customer(number: int) -> Any:
    """Whose a ticket may be."""
    asked = request.args.get("find", "").strip()
    return dialog("whose", load(number), asked=asked, found=finder.people(me(), asked, FOUND) if asked else [])


@blueprint.post("/tickets/<int:number>/customer")
def set_customer(number: int) -> Any:
    """It is another customer's: a known one (`customer`), or by an address."""
    ticket, known = load(number), request.form.get("customer", 0, type=int)
    if known:
        ticket_fields.set_customer(ticket, customers.get(known, me()), by=actor())
    else:
        ticket_fields.set_customer_by_address(ticket, request.form.get("address", ""), request.form.get("name", ""),
                                              by=actor())
    return answer(ticket, composer=True)


# --- checklist --------------------------------------------------------------------------------------------------

Act = Callable[[Ticket, int, str, Actor], None]
ACTS: dict[str, Act] = {
    "add": lambda ticket, line, text, by: checklists.add(ticket, text, by=by),
    "tick": lambda ticket, line, text, by: checklists.tick(ticket, line, True, by=by),
    "untick": lambda ticket, line, text, by: checklists.tick(ticket, line, False, by=by),
    "rename": lambda ticket, line, text, by: checklists.rename(ticket, line, text, by=by),
    "remove": lambda ticket, line, text, by: checklists.remove(ticket, line, by=by),
    "up": lambda ticket, line, text, by: checklists.move(ticket, line, -1, by=by),
    "down": lambda ticket, line, text, by: checklists.move(ticket, line, 1, by=by)}


@blueprint.post("/tickets/<int:number>/checklist")
def checklist(number: int) -> Any:
    """Change one line of the checklist: `act`, `line`, `text`."""
    ticket, act = load(number), ACTS.get(request.form.get("act", "add"))
    if act is None:
        raise Invalid("act", "This cannot be done to a line.")
    act(ticket, request.form.get("line", 0, type=int), request.form.get("text", ""), actor())
    return answer(ticket)


# --- linked tickets ---------------------------------------------------------------------------------------------


@blueprint.get("/tickets/<int:number>/links")
def choose_link(number: int) -> Any:
    """What a ticket may be linked with."""
    ticket, asked = load(number), request.args.get("find", "").strip()
    found = others_found(ticket, asked) if asked else customers.tickets_of(ticket.customer, me(), limit=FOUND + 1)
    found = [each for each in found if each.id != ticket.id][:FOUND]
    return dialog("link", ticket, asked=asked, found=found, recent=looked_at(ticket, found))


@blueprint.post("/tickets/<int:number>/links")
def link(number: int) -> Any:
    """Say how another ticket belongs to this one."""
    ticket = load(number)
    ticket_links.link(ticket, tickets.get(number_from_form(), me()), request.form.get("kind", "related"), by=actor())
    return answer(load(number))


@blueprint.post("/tickets/<int:number>/links/<int:link_id>/remove")
def unlink(number: int, link_id: int) -> Any:
    """Take a link away."""
    ticket_links.unlink(load(number), link_id, by=actor())
    return answer(load(number))
