"""The language of the search box, in which views are stored, too: `status:open tag:vip assignee:me created>7d wool`.

Words are looked for in messages; a filter is a name, a colon and a value. `-` before a name means not, `any:( … )` that
one of several must hold, and times are compared with `<` and `>`. What looks like a filter but is none stays a word.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from functools import lru_cache

from inbox.core import search
from inbox.core.errors import Invalid
from inbox.plugin_host import call
from inbox.plugin_host.items import SearchFilter

Filter = tuple[str, str]  # name, with a minus for not; value, with what it is compared by
PLAIN = ("tag", "is", "from", "assigned", "department", "before", "after", "has", "status", "assignee", "priority",
         "customer", "channel")
TIMES = ("created", "updated", "last", "waiting", "snoozed")
OF_CUSTOMERS = "customer."  # and the name of a field of customers, blanks as hyphens
GROUP = re.compile(r'(?<!\S)any:\(((?:"[^"]*"|[^()"])*)\)', re.IGNORECASE)
_UNITS = {"h": dt.timedelta(hours=1), "d": dt.timedelta(days=1), "w": dt.timedelta(weeks=1)}
_SPAN = re.compile(r"(\d{1,4})([hdw])")
_COMPARED = re.compile(r"(>=|<=|>|<)?(.*)", re.DOTALL)


@dataclass(frozen=True)
class Query:
    """A search as typed. Every filter must hold, and of each group in `any` at least one."""

    words: str = ""
    filters: tuple[Filter, ...] = field(default=())
    any: tuple[tuple[Filter, ...], ...] = field(default=())

    @property
    def phrases(self) -> list[search.Phrase]:
        return search.phrases(self.words)

    @property
    def every_filter(self) -> tuple[Filter, ...]:
        """Those of the groups, too."""
        return self.filters + tuple(each for group in self.any for each in group)


def plugin_filters() -> dict[str, tuple[str, SearchFilter]]:
    """The filters that active plugins add, by what is typed; the desk's own come first."""
    found: dict[str, tuple[str, SearchFilter]] = {}
    for plugin, item in call.register("register_search_filters"):
        if item.alias not in (*PLAIN, *TIMES, "any"):
            found.setdefault(item.alias, (plugin, item))
    return found


@lru_cache(maxsize=16)
def _filter(names: tuple[str, ...]) -> re.Pattern[str]:
    plain, times = "|".join(map(re.escape, names)), "|".join(TIMES)
    compared = rf"({times}|customer\.[\w-]+)(:(?:>=|<=|>|<)?|>=|<=|>|<)"
    return re.compile(rf'(?<!\S)(-?)(?:{compared}|({plain}):)(?:"([^"]*)"|(\S+))', re.IGNORECASE)


def parse(text: str) -> Query:
    """Split what was typed into words and filters."""
    pattern = _filter((*PLAIN, *plugin_filters()))
    groups: list[tuple[Filter, ...]] = []

    def group(found: re.Match[str]) -> str:
        inside = tuple(_read(each) for each in pattern.finditer(found[1]))
        rest = pattern.sub(" ", found[1])
        groups.extend([inside] if inside else [])
        return f" {rest} "  # words have no choice: all are looked for

    text = GROUP.sub(group, text)
    filters = tuple(_read(each) for each in pattern.finditer(text))
    return Query(" ".join(pattern.sub(" ", text).split()), filters, tuple(groups))


def _read(found: re.Match[str]) -> Filter:
    name = (found[2] or found[4]).lower()
    value = (found[5] if found[5] is not None else found[6]).strip()
    return found[1] + name, (found[3] or "").lstrip(":") + value


def write(query: Query) -> str:
    """The query as text, so that `parse` reads it again."""
    parts = [written(each) for each in query.filters]
    parts += [f"any:({' '.join(map(written, group))})" for group in query.any]
    return " ".join((*parts, *([query.words] if query.words else [])))


def written(one: Filter) -> str:
    """A filter as one types it."""
    name, value = one
    compared, bare = split(value) if is_compared(name) else ("", value)
    bare = bare.replace('"', "")
    quoted = f'"{bare}"' if re.search(r"[\s()]", bare) or not bare else bare
    return f"{name}{compared or ':'}{quoted}"


def is_compared(name: str) -> bool:
    """True for a name whose values have an order."""
    bare = name.removeprefix("-")
    return bare in TIMES or bare.startswith(OF_CUSTOMERS)


def split(value: str) -> tuple[str, str]:
    """What a value is compared by (`>=`, empty for equal), and the value."""
    found = _COMPARED.fullmatch(value)
    assert found is not None
    return found[1] or "", found[2]


# --- times --------------------------------------------------------------------------------------------------------


def parse_day(text: str) -> dt.datetime | None:
    """`2026-11-22` as the beginning of that day in UTC, or None."""
    try:
        return dt.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=dt.UTC)
    except ValueError:
        return None


def between(value: str, now: dt.datetime) -> tuple[dt.datetime | None, dt.datetime | None]:
    """From when (with it) to when (without it) a time lies: `>2026-11-22`, `<7d` (before seven days ago), `today`.

    Raises Invalid for what is no time.
    """
    compared, text = split(value)
    begins, ends = _stretch(text.lower(), now)
    if compared == ">":
        return ends, None
    if compared == ">=":
        return begins, None
    if compared == "<":
        return None, begins
    if compared == "<=":
        return None, ends
    return (begins, ends) if begins != ends else (begins, None)  # `created:7d`: within the last seven days


def _stretch(text: str, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """A day from its beginning to its end; a moment so long ago, which has no length."""
    if ago := _SPAN.fullmatch(text):
        moment = now - int(ago[1]) * _UNITS[ago[2]]
        return moment, moment
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    day = {"today": today, "yesterday": today - dt.timedelta(days=1)}.get(text) or parse_day(text)
    if day is None:
        raise Invalid("q", "Write a day as year-month-day, such as 2026-11-22, or how long ago: 4h, 7d, 2w.")
    return day, day + dt.timedelta(days=1)
