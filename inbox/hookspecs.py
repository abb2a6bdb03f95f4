"""THE plugin contract: every place where a plugin may answer, one function each, grouped by kind.

The kind decides everything else: when the hook is asked, what it may do, what it returns, and what happens when a
plugin fails (docs/reference/hooks.md). A plugin implements a hook by a function of the same name under `@hookimpl`;
it takes only the arguments it needs, in any order, without default values.

A hook is added together with its first user, its test and its place in the reference.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from inbox.plugin_host import items

PROJECT = "inbox"
_mark = pluggy.HookspecMarker(PROJECT)

F = TypeVar("F", bound=Callable[..., Any])


class Kind(StrEnum):
    """The eight kinds of hook."""

    register = "register"  # once, when the plugin is loaded: a list of items
    check = "check"  # just before a change: silence, or raise Rejected("why")
    prepare = "prepare"  # just before something new is stored: sets fields of it
    choose = "choose"  # core needs one answer: the first that is not None
    filter = "filter"  # a value in, a value of the same type out; None leaves it unchanged
    event = "event"  # after the commit, in a job, at least once, in order per ticket
    slot = "slot"  # while a page is drawn: a list of items for one place
    lifecycle = "lifecycle"  # told to one plugin about itself


@dataclass(frozen=True)
class HookSpec:
    """One hook: what it is called, of which kind, with which arguments, since when, how firm."""

    name: str
    kind: Kind
    args: tuple[str, ...]
    since: str
    status: str  # provisional, stable, deprecated
    answer: type | None  # what one plugin returns; None for kinds that return nothing
    item: type | None  # what a list in the answer holds
    doc: str

    @property
    def signature(self) -> str:
        return f"{self.name}({', '.join(self.args)})"


def hookspec(kind: Kind, *, since: str, status: str = "provisional", answer: type | None = None,
             item: type | None = None) -> Callable[[F], F]:
    """Declare a function as a hook. `answer` is needed for choose and filter, `item` for slot and register."""
    if kind in (Kind.choose, Kind.filter) and answer is None:
        raise TypeError(f"A {kind} hook says which type it answers with.")
    if kind in (Kind.slot, Kind.register):
        answer = list

    def declare(function: F) -> F:
        spec = HookSpec(function.__name__, kind, tuple(inspect.signature(function).parameters), since, status,
                        answer, item, inspect.getdoc(function) or "")
        function.inbox_hook = spec  # type: ignore[attr-defined]
        return _mark(function)

    return declare


def check(**options: Any) -> Callable[[F], F]:
    """Declare a hook that is asked just before a change: silence, or `Rejected`."""
    return hookspec(Kind.check, **options)


def prepare(**options: Any) -> Callable[[F], F]:
    """Declare a hook that sets fields of something new, just before it is stored."""
    return hookspec(Kind.prepare, **options)


def choose(**options: Any) -> Callable[[F], F]:
    """Declare a hook of which the first answer that is not None counts; `answer` is its type."""
    return hookspec(Kind.choose, **options)


def filter(**options: Any) -> Callable[[F], F]:
    """Declare a hook that hands a value on; `answer` is its type."""
    return hookspec(Kind.filter, **options)


def event(**options: Any) -> Callable[[F], F]:
    """Declare a hook that is told of a fact after the commit, in a job."""
    return hookspec(Kind.event, **options)


def slot(**options: Any) -> Callable[[F], F]:
    """Declare a hook that adds a list of items to a place on a page; `item` is their type."""
    return hookspec(Kind.slot, **options)


def register(**options: Any) -> Callable[[F], F]:
    """Declare a hook that is asked once, when a plugin is loaded; `item` is the type of what it returns."""
    return hookspec(Kind.register, **options)


def lifecycle(**options: Any) -> Callable[[F], F]:
    """Declare a hook that one plugin is told about itself."""
    return hookspec(Kind.lifecycle, **options)


def collect(module: ModuleType) -> dict[str, HookSpec]:
    """The hooks a module declares, by name."""
    found = (getattr(value, "inbox_hook", None) for value in vars(module).values())
    return {spec.name: spec for spec in found if spec is not None}


# --- register: once, when the plugin is loaded ------------------------------------------------------------------
# Names of what is registered begin with the plugin's own: "loyalty.points".


@register(since="0.1", item=items.Setting)
def register_settings():  # type: ignore[no-untyped-def]
    """What a site owner can set: the core keeps the values and draws the page. Returns `Setting` items."""


@register(since="0.1", item=items.SettingTest)
def register_setting_tests():  # type: ignore[no-untyped-def]
    """Buttons under the plugin's settings that try them out ("Test the connection"). Returns `SettingTest` items."""


