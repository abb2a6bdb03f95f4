"""Pages of segments: list, one of them with its customers, its form."""

from __future__ import annotations

from typing import Any

from flask import request

from inbox.toolkit import Invalid, fields, gettext, signed_in
from inbox_plugins.crm import conditions, segments
from inbox_plugins.crm.models import Segment
from inbox_plugins.crm.own_fields import of_organisations
from inbox_plugins.crm.pages import blueprint, done, show

EMPTY_ROWS = 2


@blueprint.get("/segments")
def segment_list() -> Any:
    """Every segment and how many are in it."""
    return show("segments.html", segments=segments.all_segments(), sizes=segments.sizes())


@blueprint.get("/segments/<int:segment_id>")
def segment(segment_id: int) -> Any:
    """Who is in a segment."""
    found = segments.get(segment_id)
    people, following = segments.customers_in(found, signed_in(), after=request.args.get("after", 0, type=int))
    return show("segment.html", segment=found, people=people, following=following, subjects=dict(_subjects()),
                tests=conditions.TESTS)


@blueprint.route("/segments/new", methods=["GET", "POST"])
def new_segment() -> Any:
    """Another segment."""
    return _edit(None)


@blueprint.route("/segments/<int:segment_id>/edit", methods=["GET", "POST"])
def edit_segment(segment_id: int) -> Any:
    """Name and conditions of one."""
    return _edit(segments.get(segment_id))


def _edit(stored: Segment | None) -> Any:
    signed_in("crm.edit")
    if request.method == "GET":
        if stored is None:
            return _form(None, {"tone": "", "is_badge": True}, [])
        return _form(stored, {"name": stored.name, "tone": stored.tone, "is_badge": stored.is_badge}, stored.conditions)
    form = request.form
    rows = [{"what": what, "test": test, "value": value.strip()} for what, test, value in zip(
        form.getlist("what"), form.getlist("test"), form.getlist("value"), strict=False) if what]
    try:
        saved = segments.save(stored, name=form.get("name", ""), asked=rows, tone=form.get("tone", ""),
                              is_badge=bool(form.get("is_badge")))
    except Invalid as problem:
        return _form(stored, form, rows, problem, 422)
    return done("segment_list", gettext("%(name)s is saved.", name=saved.name))


def _subjects() -> list[tuple[str, str]]:
    """What a condition can be about, and how it is called."""
    own = [(f"own:{each.id}", gettext("Organisation: %(field)s", field=each.title)) for each in of_organisations.all()]
    return [*((key, gettext(title)) for key, (title, _) in conditions.PLAIN.items()),
            *((f"field:{each.id}", each.title) for each in fields.of_customers.all()), *own]


def _form(stored: Segment | None, values: Any, rows: list[dict[str, str]], error: Invalid | None = None,
          status: int = 200) -> Any:
    empty = min(EMPTY_ROWS, conditions.MAX - len(rows))
    return show("segment_form.html", status, segment=stored, values=values, error=error, subjects=_subjects(),
                tests=conditions.TESTS, tones=segments.TONES, rows=[*rows, *({} for _ in range(empty))])


@blueprint.post("/segments/<int:segment_id>/delete")
def delete_segment(segment_id: int) -> Any:
    """Throw one away; the customers stay."""
    signed_in("crm.edit")
    segments.delete(segments.get(segment_id))
    return done("segment_list", gettext("The segment is gone. The customers are still there."))
