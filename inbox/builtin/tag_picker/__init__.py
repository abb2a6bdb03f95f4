"""The menu that puts a tag on a ticket, and on all tickets that are selected in a list."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from inbox.toolkit import (
    Agent,
    Button,
    Pages,
    Ticket,
    act_on_selected,
    actor,
    back_to_ticket,
    current_agent,
    gettext,
    hookimpl,
    may,
    plugin_url,
    render,
    tags,
    tickets,
)

pages = Blueprint("pages", __name__)
MOST = 60  # tags in the menu; others are typed


@hookimpl
def register_blueprints() -> list[Pages]:
    return [Pages(pages)]


@hookimpl
def ticket_buttons(ticket: Ticket, agent: Agent) -> list[Button]:
    if not may(agent, "tag"):
        return []
    return [Button(gettext("Tag"), plugin_url("menu", number=ticket.number), icon="plus", opens=True, order=-10,
                   key="tag")]


@hookimpl
def bulk_actions(agent: Agent) -> list[Button]:
    if not may(agent, "tag"):
        return []
    return [Button(gettext("Tag"), plugin_url("bulk_menu"), icon="tag", opens=True, key="tag", for_all=True)]


def _agent() -> Agent:
    agent = current_agent()
    assert agent is not None  # these pages want a signed-in agent
    return agent


@pages.get("/<int:number>")
def menu(number: int) -> str:
    """The tags to choose from, loaded when the menu of a ticket is opened."""
    ticket = tickets.get(number, _agent())
    return render("menu.html", ticket=ticket, tags=[each for each in tags.all_tags(MOST) if each not in ticket.tags])


@pages.post("/<int:number>")
def put(number: int) -> Any:
    """Put a tag on one ticket."""
    ticket = tickets.get(number, _agent())
    tickets.tag(ticket, request.form.get("tag", ""), by=actor())
    return back_to_ticket(ticket)


@pages.get("/selected")
def bulk_menu() -> str:
    """The same menu for the selected tickets: inside their form, or without JavaScript a page of its own."""
    values = {"tags": tags.all_tags(MOST)}
    if request.headers.get("HX-Request"):
        return render("bulk_menu.html", **values)
    return render("bulk_page.html", numbers=request.args.getlist("number", type=int), came_from=request.referrer,
                  **values)


@pages.post("/selected")
def put_on_all() -> Any:
    """Put a tag on every selected ticket, or take it off."""
    name = request.form.get("tag") or request.form.get("new_tag", "")
    return act_on_selected("untag" if request.form.get("off") else "tag", name)
