"""What a segment can ask of a customer: each condition becomes a select of customers' ids."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from inbox.toolkit import Customer, CustomerAddress, Invalid, NotFound, Ticket, fields, utcnow
from inbox_plugins.crm import organisations
from inbox_plugins.crm.models import Member
from inbox_plugins.crm.own_fields import of_organisations

TESTS: dict[str, str] = {"is": "is", "contains": "contains", "min": "is at least", "max": "is at most",
                         "set": "is there"}
PLAIN: dict[str, tuple[str, tuple[str, ...]]] = {
    "organisation": ("Organisation", ("is", "set")),
    "domain": ("Domain of an address", ("is",)),
    "tickets": ("Number of tickets", ("min", "max")),
    "days": ("Days since the first contact", ("min", "max")),
    "quiet": ("Days since the last message", ("min", "max")),
}
"""What can be asked besides fields, and by which tests."""
Condition = Mapping[str, str]
MAX = 8
MAX_NUMBER = 1_000_000


def check(condition: Condition) -> None:
    """Raises Invalid (conditions) for what makes no sense."""
    try:
        select(condition)
    except NotFound:
        raise Invalid("conditions", "A condition names a field that is gone.") from None
    except Invalid as problem:
        raise Invalid("conditions", str(problem)) from None


def select(condition: Condition) -> sa.Select[Any]:
    """The ids of customers for whom a condition holds. Raises Invalid, NotFound (the field is gone)."""
    what, test, value = (condition.get(each, "") for each in ("what", "test", "value"))
    kind, _, number = what.partition(":")
    if kind == "field":
        return fields.of_customers.having(fields.of_customers.get(_id(number)), test, value)
    if kind == "own":
        theirs = of_organisations.having(of_organisations.get(_id(number)), test, value)
        return sa.select(Member.customer_id).where(Member.organisation_id.in_(theirs))
    if what not in PLAIN or test not in PLAIN[what][1]:
        raise Invalid("test", "This cannot be asked that way.")
    return _SELECTS[what](test, value.strip())


def _id(number: str) -> int:
    return int(number) if number.isdecimal() and len(number) < 10 else 0


def _organisation(test: str, value: str) -> sa.Select[Any]:
    if test == "set":
        return sa.select(Member.customer_id).where(Member.organisation_id.is_not(None))
    found = organisations.named(value)
    if found is None:
        raise Invalid("value", "There is no organisation of this name.")
    return sa.select(Member.customer_id).where(Member.organisation_id == found.id)


def _domain(test: str, value: str) -> sa.Select[Any]:
    domain = value.removeprefix("@").casefold()
    if not domain:
        raise Invalid("value", "Write a domain, for example example.com.")
    return sa.select(CustomerAddress.customer_id).where(
        CustomerAddress.kind == "mail", CustomerAddress.normalised.endswith(f"@{domain}", autoescape=True))


def _number(value: str) -> int:
    if not value.isdecimal() or int(value) > MAX_NUMBER:
        raise Invalid("value", "Write a number.")
    return int(value)


def _tickets(test: str, value: str) -> sa.Select[Any]:
    limit, count = _number(value), sa.func.count(Ticket.id)
    asked = sa.select(Ticket.customer_id).where(Ticket.shelf.not_in(("spam", "trash", "merged"))).group_by(
        Ticket.customer_id)
    if test == "min":
        return asked.having(count >= limit) if limit else sa.select(Customer.id)
    return sa.select(Customer.id).where(Customer.id.not_in(asked.having(count > limit)))


def _days(test: str, value: str) -> sa.Select[Any]:
    edge = utcnow() - dt.timedelta(days=_number(value))
    return sa.select(Customer.id).where(Customer.created_at <= edge if test == "min" else Customer.created_at >= edge)


def _quiet(test: str, value: str) -> sa.Select[Any]:
    edge, last = utcnow() - dt.timedelta(days=_number(value)), sa.func.max(Ticket.last_message_at)
    asked = sa.select(Ticket.customer_id).group_by(Ticket.customer_id)
    return asked.having(last <= edge if test == "min" else last >= edge)


_SELECTS: dict[str, Callable[[str, str], sa.Select[Any]]] = {
    "organisation": _organisation, "domain": _domain, "tickets": _tickets, "days": _days, "quiet": _quiet}
