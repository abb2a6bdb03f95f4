"""Mail that a colleague passed on: whose it is says an agent, not the mail."""

import pytest

from inbox.core import attribution, messages
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import Message, Ticket
from inbox.testing.factories import make_agent, make_customer, make_department, make_mailbox, make_ticket
from tests.web.browse import Visitor

FORWARD = "Can you help her?\n\nFrom: Ola Moe <ola@example.no>\nTo: info@desk.example\n\nWhere is my parcel?"


@pytest.fixture
def ticket(session) -> Ticket:
    mailbox = make_mailbox("info@desk.example", department=make_department("Support"))
    return make_ticket("Fwd: Parcel", department=mailbox.department, text=FORWARD,
                       customer=make_customer("Kari Colleague", "kari@company.example"))


@pytest.fixture
def ada(ticket):
    return make_agent("Ada", departments=[ticket.department])


def first(ticket: Ticket) -> Message:
    return messages.thread(ticket)[0]


def test_nothing_is_believed_by_itself(ticket) -> None:
    assert ticket.customer.email == "kari@company.example"
    assert [each.address for each in messages.recipients_for_reply(ticket)] == ["kari@company.example"]
    assert attribution.suggestions(first(ticket)) == ["ola@example.no"]


def test_an_agent_says_whose_it_is_and_takes_it_back(ticket, ada) -> None:
    attribution.attribute(first(ticket), "ola@example.no", by=Actor.of(ada), name="Ola Moe")
    assert (ticket.customer.name, ticket.customer.email) == ("Ola Moe", "ola@example.no")
    assert [each.address for each in messages.recipients_for_reply(ticket)] == ["ola@example.no"]
    assert first(ticket).from_address == "kari@company.example"  # who sent it stays what it is
    attribution.attribute(first(ticket), "siv@example.no", by=Actor.of(ada))
    attribution.take_back(first(ticket), by=Actor.of(ada))
    assert ticket.customer.email == "kari@company.example"
    assert [each.address for each in messages.recipients_for_reply(ticket)] == ["kari@company.example"]


def test_what_cannot_be(ticket, ada) -> None:
    for wrong in ("nobody", "info@desk.example"):
        with pytest.raises(Invalid):
            attribution.attribute(first(ticket), wrong, by=Actor.of(ada))
    with pytest.raises(NotFound):
        attribution.attribute(first(ticket), "ola@example.no", by=Actor.of(make_agent("Bo")))


def test_it_is_said_in_the_menu_of_the_message(app, ticket, ada) -> None:
    visitor, path = Visitor(app).sign_in(ada), f"/tickets/{ticket.number}"
    message = first(ticket)
    assert '<option value="ola@example.no">' in visitor.get(f"/messages/{message.id}/why").text
    visitor.post(f"/messages/{message.id}/written-for", {"address": "ola@example.no"}, page=path)
    page = visitor.get(path).text
    assert "Passed on for ola@example.no, says an agent." in page and "To ola@example.no</span>" in page
    visitor.post(f"/messages/{message.id}/written-for", page=path)
    assert "Passed on for" not in visitor.get(path).text
