"""Fields that a site adds to its customers (and plugins to what is theirs): defined once, values checked by type.

A value in Python is text (text, choice, link), a Decimal (number), a date, a list of texts (multi) or `Money`. As a
person types it, it is text, or a list of texts for multi; empty text takes it away.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import sqlalchemy as sa

from inbox.core import audit, events, permissions
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import Customer, CustomerField, CustomerFieldValue
from inbox.db import session, transaction

TYPES: dict[str, str] = {"text": "Text", "number": "Number", "date": "Date", "choice": "One of several",
                         "multi": "Some of several", "money": "Money", "link": "Link"}
SCALE = 10_000  # amounts are kept in ten-thousandths
MAX_FIELDS, MAX_OPTIONS, MAX_TEXT = 50, 100, 2000
WITH_OPTIONS = ("choice", "multi", "money")
_NUMBER = re.compile(r"-?\d{1,13}([.,]\d{1,4})?")
_PERHAPS_THOUSANDS = re.compile(r"-?[1-9]\d{0,2}(,\d{3}|\.\d\d0)")  # 1,000 and 1.000; we write 1.125 ourselves


@dataclass(frozen=True)
class Money:
    """An amount in a currency by its ISO 4217 code."""

    amount: Decimal
    currency: str


F = TypeVar("F")
Typed = str | Sequence[str]


class Fields(Generic[F]):
    """The fields of one kind of owner: a table of fields (FieldColumns) and one of values (ValueColumns).

    `owner` is the column of the values that names whose they are.
    """

    def __init__(self, fields: type[F], values: type[Any], owner: str) -> None:
        self.fields: Any = fields
        self.values: Any = values
        self._owner_name = owner

    @property
    def _owner(self) -> Any:
        return getattr(self.values, self._owner_name)

    # --- definitions ---

    def all(self) -> list[F]:
        """Every field, in its order."""
        return list(session().scalars(sa.select(self.fields).order_by(self.fields.position, self.fields.id)))

    def get(self, field_id: int) -> F:
        """Raises NotFound."""
        found: F | None = session().get(self.fields, field_id)
        if found is None:
            raise NotFound()
        return found

    def save(self, field: F | None = None, *, title: str, type: str, options: Sequence[str] = ()) -> F:
        """Make or change a field. The type of one that exists stays. Raises Invalid (title, type, options)."""
        row: Any = field
        type = row.type if row is not None else type
        wanted = self._checked(row, title, type, options)
        with transaction() as current:
            if row is None:
                last = current.scalar(sa.select(sa.func.max(self.fields.position))) or 0
                row = self.fields(type=type, position=last + 1)
            row.title, row.options = title.strip(), wanted
            current.add(row)
            current.flush()
        found: F = row
        return found

    def _checked(self, row: Any, title: str, type: str, options: Sequence[str]) -> list[str]:
        if not 0 < len(title.strip()) <= 100:
            raise Invalid("title", "Give the field a name of at most 100 characters.")
        if type not in TYPES:
            raise Invalid("type", "Choose what goes into the field.")
        same = [each for each in self.all() if each.title.casefold() == title.strip().casefold()]  # type: ignore[attr-defined]
        if any(row is None or each.id != row.id for each in same):  # type: ignore[attr-defined]
            raise Invalid("title", "Another field has this name.")
        if row is None and len(self.all()) >= MAX_FIELDS:
            raise Invalid("title", "There are fifty fields already; nobody will fill in more.")
        wanted = list(dict.fromkeys(each.strip() for each in options if each.strip()))
        if type == "money":
            wanted = [each.upper() for each in wanted]
            if not wanted or not all(re.fullmatch("[A-Z]{3}", each) for each in wanted):
                raise Invalid("options", "Write the currencies by their codes, one on each line: NOK, EUR.")
        elif type in WITH_OPTIONS and (not wanted or len(wanted) > MAX_OPTIONS):
            raise Invalid("options", "Write what can be chosen, one on each line, at most a hundred.")
        return wanted if type in WITH_OPTIONS else []

    def delete(self, field: F) -> None:
        """Throw a field away, with what everybody has in it."""
        with transaction() as current:
            current.execute(sa.delete(self.values).where(self.values.field_id == field.id))  # type: ignore[attr-defined]
            current.delete(field)

    def move_up(self, field: F) -> None:
        """Put a field before the one above it."""
        with transaction():
            rows: list[Any] = self.all()
            place = next(i for i, each in enumerate(rows) if each.id == field.id)  # type: ignore[attr-defined]
            if place > 0:
                rows[place - 1], rows[place] = rows[place], rows[place - 1]
            for position, each in enumerate(rows, start=1):
                each.position = position

    # --- values ---

    def of(self, owner_id: int) -> dict[int, Any]:
        """What an owner has, by field id; fields without a value are left out."""
        return self.of_many([owner_id]).get(owner_id, {})

    def of_many(self, owner_ids: Collection[int]) -> dict[int, dict[int, Any]]:
        """The same for several owners, in one query."""
        found: dict[int, dict[int, Any]] = {}
        for row in session().execute(self._values_of, {"owners": sorted(owner_ids)}):
            mine = found.setdefault(row.owner, {})
            if row.type == "multi":
                mine.setdefault(row.field_id, []).append(row.text)
            else:
                mine[row.field_id] = _value(row.type, row)
        return found

    @cached_property
    def _values_of(self) -> sa.Select[Any]:
        """Put together once: pages of tickets ask."""
        known = self.values
        return (sa.select(self._owner.label("owner"), known.field_id, known.text, known.amount, known.day,
                          known.currency, self.fields.type)
                .join(self.fields, self.fields.id == known.field_id)
                .where(self._owner.in_(sa.bindparam("owners", expanding=True))).order_by(known.id))

    def check(self, typed: Mapping[int, Typed], known: Sequence[F] | None = None) -> dict[int, list[dict[str, Any]]]:
        """What would be stored, by field id. Raises Invalid (`field-<id>`) for the first that cannot be taken.

        `known` are all fields, for those who ask often.
        """
        fields: Sequence[Any] = known if known is not None else self.all()
        by_id = {each.id: each for each in fields}
        return {field_id: _rows(by_id[field_id], text) for field_id, text in typed.items() if field_id in by_id}

    def put_new(self, owners: Mapping[int, Mapping[int, list[dict[str, Any]]]]) -> None:
        """Store what `check` returned for owners who have nothing yet, in a transaction and a few statements."""
        session().add_all(self.values(field_id=field_id, **{self._owner_name: owner_id}, **columns)
                          for owner_id, rows in owners.items() for field_id, found in rows.items() for columns in found)
        session().flush()

    def put(self, owner_id: int, rows: Mapping[int, list[dict[str, Any]]]) -> list[int]:
        """Store what `check` returned, in a transaction. Returns the ids of the fields that changed."""
        if not rows:
            return []
        current, before = session(), self.of(owner_id)
        current.execute(sa.delete(self.values).where(self._owner == owner_id, self.values.field_id.in_(sorted(rows)))
                        .execution_options(synchronize_session=False))
        current.add_all(self.values(field_id=field_id, **{self._owner_name: owner_id}, **columns)
                        for field_id, found in rows.items() for columns in found)
        current.flush()
        after = self.of(owner_id)
        return [field_id for field_id in rows if before.get(field_id) != after.get(field_id)]

    def inherit(self, from_id: int, to_id: int) -> None:
        """Give one owner what it has nothing for and another has; the rest of the other's goes. In a transaction."""
        filled = sa.select(self.values.field_id).where(self._owner == to_id)
        session().execute(sa.update(self.values).where(self._owner == from_id, self.values.field_id.not_in(filled))
                          .values({self._owner_name: to_id}).execution_options(synchronize_session=False))
        session().execute(sa.delete(self.values).where(self._owner == from_id)
                          .execution_options(synchronize_session=False))

    def written_down(self, owner_id: int) -> list[dict[str, Any]]:
        """What an owner has, as plain values that `bring_back` understands."""
        rows = session().scalars(sa.select(self.values).where(self._owner == owner_id).order_by(self.values.id))
        return [{"field_id": each.field_id, "text": each.text, "amount": each.amount, "currency": each.currency,
                 "day": each.day.isoformat() if each.day else None} for each in rows]

    def bring_back(self, owner_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Give an owner what was written down, except in fields that are gone. In a transaction."""
        known = {each.id for each in self.all()}  # type: ignore[attr-defined]
        session().add_all(self.values(**{**from_plain(row), self._owner_name: owner_id})
                          for row in rows if row["field_id"] in known)
        session().flush()

    def having(self, field: F, test: str, typed: str) -> sa.Select[int]:
        """A select of the ids of owners whose value is, contains, is at least or at most, or is there (`is`,
        `contains`, `min`, `max`, `set`). Raises Invalid for what cannot be compared."""
        row: Any = field
        query = sa.select(self._owner).where(self.values.field_id == row.id)
        if test == "set":
            return query
        if test == "contains":
            return query.where(self.values.text.icontains(typed, autoescape=True))
        want = _rows(row, [typed] if row.type == "multi" else typed)
        if not want:
            raise Invalid("value", "Write a value to compare with.")
        column = _column(self.values, row.type)
        wanted = next(want[0][name] for name in ("amount", "day", "text") if want[0].get(name) is not None)
        if test in ("min", "max") and row.type in ("number", "money", "date"):
            query = query.where(column >= wanted if test == "min" else column <= wanted)
        elif test == "is":
            query = query.where(column == wanted)
        else:
            raise Invalid("test", "This field cannot be compared that way.")
        return query.where(self.values.currency == want[0]["currency"]) if row.type == "money" else query


def _column(values: Any, type: str) -> Any:
    return values.amount if type in ("number", "money") else values.day if type == "date" else values.text


# --- one value ----------------------------------------------------------------------------------------------------


def _value(type: str, row: Any) -> Any:
    if type == "number":
        return _decimal(row.amount)
    if type == "money":
        return Money(_decimal(row.amount), row.currency)
    return row.day if type == "date" else row.text


def _decimal(amount: int) -> Decimal:
    found = Decimal(amount) / SCALE
    return found.quantize(Decimal(1)) if found == found.to_integral() else found.normalize()


def from_plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """What `written_down` made of a row, as its columns again."""
    return {**row, "day": dt.date.fromisoformat(row["day"]) if row["day"] else None}


def as_typed(type: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """What `check` returned for one field, as a person would type it."""
    empty = {"text": None, "amount": None, "day": None, "currency": None}
    found = [_value(type, SimpleNamespace(**{**empty, **row})) for row in rows]
    return typed(found if type == "multi" else found[0] if found else None)


def typed(value: Any) -> str:
    """A value as a person would type it; the same in every language, for forms and CSV files."""
    if value is None:
        return ""
    if isinstance(value, Money):
        return f"{value.amount:f} {value.currency}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dt.date):
        return value.isoformat()
    return "; ".join(value) if isinstance(value, list) else str(value)


def _rows(field: Any, text: Typed) -> list[dict[str, Any]]:
    """The columns of a value's rows. Raises Invalid (`field-<id>`)."""
    if field.type == "multi":
        return _several(field, text.split(";") if isinstance(text, str) else text)
    one = (text if isinstance(text, str) else " ".join(text)).strip()
    if not one:
        return []
    return [_PARSERS[field.type](field, one)]


def _several(field: Any, chosen: Sequence[str]) -> list[dict[str, Any]]:
    wanted = {each.strip() for each in chosen if each.strip()}
    for strange in sorted(wanted - set(field.options)):
        _refuse(field, f"{strange[:50]} is not one of the choices.")
    return [{"text": each} for each in field.options if each in wanted]


def _refuse(field: Any, message: str) -> Any:
    raise Invalid(f"field-{field.id}", message)


def _text(field: Any, text: str) -> dict[str, Any]:
    return {"text": text} if len(text) <= MAX_TEXT else _refuse(field, "This is too long; 2000 characters fit.")


def _choice(field: Any, text: str) -> dict[str, Any]:
    found = next((each for each in field.options if each.casefold() == text.casefold()), None)
    return {"text": found} if found else _refuse(field, f"{text[:50]} is not one of the choices.")


def _link(field: Any, text: str) -> dict[str, Any]:
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[\s<>\"]", text)
    except ValueError:
        good = False
    return {"text": text} if good and len(text) <= MAX_TEXT else _refuse(
        field, "Write the whole address, for example https://example.com.")


def _date(field: Any, text: str) -> dict[str, Any]:
    try:
        return {"day": dt.date.fromisoformat(text)}
    except ValueError:
        return {"day": _refuse(field, "Write a day as year-month-day, for example 2026-11-22.")}


def _amount(text: str) -> int | None:
    """`1 234,50` and `1234.5` as ten-thousandths. What could be meant in two ways is refused."""
    bare = re.sub(r"[\s\u00a0\u202f']", "", text)
    if not _NUMBER.fullmatch(bare) or _PERHAPS_THOUSANDS.fullmatch(bare):
        return None
    try:
        return int(Decimal(bare.replace(",", ".")) * SCALE)
    except InvalidOperation:
        return None


def _number(field: Any, text: str) -> dict[str, Any]:
    amount = _amount(text)
    return {"amount": amount} if amount is not None else _refuse(field, "Write a number, for example 1234.5.")


def _money(field: Any, text: str) -> dict[str, Any]:
    found = re.fullmatch(r"(?:([A-Za-z]{3})\s*)?(.*?)(?:\s*([A-Za-z]{3}))?", text)
    code = ((found[1] or found[3] or field.options[0]) if found else "").upper()
    amount = _amount(found[2]) if found else None
    if amount is None or code not in field.options:
        _refuse(field, f"Write an amount and a currency ({', '.join(field.options)}), for example 1234.50 "
                       f"{field.options[0]}.")
    return {"amount": amount, "currency": code}


_PARSERS = {"text": _text, "number": _number, "date": _date, "choice": _choice, "money": _money, "link": _link}


# --- what the desk itself defines ----------------------------------------------------------------------------------


class DeskFields(Fields[F]):
    """Fields that who manages settings defines, for customers or tickets. `called`: what the audit log calls one."""

    def __init__(self, fields: type[F], values: type[Any], owner: str, *, called: str) -> None:
        super().__init__(fields, values, owner)
        self._called = called

    def define(self, field: F | None = None, *, by: Actor, title: str, type: str = "text",
               options: Sequence[str] = ()) -> F:
        """Make or change a field. Raises NotAllowed, Invalid."""
        permissions.require(by, "manage_settings")
        with transaction():
            before = {} if field is None else self._facts(field)
            row = self.save(field, title=title, type=type, options=options)
            after = self._facts(row)
            audit.note("settings_changed", by=by, subject=f"{self._called}:{after['title']}",
                       changes=audit.diff(before, after))
            return row

    def raise_up(self, field: F, *, by: Actor) -> None:
        """Show a field before the one above it. Raises NotAllowed."""
        permissions.require(by, "manage_settings")
        with transaction():
            before = self._titles()
            self.move_up(field)
            audit.note("settings_changed", by=by, subject=f"{self._called}s",
                       changes=audit.diff({"order": before}, {"order": self._titles()}))

    def remove(self, field: F, *, by: Actor) -> None:
        """Throw a field away, with what everybody has in it. Raises NotAllowed."""
        permissions.require(by, "manage_settings")
        with transaction():
            title = self._facts(field)["title"]
            audit.note("settings_changed", by=by, subject=f"{self._called}:{title}", changes={"title": (title, None)})
            self.delete(field)

    @staticmethod
    def _facts(field: Any) -> dict[str, Any]:
        return {"title": field.title, "options": field.options}

    def _titles(self) -> list[str]:
        rows: list[Any] = self.all()
        return [each.title for each in rows]


of_customers: DeskFields[CustomerField] = DeskFields(CustomerField, CustomerFieldValue, "customer_id", called="field")
"""The fields that every customer of this desk can have."""


def set_values(customer: Customer, typed: Mapping[int, Typed], *, by: Actor) -> list[int]:
    """Store what was typed into fields of a customer, by field id. Returns the fields that changed. Raises Invalid."""
    permissions.require(by, "change", customer)
    customer_id = customer.id
    with transaction():
        changed = of_customers.put(customer_id, of_customers.check(typed))
        if changed:
            events.record("customer_changed", by=by, customer=customer_id, fields=changed)
        return changed