@register(since="0.1", item=items.Permission)
def register_permissions():  # type: ignore[no-untyped-def]
    """Abilities of agents that the plugin's pages ask for. Returns `Permission` items."""


@register(since="0.1", item=items.Pages)
def register_blueprints():  # type: ignore[no-untyped-def]
    """The plugin's own pages. Returns `Pages` items, each with a Flask blueprint."""


@register(since="0.1", item=items.Endpoint)
def register_endpoints():  # type: ignore[no-untyped-def]
    """Operations added to the REST API and its OpenAPI document. Returns `Endpoint` items."""


@register(since="0.1", item=items.Job)
def register_jobs():  # type: ignore[no-untyped-def]
    """Work on a timetable. Returns `Job` items."""


@register(since="0.1", item=items.Command)
def register_commands():  # type: ignore[no-untyped-def]
    """Commands under `inbox <plugin>`. Returns `Command` items."""


@register(since="0.1", item=items.SearchFilter)
def register_search_filters():  # type: ignore[no-untyped-def]
    """Filters of the search box, like `order:1234`. Returns `SearchFilter` items."""


@register(since="0.1", item=items.PersonalData)
def register_personal_data():  # type: ignore[no-untyped-def]
    """What the plugin stores about customers, to be told to them and erased. Returns `PersonalData` items."""


@register(since="0.1", item=items.Placeholder)
def register_placeholders():  # type: ignore[no-untyped-def]
    """Words in braces that saved replies and the automatic answer are filled in with. Returns `Placeholder` items."""


@register(since="0.1", item=items.NotificationType)
def register_notification_types():  # type: ignore[no-untyped-def]
    """What agents can choose to be told of. Returns `NotificationType` items."""


@register(since="0.1", item=items.EventKind)
def register_events():  # type: ignore[no-untyped-def]
    """Kinds of event that the plugin records (`toolkit.record`). Returns `EventKind` items."""


@register(since="0.1", item=items.TicketView)
def register_ticket_views():  # type: ignore[no-untyped-def]
    """Lists of tickets in the left rail. Returns `TicketView` items."""


@register(since="0.1", item=items.HealthCheck)
def register_health_checks():  # type: ignore[no-untyped-def]
    """Checks for the status page and `inbox doctor`. Returns `HealthCheck` items."""


# --- prepare: on the unsaved object, before it is stored --------------------------------------------------------


@prepare(since="0.1")
def prepare_ticket(ticket, message):  # type: ignore[no-untyped-def]
    """A message is about to open a new ticket: set fields of the unsaved ticket (priority, type).
    `message` is unsaved, too, and only to be read; `message.extra["headers"]` holds headers of the mail that speak
    about the whole message, by lower-case name: `{"x-priority": "1 (Highest)"}`."""


# --- filter: a value in, a value of the same type out -----------------------------------------------------------


@filter(since="0.1", answer=str)
def filter_auto_reply(text, ticket):  # type: ignore[no-untyped-def]
    """The words of an automatic answer, before it is sent. `ticket` is the one that a customer has just opened."""


# --- event: after the commit, in a job --------------------------------------------------------------------------
# Every event hook can also take `event` (id, kind, at, actor_kind, actor_id, source, data).


@event(since="0.1")
def ticket_created(ticket, message, event):  # type: ignore[no-untyped-def]
    """A ticket was opened. `message` is its first message."""


@event(since="0.1")
def ticket_assigned(ticket, agent, previous_agent, event):  # type: ignore[no-untyped-def]
    """A ticket was given to `agent`, or to nobody (None)."""


@event(since="0.1")
def ticket_status_changed(ticket, status, previous_status, event):  # type: ignore[no-untyped-def]
    """A ticket was opened again, set to pending, or closed: `open`, `pending`, `closed`."""


@event(since="0.1")
def ticket_woke(ticket, event):  # type: ignore[no-untyped-def]
    """A snoozed ticket came back: its time had come (`event.source` is `schedule`), or somebody brought it back."""


