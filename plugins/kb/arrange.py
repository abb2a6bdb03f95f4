"""Pages for categories, and for what readers miss."""

from __future__ import annotations

from typing import Any

from flask import request

from inbox.toolkit import Invalid, NotFound, gettext, session, signed_in
from inbox_plugins.kb import categories, feedback
from inbox_plugins.kb.articles import LANGUAGES
from inbox_plugins.kb.models import Category
from inbox_plugins.kb.pages import blueprint, done, show


@blueprint.get("/categories")
def category_list() -> Any:
    """The shelves in their order."""
    return show("categories.html", categories=categories.all_of_them(), counts=categories.counts())


@blueprint.route("/categories/new", methods=["GET", "POST"])
def new_category() -> Any:
    """Another one."""
    return _edit(None)


@blueprint.route("/categories/<int:category_id>", methods=["GET", "POST"])
def edit_category(category_id: int) -> Any:
    """Its names and picture."""
    return _edit(_get(category_id))


def _get(category_id: int) -> Category:
    found = session().get(Category, category_id)
    if found is None:
        raise NotFound()
    return found


def _edit(category: Category | None) -> Any:
    signed_in("kb.publish")
    kept = {each.locale: (each.title, each.summary) for each in category.names} if category else {}
    if request.method == "GET":
        return show("category.html", category=category, names=kept, icons=categories.ICONS,
                    icon_name=category.icon if category else "")
    names = {locale: (request.form.get(f"title-{locale}", ""), request.form.get(f"summary-{locale}", ""))
             for locale in LANGUAGES}
    icon = request.form.get("icon", "")
    try:
        categories.save(category, names, icon=icon, by=signed_in())
    except Invalid as problem:
        return show("category.html", 422, category=category, names=names, icons=categories.ICONS, icon_name=icon,
                    error=problem)
    return done("category_list", gettext("The category is saved."))


@blueprint.post("/categories/<int:category_id>/move")
def move_category(category_id: int) -> Any:
    """Up or down."""
    categories.move(_get(category_id), signed_in(), up=request.form.get("way") == "up")
    return done("category_list", gettext("Moved."))


@blueprint.post("/categories/<int:category_id>/remove")
def remove_category(category_id: int) -> Any:
    """Its articles stay, without a category."""
    categories.delete(_get(category_id), signed_in())
    return done("category_list", gettext("The category is gone. Its articles are still there, without one."))


@blueprint.get("/readers")
def readers() -> Any:
    """What was searched in vain, and what readers say."""
    return show("readers.html", misses=feedback.misses(), comments=feedback.comments())


@blueprint.post("/readers/seen")
def seen() -> Any:
    """Somebody has seen to a search."""
    signed_in("kb.edit")
    feedback.forget_miss(request.form.get("lang", ""), request.form.get("words", ""))
    return done("readers", gettext("Taken off the list."))
