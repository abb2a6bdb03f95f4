"""Fields of customers: what may go in, what comes out, who is told."""

import datetime as dt
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from inbox.core import fields
from inbox.core.errors import Invalid, NotAllowed
from inbox.core.events import Actor
from inbox.core.fields import Money
from inbox.core.models import CustomerFieldValue, Event
from inbox.testing.factories import make_agent, make_customer

BY = Actor.system("test")


def make_field(type: str = "text", title: str | None = None, options: tuple[str, ...] = ()):
    usual = {"choice": ("Gold", "Silver"), "multi": ("Wool", "Cotton", "Silk"), "money": ("NOK", "EUR")}
    options = options or usual.get(type, ())
    return fields.of_customers.define(by=BY, title=title or f"A {type}", type=type, options=options)


@pytest.mark.parametrize(("type", "typed", "value"), [
    ("text", " hello ", "hello"), ("number", "1 234,5", Decimal("1234.5")), ("number", "-3", Decimal("-3")),
    ("date", "2026-02-28", dt.date(2026, 2, 28)), ("choice", "gold", "Gold"), ("multi", ["Silk", "Wool"],
                                                                               ["Wool", "Silk"]),
    ("multi", "Wool; Cotton", ["Wool", "Cotton"]), ("money", "1234.50 eur", Money(Decimal("1234.5"), "EUR")),
    ("money", "99", Money(Decimal("99"), "NOK")), ("money", "NOK 0.0001", Money(Decimal("0.0001"), "NOK")),
    ("link", "https://example.com/a", "https://example.com/a"),
])
def test_what_was_typed_comes_back_with_its_type(session: Session, type: str, typed: str, value: object) -> None:
    field, kari = make_field(type), make_customer()
    fields.set_values(kari, {field.id: typed}, by=BY)
    session.rollback()
    found = fields.of_customers.of(kari.id)[field.id]
    assert found == value
    assert fields.set_values(kari, {field.id: fields.typed(found)}, by=BY) == [], "typed again it is the same"


@pytest.mark.parametrize(("type", "typed"), [
    ("text", "x" * 2001), ("number", "1.234,5"), ("number", "1,000"), ("number", "1.000"),
    ("number", "1,000,000"), ("number", "NaN"), ("number", "1e9"),
    ("date", "28.02.2026"), ("date", "2026-02-30"), ("choice", "Bronze"), ("multi", "Wool; Steel"), ("money", "10 USD"),
    ("money", "much"), ("link", "javascript:alert(1)"), ("link", "https://"), ("link", 'https://a.example/"x'),
])
def test_what_cannot_be_taken_is_refused_and_changes_nothing(session: Session, type: str, typed: str) -> None:
    field, text, kari = make_field(type), make_field("text", "Other"), make_customer()
    with pytest.raises(Invalid) as refused:
        fields.set_values(kari, {text.id: "new", field.id: typed}, by=BY)
    assert refused.value.field == f"field-{field.id}"
    assert fields.of_customers.of(kari.id) == {}


def test_empty_takes_a_value_away_and_what_is_not_named_stays(session: Session) -> None:
    one, two, kari = make_field("text", "One"), make_field("text", "Two"), make_customer()
    fields.set_values(kari, {one.id: "1", two.id: "2"}, by=BY)
    assert fields.set_values(kari, {one.id: ""}, by=BY) == [one.id]
    assert fields.of_customers.of(kari.id) == {two.id: "2"}


def test_a_change_is_an_event_and_none_is_not(session: Session) -> None:
    field, kari = make_field(), make_customer()
    fields.set_values(kari, {field.id: "x"}, by=BY)
    fields.set_values(kari, {field.id: "x"}, by=BY)
    told = session.scalars(sa.select(Event).where(Event.kind == "customer_changed")).all()
    assert [each.data for each in told] == [{"customer": kari.id, "fields": [field.id]}]


def test_only_those_who_may_define_and_fill_in(session: Session) -> None:
    light = Actor.of(make_agent(role="light"))
    field, kari = make_field(), make_customer()
    with pytest.raises(NotAllowed):
        fields.of_customers.define(by=light, title="Mine")
    with pytest.raises(NotAllowed):
        fields.set_values(kari, {field.id: "x"}, by=light)


def test_definitions_are_checked(session: Session) -> None:
    make_field("text", "Number")
    for title, type, options in (("", "text", ()), ("number", "text", ()), ("A", "colour", ()), ("A", "choice", ()),
                                 ("A", "money", ("kroner",))):
        with pytest.raises(Invalid):
            fields.of_customers.define(by=BY, title=title, type=type, options=options)


def test_a_field_keeps_its_type_and_takes_its_values_along(session: Session) -> None:
    field, kari = make_field("number"), make_customer()
    fields.set_values(kari, {field.id: "5"}, by=BY)
    assert fields.of_customers.define(field, by=BY, title="Points", type="date").type == "number"
    fields.of_customers.remove(field, by=BY)
    assert session.scalar(sa.select(sa.func.count()).select_from(CustomerFieldValue)) == 0


def test_fields_have_an_order(session: Session) -> None:
    one, _two, three = (make_field("text", title) for title in ("One", "Two", "Three"))
    fields.of_customers.move_up(three)
    fields.of_customers.move_up(one)
    assert [each.title for each in fields.of_customers.all()] == ["One", "Three", "Two"]


@pytest.mark.parametrize(("type", "has", "test", "want", "found"), [
    ("number", "10", "min", "10", True), ("number", "9.9999", "min", "10", False), ("number", "10", "max", "9", False),
    ("money", "10 NOK", "min", "5 EUR", False), ("money", "10 EUR", "min", "5 EUR", True),
    ("date", "2026-01-02", "max", "2026-01-02", True), ("text", "Gold member", "contains", "gold", True),
    ("text", "100%", "contains", "0_", False), ("choice", "Gold", "is", "gold", True), ("multi", "Wool; Silk", "is",
                                                                                       "Silk", True),
    ("text", "x", "set", "", True),
])
def test_owners_are_found_by_value(session: Session, type: str, has: str, test: str, want: str, found: bool) -> None:
    field, kari = make_field(type), make_customer()
    fields.set_values(kari, {field.id: has}, by=BY)
    assert (kari.id in session.scalars(fields.of_customers.having(field, test, want)).all()) is found
