"""The pages of views that people make: the list of them, and the builder."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import lazy_gettext

from inbox.core import departments, permissions, query, saved_views, views
from inbox.core.errors import CoreError, Invalid
from inbox.core.models import Department, View
from inbox.web import view_builder
from inbox.web.auth import actor, me
from inbox.web.desk import sidebar
from inbox.web.htmx import go_to, wants_partial
from inbox.web.i18n import gettext

blueprint = Blueprint("own_views", __name__, url_prefix="/own-views")
SHOWN = 5  # tickets of the preview
ICONS = {"inbox": lazy_gettext("Tray"), "clock": lazy_gettext("Clock"), "tag": lazy_gettext("Tag"),
         "user": lazy_gettext("Person"), "team": lazy_gettext("People"), "folder": lazy_gettext("Folder"),
         "warn": lazy_gettext("Warning"), "zap": lazy_gettext("Lightning"), "bell": lazy_gettext("Bell"),
         "building": lazy_gettext("Building"), "card": lazy_gettext("Card"), "truck": lazy_gettext("Truck"),
         "globe": lazy_gettext("Globe"), "spam": lazy_gettext("Stop sign"), "check": lazy_gettext("Check mark"),
         "eye": lazy_gettext("Eye")}


@blueprint.get("")
def index() -> Any:
    """Every view one has, to change, copy, order, throw away."""
    rail = sidebar()
    names = {each.id: each.name for each in rail["departments"]}
    return render_template("views/index.html", place=None, names=names, may_change=saved_views.may_change, **rail)


@blueprint.route("/new", methods=["GET", "POST"])
def new() -> Any:
    """Another view; `?q=` is what it begins with."""
    begin = request.args.get("q", "").strip() or "status:open,pending"
    return _edit(None, {"name": "", "text": begin, "sort": "newest", "icon": "", "is_counted": True, "whose": "me"})


@blueprint.route("/<int:view_id>", methods=["GET", "POST"])
def edit(view_id: int) -> Any:
    """One view."""
    stored = saved_views.get(view_id, me())
    if not saved_views.may_change(stored, me()):
        return redirect(url_for("desk.view", slug=f"{saved_views.PREFIX}{stored.id}"))
    whose = "me" if stored.agent_id is not None else str(stored.department_id or "desk")
    return _edit(stored, {"name": stored.name, "text": stored.query, "sort": stored.sort, "icon": stored.icon,
                          "is_counted": stored.is_counted, "whose": whose})


def _edit(stored: View | None, values: dict[str, Any]) -> Any:
    known = view_builder.known(me())
    if request.method == "GET":
        return _page(stored, values, view_builder.read(values["text"]), known)
    form = request.form
    values = {"name": form.get("name", ""), "sort": form.get("sort", "newest"), "icon": form.get("icon", ""),
              "is_counted": "is_counted" in form, "whose": form.get("whose", "me")}
    typed, was = form.get("text", "").strip(), form.get("text_was", "").strip()
    if typed != was or "words" not in form:  # the text was changed, or has no rows
        builder = view_builder.read(typed)
        values["text"] = typed
    else:
        builder = view_builder.from_form(form, known)
        view_builder.change(builder, form.get("act", ""))
        values["text"] = view_builder.write(builder)
    if "save" not in form:
        return _page(stored, values, builder, known)
    try:
        view = saved_views.save(by=actor(), view=stored, name=values["name"], text=values["text"], sort=values["sort"],
                                icon=values["icon"], is_counted=values["is_counted"],
                                personal=values["whose"] == "me", department=_department(values["whose"]))
    except Invalid as problem:
        return _page(stored, values, builder, known, problem, 422)
    flash(gettext("The view is saved."))
    return go_to(url_for("desk.view", slug=f"{saved_views.PREFIX}{view.id}"))


def _department(whose: str) -> Department | None:
    return departments.get(int(whose)) if whose.isdecimal() and len(whose) < 10 else None


def _page(stored: View | None, values: dict[str, Any], builder: view_builder.Builder | None,
          known: dict[str, view_builder.Field], error: Invalid | None = None, status: int = 200) -> Any:
    shared = [each for each in departments.all_departments() if permissions.sees(me(), each)]
    found = {"view": stored, "preview": _preview(values["text"]), "values": values,
             "builder": builder, "known": known, "error": error,
             "operators": view_builder.OPERATORS, "units": view_builder.UNITS, "kind_of": view_builder.kind_of,
             "bare": view_builder.BARE, "icons": ICONS, "shared": shared}
    if wants_partial():
        return render_template("views/_builder.html", **found), status
    return render_template("views/edit.html", place=None, **found, **sidebar()), status


def _preview(text: str) -> views.Page | str:
    """The first tickets it finds now, or why none can be found."""
    if not query.parse(text).every_filter and not query.parse(text).words:
        return views.Page([])
    try:
        return views.page(me(), q=text, limit=SHOWN)
    except CoreError as problem:
        return str(problem)


@blueprint.post("/<int:view_id>/<any(delete, up, copy):act>")
def act(view_id: int, act: str) -> Any:
    """Throw away, put before the one above, take a copy of one's own."""
    stored = saved_views.get(view_id, me())
    if act == "copy":
        copied = saved_views.copy(stored, by=actor(), name=gettext("Copy of %(name)s", name=stored.name))
        return redirect(url_for("own_views.edit", view_id=copied.id), 303)
    if act == "delete":
        saved_views.delete(stored, by=actor())
        flash(gettext("The view is gone. Its tickets stay as they are."))
    else:
        saved_views.move_up(stored, by=actor())
    return redirect(url_for("own_views.index"), 303)
