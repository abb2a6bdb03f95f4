"""The page of a customer, and what plugins put on it."""

import datetime as dt

from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import customers, merges
from inbox.core.events import Actor
from inbox.core.models import Customer
from inbox.plugin_host.items import Panel, TimelineEntry
from inbox.testing.factories import make_agent, make_customer, make_mailbox, make_ticket
from inbox.testing.plugins import plug
from tests.web.browse import Visitor


def test_customer_panels_stand_on_the_page_of_the_customer(app: Flask, session: Session) -> None:
    kari = make_customer("Kari Nordmann")

    def customer_panels(customer, agent):
        return [Panel("Points", facts={customer.name: f"7, says {agent.name}"})]

    plug(app, "loyalty", customer_panels)
    page = Visitor(app).sign_in(make_agent("Ada", role="admin")).get(f"/customers/{kari.id}").text
    assert "Points" in page and "7, says Ada" in page


def test_customer_timeline_stands_among_what_was_said(app: Flask, session: Session) -> None:
    ticket = make_ticket("About wool", customer=make_customer("Kari"), text="Is it warm?")
    asked: list[object] = []

    def customer_timeline(customer, before):
        asked.append(before)
        return [TimelineEntry(customer.created_at - dt.timedelta(days=1), "Bought a scarf", url="https://shop.example/")]

    plug(app, "loyalty", customer_timeline)
    visitor = Visitor(app).sign_in(make_agent(role="admin"))
    page = visitor.get(f"/customers/{ticket.customer_id}").text
    assert page.index("wrote to us") < page.index("Bought a scarf")
    older = visitor.get(f"/customers/{ticket.customer_id}?before=2020-01-01T00:00:00%2B00:00").text
    assert "Bought a scarf" not in older and asked == [None, dt.datetime(2020, 1, 1, tzinfo=dt.UTC)]
    assert visitor.get(f"/customers/{ticket.customer_id}?before=nonsense").status_code == 200


def test_a_merged_customer_leads_to_the_survivor(app: Flask, session: Session) -> None:
    one, two = make_customer("Kari"), make_customer("Kari")
    merges.merge(two, one, by=Actor.system("test"))
    assert Visitor(app).sign_in(make_agent(role="admin")).get(f"/customers/{two.id}").location == f"/customers/{one.id}"


def test_an_owner_gets_and_erases_personal_data(app: Flask, session: Session) -> None:
    ticket = make_ticket("My knee", customer=make_customer("Kari Nordmann", "kari@a.example"), text="It hurts.")
    owner, where = Visitor(app).sign_in(make_agent(role="owner")), f"/customers/{ticket.customer_id}"
    file = owner.get(f"{where}/personal-data.json")
    assert file.json["tickets"][0]["subject"] == "My knee" and "attachment" in file.headers["Content-Disposition"]
    wrong = owner.post(f"{where}/erase", {"typed": "kari"}, page=f"{where}/personal-data")
    assert wrong.status_code == 422 and "exactly" in wrong.text
    done = owner.post(f"{where}/erase", {"typed": "Kari Nordmann"}, page=f"{where}/personal-data")
    assert done.status_code == 303 and "Kari Nordmann" not in owner.get("/views/all").text
    agent = Visitor(app).sign_in(make_agent(role="agent"))
    assert agent.get(f"{where}/personal-data").status_code == 403
    assert agent.get(f"{where}/personal-data.json").status_code == 403


def test_an_address_is_added_and_finds_its_customer_and_one_is_taken_off(app: Flask, session: Session) -> None:
    kari, other = make_customer("Kari", "kari@example.com"), make_customer("Ola", "ola@example.com")
    make_mailbox("help@desk.example", aliases=["sales@desk.example"])
    visitor, page = Visitor(app).sign_in(make_agent(role="admin")), f"/customers/{kari.id}"
    visitor.post(f"{page}/addresses", {"address": "Kari@Work.example"}, page=page)
    assert customers.by_address("kari@work.example").id == kari.id
    for wrong, words in (("nothing", "not a mail address"), ("ola@example.com", "merge them"),
                         ("kari@example.com", "already"), ("sales@desk.example", "of the desk itself")):
        answer = visitor.post(f"{page}/addresses", {"address": wrong}, page=page)
        assert answer.status_code == 422 and words in answer.text
    first, theirs = session.get(Customer, kari.id).addresses[0].id, session.get(Customer, other.id).addresses[0].id
    assert visitor.post(f"{page}/addresses/{theirs}/remove", page=page).status_code == 404
    visitor.post(f"{page}/addresses/{first}/remove", page=page)
    assert customers.by_address("kari@example.com") is None
    last = session.get(Customer, kari.id).addresses[0].id
    assert visitor.post(f"{page}/addresses/{last}/remove", page=page).status_code == 422
    assert customers.by_address("kari@work.example").id == kari.id


def test_addresses_are_changed_only_by_those_who_may(app: Flask, session: Session) -> None:
    kari = make_customer("Kari", "kari@example.com")
    light = Visitor(app).sign_in(make_agent(role="light"))
    answer = light.post(f"/customers/{kari.id}/addresses", {"address": "k@work.example"}, page="/profile")
    assert answer.status_code == 403 and customers.by_address("k@work.example") is None
