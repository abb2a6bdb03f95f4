"""The lines of the rail: views, views that people made, departments, each with its count; below them links.

They stand on a page twice, on a phone in a menu above the list: put together once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from flask import Flask, g

from inbox.core import saved_views
from inbox.core.views import Counts, View
from inbox.plugin_host.items import Link
from inbox.web.addresses import url_for
from inbox.web.desk import Place
from inbox.web.forms import rail_links
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


def lines(*given: Any) -> Lines:
    """The lines beside a list: of `_lines`, once a page."""
    kept: tuple[tuple[Any, ...], Lines] | None = g.get("rail_lines")
    if kept is None or any(one is not other for one, other in zip(kept[0], given, strict=True)):
        kept = g.rail_lines = (given, _lines(*given))
    return kept[1]


def _lines(place: object, builtin: Mapping[str, View] | None, own: Iterable[saved_views.Own] | None,
           departments: Iterable[saved_views.Line] | None, counts: Counts | None) -> Lines:
    """`place` is the list that is shown; a page of a plugin may call something else so."""
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


def links(of_plugins: Iterable[Link], here: str) -> tuple[Line, ...]:
    """The links at the bottom: those of plugins, then ours. `here` is the path of the page that is shown."""
    if "rail_links" not in g:
        g.rail_links = rail_links()
    return tuple(Line(each.url, each.title, each.count or 0, here.startswith(each.url), icon=each.icon)
                 for each in (*of_plugins, *g.rail_links))


def init(app: Flask) -> None:
    app.jinja_env.globals.update(rail_views=lines, rail_bottom=links)
