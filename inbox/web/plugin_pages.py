"""Pages of plugins: each plugin's blueprints under `/x/<plugin>/`, behind one gate, run under the caller's rules.

A plugin that is not active has no pages (404). Pages want a signed-in agent unless they are `public`; posts carry the
CSRF token unless they are `signed`. A view that fails is a stored fault, and its reader is told which plugin it was.
"""

from __future__ import annotations

import functools
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, abort, current_app, render_template, request, send_from_directory
from flask_login import current_user
from sqlalchemy.exc import DataError
from werkzeug.exceptions import HTTPException

from inbox.core import permissions
from inbox.core.errors import CoreError
from inbox.plugin_host import call
from inbox.plugin_host.call import PluginFailure, Rejected
from inbox.plugin_host.items import Pages
from inbox.plugin_host.registry import EXTENSION, LoadError, PluginHost
from inbox.web import plugin_parts
from inbox.web.api import plugins as api_plugins
from inbox.web.assets import kept
from inbox.web.i18n import gettext
from inbox.web.plugin_parts import PREFIX, short

PAGES = "inbox_plugin_pages"
# Numbers and days that no database and no calendar can hold come out of an address: the visitor's doing, no fault.
REFUSALS = (HTTPException, CoreError, Rejected, PluginFailure, OverflowError, DataError)
# What a blueprint may bring besides its views; anything else would run outside of the caller's rules.
_REFUSED = ("teardown_request_funcs", "url_value_preprocessors", "url_default_functions",
            "template_context_processors", "error_handler_spec", "after_request_funcs")
_SCOPED = ("before_request_funcs", *_REFUSED)


@dataclass
class Mounted:
    """Which blueprints belong to which plugin. `x-loyalty-pages` is the blueprint `pages` of plugin `loyalty`."""

    owners: dict[str, str] = field(default_factory=dict)  # blueprint name → plugin
    prefixes: dict[str, str] = field(default_factory=dict)  # public prefix → plugin
    known: dict[tuple[str, str], str] = field(default_factory=dict)  # (plugin, view) → what Flask calls it
    lock: threading.RLock = field(default_factory=threading.RLock)


@dataclass(frozen=True)
class _Refusal:
    """What a view says no with: an answer, not a fault."""

    error: Exception


def init_app(app: Flask) -> None:
    """Mount the pages of every plugin, now and whenever one is loaded. The last step of start-up."""
    host: PluginHost = app.extensions[EXTENSION]
    app.extensions[PAGES] = Mounted()
    app.before_request_funcs.setdefault(None, []).insert(0, _gate)  # before anybody is asked to sign in
    plugin_parts.init(app)
    for plugin in sorted(host.builtins):
        mount(app, plugin, host.items_of(plugin))
    host.on_register.append(functools.partial(mount, app))


# --- the gate ---------------------------------------------------------------------------------------------------


def _gate() -> Any:
    """The pages of a plugin are there while it is active."""
    owner = owner_of(request.endpoint)
    if owner is None:
        return None
    host: PluginHost = current_app.extensions[EXTENSION]
    if owner not in host.active() or request.endpoint not in current_app.view_functions:
        abort(404)
    return None


def owner_of(endpoint: str | None) -> str | None:
    """The plugin that an endpoint belongs to, or None."""
    owners: dict[str, str] = current_app.extensions[PAGES].owners
    return owners.get((endpoint or "").split(".")[0])


# --- mounting ---------------------------------------------------------------------------------------------------


def mount(app: Flask, plugin: str, items: dict[str, list[Any]]) -> None:
    """Put a plugin's blueprints and static files in place. Raises LoadError, then nothing of it is mounted."""
    mounted: Mounted = app.extensions[PAGES]
    with mounted.lock, _open_for_change(app):
        _unmount(app, mounted, plugin)
        host: PluginHost = app.extensions[EXTENSION]
        others = {*host.builtins, *mounted.owners.values()} - {plugin}
        if same := next((each for each in others if short(each) == short(plugin)), None):
            raise LoadError(f"Plugin {plugin} must be called something else: {same} has its addresses.")
        try:
            _mount_static(app, mounted, plugin, host.folder_of(plugin))
            if items.get("register_endpoints"):
                mounted.owners[f"x-{short(plugin)}-api"] = plugin
                api_plugins.mount(app, f"x-{short(plugin)}-api", short(plugin), items["register_endpoints"])
            for pages in items.get("register_blueprints", []):
                _mount(app, mounted, plugin, pages, host)
        except Exception as error:
            _unmount(app, mounted, plugin)
            if isinstance(error, LoadError):
                raise
            raise LoadError(f"Plugin {plugin}: its pages cannot be mounted: {error}") from error


