"""Themes: which there are, trying one, activating it, bringing one; a site's own colour and logo; old overrides."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from flask import Response, current_app, redirect, request, session, url_for

from inbox.config import Config
from inbox.core import brand, settings
from inbox.core.errors import Invalid, NotFound, RateLimited
from inbox.plugin_host import theme_files, themes
from inbox.plugin_host.theme_files import Override
from inbox.plugin_host.themes import Theme, ThemeError
from inbox.web import theming
from inbox.web.auth import actor
from inbox.web.i18n import gettext
from inbox.web.settings import blueprint, page, require, saved
from inbox.web.settings_add import ask_password, keep_upload, may_upload, require_uploader

OURS = ""  # the look without a theme


@blueprint.get("/themes")
def theme_list() -> Any:
    """The themes, the site's own colour and logo, the overrides."""
    require("manage_settings")
    return _page()


def _page(error: Invalid | None = None, problem: str = "", accent: str | None = None, status: int = 200) -> Any:
    config = _config()
    active = settings.get_all(["theme.name", "brand.accent"])
    found = theming.known_themes()
    return page("themes", status, themes=found.values(), active=active["theme.name"], error=error, problem=problem,
                look_now=theming.current(), preview=session.get(theming.PREVIEW), faint=_faint(found),
                accent=active["brand.accent"] if accent is None else accent, overrides=report(config),
                overrides_folder=theming.overrides_folder(config), may_upload=may_upload())


def _faint(found: Mapping[str, Theme]) -> dict[str, int]:
    """How many pairs of text and ground are hard to read, by theme."""
    counts = {}
    for name, theme in found.items():
        if not theme.problem:
            try:
                counts[name] = len(themes.faint(themes.tokens(themes.chain(found, name))))
            except ThemeError:  # said beside the theme when it is tried
                continue
    return {name: count for name, count in counts.items() if count}


def report(config: Config) -> list[Override]:
    """The templates that stand before an original: of the site, and of the active theme and its parents."""
    folders: dict[str, Path] = {"": theming.overrides_folder(config)}
    try:
        chain = themes.chain(theming.known_themes(), settings.get("theme.name"))
    except ThemeError:
        chain = []
    return theme_files.report({**folders, **{each.name: each.templates for each in chain}}, original)


def original(template: str) -> str | None:
    """The source of our own or a plugin's template, whatever the look is; None when there is none."""
    loader = current_app.jinja_env.loader
    assert loader is not None
    try:
        return loader.get_source(current_app.jinja_env, template)[0]
    except jinja2.TemplateNotFound:
        return None


# --- verbs ------------------------------------------------------------------------------------------------------


@blueprint.post("/themes/activate")
def activate_theme() -> Any:
    """The look of everybody from now on."""
    require("manage_settings")
    name = request.form.get("name", OURS)
    try:
        chain = themes.chain(theming.known_themes(), name)
    except ThemeError as problem:
        return _page(problem=str(problem), status=422)
    settings.put("theme.name", name, by=actor())
    _forget()
    title = chain[0].title if chain else gettext("Our own look")
    return saved("settings.theme_list", gettext("%(title)s is active.", title=title))


@blueprint.post("/themes/preview")
def preview_theme() -> Any:
    """Try a look alone, in this browser; an empty form ends it."""
    require("manage_settings")
    name = request.form.get("name")
    if name is None:
        _forget()
        return redirect(url_for("settings.theme_list"), 303)
    try:
        themes.chain(theming.known_themes(), name)
    except ThemeError as problem:
        return _page(problem=str(problem), status=422)
    session[theming.PREVIEW] = name
    theming.forget()
    return redirect(url_for("desk.first"), 303)


def _forget() -> None:
    session.pop(theming.PREVIEW, None)
    theming.forget()


