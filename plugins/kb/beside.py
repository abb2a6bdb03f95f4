"""Beside a ticket: articles that fit, put into an answer; an article made of an answer; three in the automatic one."""

from __future__ import annotations

import html as entities
import re
from dataclasses import dataclass
from typing import Any

from flask import request

from inbox.toolkit import (
    Agent,
    Message,
    NotFound,
    Ticket,
    may,
    messages,
    plugin_url,
    session,
    settings,
    signed_in,
    tickets,
)
from inbox_plugins.kb import markdown, search
from inbox_plugins.kb.help_centre import address
from inbox_plugins.kb.models import Translation
from inbox_plugins.kb.pages import blueprint, show
from inbox_plugins.kb.views import editor

BESIDE, IN_ANSWER = 4, 3
BY_CHANCE = 1.0  # what fits less is not even shown to an agent
LEAST = 2.0  # how well an article has to fit before a machine suggests it to a customer
BESIDE_THE_BEST = 0.4  # and how well compared with the first
LONGEST = 600  # characters of a message that are looked at


@dataclass(frozen=True)
class Suggestion:
    """An article for an agent. `link` and `whole` are HTML for an answer; empty when it must not get out."""

    text: Translation
    url: str
    link: str = ""
    whole: str = ""


@blueprint.get("/suggestions/<int:number>")
def suggestions(number: int) -> Any:
    """The panel beside a ticket: what fits its first message, or what the agent looks for."""
    ticket = tickets.get(number, signed_in())
    words = request.args.get("q", "")[:200]
    asked = words.strip() or question(ticket)
    locale = _language(words, ticket)
    found = search.find(locale, asked, audiences=("public", "internal"), limit=BESIDE, typing=bool(words.strip()))
    is_open = bool(settings.get("kb.public"))
    return show("suggestions.html", ticket=ticket, q=words, locale=locale, may_reply=may(signed_in(), "reply", ticket),
                found=[_suggestion(each.translation, is_open) for each in found
                       if words.strip() or each.fit >= BY_CHANCE])


def _language(words: str, ticket: Ticket) -> str:
    """That of the words; of the customer, where words of the Latin script could be either."""
    of_customer = search.guess(question(ticket))
    if not words.strip():
        return of_customer
    guessed = search.guess(words)
    return of_customer if guessed in search.SILENT and of_customer in search.SILENT else guessed


def question(ticket: Ticket) -> str:
    """What a ticket is about: its subject and the beginning of the first message."""
    first = next((each for each in messages.thread(ticket) if each.kind == "received"), None)
    return f"{ticket.subject}\n{first.text[:LONGEST] if first else ''}"


def _suggestion(text: Translation, is_open: bool) -> Suggestion:
    """What of an article may go into an answer: nothing of an internal one, no link to a closed help centre."""
    inside = plugin_url("read", article_id=text.article_id, lang=text.locale)
    if text.article.audience != "public":
        return Suggestion(text, inside)
    url = address(text, absolute=True)
    origin = entities.escape(url.removesuffix(address(text)))
    whole = re.sub(r'(src|href)="/', rf'\1="{origin}/', text.live_html)
    if not is_open:
        return Suggestion(text, inside, whole=whole)
    link = f'<a href="{entities.escape(url)}">{entities.escape(text.live_title)}</a>'
    return Suggestion(text, address(text), link, whole)


# --- an article made of an answer -------------------------------------------------------------------------------


@blueprint.get("/from-message/<int:message_pk>")
def from_message(message_pk: int) -> Any:
    """The editor with the words of an answer; nothing is stored yet."""
    signed_in("kb.edit")
    message = session().get(Message, message_pk)
    if message is None or not may(signed_in(), "view", message):
        raise NotFound()
    body = markdown.from_html(message.html) if message.html else markdown.escape(message.text)
    return editor(None, search.guess(message.text), {
        "title": re.sub(r"^(?:\s*(?:re|sv|aw|fwd?|vs):)+\s*", "", message.subject or "", flags=re.IGNORECASE)[:200],
        "body": body, "message_pk": message.id})


def can_become_article(message: Message, agent: Agent) -> bool:
    """What our side has said, for agents who write articles."""
    return message.kind in ("reply", "note") and message.state != "draft" and may(agent, "kb.edit")


# --- the automatic answer ---------------------------------------------------------------------------------------


def with_articles(text: str, ticket: Ticket) -> str | None:
    """The automatic answer with up to three articles below, where they fit and the site owner wants it."""
    scope = f"mailbox:{ticket.mailbox_id}" if ticket.mailbox_id else settings.SITE
    chosen = settings.get_all(["kb.auto_reply", "kb.public"], scope)
    if not chosen["kb.auto_reply"] or not chosen["kb.public"]:
        return None
    asked = question(ticket)
    locale = search.guess(asked)
    hits = search.find(locale, asked, limit=IN_ANSWER, typing=False)
    found = [each.translation for each in hits if each.fit >= max(LEAST, hits[0].fit * BESIDE_THE_BEST)]
    if not found:
        return None
    lines = "\n\n".join(f"{each.live_title}\n{address(each, absolute=True)}" for each in found)
    return f"{text.rstrip()}\n\n{WORDS[locale]}\n\n{lines}\n"


WORDS = {
    "en": "Perhaps this helps until then:",
    "nb": "Kanskje hjelper dette så lenge:",
    "th": "ระหว่างนี้ บทความเหล่านี้อาจช่วยได้:",
    "ja": "お待ちの間、こちらがお役に立つかもしれません。",
    "zh_Hant": "在此之前，這些文章或許有幫助：",
}
"""In the customer's language, which the catalogues of the desk's languages need not be."""
