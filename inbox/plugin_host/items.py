"""What plugins answer slots and registrations with: small descriptions that the core checks, orders and draws.

Never HTML at large: a plugin says *what* there is, the theme how it looks. `order` places an item among others
(lower first, default 0, then by plugin name). `plugin` is filled in by the caller.
"""

from __future__ import annotations

import builtins
import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import click
import flask

Tone = Literal["", "good", "warn", "bad", "info"]
TONES = ("", "good", "warn", "bad", "info")


MOST_FACTS = 50  # lines of a panel
LONGEST_TEXT = 2000  # characters of one


class ItemError(TypeError):
    """An item that cannot be used; the message says which field and what would be right."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """What all items have in common."""

    order: int = 0
    plugin: str = field(default="", init=False, compare=False)  # whose it is; set by the caller

    def __post_init__(self) -> None:
        for name in ("order", "ticket_id", "message_id", "count"):  # sorted and looked up by us, outside of the call
            value = getattr(self, name, 0)
            if not isinstance(value, int) and not (name == "count" and value is None):
                raise ItemError(f"{type(self).__name__}.{name} must be a whole number.")
        for name in ("title", "text"):
            value = getattr(self, name, None)
            if value is not None and (not isinstance(value, str) or not value.strip() or len(value) > 300):
                raise ItemError(f"{type(self).__name__}.{name} must be a text of 1 to 300 characters.")
        if getattr(self, "tone", "") not in TONES:
            raise ItemError(f"{type(self).__name__}.tone must be one of {', '.join(TONES[1:])}, or empty.")
        url = getattr(self, "url", None) or getattr(self, "load", None)
        if url and not url.startswith(("/", "https://", "http://", "mailto:")):
            raise ItemError(f"{type(self).__name__}: {url!r} is no address; use plugin_url() or https://…")


# --- slots ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Link(Item):
    """A line in a menu. `icon` is a name of static/icons.svg; `count` a small number behind it."""

    title: str
    url: str
    icon: str = "plug"
    count: int | None = None


@dataclass(frozen=True)
class Button(Item):
    """A button. It posts to `url` (with the CSRF token); with `opens=True` it loads `url` into a small menu instead.

    A bulk action posts the numbers of the selected tickets as `number`, once each. What it loads into a menu lies
    inside the form with the selection: fields, and buttons with a `formaction`, no form of its own. `for_all`: it
    answers with `act_on_selected()`, so that it is offered when all tickets of a list are selected, too.
    """

    title: str
    url: str
    icon: str = ""
    opens: bool = False
    confirm: str = ""  # a question asked before
    for_all: bool = False
    key: str = ""  # an action of the desk's keyboard shortcuts that it does: `tag`


@dataclass(frozen=True)
class Badge(Item):
    """A word beside something, with a tone."""

    text: str
    tone: Tone = ""
    hint: str = ""


@dataclass(frozen=True)
class RowBadge(Item):
    """A badge on the row of one ticket in a list."""

    ticket_id: int
    text: str
    tone: Tone = ""
    hint: str = ""


@dataclass(frozen=True)
class Banner(Item):
    """A sentence above a thread, with at most one link."""

    text: str
    tone: Tone = "info"
    link: Link | None = None


@dataclass(frozen=True)
class Panel(Item):
    """A box in the right column. One of: `load`, `facts`, `template`; or `load` and `template`.

    `load` is the address of a page of the plugin that answers with the panel's content; it is fetched after the page
    was drawn, so only there may a plugin talk to another server. `facts` are lines of label and value. `template` is
    one of the plugin's own, drawn with `values`; beside `load` it shows what is known already, as high as it is, until
    the answer takes its place.
    """

    title: str
    load: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    links: Sequence[Link] = ()
    template: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    empty: str = ""  # what is said when there are no facts
    lines: int = 5  # the height, in lines, that a panel with `load` keeps free, so that nothing jumps when it arrives

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.lines <= 12:
            raise ItemError("Panel.lines must be 1 to 12.")
        if len(self.facts) > MOST_FACTS or len(self.links) > MOST_FACTS:
            raise ItemError(f"A panel has at most {MOST_FACTS} facts and as many links; show the rest on a page.")
        for label, value in self.facts.items():
            if not isinstance(label, str) or not isinstance(value, str):
                raise ItemError(f"Panel.facts maps texts to texts; {label!r} → {value!r} is not.")
            if len(label) > LONGEST_TEXT or len(value) > LONGEST_TEXT:
                raise ItemError(f"Panel.facts: a text has at most {LONGEST_TEXT:,} characters.")


@dataclass(frozen=True)
class Card(Item):
    """One figure with a word, large: `Card("Waiting now", "12", url=…, hint="the longest for 3 h")`."""

    title: str
    text: str
    url: str = ""
    hint: str = ""
    tone: Tone = ""


@dataclass(frozen=True)
class TimelineEntry(Item):
    """A line of a time line, at its time: something that happened elsewhere, as it is known now."""

    at: dt.datetime
    text: str
    tone: Tone = ""
    url: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.at, dt.datetime) or self.at.tzinfo is None:
            raise ItemError("TimelineEntry.at must be a time with its zone.")


@dataclass(frozen=True)
class MessageLink(Item):
    """A word in a message that becomes a link, wherever it stands there by itself and is no link yet."""

    message_id: int
    word: str  # as it is written there: "#10482"
    url: str
    hint: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.word, str) or not 1 < len(self.word.strip()) <= 100:
            raise ItemError("MessageLink.word must be 2 to 100 characters.")


@dataclass(frozen=True)
class Column(Item):
    """A column of the ticket list. `cells(tickets)` gets the whole page at once: `{ticket.id: Badge or text}`."""

    title: str
    cells: Callable[[Sequence[Any]], Mapping[int, Any]]


# --- registrations ----------------------------------------------------------------------------------------------

SETTING_TYPES: dict[str, type] = {"text": str, "lines": str, "url": str, "email": str, "number": int, "yes_no": bool,
                                  "choice": str, "color": str}


class _Named(Item):
    """An item with a `name` that begins with its plugin's."""

    name: str


