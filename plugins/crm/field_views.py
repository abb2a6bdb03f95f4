"""Which fields organisations have; those of customers are defined in the desk's own settings."""

from __future__ import annotations

from typing import Any

from flask import request

from inbox.toolkit import Invalid, fields, gettext, signed_in
from inbox_plugins.crm.models import OrganisationField
from inbox_plugins.crm.own_fields import of_organisations
from inbox_plugins.crm.pages import blueprint, done, show


@blueprint.get("/fields")
def field_list() -> Any:
    """Every field of organisations, in the order they are shown."""
    signed_in("manage_settings")
    return show("fields.html", fields=of_organisations.all(), types=fields.TYPES)


@blueprint.route("/fields/new", methods=["GET", "POST"])
def new_field() -> Any:
    """Another field."""
    return _edit(None)


@blueprint.route("/fields/<int:field_id>", methods=["GET", "POST"])
def edit_field(field_id: int) -> Any:
    """One field."""
    signed_in("manage_settings")
    return _edit(of_organisations.get(field_id))


def _edit(stored: OrganisationField | None) -> Any:
    signed_in("manage_settings")
    if request.method == "GET":
        return _form(stored, {"title": stored.title, "type": stored.type,
                              "options": "\n".join(stored.options)} if stored else {"type": "text"})
    form = request.form
    try:
        of_organisations.save(stored, title=form.get("title", ""), type=form.get("type", ""),
                              options=form.get("options", "").splitlines())
    except Invalid as problem:
        return _form(stored, form, problem, 422)
    return done("field_list", gettext("The field is saved."))


def _form(stored: OrganisationField | None, values: Any, error: Invalid | None = None, status: int = 200) -> Any:
    return show("field_form.html", status, field=stored, values=values, error=error, types=fields.TYPES)


@blueprint.post("/fields/<int:field_id>/up")
def move_field_up(field_id: int) -> Any:
    """Show a field before the one above it."""
    signed_in("manage_settings")
    of_organisations.move_up(of_organisations.get(field_id))
    return done("field_list")


@blueprint.post("/fields/<int:field_id>/delete")
def delete_field(field_id: int) -> Any:
    """Throw a field away, with what every organisation has in it."""
    signed_in("manage_settings")
    of_organisations.delete(of_organisations.get(field_id))
    return done("field_list", gettext("The field is gone, with what was in it."))
