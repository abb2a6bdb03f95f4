"""Two customers who turn out to be one."""

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import customers, fields, intake, merges, personal_data
from inbox.core.errors import Invalid, NotAllowed, NotFound
from inbox.core.events import Actor
from inbox.core.intake import Incoming
from inbox.core.models import CustomerMerge, Message, Ticket
from inbox.db import transaction
from inbox.jobs import dispatch
from inbox.testing.factories import make_agent, make_customer, make_department, make_ticket
from inbox.testing.plugins import plug, without_builtins

BY = Actor.system("test")


def test_everything_of_one_belongs_to_the_other(session: Session) -> None:
    kari, other = make_customer("Kari", "kari@a.example"), make_customer("K.", "kari@b.example")
    ticket = make_ticket("Hello", customer=other)
    points, level = (fields.of_customers.define(by=BY, title=title) for title in ("Points", "Level"))
    fields.set_values(kari, {points.id: "1"}, by=BY)
    fields.set_values(other, {points.id: "2", level.id: "Gold"}, by=BY)
    merges.merge(other, kari, by=BY)
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
        merges.merge(one, one, by=BY)
    merges.merge(two, one, by=BY)
    for lost, kept in ((two, three), (three, two)):
        with pytest.raises(Invalid):
            merges.merge(lost, kept, by=BY)
    with pytest.raises(NotAllowed):
        merges.merge(three, one, by=Actor.of(make_agent(role="light")))


def test_a_merge_is_undone_with_what_came_in_since(session: Session) -> None:
    kari, other = customers.find_or_create("kari@a.example", by=BY), make_customer("K.", "k@b.example")
    points, level = (fields.of_customers.define(by=BY, title=title) for title in ("Points", "Level"))
    fields.set_values(kari, {points.id: "1"}, by=BY)
    fields.set_values(other, {points.id: "2", level.id: "Gold"}, by=BY)
    mine, theirs = make_ticket("Mine", customer=kari), make_ticket("Theirs", customer=other)
    merges.merge(other, kari, by=BY)
    since, for_kari = _mail("k@b.example"), _mail("kari@a.example")
    assert {each.customer_id for each in (theirs, since, for_kari)} == {kari.id} and kari.name == "K."
    assert merges.undo(other.id, by=BY) is other and other.merged_into_id is None
    assert [each.customer_id for each in (mine, theirs, since, for_kari)] == [kari.id, other.id, other.id, kari.id]
    assert [each.value for each in kari.addresses] == ["kari@a.example"]
    assert customers.by_address("k@b.example") is other and (kari.name, other.name) == ("", "K.")
    assert fields.of_customers.of(kari.id) == {points.id: "1"}
    assert fields.of_customers.of(other.id) == {points.id: "2", level.id: "Gold"}
    written = session.scalars(sa.select(Message.customer_id).where(
        Message.ticket_id.in_([theirs.id, since.id]), Message.kind == "received"))
    assert set(written) == {other.id}


def _mail(sender: str) -> Ticket:
    """A ticket that a mail from an address opened."""
    plan = intake.plan(Incoming(from_address=sender, fingerprint=sender, subject="Hello", text="Hello"),
                       mailbox=None, department=make_department())
    with transaction() as current:
        return current.get_one(Ticket, intake.accept(plan).ticket_id)


def test_what_was_changed_since_the_merge_stays(session: Session) -> None:
    kari, other = customers.find_or_create("kari@a.example", by=BY), make_customer("K.", "k@b.example")
    level = fields.of_customers.define(by=BY, title="Level")
    fields.set_values(other, {level.id: "Gold"}, by=BY)
    merges.merge(other, kari, by=BY)
    customers.rename(kari, "Kari", by=BY)
    fields.set_values(kari, {level.id: "Silver"}, by=BY)
    merges.undo(other.id, by=BY)
    assert (kari.name, fields.of_customers.of(kari.id)) == ("Kari", {level.id: "Silver"})
    assert fields.of_customers.of(other.id) == {level.id: "Gold"}


def test_merges_are_undone_once_and_the_last_one_first(session: Session) -> None:
    one, two, three = (make_customer(name, f"{name}@a.example") for name in ("one", "two", "three"))
    ticket = make_ticket("Hello", customer=three)
    merges.merge(three, two, by=BY)
    merges.merge(two, one, by=BY)
    with pytest.raises(Invalid, match="Undo that merge first"):
        merges.undo(three.id, by=BY)
    merges.undo(two.id, by=BY)
    assert ticket.customer_id == two.id and [each.customer_id for each in merges.of(two)] == [three.id]
    merges.undo(three.id, by=BY)
    assert ticket.customer_id == three.id and merges.of(one) == merges.of(two) == []
    with pytest.raises(Invalid, match="cannot be undone"):
        merges.undo(three.id, by=BY)


def test_who_was_erased_does_not_come_back(session: Session) -> None:
    one, two, three = (make_customer(name, f"{name}@a.example") for name in ("one", "two", "three"))
    note = fields.of_customers.define(by=BY, title="Note")
    fields.set_values(three, {note.id: "secret"}, by=BY)
    merges.merge(three, two, by=BY)
    merges.merge(two, one, by=BY)
    told = [(each["name"], each["fields"]) for each in personal_data.export(one, by=BY)["merged"]]
    assert told == [("three", {"Note": "secret"}), ("two", {"Note": "secret"})]
    personal_data.erase(one, by=BY)
    assert [each.name for each in (one, two, three)] == ["", "", ""]
    assert session.query(CustomerMerge).count() == 0
    with pytest.raises(Invalid):
        merges.undo(two.id, by=BY)


def test_nobody_undoes_a_merge_of_tickets_out_of_reach(session: Session) -> None:
    sales, support = make_department("Sales"), make_department("Support")
    kari, other = make_customer("Kari", "kari@a.example"), make_customer("K.", "k@b.example")
    make_ticket("Mine", customer=kari, department=support)
    theirs = make_ticket("Theirs", customer=other, department=sales)
    merges.merge(other, kari, by=BY)
    with pytest.raises(NotFound):
        merges.undo(other.id, by=Actor.of(make_agent(departments=[support])))
    session.rollback()
    assert theirs.customer_id == kari.id and other.merged_into_id == kari.id


def test_plugins_are_told_customer_merged_and_customer_merge_undone(app: Flask, session: Session) -> None:
    without_builtins(app)
    seen = []

    def customer_merged(customer, merged_customer_id):
        seen.append(("merged", customer.id, merged_customer_id))

    def customer_merge_undone(customer, restored_customer_id):
        seen.append(("undone", customer.id, restored_customer_id))

    plug(app, "watch", customer_merged, customer_merge_undone)
    one, two = make_customer(), make_customer()
    merges.merge(two, one, by=BY)
    merges.undo(two.id, by=BY)
    dispatch.deliver_due(app)
    assert seen == [("merged", one.id, two.id), ("undone", one.id, two.id)]
