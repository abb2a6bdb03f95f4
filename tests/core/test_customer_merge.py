"""Two customers who turn out to be one."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import customers, fields
from inbox.core.errors import Invalid, NotAllowed
from inbox.core.events import Actor
from inbox.jobs import dispatch
from inbox.testing.factories import make_agent, make_customer, make_ticket
from inbox.testing.plugins import plug, without_builtins

BY = Actor.system("test")


def test_everything_of_one_belongs_to_the_other(session: Session) -> None:
    kari, other = make_customer("Kari", "kari@a.example"), make_customer("K.", "kari@b.example")
    ticket = make_ticket("Hello", customer=other)
    points, level = (fields.define(by=BY, title=title) for title in ("Points", "Level"))
    fields.set_values(kari, {points.id: "1"}, by=BY)
    fields.set_values(other, {points.id: "2", level.id: "Gold"}, by=BY)
    customers.merge(other, kari, by=BY)
    session.rollback()
    assert ticket.customer_id == kari.id and customers.by_address("kari@b.example") is kari
    assert [each.value for each in kari.addresses] == ["kari@a.example", "kari@b.example"]
    assert fields.of_customers.of(kari.id) == {points.id: "1", level.id: "Gold"}
    assert fields.of_customers.of(other.id) == {} and customers.survivor(other) is kari
    again = customers.find_or_create("kari@b.example", by=BY)
    assert again is kari, "mail from the old address does not bring the old customer back"


def test_nobody_is_merged_twice_or_with_oneself(session: Session) -> None:
    one, two, three = make_customer(), make_customer(), make_customer()
    with pytest.raises(Invalid):
        customers.merge(one, one, by=BY)
    customers.merge(two, one, by=BY)
    for lost, kept in ((two, three), (three, two)):
        with pytest.raises(Invalid):
            customers.merge(lost, kept, by=BY)
    with pytest.raises(NotAllowed):
        customers.merge(three, one, by=Actor.of(make_agent(role="light")))


def test_customer_merged_is_told_with_the_survivor(app: Flask, session: Session) -> None:
    without_builtins(app)
    seen = []

    def customer_merged(customer, merged_customer_id):
        seen.append((customer.id, merged_customer_id))

    plug(app, "watch", customer_merged)
    one, two = make_customer(), make_customer()
    customers.merge(two, one, by=BY)
    dispatch.deliver_due(app)
    assert seen == [(one.id, two.id)]
