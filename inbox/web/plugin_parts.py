"""What a plugin's own code uses while a page is drawn: addresses, templates, words; and its slots in ours."""

from __future__ import annotations

import difflib
import hashlib
import io
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, current_app, flash, g, has_app_context, has_request_context, render_template, request
from flask_babel import Domain, force_locale, get_locale
from flask_login import current_user
from markupsafe import Markup

from inbox import secrets
from inbox.core import automatic, permissions, settings
from inbox.core import tickets as core_tickets
from inbox.core.errors import NotAllowed
from inbox.core.events import Actor
from inbox.core.models import Agent, Customer, Ticket
from inbox.plugin_host import call, report
from inbox.plugin_host.items import Panel, RowBadge
from inbox.plugin_host.registry import EXTENSION, PluginHost
from inbox.web import i18n, theming
from inbox.web.i18n import gettext

PREFIX = "/x"


def short(plugin: str) -> str:
    """The name in addresses and folders: `builtin.tag_picker` is `tag_picker`."""
    return plugin.removeprefix("builtin.")


def _host() -> PluginHost:
    host: PluginHost = current_app.extensions[EXTENSION]
    return host


def whose() -> str:
    """The plugin whose code runs now: it answers a hook, or draws its page. Raises RuntimeError outside of that."""
    running = call.answering()
    if running is not None:
        return running.plugin
    if has_request_context():
        from inbox.web.plugin_pages import owner_of  # it needs this module

        owner = owner_of(request.endpoint)
        if owner is not None:
            return owner
    raise RuntimeError("Only a plugin's own code can ask this: a hook, a view or a template of it.")


# --- for plugins ------------------------------------------------------------------------------------------------


def plugin_url(endpoint: str, *, absolute: bool = False, **values: Any) -> str:
    """The address of a page of the plugin that asks: `plugin_url("orders", customer=7)`.

    `endpoint` is the name of a view function. `absolute` for mails and other servers. Values that are not in the
    page's address go behind a question mark. Raises LookupError when the plugin has no such page.
    """
    plugin = whose()
    known: dict[tuple[str, str], str] = current_app.extensions["inbox_plugin_pages"].known
    full = known.get((plugin, endpoint)) or known.setdefault((plugin, endpoint), _full_endpoint(plugin, endpoint))
    path = current_app.url_map.bind("desk").build(full, {
        name: value for name, value in values.items() if value is not None})
    return str(current_app.config["INBOX"].public_url) + path if absolute else path


def _full_endpoint(plugin: str, endpoint: str) -> str:
    """What Flask calls a page of a plugin. Looks through every page there is, so it is asked once for each."""
    owners = current_app.extensions["inbox_plugin_pages"].owners
    others = (f"x-{short(plugin)}", f"x-{short(plugin)}-api")  # static files, and what machines ask for
    mine = [each for each in current_app.view_functions
            if owners.get(each.split(".")[0]) == plugin and each.split(".")[0] not in others]
    found = [each for each in mine if each.rpartition(".")[2] == endpoint or each.endswith(f"-{endpoint}")]
    if found:
        return found[0]
    names = [each.rpartition(".")[2] for each in mine]
    near = difflib.get_close_matches(endpoint, names, n=1)
    hint = f" Did you mean {near[0]}?" if near else f" There is {', '.join(sorted(names)) or 'none'}."
    raise LookupError(f"Plugin {plugin} has no page called {endpoint}.{hint}")


def plugin_static(file: str) -> str:
    """The address of a file in the `static` folder of the plugin that asks; it changes with the folder's content."""
    plugin = whose()
    folder = _host().folder_of(plugin)
    if folder is None or not (folder / "static" / file).is_file():
        raise LookupError(f"Plugin {plugin} has no static/{file}.")
    return f"{PREFIX}/{short(plugin)}/static/{static_hash(folder)}/{file}"


@lru_cache(maxsize=256)
def static_hash(folder: Path) -> str:
    """One hash over a plugin's static files: modules that import each other must not be mixed with older ones."""
    whole = hashlib.sha256()
    for path in sorted((folder / "static").rglob("*")):
        if path.is_file():
            whole.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()[:12]


def render(template: str, **values: Any) -> str:
    """Draw a template of the plugin that asks: `render("orders.html", …)` is `templates/<plugin>/orders.html`."""
    folder = short(whose())
    return render_template(template if template.startswith(f"{folder}/") else f"{folder}/{template}", **values)


def current_agent() -> Agent | None:
    """The signed-in agent, or None: on a public page, in a job, in a command."""
    return getattr(current_user, "agent", None) if has_request_context() else None


def signed_in(ability: str = "") -> Agent:
    """The signed-in agent of a page, who may do this (`kb.edit`; empty: who is signed in may). Raises NotAllowed."""
    agent = current_agent()
    if agent is None or (ability and not permissions.may(agent, ability)):
        raise NotAllowed()
    return agent


