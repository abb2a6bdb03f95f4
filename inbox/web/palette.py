"""The palette behind Ctrl-K: what can be done here, where one can go, and what is found while one types.

Two fragments. Without a query: actions, views, departments, pages, the tickets looked at last; the browser narrows them
with every letter. With one: tickets and customers. What a page has no control for, the browser leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import Blueprint, render_template, request, url_for

from inbox.core import finder, saved_views, views
from inbox.web import keys
from inbox.web.auth import me
from inbox.web.forms import rail_links
from inbox.web.i18n import gettext
from inbox.web.plugin_parts import slot, words_of

blueprint = Blueprint("palette", __name__)
VIEW_KEYS = {"open": "inbox", "mine": "mine", "unassigned": "unassigned", "drafts": "drafts"}
MANY = 100  # characters of a query that count


@dataclass(frozen=True)
class Option:
    """One line. With `run` it does what the control with these keys does, else it leads to `url`."""

    title: str
    url: str = ""
    run: str = ""
    icon: str = ""
    hue: int | None = None
    soft: str = ""  # beside the title
    end: str = ""  # at the end of the line
    caps: list[str] = field(default_factory=list)
    lang_of: str = ""  # whose words the title is, for its glyphs


@dataclass(frozen=True)
class Group:
    name: str
    title: str
    options: list[Option]


@blueprint.get("/palette")
def show() -> str:
    """A fragment: everything that is always there, or with `q` what is found."""
    q = request.args.get("q", "").strip()[:MANY]
    groups = _found(q, request.args.get("only", "")) if q else _always()
    return render_template("palette/_groups.html", groups=[each for each in groups if each.options], q=q)


@blueprint.get("/recent")
def recent() -> str:
    """A fragment for the rail: the tickets looked at last, asked for when it is opened."""
    return render_template("nav/_recent.html", recent=finder.recent(me()))


def _always() -> list[Group]:
    departments, own = saved_views.rail(me())
    return [
        Group("recent", gettext("Recently viewed"), [_of_ticket(each) for each in finder.recent(me())]),
        Group("actions", gettext("Actions"), [_of_key(each) for each in keys.KEYS if each.shown]),
        Group("views", gettext("Views"), [*_views(), *(
            Option(each.name, url_for("desk.view", slug=each.slug), icon=each.icon or "inbox", soft=each.query)
            for each in own)]),
        Group("departments", gettext("Departments"), [
            Option(each.name, url_for("desk.department", department_id=each.id), hue=each.hue)
            for each in departments]),
        Group("pages", gettext("Pages"), _pages()),
        Group("settings", gettext("Settings"), _settings()),
    ]


def _of_key(key: keys.Key) -> Option:
    return Option(str(key.title), run=key.keys, icon=key.icon, caps=key.caps if keys.works(key, me()) else [])


def _views() -> list[Option]:
    return [Option(words_of(each.plugin, each.title), url_for("desk.view", slug=each.slug), icon="inbox",
                   caps=keys.BY_NAME[VIEW_KEYS[each.slug]].caps
                   if each.slug in VIEW_KEYS and keys.are_on(me()) else [])
            for each in views.every().values()]


def _pages() -> list[Option]:
    plugins = [Option(each.title, each.url, icon=each.icon) for each in slot("main_menu_links")]
    own = [Option(str(each.title), each.url, icon=each.icon) for each in rail_links()]
    return [*plugins, *own, Option(gettext("Profile"), url_for("profile.show"), icon="user")]


def _settings() -> list[Option]:
    from inbox.web.settings import allowed_sections  # its pages need the screens before it

    own = [Option(str(each.title), url_for(each.endpoint), icon="gear") for each in allowed_sections()]
    return [*own, *(Option(each.title, each.url, icon="gear") for each in slot("settings_menu_links"))]


def _found(q: str, only: str) -> list[Group]:
    """Tickets and customers; `only` narrows it to one of them."""
    hits = finder.hits(q)
    tickets = [_of_ticket(each) for each in finder.tickets(me(), q, among=hits)] if only != "people" else []
    people = [Option(each.name or each.email, url_for("customers.show", customer_id=each.id), icon="user",
                     soft=each.email if each.name else "", lang_of=each.name)
              for each in finder.people(me(), q, among=hits)] if only != "tickets" else []
    everywhere = Option(gettext("Search all messages for “%(q)s”", q=q), url_for("desk.search", q=q), icon="find")
    return [Group("tickets", gettext("Tickets"), tickets), Group("people", gettext("Customers"), people),
            Group("search", gettext("Search"), [everywhere] if not only else [])]


def _of_ticket(found: finder.FoundTicket) -> Option:
    soft = found.customer_name or gettext("Unknown sender")
    return Option(found.subject, url_for("tickets.show", number=found.number), soft=soft, lang_of=found.subject,
                  end=f"#{found.number}" if found.shelf == "open" else f"{gettext(found.shelf)} · #{found.number}")
