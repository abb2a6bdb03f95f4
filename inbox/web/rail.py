"""The lines of the rail: views, views that people made, departments; each with its count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from flask import Flask

from inbox.core import saved_views
from inbox.core.views import Counts, View
from inbox.web.addresses import url_for
from inbox.web.desk import Place
from inbox.web.plugin_parts import words_of

KEYS = {"open": "inbox", "mine": "mine", "unassigned": "unassigned", "drafts": "drafts"}


class Line(NamedTuple):
    """One of them. `key`: the action whose key leads there; `hue`: the colour of a department's dot."""

    url: str
    title: str
    how_many: int
    is_current: bool
    key: str = ""
    icon: str = ""
    hue: int | None = None


class Lines(NamedTuple):
    """All of them, in order."""

    views: tuple[Line, ...]
    own: tuple[Line, ...]
    departments: tuple[Line, ...]


def lines(place: object, builtin: Mapping[str, View] | None, own: Iterable[saved_views.Own] | None,
          departments: Iterable[saved_views.Line] | None, counts: Counts | None) -> Lines:
    """The lines beside a list. `place` is the list that is shown; a page of a plugin may call something else so."""
    at, department = (place.view, place.department_id) if isinstance(place, Place) else (None, None)
    by_view: Mapping[str, int] = counts.views if counts else {}
    by_department: Mapping[int, int] = counts.departments if counts else {}
    return Lines(
        tuple(Line(url_for("desk.view", slug=each.slug), words_of(each.plugin, each.title),
                   by_view.get(each.slug, 0) if each.counted else 0, each.slug == at, KEYS.get(each.slug, ""))
              for each in (builtin or {}).values()),
        tuple(Line(url_for("desk.view", slug=each.slug), each.name, by_view.get(each.slug, 0), each.slug == at,
                   icon=each.icon) for each in own or ()),
        tuple(Line(url_for("desk.department", department_id=each.id), each.name, by_department.get(each.id, 0),
                   each.id == department, hue=each.hue) for each in departments or ()))


def init(app: Flask) -> None:
    app.jinja_env.globals["rail_views"] = lines
