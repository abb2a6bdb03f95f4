"""Settings of the fields that customers and tickets have, and of the types of tickets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import request
from flask_babel import lazy_gettext

from inbox.core import fields, settings, ticket_fields
from inbox.core.errors import Invalid
from inbox.core.models import CustomerField, TicketField
from inbox.web import i18n
from inbox.web.auth import actor
from inbox.web.i18n import gettext
from inbox.web.settings import blueprint, page, require, saved

TITLES = {"text": lazy_gettext("Text"), "number": lazy_gettext("Number"), "date": lazy_gettext("Date"),
          "choice": lazy_gettext("One of several"), "multi": lazy_gettext("Some of several"),
          "money": lazy_gettext("Money"), "link": lazy_gettext("Link")}


OWNERS: dict[str, fields.DeskFields[Any]] = {"customers": fields.of_customers, "tickets": ticket_fields.of_tickets}
PLACES = (("/fields", "customers"), ("/ticket-fields", "tickets"))


def _at(rest: str, **options: Any) -> Callable[[Any], Any]:
    """The same page for each owner's fields."""
    def add(view: Any) -> Any:
        for path, owner in PLACES:
            view = blueprint.route(path + rest, defaults={"owner": owner}, **options)(view)
        return view
    return add


@_at("")
def field_list(owner: str) -> Any:
    """Every field, in the order they are shown."""
    require("manage_settings")
    return page("fields", fields=OWNERS[owner].all(), types=TITLES, owner=owner,
                ticket_types=settings.get("desk.ticket_types"))


blueprint.add_url_rule("/ticket-fields", "ticket_field_list", partial(field_list, owner="tickets"))


@blueprint.post("/ticket-fields/types")
def save_ticket_types() -> Any:
    """Which types of tickets there are: one on each line."""
    wanted = ticket_fields.types_in(request.form.get("types", ""))
    settings.put("desk.ticket_types", "\n".join(wanted), by=actor())
    i18n.forget_desk()
    return saved("settings.field_list", gettext("The types are saved."), owner="tickets")


@_at("/new", methods=["GET", "POST"])
def new_field(owner: str) -> Any:
    """Another field."""
    return _edit(owner, None)


@_at("/<int:field_id>", methods=["GET", "POST"])
def field(owner: str, field_id: int) -> Any:
    """One field."""
    require("manage_settings")
    return _edit(owner, OWNERS[owner].get(field_id))


def _edit(owner: str, stored: CustomerField | TicketField | None) -> Any:
    require("manage_settings")
    if request.method == "GET":
        values = {"title": stored.title, "type": stored.type,
                  "options": "\n".join(stored.options)} if stored else {"type": "text"}
        return _page(owner, stored, values)
    form = request.form
    try:
        OWNERS[owner].define(stored, by=actor(), title=form.get("title", ""), type=form.get("type", ""),
                     options=form.get("options", "").splitlines())
    except Invalid as problem:
        return _page(owner, stored, form, problem, 422)
    return saved("settings.field_list", gettext("The field is saved."), owner=owner)


def _page(owner: str, stored: CustomerField | TicketField | None, values: Any, error: Invalid | None = None,
          status: int = 200) -> Any:
    return page("field", status, field=stored, values=values, error=error, types=TITLES, owner=owner)


@_at("/<int:field_id>/up", methods=["POST"])
def move_field_up(owner: str, field_id: int) -> Any:
    """Show a field before the one above it."""
    require("manage_settings")
    OWNERS[owner].raise_up(OWNERS[owner].get(field_id), by=actor())
    return saved("settings.field_list", gettext("The order is saved."), owner=owner)


@_at("/<int:field_id>/delete", methods=["POST"])
def delete_field(owner: str, field_id: int) -> Any:
    """Throw a field away, with what everybody has in it."""
    require("manage_settings")
    OWNERS[owner].remove(OWNERS[owner].get(field_id), by=actor())
    return saved("settings.field_list", gettext("The field is gone, with what was in it."), owner=owner)
