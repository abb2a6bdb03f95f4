"""Settings of the fields that customers have."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_babel import gettext, lazy_gettext

from inbox.core import fields
from inbox.core.errors import Invalid
from inbox.core.models import CustomerField
from inbox.web.auth import actor
from inbox.web.settings import blueprint, page, require, saved

TITLES = {"text": lazy_gettext("Text"), "number": lazy_gettext("Number"), "date": lazy_gettext("Date"),
          "choice": lazy_gettext("One of several"), "multi": lazy_gettext("Some of several"),
          "money": lazy_gettext("Money"), "link": lazy_gettext("Link")}


@blueprint.get("/fields")
def field_list() -> Any:
    """Every field of customers, in the order they are shown."""
    require("manage_settings")
    return page("fields", fields=fields.of_customers.all(), types=TITLES)


@blueprint.route("/fields/new", methods=["GET", "POST"])
def new_field() -> Any:
    """Another field."""
    return _edit(None)


@blueprint.route("/fields/<int:field_id>", methods=["GET", "POST"])
def field(field_id: int) -> Any:
    """One field."""
    require("manage_settings")
    return _edit(fields.of_customers.get(field_id))


def _edit(stored: CustomerField | None) -> Any:
    require("manage_settings")
    if request.method == "GET":
        values = {"title": stored.title, "type": stored.type,
                  "options": "\n".join(stored.options)} if stored else {"type": "text"}
        return _page(stored, values)
    form = request.form
    try:
        fields.define(stored, by=actor(), title=form.get("title", ""), type=form.get("type", ""),
                      options=form.get("options", "").splitlines())
    except Invalid as problem:
        return _page(stored, form, problem, 422)
    return saved("settings.field_list", gettext("The field is saved."))


def _page(stored: CustomerField | None, values: Any, error: Invalid | None = None, status: int = 200) -> Any:
    return page("field", status, field=stored, values=values, error=error, types=TITLES)


@blueprint.post("/fields/<int:field_id>/up")
def move_field_up(field_id: int) -> Any:
    """Show a field before the one above it."""
    require("manage_settings")
    fields.move_up(fields.of_customers.get(field_id), by=actor())
    return saved("settings.field_list", gettext("The order is saved."))


@blueprint.post("/fields/<int:field_id>/delete")
def delete_field(field_id: int) -> Any:
    """Throw a field away, with what everybody has in it."""
    require("manage_settings")
    fields.remove(fields.of_customers.get(field_id), by=actor())
    return saved("settings.field_list", gettext("The field is gone, with what was in it."))