def actor() -> Actor:
    """Who acts in a plugin's page: the signed-in agent; elsewhere the plugin itself."""
    agent = current_agent()
    return Actor.of(agent, "web") if agent is not None else automatic.me()


@dataclass(frozen=True)
class Later:
    """An answer that the desk itself draws, after the plugin's view is done."""

    draw: Callable[[], Any]


def back_to_ticket(ticket: Ticket) -> Later:
    """The answer to a button beside a ticket: the ticket's fresh parts, or its page."""
    return Later(lambda: _show_ticket(ticket.number))


def _show_ticket(number: int) -> Any:
    from inbox.web import desk, htmx, tickets

    place = desk.Place.from_address(_came_from())
    if htmx.wants_partial():
        agent = current_agent()
        assert agent is not None
        shown = tickets.pane(core_tickets.get(number, agent), is_fresh=True)
        return render_template("ticket/_fresh.html", place=place, **shown)
    return htmx.go_to(place.ticket_url(number))


def back_to_list(said: str) -> Later:
    """The answer to a bulk action: the list again, with a sentence that says what was done."""
    return Later(lambda: _show_list(said))


def _show_list(said: str) -> Any:
    from inbox.web import auth, htmx

    flash(said)
    parts = urlsplit(_came_from())
    return htmx.go_to(auth.safe_next(parts.path + (f"?{parts.query}" if parts.query else "")))


def _came_from() -> str:
    """The page that a request was made from; only its path and query are ever used."""
    return request.form.get("from") or request.headers.get("HX-Current-URL") or request.referrer or ""


def own_secret(label: str) -> str:
    """A secret of the running plugin for one purpose: always the same here, known nowhere else, stored nowhere."""
    return secrets.derived_key(f"plugin:{whose()}:{label}").hex()


def fault_page(plugin: str) -> str:
    """Where an admin reads a plugin's faults."""
    return f"/settings/plugins/{plugin}"


def trace_of(plugin: str) -> str:
    """In development, for who may see faults: the traceback of a plugin's latest fault, to stand on the page itself."""
    agent = current_agent()
    if not current_app.config["INBOX"].dev or agent is None or not permissions.may(agent, "manage_settings"):
        return ""
    faults = report.report(plugin, latest=1).faults
    return (faults[0].trace or faults[0].summary) if faults else ""


# --- words ------------------------------------------------------------------------------------------------------


class PluginDomain(Domain):  # type: ignore[misc]
    """`gettext` in a plugin's code and templates looks into the plugin's own catalogue first, then into ours."""

    def get_translations(self) -> Any:
        if not has_app_context():
            return super().get_translations()
        here = g._get_current_object()  # once: a page asks with each of its words
        locale = getattr(getattr(here, "_flask_babel", None), "babel_locale", None) or get_locale()
        running = call.answering()
        plugin = running.plugin if running is not None else ""
        known: dict[str, tuple[Any, Any]] = here.setdefault("inbox_catalogues", {})
        of, found = known.get(plugin, (None, None))
        if of is not locale:
            found = (plugin and _catalogue(plugin)) or super().get_translations()
            known[plugin] = (locale, found)
        return found


def _catalogue(plugin: str) -> Translations | None:
    host = call.current()
    folder = host.folder_of(plugin) if host is not None else None
    return _read(folder / "translations", str(get_locale() or "en")) if folder is not None else None


@lru_cache(maxsize=256)
def _read(folder: Path, locale: str) -> Translations | None:
    """The catalogue `<locale>/LC_MESSAGES/messages.mo` of a folder, or its .po; ours stands behind it."""
    place = folder / locale / "LC_MESSAGES"
    data: Any = None
    if (place / "messages.mo").is_file():
        data = io.BytesIO((place / "messages.mo").read_bytes())
    elif (place / "messages.po").is_file():
        data = io.BytesIO()
        write_mo(data, read_po(io.BytesIO((place / "messages.po").read_bytes()), locale))
        data.seek(0)
    if data is None:
        return None
    found = Translations(data)
    found.add_fallback(Domain.get_translations(i18n.babel.domain_instance))
    return found


def said_by(plugin: str, text: str) -> str:
    """A plugin's words from where it registered them (`Setting.title`), in the reader's language."""
    catalogue = _catalogue(plugin)
    known: NullTranslations = catalogue or Domain.get_translations(i18n.babel.domain_instance)
    return str(known.gettext(text)) if text else ""


@contextmanager
def speaking_to(reader: Agent | Customer) -> Iterator[None]:
    """Within the block `gettext` speaks an agent's or customer's language, the desk's where none is known: for what is
    said outside of a page, such as mails."""
    with force_locale(reader.locale or str(settings.get("desk.locale"))):
        yield