@blueprint.post("/themes")
def upload_theme() -> Any:
    """Bring a theme. A template can do what the program can, so it is asked for as for a plugin."""
    require_uploader()
    path = None
    try:
        ask_password()
        path = keep_upload(request.files.get("file"))
        theme = theme_files.add(_config(), path)
    except RateLimited as limited:
        return _page(Invalid("password", str(limited)), status=429)
    except Invalid as problem:
        return _page(problem, status=422)
    except ThemeError as problem:
        return _page(Invalid("file", str(problem)), status=422)
    finally:
        if path is not None:
            path.unlink(missing_ok=True)
    settings.note_file("theme", theme.name, by=actor())
    theming.forget()
    return saved("settings.theme_list", gettext("%(title)s is here. Try it before you activate it.", title=theme.title))


@blueprint.post("/themes/<name>/remove")
def remove_theme(name: str) -> Any:
    """Delete the files of a theme of this site; the active one is not touched."""
    require_uploader()
    if settings.get("theme.name") == name:
        return _page(problem="Activate another theme first.", status=422)
    try:
        theme_files.remove(_config(), name)
    except ThemeError as problem:
        return _page(problem=str(problem), status=422)
    settings.note_file("theme", name, by=actor())
    theming.forget()
    return saved("settings.theme_list", gettext("The theme is deleted."))


@blueprint.get("/themes/<name>/preview.svg")
def theme_picture(name: str) -> Response:
    """A small drawing of the desk in a theme's colours, light and dark."""
    require("manage_settings")
    found = theming.known_themes()
    try:
        chain = themes.chain(found, "" if name == "-" else name)
    except ThemeError as error:
        raise NotFound() from error
    return Response(_drawing(themes.tokens(chain)), mimetype="image/svg+xml",
                    headers={"Content-Security-Policy": "default-src 'none'"})


def _drawing(tokens: Mapping[str, str]) -> str:
    halves = []
    for place, scheme in ((0, "light"), (120, "dark")):
        color = {each: themes.swatch(tokens, each, scheme) for each in (
            "ground", "surface", "line", "ink", "ink-soft", "accent", "accent-wash", "note-wash")}
        bars = "".join(f'<rect x="{place + 34}" y="{y}" width="{width}" height="4" rx="2" fill="{color[fill]}"/>'
                       for y, width, fill in ((16, 46, "ink"), (26, 70, "ink-soft"), (48, 54, "ink"),
                                              (58, 62, "ink-soft"), (94, 40, "ink")))
        halves.append(
            f'<rect x="{place}" width="120" height="120" fill="{color["ground"]}"/>'
            f'<rect x="{place + 28}" width="92" height="120" fill="{color["surface"]}"/>'
            f'<rect x="{place + 28}" y="40" width="92" height="30" fill="{color["accent-wash"]}"/>'
            f'<rect x="{place + 28}" y="82" width="92" height="26" fill="{color["note-wash"]}"/>'
            f'<rect x="{place + 6}" y="14" width="16" height="4" rx="2" fill="{color["accent"]}"/>'
            f'<rect x="{place + 6}" y="26" width="14" height="4" rx="2" fill="{color["ink-soft"]}"/>'
            f'<path d="M{place + 28} 0v120" stroke="{color["line"]}"/>{bars}')
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 120">{"".join(halves)}</svg>'


# --- colour and logo --------------------------------------------------------------------------------------------


@blueprint.post("/themes/brand")
def save_brand() -> Any:
    """The site's own colour, and its logo when one was chosen."""
    require("manage_settings")
    accent = "" if request.form.get("no_accent") else request.form.get("accent", "").strip().lower()
    file = request.files.get("logo")
    try:
        if file is not None and file.filename:
            brand.set_logo(file.stream.read(brand.MOST_BYTES + 1), by=actor())
        settings.put("brand.accent", accent, by=actor())
    except Invalid as problem:
        theming.forget()
        return _page(problem, accent=accent, status=422)
    theming.forget()
    return saved("settings.theme_list", gettext("The settings are saved."))


@blueprint.post("/themes/logo/remove")
def remove_logo() -> Any:
    """Our own sign again."""
    require("manage_settings")
    brand.remove_logo(by=actor())
    theming.forget()
    return saved("settings.theme_list", gettext("The logo is removed."))


def _config() -> Config:
    config: Config = current_app.config["INBOX"]
    return config
