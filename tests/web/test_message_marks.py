"""What stands beside messages: machines, odd senders, who was not reached; and moving them, with undo."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import messages, senders, sending, tickets
from inbox.core.events import Actor
from inbox.core.messages import Address, Body
from inbox.core.models import Department, Message, Ticket
from inbox.db import transaction
from inbox.testing.factories import make_agent, make_department, make_message, make_ticket
from tests.web.browse import Visitor


def verdict_of(address: str) -> tuple[str, str] | None:
    return senders.verdict_in(senders.decided_about([address]), address)

SYSTEM = Actor.system("test")


@pytest.fixture
def department(session: Session) -> Department:
    return make_department("Support")


@pytest.fixture
def ada(app: Flask, department: Department) -> Visitor:
    return Visitor(app).sign_in(make_agent("Ada", departments=[department]))


@pytest.fixture
def ticket(department: Department) -> Ticket:
    return make_ticket("Parcel", department=department)


def page(ada: Visitor, ticket: Ticket) -> str:
    return ada.get(f"/tickets/{ticket.number}").text


MARKS = [
    ({"kind": "sender_failed", "domain": "bank.example"}, "bank.example says that this mail is not from there."),
    ({"kind": "sender_unconfirmed", "domain": "bank.example"}, "Nothing confirms that this mail is from bank.example."),
    ({"kind": "name_address", "address": "a@bank.example"}, "shows the address a@bank.example, but"),
    ({"kind": "name_ours", "name": "Ada L"}, "bears the name of Ada L, but"),
    ({"kind": "spam_list", "sender": "@bad.example"}, "@bad.example is on the list"),
    ({"kind": "spam_field", "field": "X-Spam-Flag: <YES>"}, "X-Spam-Flag: &lt;YES&gt;")]


def test_what_is_odd_about_a_sender_is_said(ada: Visitor, ticket: Ticket) -> None:
    make_message(ticket, extra={"marks": [mark for mark, _ in MARKS] + [{"kind": "of another version"}]})
    shown = page(ada, ticket)
    assert [words for _, words in MARKS if words not in shown] == []


@pytest.mark.parametrize(("machine", "chip"), [("away", "out of office"), ("bounce", "delivery report"),
                                               ("complaint", "spam report"), ("", "automatic")])
def test_machines_are_told_apart(ada: Visitor, ticket: Ticket, machine: str, chip: str) -> None:
    make_message(ticket, extra={"machine": machine}, is_automatic=True)
    assert f'<span class="chip">{chip}</span>' in page(ada, ticket)


def test_each_recipient_who_was_not_reached_is_named_with_the_reason(ada: Visitor, ticket: Ticket) -> None:
    to = [Address("to", "kari@example.com"), Address("cc", "ola@example.com"), Address("bcc", "boss@example.com")]
    reply = messages.reply(ticket, Body("On its way."), by=SYSTEM, to=to)
    sending.bounced(reply, "ola@example.com", "552 over quota", kind="full")
    sending.bounced(reply, "boss@example.com", "451 later", kind="soft", permanent=False)
    shown = page(ada, ticket)
    assert "to kari@example.com, Cc ola@example.com, Bcc boss@example.com" in shown
    assert "<b>ola@example.com</b>: the mailbox is full" in shown
    assert "<b>boss@example.com</b>: not delivered yet · 451 later" in shown
    assert [each.state for each in reply.recipients] == ["queued", "bounced", "queued"]


def test_every_message_says_why_it_is_here(ada: Visitor, ticket: Ticket) -> None:
    note = make_message(ticket, "Look", kind="note", by=make_agent("Bo", role="admin"))
    first = messages.thread(ticket)[0]
    assert "An agent wrote it in this ticket." in ada.get(f"/messages/{note.id}/why").text
    assert "so it opened a new ticket" in ada.get(f"/messages/{first.id}/why").text


def test_a_message_is_moved_and_moved_back(ada: Visitor, ticket: Ticket, session: Session) -> None:
    second = make_message(ticket, "My printer burns.", subject="Printer")
    answer = ada.post(f"/messages/{second.id}/move", page=f"/tickets/{ticket.number}")
    moved = session.get_one(Ticket, session.get_one(Message, second.id).ticket_id)
    assert answer.location.startswith(f"/tickets/{moved.number}") and moved.id != ticket.id
    shown = page(ada, moved)
    assert f"Moved here from ticket {ticket.number}." in shown and "Move it back" in shown
    assert f"Ada moved a message from ticket {ticket.number} to ticket {moved.number}" in page(ada, ticket)
    ada.post(f"/messages/{second.id}/move-back", page=f"/tickets/{moved.number}")
    assert session.get_one(Message, second.id).ticket_id == ticket.id


def test_a_message_is_moved_to_a_ticket_by_its_number(ada: Visitor, ticket: Ticket, department: Department) -> None:
    other = make_ticket("Printer", department=department)
    second = make_message(ticket, "My printer burns.")
    where = f"/messages/{second.id}/move"
    for wrong, status in (("x", 422), ("999999", 404), (str(make_ticket("Elsewhere").number), 404)):
        assert ada.post(where, {"number": wrong}, page=f"/tickets/{ticket.number}").status_code == status
    ada.post(where, {"number": f"#{other.number}"}, page=f"/tickets/{ticket.number}")
    assert [each.text for each in messages.thread(other)][-1] == "My printer burns."


def test_the_page_of_a_ticket_left_empty_leads_on(ada: Visitor, ticket: Ticket, department: Department) -> None:
    other = make_ticket("The same", department=department)
    (only,) = messages.thread(other)
    ada.post(f"/messages/{only.id}/move", {"number": str(ticket.number)}, page=f"/tickets/{ticket.number}")
    assert ada.get(f"/tickets/{other.number}").location.startswith(f"/tickets/{ticket.number}")


def test_another_subject_suggests_a_ticket_of_its_own(ada: Visitor, ticket: Ticket) -> None:
    second = make_message(ticket, "My printer burns.", subject="Printer burns")
    with transaction():
        second.why = {"by": "in_reply_to", "subject": "Printer burns"}
    shown = page(ada, ticket)
    assert "It has another subject: Printer burns" in shown and "Make it a ticket of its own" in shown


def test_a_sender_is_kept_out_and_let_in_from_the_ticket(ada: Visitor, ticket: Ticket, session: Session) -> None:
    address, path = ticket.customer.email, f"/tickets/{ticket.number}"
    assert f"Mark as spam, and keep {address} out" in page(ada, ticket)
    ada.post(f"{path}/block", page=path)
    assert session.get_one(Ticket, ticket.id).shelf == "spam"
    assert verdict_of(address) == ("block", address)
    ada.post(f"{path}/allow", page=path)
    assert tickets.get(ticket.number, make_agent(role="admin")).shelf == "open"
    assert verdict_of(address) == ("allow", address)
