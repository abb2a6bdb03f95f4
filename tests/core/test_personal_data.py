"""One person's data, told and erased, in the core and in plugins."""

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import customers, fields, personal_data, search, views
from inbox.core.errors import CoreError, NotAllowed
from inbox.core.events import Actor
from inbox.core.models import Customer, CustomerAddress, Event, Message, Ticket
from inbox.plugin_host.items import PersonalData
from inbox.testing.factories import make_agent, make_customer, make_ticket
from inbox.testing.plugins import host_of, plug

BY = Actor.system("test")


def data_of(app: Flask, export, erase) -> None:
    def register_personal_data():
        return [PersonalData("loyalty.points", export=export, erase=erase)]

    plug(app, "loyalty", register_personal_data)


def test_register_personal_data_is_told_and_erased_with_ours(app: Flask, session: Session) -> None:
    erased = []
    data_of(app, lambda customer_id: {"points": customer_id}, lambda customer_id, addresses: erased.append(
        (customer_id, addresses)))
    kari, per = make_customer("Kari Nordmann", "kari@a.example"), make_customer("Per", "per@a.example")
    ticket, other = make_ticket("My knee", customer=kari, text="It hurts."), make_ticket("Other", customer=per)
    field = fields.of_customers.define(by=BY, title="Level")
    fields.set_values(kari, {field.id: "Gold"}, by=BY)
    found = personal_data.export(kari, by=BY)
    assert found["name"] == "Kari Nordmann" and found["fields"] == {"Level": "Gold"}
    assert found["addresses"] == [{"kind": "mail", "value": "kari@a.example"}]
    assert found["tickets"][0]["messages"][0]["text"] == "It hurts." and found["loyalty"] == {"points": kari.id}
    kari_id, ticket_id = kari.id, ticket.id
    for _ in range(2):
        personal_data.erase(session.get_one(Customer, kari_id), by=BY)
    assert erased == [(kari_id, ["kari@a.example"]), (kari_id, [])]
    assert session.get(Ticket, ticket_id) is None and session.get(Ticket, other.id) is not None
    assert session.scalar(sa.select(Message.id).where(Message.text.contains("hurts"))) is None
    assert views.page(make_agent(role="admin"), q="hurts").rows == [] and search.newest(
        search.match(search.phrases("hurts")), below=None, limit=5) == []
    assert session.scalar(sa.select(CustomerAddress.id).where(CustomerAddress.customer_id == kari_id)) is None
    assert customers.by_address("kari@a.example") is None and fields.of_customers.of(kari_id) == {}
    assert session.get_one(Customer, kari_id).name == ""
    assert session.scalar(sa.select(sa.func.count()).select_from(Event).where(Event.kind == "customer_erased")) == 2


def test_when_a_plugin_fails_nothing_of_ours_is_erased(app: Flask, session: Session) -> None:
    def fails(*_):
        raise ValueError("down")

    data_of(app, fails, fails)
    host_of(app).raise_faults = False
    ticket = make_ticket("Hello", customer=make_customer("Kari"))
    for what in (personal_data.erase, personal_data.export):
        with pytest.raises(CoreError, match="loyalty"):
            what(ticket.customer, by=BY)
    session.rollback()
    assert session.get(Ticket, ticket.id) is not None and ticket.customer.name == "Kari"


def test_what_cannot_become_a_file_is_the_plugins_fault(app: Flask, session: Session) -> None:
    data_of(app, lambda customer_id: {("a", "pair"): customer_id}, lambda *_: None)
    host_of(app).raise_faults = False
    with pytest.raises(CoreError, match="loyalty"):
        personal_data.export(make_customer("Kari"), by=BY)


def test_only_those_who_may_delete_for_good(app: Flask, session: Session) -> None:
    kari = make_customer("Kari")
    for what in (personal_data.erase, personal_data.export):
        with pytest.raises(NotAllowed):
            what(kari, by=Actor.of(make_agent(role="agent")))
