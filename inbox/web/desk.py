"""The desk: views and departments on the left, the list beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Blueprint, g, redirect, render_template, request

from inbox.core import query, saved_views, views
from inbox.core.errors import NotFound
from inbox.web import view_builder
from inbox.web.addresses import url_for
from inbox.web.auth import me
from inbox.web.i18n import gettext
from inbox.web.plugin_parts import words_of

blueprint = Blueprint("desk", __name__)
FIRST_VIEW = "unassigned"


@dataclass(frozen=True)
class Place:
    """Which list is shown: a view, a department, or a search; all of it in the address."""

    view: str | None = FIRST_VIEW
    department_id: int | None = None
    q: str = ""
    after: str | None = None
    before: str | None = None
    oldest: bool = False
    best: bool = False  # of a search: the best first, not the newest

    @classmethod
    def from_request(cls) -> Place:
        """The place that a ticket's address names: `?in=mine`, `?in=department-3`, `?q=…`."""
        return cls._from(request.args)

    @classmethod
    def from_address(cls, address: str) -> Place:
        """The same of the whole address of a ticket's page."""
        return cls._from(dict(parse_qsl(urlsplit(address).query)))

    @classmethod
    def _from(cls, values: Mapping[str, str]) -> Place:
        inside, q = values.get("in", ""), values.get("q", "")
        kind, _, number = inside.partition("-")
        department = int(number) if kind == "department" and number.isdigit() else None
        view = inside if saved_views.is_slug(inside) or inside in views.every() else None
        if view is None and department is None and not q:
            view = "all"
        return cls(view, department, q, values.get("after"), values.get("before"), values.get("sort") == "oldest",
                   values.get("sort") == "best")

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Place:
        """The place that the fields of a form name."""
        return cls._from(values)

    @property
    def where(self) -> dict[str, Any]:
        """Which tickets these are, as `inbox.core.views` asks for it."""
        if saved_views.is_slug(self.view or ""):
            return {"view": None, "department_id": None, "q": f"{own_view(self).query} {self.q}".strip()}
        return {"view": self.view, "department_id": self.department_id, "q": self.q}

    @property
    def looks_for_words(self) -> bool:
        """True for a search with words: it comes by time or by how good a hit is."""
        return bool(self.q and query.parse(self.q).phrases)

    @property
    def name(self) -> str:
        """What plugins call this list: `unassigned`, `department-3`, `search`."""
        return str(self.query.get("in") or "search")

    @property
    def _sort(self) -> str | None:
        """The order as the address has it; views that people made have an order of their own, so it is always said."""
        if self.best or self.oldest:
            return "best" if self.best else "oldest"
        return "newest" if saved_views.is_slug(self.view or "") else None

    @property
    def query(self) -> dict[str, Any]:
        """The parts of an address that name this place."""
        found = {"in": self.view or (f"department-{self.department_id}" if self.department_id else ""), "q": self.q,
                 "after": self.after or "", "before": self.before or "", "sort": self._sort or ""}
        return {key: value for key, value in found.items() if value}

    def url(self, **change: Any) -> str:
        """The address of the list."""
        rest = {"q": self.q or None, "after": self.after, "before": self.before,
                "sort": self._sort, **change}
        if self.department_id is not None:
            return url_for("desk.department", department_id=self.department_id, **rest)
        if self.view is not None:
            return url_for("desk.view", slug=self.view, **rest)
        return url_for("desk.search", **rest)

    def first_page(self, **change: Any) -> str:
        return self.url(after=None, before=None, **change)

    def ticket_url(self, number: int, **extra: Any) -> str:
        """The address of a ticket with this list beside it; `part="pane"` for the ticket alone."""
        if "ticket_stem" not in g:  # asked for a hundred times a page: the router is asked once
            g.ticket_stem = url_for("tickets.show", number=0).removesuffix("0")
        query = urlencode({**self.query, **extra})
        return f"{g.ticket_stem}{number}?{query}" if query else f"{g.ticket_stem}{number}"