@dataclass(frozen=True)
class Setting(_Named):
    """A setting of a plugin: the core keeps it, checks it and draws its page.

    A secret is stored encrypted, never shown again, and read only by the plugin. With `per_mailbox` every mailbox can
    have its own value; where it has none, the site's counts. `check` gets a value and returns what is wrong with it
    (None: nothing).
    """

    name: str  # "<plugin>.<word>"
    type: str  # a key of SETTING_TYPES
    title: str
    default: Any = None  # None: empty, 0 or no
    hint: str = ""
    secret: bool = False
    required: bool = False
    per_mailbox: bool = False
    choices: Mapping[str, str] = field(default_factory=dict)  # value → title
    check: Callable[[Any], str | None] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.type not in SETTING_TYPES:
            raise ItemError(f"Setting {self.name}: type must be one of {', '.join(SETTING_TYPES)}, not {self.type!r}.")
        if (self.type == "choice") != bool(self.choices):
            raise ItemError(f"Setting {self.name}: `choices` go with type \"choice\", and it needs some.")
        if self.default is not None and not isinstance(self.default, self.python_type):
            raise ItemError(f"Setting {self.name}: default must be of type {self.python_type.__name__}.")
        if self.secret and self.python_type is not str:
            raise ItemError(f"Setting {self.name}: a secret is text.")

    @property
    def python_type(self) -> builtins.type:
        return SETTING_TYPES[self.type]

    @property
    def empty(self) -> Any:
        """The value while nobody has set one."""
        return self.python_type() if self.default is None else self.default


@dataclass(frozen=True)
class SettingTest(_Named):
    """A button under a plugin's settings ("Test the connection"). `run(values)` gets the values as typed, by name,
    secrets included, may use the network, and returns what it found; it raises ValueError with what is wrong."""

    name: str
    title: str
    run: Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True)
class Permission(_Named):
    """An ability of a plugin. `roles` have it until an admin decides otherwise."""

    name: str
    title: str
    roles: Sequence[str] = ("owner", "admin")