@event(since="0.1")
def ticket_moved(ticket, event):  # type: ignore[no-untyped-def]
    """A ticket went to another department."""


@event(since="0.1")
def ticket_priority_changed(ticket, priority, previous_priority, event):  # type: ignore[no-untyped-def]
    """A ticket got another priority: `low`, `normal`, `high`, `urgent`."""


@event(since="0.1")
def ticket_tagged(ticket, tag, event):  # type: ignore[no-untyped-def]
    """A tag was put on a ticket. `tag` is its name."""


@event(since="0.1")
def ticket_untagged(ticket, tag, event):  # type: ignore[no-untyped-def]
    """A tag was taken off a ticket. `tag` is its name."""


@event(since="0.1")
def ticket_merged(ticket, merged_ticket_id, event):  # type: ignore[no-untyped-def]
    """Another ticket was merged into `ticket`: its messages are here now, and its number leads here.
    `event.data["waiting_since"]` says since when the customer waits now, as ISO 8601, or None."""


@event(since="0.1")
def ticket_unmerged(ticket, restored_ticket_id, event):  # type: ignore[no-untyped-def]
    """A merge was undone: the messages that ticket had brought along left `ticket` again.
    `event.data["waiting_since"]` says since when the customer of `ticket` waits now, as ISO 8601, or None."""


@event(since="0.1")
def bulk_done(act, count, agent, event):  # type: ignore[no-untyped-def]
    """An agent did `act` (assign, status, tag …) to `count` tickets, or gave them to `agent`: tell of them once, here.
    The event of each came before; its `data["bulk"]` is that of this event."""


@event(since="0.1")
def message_received(ticket, message, event):  # type: ignore[no-untyped-def]
    """A message came in from a customer; also the one that opened the ticket."""


@event(since="0.1")
def note_added(ticket, note, event):  # type: ignore[no-untyped-def]
    """An agent left a note. `note` is the message."""


@event(since="0.1")
def draft_taken_over(ticket, agent, previous_agent, event):  # type: ignore[no-untyped-def]
    """`agent` goes on with what `previous_agent` had begun to write in a ticket; the draft is the other's no more."""


@event(since="0.1")
def reply_queued(ticket, message, event):  # type: ignore[no-untyped-def]
    """A reply waits to be sent. `event.actor_kind` says whether an agent wrote it."""


@event(since="0.1")
def reply_undone(ticket, agent, event):  # type: ignore[no-untyped-def]
    """A reply of `agent` was taken back before it was sent, and is a draft again; so is what it did to its ticket.

    `event.data["undoes"]` holds the ids of the events that do not count any more. `event.data["why"]` is empty when
    the agent took it back, `later` or `answered` when it had waited for a time (and a customer wrote meanwhile).
    """


@event(since="0.1")
def reply_failed(ticket, message, error, event):  # type: ignore[no-untyped-def]
    """A reply could not be sent, or nobody knows whether it was. `error` holds the mail server's words."""


@event(since="0.1")
def reply_bounced(ticket, message, reason, event):  # type: ignore[no-untyped-def]
    """A reply came back. `reason` holds the other mail server's words.
    `event.data["address"]` did not get it; `event.data["sort"]` says why: `hard` (cannot be reached), `full` (the
    mailbox) or `blocked` (refused as unwanted)."""


@event(since="0.1")
def mailbox_fetch_failed(mailbox, error, event):  # type: ignore[no-untyped-def]
    """Mail could not be fetched from a mailbox; told once, not at every try. `error` says why, in plain words."""


@event(since="0.1")
def mailbox_login_refused(mailbox, error, event):  # type: ignore[no-untyped-def]
    """The OAuth provider of a mailbox does not let us in any more. `error` says what to do."""


@event(since="0.1")
def mailbox_login_expiring(mailbox, days, event):  # type: ignore[no-untyped-def]
    """The OAuth login of a mailbox ends in `days`: told 30, 7 and 1 day before."""


@event(since="0.1")
def mail_reconciled(problems, event):  # type: ignore[no-untyped-def]
    """The nightly check has compared ledger, tickets, files and mailboxes.
    `problems` is how many it found; `event.data["words"]` says which."""


