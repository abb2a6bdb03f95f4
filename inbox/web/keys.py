"""Keyboard shortcuts: every action with its keys and its name, once. Controls, the sheet behind `?` and the palette
read this table; `static/js/keys.js` finds what a key does by the control that carries it (`data-key`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from flask import Blueprint, Flask, render_template, request
from flask_babel import lazy_gettext
from markupsafe import Markup

from inbox.core.models import Agent
from inbox.web.auth import me
from inbox.web.htmx import wants_partial
from inbox.web.i18n import gettext

blueprint = Blueprint("keys", __name__)


@dataclass(frozen=True)
class Key:
    """An action. `keys` as the browser names them; a blank parts keys pressed one after the other, `+` those held.

    `shown` stands in the palette while the page has a control that carries the keys.
    """

    name: str
    keys: str
    title: Any
    group: str
    icon: str = ""
    shown: bool = True

    @property
    def caps(self) -> list[str]:
        """What stands on the keys, one after the other."""
        held = self.keys.split("+") if len(self.keys) > 1 and " " not in self.keys else self.keys.split()
        if self.keys in ("R", "X"):
            held = ["Shift", self.keys]
        return [_CAPS.get(each, each.upper() if len(each) == 1 else each) for each in held]

    @property
    def aria(self) -> str:
        """`aria-keyshortcuts` of a control; empty for keys pressed in sequence, which it has no words for."""
        return "" if " " in self.keys else "+".join(["Shift", self.keys] if self.keys in ("R", "X") else [self.keys])


_CAPS = {"Control": "Ctrl", "Escape": "Esc"}
GROUPS = {"desk": lazy_gettext("Everywhere"), "go": lazy_gettext("Go to"), "list": lazy_gettext("In a list"),
          "ticket": lazy_gettext("In a ticket, or with the selected ones"), "write": lazy_gettext("While writing")}
KEYS = (
    Key("help", "?", lazy_gettext("Show the keyboard shortcuts"), "desk", "key"),
    Key("palette", "Control+k", lazy_gettext("Find anything, do anything"), "desk", shown=False),
    Key("search", "/", lazy_gettext("Search"), "desk", "find"),
    Key("new", "c", lazy_gettext("New ticket"), "desk", "pen"),
    Key("escape", "Escape", lazy_gettext("Close what is on top"), "desk", shown=False),
    Key("inbox", "g i", lazy_gettext("All open"), "go", "inbox", shown=False),
    Key("mine", "g m", lazy_gettext("Mine"), "go", "user", shown=False),
    Key("unassigned", "g u", lazy_gettext("Unassigned"), "go", "inbox", shown=False),
    Key("drafts", "g d", lazy_gettext("Drafts"), "go", "pen", shown=False),
    Key("down", "j", lazy_gettext("Next row"), "list", shown=False),
    Key("up", "k", lazy_gettext("Row before"), "list", shown=False),
    Key("open", "o", lazy_gettext("Open the ticket"), "list", shown=False),
    Key("select", "x", lazy_gettext("Select the row"), "list", shown=False),
    Key("range", "X", lazy_gettext("Select all rows up to here"), "list", shown=False),
    Key("select_all", "* a", lazy_gettext("Select all on this page"), "list", "check"),
    Key("select_none", "* n", lazy_gettext("Select none"), "list", "x", shown=False),
    Key("reply", "r", lazy_gettext("Reply"), "ticket", "reply"),
    Key("reply_all", "R", lazy_gettext("Reply to all"), "ticket", "reply"),
    Key("forward", "f", lazy_gettext("Forward"), "ticket", "forward"),
    Key("note", "n", lazy_gettext("Note"), "ticket", "note"),
    Key("assign", "a", lazy_gettext("Assign"), "ticket", "user"),
    Key("status", "s", lazy_gettext("Change the status"), "ticket", "status"),
    Key("close", "e", lazy_gettext("Close, and on to the next"), "ticket", "check"),
    Key("tag", "t", lazy_gettext("Tag"), "ticket", "tag"),
    Key("move", "v", lazy_gettext("Move to a department"), "ticket", "folder"),
    Key("snooze", "z", lazy_gettext("Snooze"), "ticket", "clock"),
    Key("follow", "b", lazy_gettext("Follow"), "ticket", "eye"),
    Key("merge", "m", lazy_gettext("Merge"), "ticket", "merge"),
    Key("copy_link", ".", lazy_gettext("Copy the link"), "ticket", "link"),
    Key("spam", "!", lazy_gettext("Mark as spam"), "ticket", "spam"),
    Key("trash", "#", lazy_gettext("Put into the trash"), "ticket", "trash"),
    Key("next", "]", lazy_gettext("Next ticket, this one as it is"), "ticket", shown=False),
    Key("previous", "[", lazy_gettext("Ticket before, this one as it is"), "ticket", shown=False),
    Key("back", "u", lazy_gettext("Back to the list"), "ticket", "back"),
    Key("send", "Control+Enter", lazy_gettext("Send"), "write", shown=False),
    Key("send_close", "Control+Shift+Enter", lazy_gettext("Send and close"), "write", shown=False),
    Key("undo_send", "Control+z", lazy_gettext("Undo sending, while it still waits"), "write", shown=False),
)
BY_NAME = {each.name: each for each in KEYS}


def are_on(agent: Agent) -> bool:
    """True unless an agent has switched off the keys that are pressed alone."""
    return bool(agent.preferences.get("single_keys", True))


def works(key: Key, agent: Agent) -> bool:
    """True when pressing it does something: keys held with Ctrl, and Escape, cannot be switched off."""
    return key.keys.startswith("Control+") or key.keys == "Escape" or are_on(agent)


def attributes(name: str) -> Markup:
    """What makes a control answer to the keys of an action: `<button{{ key('reply') }}>`."""
    return _attributes(name, works(BY_NAME[name], me()))


@cache
def _attributes(name: str, do_work: bool) -> Markup:
    found = BY_NAME[name]
    said = Markup(' aria-keyshortcuts="{}"').format(found.aria) if found.aria and do_work else Markup("")
    return Markup(' data-key="{}"').format(found.keys) + said


def of_button(button: Any, otherwise: str = "") -> Markup:
    """The same for a button of a plugin; one that names no action has no key, but `otherwise`."""
    return attributes(button.key) if button.key in BY_NAME else Markup(" {}").format(otherwise)


def hint(name: str, words: str) -> str:
    """Words for a control's title, with its keys: `Snooze (Z)`."""
    found = BY_NAME[name]
    return f"{words} ({' '.join(found.caps)})" if works(found, me()) else words


def caps(name: str) -> Markup:
    """The keys of an action, drawn; nothing when they are switched off."""
    return _caps(name) if works(BY_NAME[name], me()) else Markup("")


@cache
def _caps(name: str) -> Markup:
    return Markup(" ").join(Markup("<kbd>{}</kbd>").format(each) for each in BY_NAME[name].caps)


def groups(keys: Iterable[Key] = KEYS) -> list[tuple[str, list[Key]]]:
    """The table as the sheet shows it."""
    return [(str(title), [each for each in keys if each.group == group]) for group, title in GROUPS.items()]


@blueprint.get("/keys")
def show() -> Any:
    """The sheet: in a dialog behind `?`, or a page of its own."""
    values: dict[str, Any] = {"groups": groups(), "are_on": are_on(me())}
    if wants_partial() or request.args.get("part"):
        return render_template("keys/_sheet.html", **values)
    return render_template("keys/page.html", place=None, title=gettext("Keyboard shortcuts"), **values)


def init(app: Flask) -> None:
    app.jinja_env.globals.update(key=attributes, plugin_key=of_button, key_hint=hint, key_caps=caps)
