"""Languages and clocks: which language a person reads, and how a time is shown to them."""

from __future__ import annotations

import datetime as dt
import time
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from babel import dates, negotiate_locale
from flask import Flask, current_app, g, has_request_context, request
from flask_babel import Babel, format_decimal, format_time, get_locale, get_timezone
from flask_login import current_user

from inbox.core import settings, words
from inbox.db import utcnow

ALIASES = {"no": "nb", "nn": "nb", "zh": "zh_Hant"}  # by language: those we have in another form only
NAMES = {"en": "English", "nb": "Norsk bokmål", "th": "ไทย", "ja": "日本語", "zh_Hant": "繁體中文"}
TAGS = {"zh_Hant": "zh-Hant"}  # what HTML calls a locale, where it differs
DESK = ("desk.name", "desk.locale", "desk.time_zone", "desk.ticket_types", "setup.done")
FRESH_SECONDS = 2.0

babel = Babel()


def gettext(text: str, /, **values: Any) -> str:
    """A text in the reader's language, as flask_babel's own, which asks more before it looks: a page has 200."""
    said = str(babel.domain_instance.get_translations().gettext(text))
    return said % values if values else said


def desk() -> dict[str, Any]:
    """Name, language and zone of the desk; read at most every two seconds, since every page needs them."""
    if "desk" not in g:
        kept = current_app.extensions.setdefault("inbox_desk", {})
        if not kept or time.monotonic() - kept["read_at"] >= FRESH_SECONDS:
            kept.update(values=settings.get_all(list(DESK)), read_at=time.monotonic())
        g.desk = kept["values"]
    return g.desk  # type: ignore[no-any-return]


def forget_desk() -> None:
    """After a change in this process: read again."""
    current_app.extensions.pop("inbox_desk", None)
    g.pop("desk", None)


def choose_locale() -> str:
    """The agent's own language, else the browser's, else the desk's."""
    if has_request_context() and current_user.is_authenticated and current_user.agent.locale:
        return str(current_user.agent.locale)
    if has_request_context():
        found = negotiate([tag for tag, _quality in request.accept_languages])
        if found:
            return found
    return str(desk()["desk.locale"])


def negotiate(wanted: list[str]) -> str | None:
    """The first language of a browser's list that we speak, as we call it; `nn-NO` is nb, `zh-TW` is zh_Hant.

    Simplified Chinese (zh-CN, zh-Hans) gets Traditional: closer to its reader than English.
    """
    tags = [tag.replace("-", "_") for tag in wanted]
    return negotiate_locale([ALIASES.get(tag.split("_")[0].lower(), tag) for tag in tags], list(settings.LOCALES))


def choose_zone() -> str:
    """The agent's own time zone, else the desk's."""
    if has_request_context() and current_user.is_authenticated and current_user.agent.time_zone:
        return str(current_user.agent.time_zone)
    return str(desk()["desk.time_zone"])


def html_lang() -> str:
    """The language tag of the page."""
    name = str(get_locale() or "en")
    return TAGS.get(name, name.replace("_", "-"))


def _local(at: dt.datetime) -> dt.datetime:
    return at.astimezone(ZoneInfo(str(get_timezone())))


def today() -> dt.date:
    """The reader's day."""
    return _local(utcnow()).date()


def when(at: dt.datetime | None) -> str:
    """A time in a list: the clock today, the weekday this week, else the date."""
    if at is None:
        return ""
    local, now = _local(at), today()
    if local.date() == now:
        return _hours(local)
    return _day(local.date(), now, str(get_locale() or "en"))


@lru_cache(maxsize=4096)
def _day(day: dt.date, today: dt.date, locale: str) -> str:
    if dt.timedelta() < today - day < dt.timedelta(days=7):
        return str(dates.format_date(day, "EEE", locale))
    return str(dates.format_date(day, "d MMM" if day.year == today.year else "d MMM yyyy", locale))


def _hours(local: dt.datetime) -> str:
    """Hours and minutes, as all our languages write them."""
    return f"{local.hour}:{local.minute:02}"


