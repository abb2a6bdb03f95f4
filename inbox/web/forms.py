"""Small pieces of form and text that templates use everywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, g
from markupsafe import Markup, escape

from inbox.core import permissions
from inbox.web import keys
from inbox.web.addresses import url_for
from inbox.web.auth import me
from inbox.web.i18n import gettext
from inbox.web.security import csrf_token

_URL = re.compile(r"https?://[^\s<>\"']{1,2000}[^\s<>\"'.,;:!?)\]]")


def csrf_field() -> Markup:
    """The hidden field every form that changes something carries: the same in all of one answer."""
    if "csrf_field" not in g:
        g.csrf_field = Markup('<input type="hidden" name="csrf_token" value="{}">').format(csrf_token())
    return g.csrf_field  # type: ignore[no-any-return]


def act_form(action: str, values: dict[str, Any], label: str, current: bool = False, key: str = "") -> Markup:
    """A form that is one button: a click in a menu, or the key of an action. It works without JavaScript, too."""
    hidden = "".join(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
                     for name, value in values.items())
    marks = (' aria-current="true"' if current else "", keys.attributes(key) if key else "")
    address, words = escape(action), escape(label)
    return Markup(f'<form method="post" action="{address}" hx-post="{address}" hx-swap="none">'  # noqa: S704 (escaped)
                  f'{csrf_field()}{hidden}<button class="bare"{"".join(marks)}>{words}</button></form>')


def linked(text: str) -> Markup:
    """Plain text with its addresses as links; line ends are kept by the style sheet."""
    done, out = 0, Markup("")
    for found in _URL.finditer(text):
        out += escape(text[done:found.start()]) + Markup(
            '<a class="link" href="{0}" target="_blank" rel="noopener noreferrer nofollow">{0}</a>').format(found[0])
        done = found.end()
    return out + escape(text[done:])


def stored_html(html: str) -> Markup:
    """HTML that was sanitised before it was stored."""
    return Markup(html)  # noqa: S704


@dataclass(frozen=True)
class RailLink:
    """A link at the bottom of the rail."""

    endpoint: str
    title: str
    icon: str
    ability: str | None = None
    url: str = ""
    count: int = 0


LINKS = (
    RailLink("outbox.index", "Outbox", "send"),
    RailLink("ledger.index", "Mail ledger", "mail", "see_ledger"),
    RailLink("settings.index", "Settings", "gear", "reply"),
)


def rail_links() -> list[RailLink]:
    """The links whose screens exist and which the agent may open."""
    return [RailLink(each.endpoint, gettext(each.title), each.icon, each.ability, url_for(each.endpoint))
            for each in LINKS if each.endpoint in current_app.view_functions
            and (each.ability is None or permissions.may(me(), each.ability))]


def init(app: Flask) -> None:
    app.jinja_env.globals.update(csrf_field=csrf_field, act_form=act_form, rail_links=rail_links, _=gettext)
    app.jinja_env.filters.update(linked=linked, stored_html=stored_html)
