"""What the pages for agents have in common."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request

from inbox.toolkit import may, plugin_url, render, settings, signed_in
from inbox_plugins.kb.articles import LANGUAGES

blueprint = Blueprint("pages", __name__)


def chosen_locale() -> str:
    """The language that the address names (`?lang=nb`), else the desk's."""
    wanted = request.values.get("lang", "")
    if wanted in LANGUAGES:
        return wanted
    home = str(settings.get("desk.locale"))
    return home if home in LANGUAGES else "en"


def show(template: str, status: int = 200, **values: Any) -> Any:
    """A page of the plugin."""
    values.setdefault("error", None)
    return render(template, languages=LANGUAGES, may_edit=may(signed_in(), "kb.edit"),
                  may_publish=may(signed_in(), "kb.publish"), **values), status


def done(endpoint: str, text: str, **values: Any) -> Any:
    """To a page of the plugin, with a word about what was done."""
    flash(text)
    return redirect(plugin_url(endpoint, **values), 303)
