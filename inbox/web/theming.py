"""How the desk looks: which templates and styles count for a request, and where they are served.

A template is looked for in INBOX_HOME/overrides/templates, then in the active theme, its parents, and last among ours
and the plugins'. The name under which Jinja keeps a compiled template begins with the key of the look it belongs to,
so that a theme, its preview and yesterday's version never mix: `1f09c2a7|0|ticket/page.html`, where the number says
from which folder on it was looked for. A name without a key is the original; what it includes is original, too.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    g,
    has_app_context,
    has_request_context,
    request,
    send_from_directory,
    url_for,
)
from flask import session as cookie
from flask.templating import Environment
from flask_login import current_user
from markupsafe import Markup

from inbox import colors
from inbox.config import Config
from inbox.core import brand, permissions, settings
from inbox.plugin_host import themes
from inbox.plugin_host.themes import Theme, ThemeError
from inbox.web.assets import kept
from inbox.web.icons import icon

log = logging.getLogger(__name__)
blueprint = Blueprint("look", __name__)
FRESH_SECONDS = 1.0
NEVER = float("-inf")
MOST_FILES, MOST_LOOKS = 5000, 40
CORE = 99  # the level of our own templates
SEPARATOR = "|"
KEYS = ("theme.name", "brand.accent", "brand.logo_name")
PREVIEW = "theme_preview"  # in the session: the theme an admin tries; empty: our own look
OWN_LOOK = ("/sign-in", "/forgotten", "/new-password", "/setup", "/settings/plugins", "/settings/themes")


@dataclass(frozen=True)
class Look:
    """What counts for a page: the chain of themes, the folders of templates, the tokens."""

    key: str = ""  # empty: nothing replaces a template
    folders: tuple[Path, ...] = ()
    themes: tuple[Theme, ...] = ()
    css: str = ""
    version: str = ""  # of the css
    logo: str = ""
    is_preview: bool = False
    problem: str = ""


@dataclass
class _Kept:
    """What this process knows: the settings at most a second old, the themes as long as no file changes."""

    read_at: float = NEVER
    values: dict[str, Any] | None = None
    stamp: str = "-"
    themes: dict[str, Theme] | None = None
    looks: dict[str, tuple[Path, ...]] | None = None  # by key
    styles: dict[str, str] | None = None  # by version


def _kept() -> _Kept:
    found: _Kept = current_app.extensions.setdefault("inbox_look", _Kept(looks={}, styles={}))
    return found


def forget() -> None:
    """After a change in this process: look again."""
    _kept().read_at = NEVER
    if has_request_context():
        g.pop("look", None)


def overrides_folder(config: Config) -> Path:
    """Where the site's own templates lie."""
    return config.home / "overrides" / "templates"


# --- which look -------------------------------------------------------------------------------------------------


def current() -> Look:
    """The look of this request: the active theme, or the one that its reader tries."""
    if has_request_context():
        if "look" not in g:
            g.look = _look(_preview())
        return g.look  # type: ignore[no-any-return]
    return _look(None)


def _preview() -> str | None:
    name = cookie.get(PREVIEW)
    if name is None or not current_user.is_authenticated or not permissions.may(current_user.agent, "manage_settings"):
        return None
    return str(name)


def known_themes() -> dict[str, Theme]:
    """Every theme that lies here."""
    _refresh()
    return _kept().themes or {}


def _refresh() -> dict[str, Any]:
    kept = _kept()
    if kept.values is None or time.monotonic() - kept.read_at >= FRESH_SECONDS:
        config: Config = current_app.config["INBOX"]
        stamp = _stamp(config)
        if kept.themes is None or stamp != kept.stamp:
            kept.themes, kept.stamp = themes.scan(config), stamp
        kept.values, kept.read_at = settings.get_all(list(KEYS)), time.monotonic()
    return kept.values


