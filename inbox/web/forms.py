"""Small pieces of form and text that templates use everywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app
from markupsafe import Markup, escape

from inbox.core import permissions
from inbox.web import keys
from inbox.web.addresses import url_for
from inbox.web.auth import me
from inbox.web.i18n import gettext
from inbox.web.security import csrf_token

_URL = re.compile(r"https?://[^\s<>\"']{1,2000}[^\s<>\"'.,;:!?)\]]")


def csrf_field() -> Markup:
    """The hidden field every form that changes something carries."""
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(csrf_token())


def act_form(action: str, values: dict[str, Any], label: str, current: bool = False, key: str = "") -> Markup:
    """A form that is one button: a click in a menu, or the key of an action. It works without JavaScript, too."""
    hidden = Markup("").join(
        Markup('<input type="hidden" name="{}" value="{}">').format(key, value) for key, value in values.items())
    mark = Markup(' aria-current="true"') if current else Markup("")
    mark += keys.attributes(key) if key else ""
    return Markup('<form method="post" action="{0}" hx-post="{0}" hx-swap="none">{1}{2}'
                  '<button class="bare"{4}>{3}</button></form>').format(action, csrf_field(), hidden, label, mark)


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