def moment(at: dt.datetime | None) -> str:
    """A time in a thread: `Today 9:42`, `Fri 15:34`, `3 Nov 9:42`."""
    if at is None:
        return ""
    local, now = _local(at), today()
    if local.date() == now:
        return gettext("Today %(time)s", time=_hours(local))
    return f"{_day(local.date(), now, str(get_locale() or 'en'))} {_hours(local)}"


def coming(at: dt.datetime | str | None) -> str:
    """A time to come (as an event keeps it, too): `Today 14:30`, `Fri 27 Nov 10:00`; the year when it is another."""
    if not at:
        return ""
    at = dt.datetime.fromisoformat(at) if isinstance(at, str) else at
    local, now = _local(at), today()
    if local.date() == now:
        return gettext("Today %(time)s", time=_hours(local))
    skeleton = "MMMEd" if local.year == now.year else "yMMMEd"
    return f"{_in_words(local.date(), skeleton, str(get_locale() or 'en'))} {_hours(local)}"


@lru_cache(maxsize=1024)
def _in_words(day: dt.date, skeleton: str, locale: str) -> str:
    return str(dates.format_skeleton(skeleton, dt.datetime.combine(day, dt.time()), locale=locale))


def exactly(at: dt.datetime | None) -> str:
    """Date and time in full, for titles: `Monday, November 23, 2026 9:42:07 Japan Standard Time`."""
    if at is None:
        return ""
    local, locale = _local(at), str(get_locale() or "en")
    zone = _zone_in_words(str(local.tzinfo), bool(local.dst()), locale)
    return f"{_day_in_full(local.date(), locale)} {_hours(local)}:{local.second:02} {zone}"


@lru_cache(maxsize=1024)
def _day_in_full(day: dt.date, locale: str) -> str:
    """Formatted once for a day: Babel takes half a millisecond, and a page has fifty times of a few days."""
    return str(dates.format_date(day, "full", locale))


@lru_cache(maxsize=1024)
def _zone_in_words(zone: str, is_summer: bool, locale: str) -> str:
    variant: Literal["daylight", "standard"] = "daylight" if is_summer else "standard"
    return str(dates.get_timezone_name(ZoneInfo(zone), zone_variant=variant, locale=locale))


def ago(at: dt.datetime | None) -> str:
    """How long something has lasted: `3 min`, `1 h 20 min`, `2 days`."""
    if at is None:
        return ""
    minutes = max(0, int((utcnow() - at).total_seconds() // 60))
    if minutes < 60:
        return gettext("%(n)s min", n=minutes)
    if minutes < 24 * 60:
        rest = minutes % 60
        return (gettext("%(h)s h %(m)s min", h=minutes // 60, m=rest) if rest and minutes < 600
                else gettext("%(h)s h", h=minutes // 60))
    days = minutes // (24 * 60)
    return gettext("1 day") if days == 1 else gettext("%(n)s days", n=days)


def span(time_span: dt.timedelta) -> str:
    """How long something took: `12 s`, `3 min`, `2 h`."""
    seconds = int(time_span.total_seconds())
    return gettext("%(n)s s", n=seconds) if seconds < 120 else ago(utcnow() - time_span)


def clock(at: dt.datetime | None) -> str:
    """A time of these minutes, with its seconds: `14:03:20`."""
    return "" if at is None else str(format_time(at, "HH:mm:ss"))


def said(text: str | None) -> str:
    """A sentence that is kept in English, such as why a message was not sent, in the reader's language."""
    return words.say(text or "", str(get_locale()))


def init(app: Flask) -> None:
    app.config.setdefault("BABEL_TRANSLATION_DIRECTORIES", "translations")
    babel.init_app(app, locale_selector=choose_locale, timezone_selector=choose_zone)
    app.jinja_env.globals.update(html_lang=html_lang, desk_settings=desk, language_names=NAMES)
    app.jinja_env.filters.update(when=when, moment=moment, coming=coming, exactly=exactly, ago=ago, span=span,
                                 clock=clock, said=said, thousands=format_decimal)