def _stamp(config: Config) -> str:
    """Changes when a file of this site's themes and overrides does."""
    whole = hashlib.sha256()
    for folder in (config.home / "themes", overrides_folder(config)):
        for number, path in enumerate(sorted(folder.rglob("*")) if folder.is_dir() else []):
            if number >= MOST_FILES:
                break
            try:
                whole.update(f"{path}:{path.stat().st_mtime_ns}\n".encode())
            except OSError:  # it goes away while we look
                continue
    return whole.hexdigest()[:12]


def _look(preview: str | None) -> Look:
    values, kept = _refresh(), _kept()
    config: Config = current_app.config["INBOX"]
    if config.safe_mode:
        return Look(logo=values["brand.logo_name"])
    name, problem = values["theme.name"] if preview is None else preview, ""
    try:
        found = themes.chain(kept.themes or {}, name)
    except ThemeError as error:
        found, problem = [], str(error)
    folders = tuple(each for each in (overrides_folder(config), *(theme.templates for theme in found)) if each.is_dir())
    key = _short(f"{kept.stamp}{[(each.name, each.version, str(each.folder)) for each in found]}{folders}")
    assert kept.looks is not None and kept.styles is not None
    if folders and key not in kept.looks:
        _bounded(kept.looks)[key] = folders
    css = _css(found, values["brand.accent"])
    version = _short(css) if css else ""
    if css and version not in kept.styles:
        _bounded(kept.styles)[version] = css
    return Look(key if folders else "", folders, tuple(found), css, version, values["brand.logo_name"],
                preview is not None, problem)


def _bounded(table: dict[str, Any]) -> dict[str, Any]:
    while len(table) >= MOST_LOOKS:
        table.pop(next(iter(table)), None)
    return table


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _css(chain: list[Theme], accent: str) -> str:
    """The custom properties of a look. A theme that has an accent of its own keeps it."""
    tokens = themes.tokens(chain)
    if accent and "accent" not in tokens:
        tokens = {**tokens, **colors.accent_tokens(accent)}
    lines = "".join(f"  --{name}: {value};\n" for name, value in sorted(tokens.items()))
    return f"@layer tokens {{ :root {{\n{lines}}} }}\n" if lines else ""


# --- templates --------------------------------------------------------------------------------------------------


class ThemedEnvironment(Environment):
    """Finds the template of the request's look."""

    def join_path(self, template: str, parent: str) -> str:
        """The name of what a template extends or includes: the original of an original, else of the same look.

        `core:ticket/page.html` is the original; a template that names itself means the next one behind it.
        """
        plain = template.removeprefix("core:")
        if SEPARATOR not in parent:
            return plain
        key, level, own = parent.split(SEPARATOR, 2)
        if template != plain:
            return _named(key, CORE, plain)
        if template == own:
            return _named(key, min(CORE, _found_at(self.app, key, int(level), own) + 1), own)
        return _named(key, 0, plain)

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """The environment's own, where a template has none: Jinja's chain of both is read key by key, 150 of them, for
        each template that a page includes."""
        return super().make_globals(d) if d else self.globals

    def get_template(self, name: Any, parent: str | None = None,
                     globals: MutableMapping[str, Any] | None = None) -> jinja2.Template:
        if isinstance(name, str):
            if parent is not None:
                name = self.join_path(name, parent)
            elif has_app_context() and SEPARATOR not in name:
                name = _of_this_look(name)
        try:
            return super().get_template(name, None, globals)
        except jinja2.TemplateSyntaxError as error:
            if not isinstance(name, str) or SEPARATOR not in name:
                raise
            log.error("A template of a theme cannot be used, the original is shown: %s: %s", error.filename, error)
            return super().get_template(name.split(SEPARATOR, 2)[2], None, globals)


def _named(key: str, level: int, name: str) -> str:
    return f"{key}{SEPARATOR}{level}{SEPARATOR}{name}"


