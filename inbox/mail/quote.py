"""What stands below an answer: the message it answers, introduced in the customer's language and time zone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from flask import current_app
from flask_babel import force_locale
from flask_babel import gettext as _

from inbox.core import passing_on, settings
from inbox.core.models import Customer, Department, Message, Ticket
from inbox.db import session
from inbox.mail.compose import Quote, html_from_text
from inbox.mail.plain import RULE
from inbox.mail.sanitise import show_remote

LONGEST_PASSED_ON = 400_000  # characters; whom it is passed on to has seen none of it


def for_message(message: Message, parent: Message | None, ticket: Ticket) -> Quote | None:
    """The quote for a reply (when the desk wants quotes) or forward (always). None for automatic mail."""
    if message.kind == "forward" and (passed := passing_on.of(message)):
        return _forwarded(passed[0], ticket) if len(passed) == 1 else _conversation(passed, ticket)
    if parent is None or message.is_automatic or parent.kind != "received":
        return None
    if message.kind == "forward":
        return _forwarded(parent, ticket)
    if not settings.get("mail.quote"):
        return None
    return Quote(_reply_intro(parent, ticket), parent.text, show_remote(parent.html) if parent.html else None)


def _reply_intro(parent: Message, ticket: Ticket) -> str:
    customer = session().get_one(Customer, ticket.customer_id)
    locale, zone = _locale(customer), _zone(customer)
    when = _when(parent.at, locale, zone)
    return _translated(locale, "On %(when)s, %(name)s wrote:", when=when,
                       name=parent.from_name or parent.from_address or customer.display_name)


def _forwarded(parent: Message, ticket: Ticket) -> Quote:
    """All of the message, with what it quoted itself: whom it is passed on to has seen none of it."""
    locale = _locale(None)
    lines = [_translated(locale, "Forwarded message"), *_said_by(parent, locale),
             _translated(locale, "Subject: %(subject)s", subject=parent.subject or ticket.subject)]
    html = None if parent.html is None else show_remote(
        parent.html + (parent.html_signature or "") + (parent.html_quoted or ""))
    text = "\n\n".join(filter(None, (parent.text, parent.text_signature, parent.text_quoted)))
    return Quote("\n".join(lines), text, html, LONGEST_PASSED_ON)


def _conversation(passed: Sequence[Message], ticket: Ticket) -> Quote:
    """What was said, one after the other; each without the old text below it, which is there already."""
    locale = _locale(None)
    intro = [_translated(locale, "Forwarded conversation"),
             _translated(locale, "Subject: %(subject)s", subject=ticket.subject)]
    texts, htmls = [], []
    for each in passed:
        head = "\n".join(_said_by(each, locale))
        texts.append(f"{head}\n\n{each.text}")
        htmls.append(html_from_text(head) + (show_remote(each.html) if each.html else html_from_text(each.text)))
    return Quote("\n".join(intro), f"\n\n{RULE}\n\n".join(texts), "<hr>".join(htmls), LONGEST_PASSED_ON)


def _said_by(message: Message, locale: Locale) -> list[str]:
    """Who said something, and when. Our own answers bear the department's name, as they did when they went out."""
    name, address = message.from_name, message.from_address
    if message.kind != "received":
        department = session().get_one(Department, session().get_one(Ticket, message.ticket_id).department_id)
        name, address = department.sender_name or department.name, ""
    sender = f"{name} <{address}>" if name and address else name or address
    return [_translated(locale, "From: %(sender)s", sender=sender),
            _translated(locale, "Date: %(when)s", when=_when(message.at, locale, _zone(None)))]


def _when(at: dt.datetime, locale: Locale, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{format_date(local, 'medium', locale)}, {format_time(local, 'short', locale=locale)}"


def _translated(locale: Locale, text: str, **values: str) -> str:
    if "babel" not in current_app.extensions:  # the arrival process and small tools have no translations
        return text % values if values else text
    with force_locale(str(locale)):
        return str(_(text, **values))


def _locale(customer: Customer | None) -> Locale:
    for name in (customer.locale if customer else None, settings.get("desk.locale")):
        if name:
            try:
                return Locale.parse(name.replace("-", "_"))
            except (UnknownLocaleError, ValueError):
                continue
    return Locale("en")


def _zone(customer: Customer | None) -> ZoneInfo:
    for name in (customer.time_zone if customer else None, settings.get("desk.time_zone")):
        if name:
            try:
                return ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError):
                continue
    return ZoneInfo("UTC")


def desk_name() -> str:
    """The desk's name, the sender of its own mail."""
    return str(settings.get("desk.name") or "Pluginbox")