def sidebar() -> dict[str, Any]:
    """What the left rail shows; every page that has it passes this on to the template."""
    departments, own = saved_views.rail(me())
    counts = views.counts(me(), departments, saved_views.countable(me(), own))
    return {"departments": departments, "counts": counts, "builtin_views": views.every(), "own_views": own}


def list_of(place: Place, rail: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The rows of a place, and what stands above them. `rail`: what `sidebar` found, so that it is not asked again."""
    if saved_views.is_slug(place.view or ""):
        return _list_of_own(place, rail)
    page = views.page(me(), **place.where, after=place.after, before=place.before, oldest_first=place.oldest,
                      best_first=place.best)
    return {"place": place, "page": page, "title": _title(place, rail["departments"] if rail else None)}


def own_view(place: Place, rail: Mapping[str, Any] | None = None) -> saved_views.Own:
    """The view somebody made that a place shows. Raises NotFound."""
    known = (each for each in rail["own_views"] if each.slug == place.view) if rail else iter(())
    return next(known, None) or saved_views.by_slug(place.view or "", me())


def _list_of_own(place: Place, rail: Mapping[str, Any] | None) -> dict[str, Any]:
    own = own_view(place, rail)
    page = views.page(me(), q=f"{own.query} {place.q}".strip(), after=place.after, before=place.before,
                      oldest_first=place.oldest, best_first=place.best)
    gone = view_builder.gone_words(saved_views.missing(me(), own)) if rail else []
    return {"place": place, "page": page, "title": own.name, "own": own, "gone": gone,
            "may_change_view": saved_views.may_change(own, me())}


def _title(place: Place, departments: Sequence[saved_views.Line] | None) -> str:
    if place.department_id is not None:
        found = next((each.name for each in departments or [] if each.id == place.department_id), None)
        if departments is not None and found is None:
            raise NotFound()
        return found or ""
    if place.view is not None:
        view = views.every()[place.view]
        return words_of(view.plugin, view.title)
    return gettext("Search")


def _show(place: Place) -> Any:
    part = request.args.get("part")
    if part in ("rows", "queue"):
        return render_template(f"desk/_{part}.html", builtin_views=views.every(), **list_of(place))
    rail = sidebar()
    wide = me().preferences.get("layout") == "list"
    return render_template("desk/list.html", wide=wide, **rail, **list_of(place, rail))


def _place(**where: Any) -> Place:
    return Place(q=request.args.get("q", ""), after=request.args.get("after"), before=request.args.get("before"),
                 oldest=request.args.get("sort") == "oldest", best=request.args.get("sort") == "best", **where)


@blueprint.get("/")
def first() -> Any:
    """The first view."""
    return redirect(url_for("desk.view", slug=FIRST_VIEW))


@blueprint.get("/views/<slug>")
def view(slug: str) -> Any:
    """A view every agent has."""
    if saved_views.is_slug(slug):
        return _show_own(slug)
    if slug not in views.every():
        raise NotFound("There is no such view.")
    return _show(_place(view=slug))


def _show_own(slug: str) -> Any:
    """A view that somebody made, in its own order unless the address says another."""
    if request.args.get("sort"):
        return _show(_place(view=slug))
    return _show(replace(_place(view=slug), oldest=saved_views.by_slug(slug, me()).sort == "oldest"))


@blueprint.get("/departments/<int:department_id>")
def department(department_id: int) -> Any:
    """A department's open tickets."""
    return _show(_place(view=None, department_id=department_id))


@blueprint.get("/search")
def search() -> Any:
    """Everything the agent may see that matches."""
    return _show(_place(view=None))


@blueprint.get("/cards")
def cards() -> str:
    """The figures of plugins alone: what stands where no ticket is chosen, loaded after the page was drawn."""
    return render_template("desk/_cards.html")


@blueprint.get("/rail")
def rail() -> Any:
    """The left rail alone, for live updates of the counts."""
    at = request.args.get("at", "")  # a page that shows no list of tickets: its own link stays lit
    return render_template("nav/_rail.html", place=Place(None) if at else Place.from_request(), here=at, **sidebar())
