"""Pieces of a page that are drawn once for the same values: what stands around the tickets is the same for hours."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Any

from flask import Flask, current_app, request
from flask_babel import get_locale
from jinja2 import Template
from markupsafe import Markup

from inbox.plugin_host import call
from inbox.web import keys
from inbox.web.auth import me

KEPT = 1000  # pieces, of at most some 5 kB


def drawn(template: str, **given: Any) -> Markup:
    """The HTML of a template that is given all it depends on, but for the reader's language, what their role may do and
    whether single keys work for them. It must not ask for a token, the request, the time or a plugin's answer.

    Raises TypeError for a value that cannot be held against others (a dict).
    """
    values = tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in given.items())
    running = call.answering()  # a page of a plugin is said in the plugin's words, where it has some
    agent = me()
    reader = (request.root_path, str(get_locale() or "en"), tuple(agent.role.abilities), keys.are_on(agent),
              running.plugin if running is not None else "")
    return _drawn(current_app.jinja_env.get_template(template), reader, values)


@lru_cache(maxsize=KEPT)
def _drawn(template: Template, _reader: Hashable, given: tuple[tuple[str, Hashable], ...]) -> Markup:
    return Markup(template.render(dict(given)))  # noqa: S704 (a template of ours, or of a theme)


def init(app: Flask) -> None:
    app.jinja_env.globals["drawn"] = drawn