@dataclass(frozen=True)
class Job(_Named):
    """Work on a timetable, done in the worker process; at most one run at a time, in all processes together."""

    name: str
    every: dt.timedelta
    run: Callable[[], None]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.every < dt.timedelta(seconds=10):
            raise ItemError(f"Job {self.name}: every ten seconds is the shortest.")


@dataclass(frozen=True)
class SearchFilter(_Named):
    """A filter of the search box, `<alias>:something`. `find(value)` returns a condition on `Ticket` (one that an index
    serves), or None for "nothing is found". No network. The desk's own filters come first, then by plugin name."""

    name: str
    alias: str  # what is typed before the colon
    title: str
    find: Callable[[str], Any]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not re.fullmatch(r"[a-z][a-z0-9-]*", self.alias):
            raise ItemError(f"SearchFilter {self.name}: alias must be small letters, digits and hyphens.")


@dataclass(frozen=True)
class PersonalData(_Named):
    """What a plugin stores about customers. `export(customer_id)` returns it as values that JSON can hold;
    `erase(customer_id, addresses)` deletes it, and does no harm when it is called again."""

    name: str
    export: Callable[[int], Any]
    erase: Callable[[int, list[str]], None]


@dataclass(frozen=True)
class Placeholder(_Named):
    """What a saved reply or the automatic answer can say: `{crm.organisation}`. `value(ticket)` returns the text in the
    customer's language (`speaking_to(ticket.customer)`), no markup; no network."""

    name: str
    title: str
    value: Callable[[Any], str]


@dataclass(frozen=True)
class NotificationType(_Named):
    """Something an agent can choose to be told of, in the profile."""

    name: str
    title: str
    default: bool = True


@dataclass(frozen=True)
class EventKind(_Named):
    """A kind of event that the plugin records; `title` is a sentence in the past tense."""

    name: str
    title: str


@dataclass(frozen=True)
class TicketView(_Named):
    """A list of tickets in the left rail, narrowed to what an agent may see, spam and trash left out.

    `where()` returns an SQLAlchemy condition on Ticket that finds few tickets by an index of the plugin's:
    `Ticket.id.in_(select(…))`.
    """

    name: str
    title: str
    where: Callable[[], Any]
    empty: str = "Nothing here."


@dataclass(frozen=True)
class HealthCheck(_Named):
    """A check for the status page and `inbox doctor`. `run()` returns a sentence; raises ValueError with what is wrong
    and how to mend it. May use the network."""

    name: str
    title: str
    run: Callable[[], str]


@dataclass(frozen=True)
class Endpoint(_Named):
    """An operation of the REST API, at `/api/v1/x/<plugin><path>`, and in the OpenAPI document.

    `run(agent, values, **path)` gets the signed-in agent, the checked values (query of a GET, JSON body of others) and
    what stands in `<…>` in the path; it returns what becomes JSON. Raise the core's errors for refusals.
    """

    name: str
    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str  # "/webhooks/<int:webhook_id>"
    title: str
    run: Callable[..., Any]
    takes: Mapping[str, str] = field(default_factory=dict)  # value → a key of SETTING_TYPES; "?" at its end: optional
    ability: str = ""  # needed by the agent


@dataclass(frozen=True)
class Pages(Item):
    """Pages of a plugin: a Flask blueprint, mounted under `/x/<plugin>/`, 404 while the plugin is inactive, for
    signed-in agents. With `public` anybody may open them, and they lie at the manifest's `public_prefix` if it has
    one. With `signed` requests come from other servers and prove themselves by a signature (no CSRF token). What
    `flask.flash(words)` says stands on the next page as done, `flash(words, "bad")` as failed, "warn" in between."""

    blueprint: flask.Blueprint
    public: bool = False
    signed: bool = False


@dataclass(frozen=True)
class Command(Item):
    """A click command of `inbox <plugin> …`, there while the plugin is active."""

    command: click.Command


@dataclass(frozen=True)
class Asset(Item):
    """A script or style sheet of a plugin, from its `static/` folder, on every page of the desk."""

    file: str  # "orders.js", "orders.css"