def words_of(plugin: str, text: str) -> str:
    """A text in the reader's language: from the plugin's words, or from ours when `plugin` is empty."""
    return said_by(plugin, text) if plugin else str(gettext(text))


# --- slots ------------------------------------------------------------------------------------------------------


class Answers(list[Any]):
    """The items of a slot, and the plugins that failed to answer."""

    failed: list[str]


def slot(name: str, **facts: Any) -> Answers:
    """What all plugins have for one place of a page; `agent` is the signed-in one. For templates."""
    facts.setdefault("agent", current_agent())
    kept = vars(request._get_current_object()).setdefault("inbox_slots", {})  # type: ignore[attr-defined]
    key = (name, *(each if isinstance(each, str) else id(each) for each in facts.values()))  # asked once a page
    if key not in kept:
        failed: list[str] = []
        answers = Answers(call.slot(name, failed, **facts))
        answers.failed = failed
        kept[key] = (answers, facts)  # the facts, too: as long as they live, no other has their id
    found: Answers = kept[key][0]
    return found


def plugin_faults(answers: Answers) -> Markup:
    """What stands in the place of items whose plugins failed: for admins, who and why. Nothing when none did."""
    if not answers.failed or not permissions.may(current_agent(), "manage_settings"):
        return Markup()
    return Markup(current_app.jinja_env.get_template("plugin/_faults.html").render(failed=answers.failed))  # noqa: S704


def row_badges(rows: Sequence[Any]) -> dict[int, list[RowBadge]]:
    """By ticket id what plugins show on the rows of a list; asked once for the whole page."""
    found: dict[int, list[RowBadge]] = defaultdict(list)
    for badge in slot("inbox_row_badges", tickets=rows) if rows else ():
        found[badge.ticket_id].append(badge)
    return found


def _ticket_of(panel: Panel) -> Ticket | None:
    """The ticket a panel of this page stands beside; None elsewhere."""
    slots = vars(request._get_current_object()).get("inbox_slots", {})  # type: ignore[attr-defined]
    return next((facts.get("ticket") for answers, facts in slots.values() if any(each is panel for each in answers)),
                None)


def panel_content(panel: Panel) -> Markup | None:
    """A panel's own template, drawn under the caller's rules. None: it failed.

    Once for a page, which shows it in two places, on wide screens and on phones.
    """
    kept = vars(request._get_current_object()).setdefault("inbox_panels", {})  # type: ignore[attr-defined]
    if id(panel) not in kept:
        kept[id(panel)] = (_panel_content(panel), panel)  # the panel, too: as long as it lives, no other has its id
    content: Markup | None = kept[id(panel)][0]
    return content


def _panel_content(panel: Panel) -> Markup | None:
    good, drawn = call.guard(panel.plugin, f"template {panel.template}"[:60], _draw, panel, ticket=_ticket_of(panel))
    return Markup(drawn) if good else None  # noqa: S704 (a template's output)


def _draw(panel: Panel) -> str:
    return render(panel.template, **panel.values)


def is_lazy() -> bool:
    """True when the request is for a panel that is loaded after the page was drawn."""
    return request.headers.get("HX-Panel") == "1"


# --- templates --------------------------------------------------------------------------------------------------


class PluginTemplates(jinja2.BaseLoader):
    """`loyalty/panel.html` lies in `templates/` of the plugin `loyalty`."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str | None, Any]:
        host: PluginHost = self._app.extensions[EXTENSION]
        name = template.split("/")[0]
        for plugin in (name, f"builtin.{name}"):
            folder = host.folder_of(plugin)
            if folder is not None:
                return jinja2.FileSystemLoader(folder / "templates").get_source(environment, template)
        raise jinja2.TemplateNotFound(template)


def loaders(app: Flask) -> list[jinja2.BaseLoader]:
    """Where templates come from; the first that has one wins."""
    assert app.jinja_loader is not None
    return [app.jinja_loader, PluginTemplates(app)]


def init(app: Flask) -> None:
    """After our own screens: plugins use what those have."""
    from inbox.web.desk import sidebar
    from inbox.web.settings import allowed_sections, need_you

    app.jinja_env.loader = jinja2.ChoiceLoader(loaders(app))
    theming.init(app)
    i18n.babel.domain_instance = PluginDomain()
    app.jinja_env.globals.update(
        sidebar=sidebar, settings_sections=allowed_sections, plugins_need_you=need_you, slot=slot,
        panel_content=panel_content, plugin_faults=plugin_faults, row_badges=row_badges, words_of=words_of,
        plugin_url=plugin_url, plugin_static=plugin_static,
        said_by=said_by, fault_page=fault_page, is_answered=call.is_answered,
        plugin_trace=trace_of, plugin_title=lambda plugin: _host().title_of(plugin))