def _of_this_look(name: str) -> str:
    if themes.is_protected(name):
        return name
    look = current()
    return _named(look.key, 0, name) if look.key else name


def _folders(app: Any, key: str) -> tuple[Path, ...]:
    kept: _Kept | None = app.extensions.get("inbox_look")
    return (kept.looks or {}).get(key, ()) if kept else ()


def _found_at(app: Any, key: str, level: int, name: str) -> int:
    """The first folder from a level on that has a template; CORE when none has."""
    if themes.is_protected(name):
        return CORE
    return next((number for number, folder in enumerate(_folders(app, key))
                 if number >= level and (folder / name).is_file()), CORE)


class ThemeTemplates(jinja2.BaseLoader):
    """Templates of looks by their long names; all others come from the loader behind."""

    def __init__(self, app: Flask, behind: jinja2.BaseLoader) -> None:
        self._app, self._behind = app, behind

    def get_source(self, environment: jinja2.Environment,
                   template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        if SEPARATOR not in template:
            return self._behind.get_source(environment, template)
        key, level, name = template.split(SEPARATOR, 2)
        place = _found_at(self._app, key, int(level), name)
        if place == CORE:
            return self._behind.get_source(environment, name)
        return jinja2.FileSystemLoader(_folders(self._app, key)[place]).get_source(environment, name)


# --- what a page links ------------------------------------------------------------------------------------------


def look_styles() -> list[str]:
    """Addresses of the style sheets of the look; a theme's own rules do not reach signing in and administration."""
    look = current()
    found = [url_for("look.styles", version=look.version)] if look.css else []
    if request.path.startswith(OWN_LOOK):
        return found
    return found + [theme_url(theme, "theme.css") for theme in reversed(look.themes)
                    if (theme.static / "theme.css").is_file()]


def theme_url(theme: Theme, file: str) -> str:
    """The address of a static file of a theme; it changes with the theme."""
    stat = (theme.static / file).stat()
    return url_for("look.theme_file", name=theme.name, file=file,
                   version=_short(f"{theme.version}{stat.st_mtime_ns}{stat.st_size}"))


def brand_mark() -> Markup:
    """The site's logo, else our sign. The name stands beside it."""
    name = current().logo
    if not name:
        return icon("inbox")
    return Markup('<img class="brand-logo" src="{}" alt="" height="22">').format(url_for("look.logo", name=name))


@blueprint.get("/look/<version>.css")
def styles(version: str) -> Response:
    """The custom properties of a look."""
    css = (_kept().styles or {}).get(version)
    if css is None:  # another process has drawn the page
        look = current()
        css = look.css if look.version == version else _look(None).css
        if _short(css) != version:
            response = Response(css, mimetype="text/css")
            response.cache_control.no_cache = True
            return response
    return kept(Response(css, mimetype="text/css"))


@blueprint.get("/look/themes/<name>/<version>/<path:file>")
def theme_file(name: str, version: str, file: str) -> Response:
    """A static file of a theme."""
    theme = known_themes().get(name)
    if theme is None or theme.problem:
        abort(404)
    response = kept(send_from_directory(theme.static.absolute(), file))
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'self'; img-src 'self'"
    return response


@blueprint.get("/look/logo/<name>")
def logo(name: str) -> Response:
    """The site's logo, seen before signing in, too."""
    data = brand.logo() if name == settings.get("brand.logo_name") else b""
    if not data:
        abort(404)
    response = kept(Response(data, mimetype="image/png"))
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


for _view in (styles, theme_file, logo):
    setattr(_view, "inbox_public", True)  # noqa: B010 (seen before signing in)


def init(app: Flask) -> None:
    """Last of all: the loader goes before those of ours and the plugins'."""
    assert app.jinja_env.loader is not None
    app.jinja_env.loader = ThemeTemplates(app, app.jinja_env.loader)
    app.jinja_env.globals.update(look=current, look_styles=look_styles, brand_mark=brand_mark)