@contextmanager
def _open_for_change(app: Flask) -> Iterator[None]:
    """Flask refuses new pages after the first request; a plugin may be loaded later than that."""
    app._check_setup_finished = lambda f_name: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        del app._check_setup_finished  # type: ignore[method-assign]


def _mount(app: Flask, mounted: Mounted, plugin: str, pages: Pages, host: PluginHost) -> None:
    blueprint = pages.blueprint
    plain = Blueprint("plain", __name__)
    refused = [name for name in _REFUSED if _brought(blueprint, name) != _brought(plain, name)]
    if refused:
        raise LoadError(f"Plugin {plugin}: its blueprint {blueprint.name} uses {refused[0]}; a plugin's blueprint has "
                        "views and before_request, nothing else.")
    full = f"x-{short(plugin)}-{blueprint.name}"
    if full in app.blueprints:
        raise LoadError(f"Plugin {plugin} has two blueprints called {blueprint.name}; rename one.")
    before = {name: _kept(getattr(app, name).get(None, [])) for name in _SCOPED}
    mounted.owners[full] = plugin
    app.register_blueprint(blueprint, name=full, url_prefix=_prefix(app, mounted, plugin, pages, host)
                           + (blueprint.url_prefix or ""))
    grown = [name for name in _SCOPED if _kept(getattr(app, name).get(None, [])) != before[name]]
    if grown:
        for name in grown:
            getattr(app, name)[None] = before[name]
        raise LoadError(f"Plugin {plugin}: its blueprint {blueprint.name} changes {grown[0]} of the whole desk; "
                        "that is not a plugin's business.")
    for endpoint in [each for each in app.view_functions if each.split(".")[0] == full]:
        app.view_functions[endpoint] = _view(plugin, endpoint, app.view_functions[endpoint], pages)
    for name in [each for each in app.before_request_funcs if each and each.split(".")[0] == full]:
        app.before_request_funcs[name] = [_before(plugin, name, each) for each in app.before_request_funcs[name]]
    if pages.signed:
        app.extensions["csrf"].exempt(blueprint)


def _brought(blueprint: Blueprint, name: str) -> int:
    return sum(len(_kept(functions)) for functions in getattr(blueprint, name).values())


def _kept(functions: Any) -> Any:
    """A copy of what Flask keeps for one scope: a list of functions, or error handlers by status and class."""
    if isinstance(functions, dict):
        return defaultdict(dict, {status: dict(handlers) for status, handlers in functions.items()})
    return list(functions)


def _prefix(app: Flask, mounted: Mounted, plugin: str, pages: Pages, host: PluginHost) -> str:
    """Where pages lie: public ones at the manifest's own address, if it asks for one."""
    manifest = host.manifest_of(plugin)
    wanted = manifest.public_prefix if manifest else ""
    if not pages.public or not wanted:
        return f"{PREFIX}/{short(plugin)}"
    other = mounted.prefixes.get(wanted)
    if other is not None and other != plugin:
        raise LoadError(f"Plugin {plugin} wants the address {wanted}, which plugin {other} has. Deactivate one of "
                        "them, or change public_prefix in its plugin.toml.")
    if wanted == PREFIX:
        raise LoadError(f"Plugin {plugin} wants the address {wanted}, which is the desk's own: all plugins lie there.")
    for rule in app.url_map.iter_rules():
        taken = f"/{rule.rule.split('/')[1]}"
        if owner_of_rule(mounted, rule.endpoint) is None and re.sub(r"\.\w+$", "", taken) == wanted:
            raise LoadError(f"Plugin {plugin} wants the address {wanted}, which is the desk's own ({rule.rule}); "
                            "change public_prefix in its plugin.toml.")
    mounted.prefixes[wanted] = plugin
    return wanted


def owner_of_rule(mounted: Mounted, endpoint: str) -> str | None:
    return mounted.owners.get(endpoint.split(".")[0])


