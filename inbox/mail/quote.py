"""What stands below an answer: the message it answers, introduced in the customer's language and time zone."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from flask import current_app
from flask_babel import force_locale
from flask_babel import gettext as _

from inbox.core import settings
from inbox.core.models import Customer, Message, Ticket
from inbox.db import session
from inbox.mail.compose import Quote
from inbox.mail.sanitise import show_remote


def for_message(message: Message, parent: Message | None, ticket: Ticket) -> Quote | None:
    """The quote for a reply (when the desk wants quotes) or forward (always). None for automatic mail."""
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
    locale, zone = _locale(None), _zone(None)
    sender = f"{parent.from_name} <{parent.from_address}>" if parent.from_name else parent.from_address
    lines = [
        _translated(locale, "Forwarded message"),
        _translated(locale, "From: %(sender)s", sender=sender),
        _translated(locale, "Date: %(when)s", when=_when(parent.at, locale, zone)),
        _translated(locale, "Subject: %(subject)s", subject=parent.subject or ticket.subject),
    ]
    html = None if parent.html is None else show_remote(
        parent.html + (parent.html_signature or "") + (parent.html_quoted or ""))
    text = "\n\n".join(filter(None, (parent.text, parent.text_signature, parent.text_quoted)))
    return Quote("\n".join(lines), text, html)


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
