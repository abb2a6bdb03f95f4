"""Conditions of a view as rows of a form, and back: between the builder and the language of the search box."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_babel import lazy_gettext

from inbox.core import agents, departments, fields, permissions, query, tags
from inbox.core.filters import slug
from inbox.core.models import Agent
from inbox.core.query import Filter, Query
from inbox.web.i18n import gettext
from inbox.web.plugin_parts import said_by

OPERATORS: dict[str, tuple[tuple[str, Any], ...]] = {
    "choice": (("is", lazy_gettext("is")), ("not", lazy_gettext("is not"))),
    "several": (("is", lazy_gettext("is one of")), ("not", lazy_gettext("is none of"))),
    "text": (("is", lazy_gettext("is")), ("not", lazy_gettext("is not"))),
    "time": (("last", lazy_gettext("within the last")), ("ago", lazy_gettext("more than … ago")),
             ("since", lazy_gettext("on or after")), ("before", lazy_gettext("before"))),
    "day": (("since", lazy_gettext("on or after")), ("before", lazy_gettext("before")), ("is", lazy_gettext("is")),
            ("set", lazy_gettext("is filled in")), ("unset", lazy_gettext("is empty"))),
    "number": (("is", lazy_gettext("is")), ("min", lazy_gettext("is at least")), ("max", lazy_gettext("is at most")),
               ("set", lazy_gettext("is filled in")), ("unset", lazy_gettext("is empty"))),
    "words": (("is", lazy_gettext("is")), ("contains", lazy_gettext("contains")), ("not", lazy_gettext("is not")),
              ("set", lazy_gettext("is filled in")), ("unset", lazy_gettext("is empty"))),
    "one": (("is", lazy_gettext("is")), ("not", lazy_gettext("is not")), ("set", lazy_gettext("is filled in")),
            ("unset", lazy_gettext("is empty"))),
}
UNITS = (("h", lazy_gettext("hours")), ("d", lazy_gettext("days")), ("w", lazy_gettext("weeks")))
BARE = ("set", "unset")  # operators without a value
_SIGN = {"last": ">", "ago": "<", "since": ">=", "before": "<", "min": ">=", "max": "<="}
_SAME = {"assigned": "assignee", "from": "customer"}
_KINDS = {"number": "number", "money": "number", "date": "day", "choice": "one", "multi": "one", "text": "words",
          "link": "words"}
MOST = 30


@dataclass(frozen=True)
class Field:
    """Something a condition can be about."""

    name: str  # of the filter
    title: str
    kind: str  # a key of OPERATORS
    choices: tuple[tuple[str, str], ...] = ()
    group: str = ""


@dataclass(frozen=True)
class Condition:
    """One row of the builder."""

    name: str
    operator: str = "is"
    values: tuple[str, ...] = ()
    unit: str = "d"

    @property
    def value(self) -> str:
        return self.values[0] if self.values else ""


@dataclass
class Builder:
    """The rows of both lists, and the words that are looked for."""

    all: list[Condition] = field(default_factory=list)
    any: list[Condition] = field(default_factory=list)
    words: str = ""


def known(agent: Agent) -> dict[str, Field]:
    """Every field there is for an agent, by the name of its filter."""
    people = tuple((each.email, each.name) for each in agents.all_agents())
    mine = tuple((each.name, each.name) for each in departments.all_departments() if permissions.sees(agent, each))
    found = [
        Field("status", gettext("Status"), "several", tuple((each, gettext(each)) for each in (
            "open", "pending", "snoozed", "closed", "spam", "trash"))),
        Field("assignee", gettext("Assignee"), "choice", (("me", gettext("the reader")), ("none", gettext("nobody")),
                                                          *people)),
        Field("department", gettext("Department"), "choice", mine),
        Field("tag", gettext("Tag"), "choice", tuple((each.name, each.name) for each in tags.all_tags())),
        Field("priority", gettext("Priority"), "several", tuple((each, gettext(each)) for each in (
            "urgent", "high", "normal", "low"))),
        Field("is", gettext("State"), "choice", (
            ("unread", gettext("unread")), ("followed", gettext("followed by me")),
            ("mentioned", gettext("I am mentioned")), ("waiting", gettext("the customer waits")),
            ("assigned", gettext("somebody has it")))),
        Field("has", gettext("Holds"), "choice", (("attachment", gettext("an attachment")),)),
        Field("customer", gettext("Customer’s address"), "text"),
        Field("channel", gettext("Channel"), "several", (
            ("mail", gettext("mail")), ("form", gettext("form")), ("api", "API"), ("agent", gettext("agent")))),
        Field("created", gettext("Created"), "time"), Field("updated", gettext("Changed"), "time"),
        Field("last", gettext("Last message"), "time"), Field("waiting", gettext("Waiting since"), "time"),
        Field("snoozed", gettext("Snoozed until"), "time"),
    ]
    for own in fields.of_customers.all():
        choices = tuple((each, each) for each in own.options) if own.type in ("choice", "multi") else ()
        found.append(Field(f"{query.OF_CUSTOMERS}{slug(own.title)}", own.title, _KINDS[own.type], choices,
                           gettext("Customer")))
    for name, (plugin, item) in query.plugin_filters().items():
        found.append(Field(name, said_by(plugin, item.title), "text", group=gettext("From plugins")))
    return {each.name: each for each in found}


# --- from the language --------------------------------------------------------------------------------------------


def read(text: str) -> Builder | None:
    """The rows for a query; None for one with several groups, which only its text can show."""
    wanted = query.parse(text)
    if len(wanted.any) > 1:
        return None
    return Builder([_row(each) for each in wanted.filters],
                   [_row(each) for group in wanted.any for each in group], wanted.words)


def _row(one: Filter) -> Condition:
    name, value = _plain(*one)
    is_not, bare = name.startswith("-"), name.removeprefix("-")
    if bare.startswith(query.OF_CUSTOMERS):
        return _field_row(bare, value, is_not)
    if bare in query.TIMES:
        return _time_row(bare, value)
    values = tuple(value.split(",")) if bare in ("status", "priority", "channel") else (value,)
    return Condition(bare, "not" if is_not else "is", values)


def _plain(name: str, value: str) -> Filter:
    """Older and shorter ways to say the same."""
    sign, bare = ("-", name[1:]) if name.startswith("-") else ("", name)
    if bare == "is" and value in ("unassigned", "mine"):
        return f"{sign}assignee", "none" if value == "unassigned" else "me"
    if bare == "is" and value in ("open", "pending", "closed", "snoozed", "spam", "trash"):
        return f"{sign}status", value
    if bare in ("before", "after"):
        return f"{sign}last", f"{'<' if bare == 'before' else '>='}{value}"
    return sign + _SAME.get(bare, bare), value


def _time_row(name: str, value: str) -> Condition:
    compared, bare = query.split(value)
    span = re.fullmatch(r"(\d{1,4})([hdw])", bare)
    if span is not None:
        return Condition(name, "ago" if compared.startswith("<") else "last", (span[1],), span[2])
    return Condition(name, "before" if compared.startswith("<") else "since", (bare,))


def _field_row(name: str, value: str, is_not: bool) -> Condition:
    compared, bare = query.split(value)
    if compared:
        return Condition(name, "max" if compared.startswith("<") else "min", (bare,))
    if bare == "*":
        return Condition(name, "unset" if is_not else "set")
    if bare.startswith("*"):
        return Condition(name, "contains", (bare.strip("*"),))
    return Condition(name, "not" if is_not else "is", (bare,))


# --- to the language ----------------------------------------------------------------------------------------------


def write(builder: Builder) -> str:
    """The rows as a query; those without a value are left out."""
    choices = tuple(each for row in builder.any if (each := _filter(row)) is not None)
    return query.write(Query(" ".join(builder.words.split()), tuple(
        each for row in builder.all if (each := _filter(row)) is not None), (choices,) if choices else ()))


def _filter(row: Condition) -> Filter | None:
    value = ",".join(each.strip() for each in row.values if each.strip())
    if row.operator in BARE:
        return f"{'-' if row.operator == 'unset' else ''}{row.name}", "*"
    if not value:
        return None
    if row.operator in ("last", "ago"):
        return (row.name, f"{_SIGN[row.operator]}{value}{row.unit}") if value.isdecimal() else None
    if row.operator == "contains":
        return row.name, f"*{value.strip('*')}*"
    sign = "-" if row.operator == "not" else ""
    return f"{sign}{row.name}", f"{_SIGN.get(row.operator, '')}{value}"


# --- a form -------------------------------------------------------------------------------------------------------


def from_form(form: Any, fields: Mapping[str, Field]) -> Builder:
    """The rows as they were sent; what a field cannot be asked is set right."""
    return Builder(_rows(form, "all", fields), _rows(form, "any", fields), form.get("words", "")[:500])


def _rows(form: Any, part: str, fields: Mapping[str, Field]) -> list[Condition]:
    found = []
    for at in range(MOST):
        name = form.get(f"{part}-{at}-name")
        if name is None:
            break
        operators = [each for each, _ in OPERATORS[kind_of(fields, name)]]
        operator, unit = form.get(f"{part}-{at}-operator", ""), form.get(f"{part}-{at}-unit", "d")
        was = form.get(f"{part}-{at}-was", name)
        values = form.getlist(f"{part}-{at}-value") if was == name else []  # another field: other values
        found.append(Condition(name, operator if operator in operators else operators[0], tuple(values),
                               unit if unit in dict(UNITS) else "d"))
    return found


def kind_of(fields: Mapping[str, Field], name: str) -> str:
    """What a row looks like; a filter that is not known (any more) is text."""
    return fields[name].kind if name in fields else "text"


def change(builder: Builder, act: str) -> None:
    """What a button beside a row does: `add:all`, `remove:any:2`."""
    verb, _, rest = act.partition(":")
    part, _, at = rest.partition(":")
    rows = {"all": builder.all, "any": builder.any}.get(part, [])
    if verb == "add" and len(rows) < MOST:
        rows.append(Condition("tag"))
    if verb == "remove" and at.isdecimal() and len(at) < 4:
        del rows[int(at):int(at) + 1]


def gone_words(missing: Sequence[Filter]) -> list[str]:
    """What a view names that is not there any more, in words."""
    kinds = {"tag": gettext("tag"), "assignee": gettext("agent"), "assigned": gettext("agent"),
             "department": gettext("department")}
    return [gettext("%(kind)s “%(name)s”", kind=kinds.get(name.removeprefix("-"), gettext("field")),
                    name=value if name.removeprefix("-") in kinds else f"{name}:{value}") for name, value in missing]