def _unmount(app: Flask, mounted: Mounted, plugin: str) -> None:
    """Forget a plugin's views. The router keeps its addresses; without a view they are a 404."""
    full = {name for name, owner in mounted.owners.items() if owner == plugin}
    for name in [each for each in app.blueprints if each.split(".")[0] in full]:
        del app.blueprints[name]
    for endpoint in [each for each in app.view_functions if each.split(".")[0] in full]:
        del app.view_functions[endpoint]
    for attribute in _SCOPED:
        scopes = getattr(app, attribute)
        for name in [each for each in scopes if each and each.split(".")[0] in full]:
            del scopes[name]
    mounted.prefixes = {prefix: owner for prefix, owner in mounted.prefixes.items() if owner != plugin}


# --- one view ---------------------------------------------------------------------------------------------------


def _view(plugin: str, endpoint: str, view: Callable[..., Any], pages: Pages) -> Callable[..., Any]:
    @functools.wraps(view)
    def run(**values: Any) -> Any:
        good, answer = call.guard(plugin, f"page {endpoint.partition('.')[2]}"[:60], _response, view, values,
                                  may_write=True)
        if not good:
            return failure(plugin, plain=pages.signed)
        if isinstance(answer, _Refusal):
            raise answer.error
        return answer.draw() if isinstance(answer, plugin_parts.Later) else answer

    run.inbox_public = pages.public or pages.signed  # type: ignore[attr-defined]
    return run


def _response(view: Callable[..., Any], values: dict[str, Any]) -> Response | _Refusal | plugin_parts.Later:
    """A view's answer, whole: what is still to be computed would be outside of the caller's rules."""
    try:
        answer = current_app.ensure_sync(view)(**values)
        if isinstance(answer, plugin_parts.Later):
            return answer
        response = current_app.make_response(answer)
    except REFUSALS as refusal:
        return _Refusal(refusal)
    if response.is_streamed and not response.direct_passthrough:
        response.make_sequence()
    return response


def _before(plugin: str, name: str, function: Callable[[], Any]) -> Callable[[], Any]:
    @functools.wraps(function)
    def run() -> Any:
        good, answer = call.guard(plugin, f"before_request of {name}"[:60], _answer, function, may_write=True)
        if not good:
            return failure(plugin)
        if isinstance(answer, _Refusal):
            raise answer.error
        return answer

    return run


def _answer(function: Callable[[], Any]) -> Any:
    try:
        return current_app.ensure_sync(function)()
    except REFUSALS as refusal:
        return _Refusal(refusal)


def failure(plugin: str, plain: bool = False) -> Any:
    """What is shown instead of a page that failed: which plugin it was; admins get the way to its faults."""
    host: PluginHost = current_app.extensions[EXTENSION]
    title = host.title_of(plugin)
    said = gettext("The plugin %(name)s failed here. The fault was written down; nothing else is affected.", name=title)
    agent = getattr(current_user, "agent", None)
    more = plugin_parts.fault_page(plugin) if agent and permissions.may(agent, "manage_settings") else ""
    if plain:
        return Response(said + "\n", 500, mimetype="text/plain")
    if plugin_parts.is_lazy():
        return render_template("plugin/_failed.html", title=title, link=more, plugin=plugin)
    if request.htmx and request.htmx.partial:  # type: ignore[attr-defined]
        return render_template("errors/_alert.html", message=said), 500, {
            "HX-Retarget": "#problem", "HX-Reswap": "innerHTML"}
    return render_template("plugin/failed.html", message=said, link=more, plugin=plugin), 500


# --- static files -----------------------------------------------------------------------------------------------


def _mount_static(app: Flask, mounted: Mounted, plugin: str, folder: Path | None) -> None:
    """`/x/<plugin>/static/<hash>/<file>`, for everybody: pages that need no sign-in have style sheets, too."""
    if folder is None or not (folder / "static").is_dir():
        return
    name = f"x-{short(plugin)}"
    mounted.owners[name] = plugin

    def send(version: str, file: str) -> Response:
        return kept(send_from_directory(folder / "static", file), version == plugin_parts.static_hash(folder))

    send.inbox_public = True  # type: ignore[attr-defined]
    app.add_url_rule(f"{PREFIX}/{short(plugin)}/static/<version>/<path:file>", f"{name}.static", send)