@event(since="0.1")
def customer_created(customer, event):  # type: ignore[no-untyped-def]
    """Somebody wrote for the first time, or was put in by an agent or an import."""


@event(since="0.1")
def customer_changed(customer, event):  # type: ignore[no-untyped-def]
    """A customer's name or fields were changed; `event.data["fields"]` holds the ids of the fields."""


@event(since="0.1")
def customer_merged(customer, merged_customer_id, event):  # type: ignore[no-untyped-def]
    """Two customers turned out to be one: what belonged to `merged_customer_id` belongs to `customer` now."""


@event(since="0.1")
def customer_merge_undone(customer, restored_customer_id, event):  # type: ignore[no-untyped-def]
    """A merge was undone: what `restored_customer_id` brought along does not belong to `customer` any more."""


@event(since="0.1")
def event_recorded(event):  # type: ignore[no-untyped-def]
    """Anything happened: every event, those of plugins included."""


# --- slot: while a page is drawn --------------------------------------------------------------------------------
# No network here, and no writing: a panel that needs another server is loaded afterwards (`Panel(load=…)`).


@slot(since="0.1", item=items.Link)
def main_menu_links(agent):  # type: ignore[no-untyped-def]
    """Lines in the left rail, below the departments."""


@slot(since="0.1", item=items.RowBadge)
def inbox_row_badges(tickets, agent):  # type: ignore[no-untyped-def]
    """Badges on the rows of a list: asked once with all the rows of a page.
    A row has a ticket's `id`, `number`, `department_id`, `customer_id`, `priority` and the like."""


@slot(since="0.1", item=items.Link)
def settings_menu_links(agent):  # type: ignore[no-untyped-def]
    """Lines in the rail of the settings, under "From plugins"."""


@slot(since="0.1", item=items.Panel)
def ticket_sidebar_panels(ticket, agent):  # type: ignore[no-untyped-def]
    """Boxes in the right column beside a ticket."""


@slot(since="0.1", item=items.Card)
def dashboard_cards(agent):  # type: ignore[no-untyped-def]
    """Figures in the place where a ticket will stand, while none is chosen.
    Asked after the page was drawn, and only where there is room for them; show nobody what is out of reach."""


@slot(since="0.1", item=items.Panel)
def customer_panels(customer, agent):  # type: ignore[no-untyped-def]
    """Boxes on the page of a customer."""


@slot(since="0.1", item=items.TimelineEntry)
def customer_timeline(customer, before, agent):  # type: ignore[no-untyped-def]
    """What else is known to have happened with a customer: the newest thirty lines before a time (None: now)."""


@slot(since="0.1", item=items.Button)
def ticket_buttons(ticket, agent):  # type: ignore[no-untyped-def]
    """Buttons in the tool bar above a ticket."""


@slot(since="0.1", item=items.Link)
def message_menu_items(message, ticket, agent):  # type: ignore[no-untyped-def]
    """Lines in the "more" menu of a message. Asked for every message of a thread: be quick."""


@slot(since="0.1", item=items.Link)
def ticket_menu_items(ticket, agent):  # type: ignore[no-untyped-def]
    """Lines in the "more" menu of a ticket."""


@slot(since="0.1", item=items.TimelineEntry)
def timeline_entries(ticket, agent):  # type: ignore[no-untyped-def]
    """Lines between the messages of a ticket, at their times: what happened elsewhere."""


@slot(since="0.1", item=items.MessageLink)
def message_links(messages, agent):  # type: ignore[no-untyped-def]
    """Words in messages that become links: order numbers, names of products. Asked once for a whole thread."""


@slot(since="0.1", item=items.Button)
def bulk_actions(view, agent):  # type: ignore[no-untyped-def]
    """What can be done to the selected tickets of a list. `view` is its name ("unassigned", "department-3")."""


# --- lifecycle: told to one plugin about itself -----------------------------------------------------------------


@lifecycle(since="0.1")
def demo_desk():  # type: ignore[no-untyped-def]
    """The demo desk was filled, and the plugin activated on it: add data that its visitors believe."""


@lifecycle(since="0.1")
def demo_started(shop):  # type: ignore[no-untyped-def]
    """The demo desk starts: `shop` says where its WooCommerce is, which nobody else has (`url`, `key`, `secret`).
    Told at every start, since the address may be another one."""
