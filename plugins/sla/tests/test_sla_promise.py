"""What customers are told of service levels, and service levels for segments that another plugin knows."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from inbox.toolkit import Actor, Body, Customer, Ticket, messages, session, settings, transaction
from inbox_plugins.sla import targets
from inbox_plugins.sla.models import SlaCalendar, SlaPolicy

FRIDAY = dt.datetime(2026, 6, 5, 13, 30, tzinfo=dt.UTC)  # half past three in Oslo
OFFICE = {"zone": "Europe/Oslo", "week": [[[540, 1020]]] * 5 + [[], []], "holidays": []}
ALWAYS = {"zone": "UTC", "week": [[[0, 1440]]] * 7, "holidays": []}
SAID = "{sla.answer_within}"
SYSTEM = Actor.system("test")


@pytest.fixture
def sla(activate: Any, frozen_time: Any, standard: Any) -> Any:
    """The plugin, with a promise of four hours in the working hours of an office in Oslo."""
    activate("sla")
    frozen_time.set(FRIDAY)
    return standard(OFFICE, first_reply=240, next_reply=90)


@pytest.fixture
def saved_reply(client: Any) -> Any:
    """What a saved reply with the placeholder gives for a ticket."""
    client.post("/settings/saved-replies/new", {"name": "Thanks", "text": f"Thank you. {SAID} Bye.", "whose": "me"},
                page="/settings/saved-replies/new")

    def given(ticket: Ticket) -> str:
        menu = client.get(f"/tickets/{ticket.number}/saved-replies").text
        return str(client.post(re.search(r'data-use="([^"]+)"', menu)[1]).json["text"])

    return given


def test_register_placeholders_a_promise_that_ends_after_the_weekend_says_when(sla, receive_email, deliver_events,
                                                                                saved_reply):
    ticket = receive_email("Where is it?")
    deliver_events()
    assert ("Thank you. We answer within 4 hours of our working time: by Mon, Jun 8, 11:30 AM (Oslo) at the latest. "
            "Bye.") in plain(saved_reply(ticket))


def test_a_promise_for_today_says_how_long(sla, frozen_time, receive_email, deliver_events, saved_reply):
    frozen_time.set(FRIDAY - dt.timedelta(hours=5))
    ticket = receive_email("Where is it?")
    deliver_events()
    assert "Thank you. We answer within 4 hours of our working time. Bye." in saved_reply(ticket)


def test_a_desk_that_never_sleeps_speaks_of_no_working_time(sla, receive_email, deliver_events, saved_reply):
    with transaction():
        session().get_one(SlaCalendar, sla.calendar_id).definition = ALWAYS
    ticket = receive_email("Where is it?")
    deliver_events()
    assert "Thank you. We answer within 4 hours. Bye." in saved_reply(ticket)


def test_after_an_answer_the_next_one_is_promised(sla, receive_email, deliver_events, agent, frozen_time, saved_reply):
    frozen_time.set(FRIDAY - dt.timedelta(hours=5))
    ticket = receive_email("Where is it?")
    messages.reply(ticket, Body("On its way."), by=Actor.of(agent))
    deliver_events()
    assert "We answer within 90 minutes of our working time." in saved_reply(ticket)


def test_nothing_promised_says_nothing(sla, receive_email, deliver_events, saved_reply):
    with transaction():
        session().get_one(SlaPolicy, sla.id).first_reply = None
    ticket = receive_email("Where is it?")
    deliver_events()
    assert "Thank you. Bye." in saved_reply(ticket)


def test_it_is_said_in_the_language_of_the_customer(sla, receive_email, deliver_events, saved_reply):
    ticket = receive_email("Hvor er den?")
    with transaction():
        session().get_one(Customer, ticket.customer_id).locale = "nb"
    deliver_events()
    said = plain(saved_reply(ticket))
    assert "Vi svarer innen 4 timer av arbeidstiden vår: senest man. 8. juni, 11:30 (Oslo)." in said


def test_the_automatic_answer_says_it_too(sla, desk, receive_email, deliver_events, mail_out):
    settings.put_all({"auto_reply.on": True, "auto_reply.text": "Hello {name}. " + SAID}, by=SYSTEM)
    receive_email("Where is it?", sender="{number} <kari@example.com>")
    deliver_events()
    [sent] = mail_out()
    said = sent.get_body().get_content()
    assert "Hello {number}. We answer within 4 hours of our working time: by Mon, Jun 8," in said


# --- segments ---------------------------------------------------------------------------------------------------


@pytest.fixture
def vip(sla: Any, activate: Any, client: Any) -> SlaPolicy:
    """A faster promise for the segment VIP: customers who write from one domain."""
    activate("crm")
    client.post("/x/crm/segments/new", {"name": "VIP", "what": ["domain"], "test": ["is"],
                                        "value": ["fjord.example"]}, page="/x/crm/segments/new")
    page = client.get("/x/sla/policies/new").text
    assert "VIP" in page
    form = {"name": "Fast", "department_id": "", "priority": "", "tag": "", "segment": "crm:1", "next_reply": "",
            "calendar_id": str(sla.calendar_id), "first_reply": "30 min", "resolution": "", "warn": "5 min",
            "is_active": "1", "notify": "1", "assign_to": ""}
    assert client.post("/x/sla/policies/new", form, page="/x/sla/policies/new").status_code == 303
    client.post("/x/sla/policies/2/up", {}, page="/x/sla/")
    return session().get_one(SlaPolicy, 2)


def policies_of(*waiting: Ticket) -> list[str]:
    session().expire_all()
    return [targets.of_ticket(each.id)[0].policy_name for each in waiting]


def test_a_segment_has_its_own_promise(vip, receive_email, deliver_events, desk, client):
    dear, other = receive_email("Hei", sender="a@fjord.example"), receive_email("Hei", sender="b@elsewhere.example")
    deliver_events()
    desk.run_job("sla.watch")  # the two plugins hear of a customer in any order
    assert policies_of(dear, other) == ["Fast", "Standard"]
    assert "VIP" in client.get("/x/sla/").text


def test_without_the_plugin_that_knows_segments_there_is_no_choice_and_nobody_is_in_one(
        vip, receive_email, deliver_events, desk, client):
    desk.deactivate("crm")
    ticket = receive_email("Hei", sender="a@fjord.example")
    deliver_events()
    assert policies_of(ticket) == ["Standard"]
    assert "a segment that is not there now" in client.get("/x/sla/policies/2").text
    assert "Segment of the customer" not in client.get("/x/sla/policies/new").text


def test_a_plugin_that_cannot_say_who_asks_costs_nobody_the_promise(
        vip, desk, receive_email, deliver_events, faults, monkeypatch):
    def down(*about: Any) -> Any:
        raise ValueError("down")

    monkeypatch.setattr(desk.host.pm.get_plugin("crm"), "for_service_levels", down)
    ticket = receive_email("Hei", sender="a@fjord.example")
    deliver_events()
    assert policies_of(ticket) == ["Standard"]
    assert {(each.plugin, each.hook) for each in faults()} == {("crm", "sla_segments")}


def test_a_segment_that_nobody_knows_is_refused(vip, client):
    wrong = {"name": "X", "department_id": "", "priority": "", "tag": "", "segment": "crm:99", "calendar_id": "1",
             "first_reply": "1 h", "next_reply": "", "resolution": "", "warn": "", "assign_to": ""}
    answer = client.post("/x/sla/policies/new", wrong, page="/x/sla/policies/new")
    assert answer.status_code == 422 and "That is gone" in answer.text


def plain(text: str) -> str:
    """Spaces that do not break, as some languages have them in times, are spaces."""
    return text.replace("\u202f", " ").replace("\xa0", " ")
