"""The rows of lists, drawn once: of fifty, one or two have changed since a list was last asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from flask import Flask, current_app, request
from flask_babel import get_locale, get_timezone
from jinja2 import Template
from markupsafe import Markup

from inbox.core.excerpts import Excerpt
from inbox.core.models import Ticket
from inbox.core.views import Row
from inbox.plugin_host.items import RowBadge
from inbox.web import i18n
from inbox.web.desk import Place

KEPT = 3000  # rows, of about 2 kB


def drawn_rows(template: str, rows: Sequence[Row], place: Place, picks: bool,
               badges: Mapping[int, Sequence[RowBadge]] | None = None, ticket: Ticket | None = None) -> Markup:
    """The HTML of the rows. `picks`: with a box to choose it; `badges` by ticket id; `ticket` is the one shown.

    Drawn anew when anything differs that its template is given, or the words for how long ago something was: so it
    can never be out of date.
    """
    found = current_app.jinja_env.get_template(template)
    look = (bool(picks), place, request.root_path, str(get_locale() or "en"), str(get_timezone()), i18n.today())
    current = ticket.id if ticket else 0
    return Markup("\n".join([  # noqa: S704 (each is Markup)
        _drawn(found, row, tuple((badges or {}).get(row.id, ())), row.id == current, i18n.ago(row.waiting_since), *look)
        for row in rows]))


@lru_cache(maxsize=KEPT)
def _drawn(template: Template, row: Row, badges: tuple[RowBadge, ...], is_current: bool, _waits: str, picks: bool,
           place: Place, _root: str, _locale: str, _zone: str, _today: Any) -> Markup:
    return Markup(template.render(row=row, place=place, picks=picks, badges=badges, is_current=is_current))  # noqa: S704


def hit(pieces: Excerpt) -> Markup:
    """What a search has found, the words that were looked for marked."""
    return Markup().join(Markup("<mark>{}</mark>").format(text) if is_hit else text for text, is_hit in pieces)


def init(app: Flask) -> None:
    app.jinja_env.globals.update(drawn_rows=drawn_rows, hit=hit)
