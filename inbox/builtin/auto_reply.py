"""Tells a customer that the message arrived: once a ticket, never to a machine, in the site owner's own words.

Off until `auto_reply.on` is set, for the site or for one mailbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inbox.toolkit import (
    Agent,
    Body,
    Event,
    Link,
    Message,
    Setting,
    SettingTest,
    Ticket,
    auto_reply_words,
    hookimpl,
    is_held_back,
    may,
    me,
    messages,
    placeholders,
    settings,
    transaction,
    why_not_answer,
    words_for,
)

TITLE = "Automatic answer"
TEXT = """Hello {name},

thank you for your message. We have it under number {number} and answer as soon as we can.
"""


@hookimpl
def register_settings() -> list[Setting]:
    return [
        Setting("auto_reply.on", "yes_no", "Tell customers that their message arrived", per_mailbox=True,
                hint="Once for each new ticket, and never to a machine."),
        Setting("auto_reply.text", "lines", "What they are told", default=TEXT, required=True, per_mailbox=True,
                hint="{number}, {subject} and {name} are filled in, and what plugins add to saved replies."),
    ]


@hookimpl
def register_setting_tests() -> list[SettingTest]:
    return [SettingTest("auto_reply.example", "Show what a customer would get", _example)]


def _example(values: Mapping[str, Any]) -> str:
    """The words as typed, for a customer there might be. Sends nothing."""
    text = _filled(str(values["auto_reply.text"]), "1042", "Where is my parcel?", "Kari Nordmo", {})
    if not text:
        raise ValueError("Write what they are told.")
    return text


@hookimpl
def settings_menu_links(agent: Agent) -> list[Link]:
    if not may(agent, "manage_settings"):
        return []
    return [Link(words_for(agent).gettext("Automatic answer"), "/settings/plugins/auto_reply/settings", "reply")]


@hookimpl
def ticket_created(ticket: Ticket, message: Message, event: Event) -> None:
    text = _text_for(ticket) if event.actor_kind != "agent" else ""  # they made it of a message that is long there
    if not text or ticket.is_spam or ticket.trashed_at is not None or why_not_answer(message):
        return
    body = Body(auto_reply_words(text, ticket))
    with transaction():
        if any(each.is_automatic and each.kind == "reply" for each in messages.thread(ticket)):
            return  # told of the same event before
        to = messages.recipients_for_reply(ticket)
        if to and not is_held_back(to[0].address, ticket):
            messages.reply(ticket, body, by=me(), to=to[:1], automatic=True)


def _text_for(ticket: Ticket) -> str:
    """The site owner's words with `{number}`, `{subject}`, `{name}` and what plugins add filled in; empty when off."""
    scope = f"mailbox:{ticket.mailbox_id}" if ticket.mailbox_id else settings.SITE
    chosen = settings.get_all(["auto_reply.on", "auto_reply.text"], scope)
    text = str(chosen["auto_reply.text"]).strip() if chosen["auto_reply.on"] else ""
    return _filled(text, str(ticket.number), ticket.subject, ticket.customer.name,
                   placeholders.of_plugins(ticket, text))


def _filled(text: str, number: str, subject: str, name: str, of_plugins: Mapping[str, str]) -> str:
    return placeholders.fill(text, {**of_plugins, "number": number, "subject": subject, "name": name}).strip()
