"""Sending on the page: undone wherever one goes next, later, and stopped when somebody was faster."""

import datetime as dt
import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import answering, drafts, messages, settings, tickets
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import Agent, Message, Ticket
from inbox.db import utcnow
from inbox.testing.factories import make_agent, make_customer, make_department, make_mailbox, make_message, make_ticket
from tests.web.browse import HTMX, Visitor


@pytest.fixture
def ticket(session: Session) -> Ticket:
    support = make_mailbox("help@desk.example", department=make_department("Support")).department
    return make_ticket("Boots", department=support, customer=make_customer("Ola", "ola@example.no"))


@pytest.fixture
def kari(ticket: Ticket) -> Agent:
    return make_agent("Kari", departments=[ticket.department])


@pytest.fixture
def writer(app: Flask, kari: Agent, held_mail: None) -> Visitor:
    return Visitor(app).sign_in(kari)


def send(writer: Visitor, ticket: Ticket, text: str = "On their way.", **more: Any) -> Any:
    """Send a reply that knows what there is now, unless it says something else."""
    data = {"kind": "reply", "text": text, "known": str(answering.newest_event(ticket)), **more}
    return writer.post(f"/tickets/{ticket.number}/messages?in=mine", {k: v for k, v in data.items() if k != "headers"},
                       page="/views/all", headers=more.get("headers", {}))


def undo(writer: Visitor, message: Message, **options: Any) -> Any:
    return writer.post(f"/messages/{message.id}/undo", page="/views/all", **options)


def last(ticket: Ticket) -> Message:
    return messages.thread(ticket)[-1]


def toasts(page: str) -> list[str]:
    return re.findall(r'<undo-toast .*? action="([^"]+)"', page, re.DOTALL)


def test_undo_is_offered_on_every_page_for_fifteen_seconds(writer: Visitor, ticket: Ticket, frozen_time: Any) -> None:
    assert send(writer, ticket, status="closed").location == "/views/mine"
    reply = last(ticket)
    other = make_ticket("Socks", department=ticket.department)
    frozen_time.move(seconds=14)
    for path in ("/views/all", f"/tickets/{other.number}", "/profile"):
        assert toasts(writer.get(path).text) == [f"/messages/{reply.id}/undo?in=mine"], path
    assert f'action="/messages/{reply.id}/undo' in writer.get(f"/tickets/{ticket.number}").text  # on the message, too
    frozen_time.move(seconds=1)
    assert toasts(writer.get("/views/all").text) == []


def test_undone_after_seventeen_seconds_it_is_in_the_composer_again(writer: Visitor, ticket: Ticket, kari: Agent,
                                                                    frozen_time: Any) -> None:
    send(writer, ticket, cc="siv@example.no", status="closed")
    frozen_time.move(seconds=17)
    assert undo(writer, last(ticket)).location == f"/tickets/{ticket.number}?in=all"
    page = writer.get(f"/tickets/{ticket.number}").text
    assert 'dir="auto" autocomplete="off" placeholder="Write an answer …">On their way.</textarea>' in page
    assert 'name="cc" value="siv@example.no"' in page and "took a reply back" in page
    assert ticket.status == "open" and toasts(page) == []


def test_on_the_tickets_page_undo_swaps_thread_and_composer(writer: Visitor, ticket: Ticket) -> None:
    send(writer, ticket)
    here = {**HTMX, "HX-Current-URL": f"http://localhost/tickets/{ticket.number}?in=mine"}
    part = undo(writer, last(ticket), headers=here).text
    assert 'id="timeline"' in part and "On their way.</textarea>" in part and "data-focus" in part
    send(writer, ticket)
    elsewhere = {**HTMX, "HX-Current-URL": "http://localhost/views/all"}
    assert undo(writer, last(ticket), headers=elsewhere).headers["HX-Redirect"] == f"/tickets/{ticket.number}?in=all"


def test_too_late_is_said(writer: Visitor, ticket: Ticket) -> None:
    send(writer, ticket)
    reply = last(ticket)
    undo(writer, reply)
    answer = undo(writer, reply, headers=HTMX)
    assert answer.status_code == 409 and "taken back already" in answer.text


def test_a_desk_can_do_without(writer: Visitor, ticket: Ticket) -> None:
    settings.put("mail.hold", 0, by=Actor.system("test"))
    send(writer, ticket)
    assert toasts(writer.get("/views/all").text) == [] and (last(ticket).send_after or utcnow()) <= utcnow()


def test_the_mail_of_a_new_ticket_can_be_undone(writer: Visitor, ticket: Ticket) -> None:
    opened = writer.post("/tickets/new", {"address": "per@example.no", "subject": "Hello", "text": "We have news.",
                                          "department": str(ticket.department_id)})
    page = writer.get(opened.location).text
    assert len(toasts(page)) == 1
    writer.post(toasts(page)[0], page="/views/all")
    assert "We have news.</textarea>" in writer.get(opened.location).text


# --- later ------------------------------------------------------------------------------------------------------


def test_sent_later_it_waits_in_the_thread(writer: Visitor, ticket: Ticket) -> None:
    at = utcnow() + dt.timedelta(days=2)
    send(writer, ticket, later=at.isoformat(), status="closed")
    page = writer.get(f"/tickets/{ticket.number}").text
    assert "goes out" in page and "Back to draft" in page and ticket.status == "open"
    writer.post(f"/messages/{last(ticket).id}/send-now", page="/views/all")
    assert (last(ticket).send_after or at) <= utcnow()


def test_a_time_that_is_typed(writer: Visitor, ticket: Ticket) -> None:
    for more in ({"later": "typed"}, {}):  # the button, and Enter in the field
        send(writer, ticket, until="in 3 hours", **more)
        reply = last(ticket)
        assert reply.send_after is not None
        assert dt.timedelta(hours=2.9) < reply.send_after - utcnow() < dt.timedelta(hours=3.1)
        undo(writer, reply)
    refused = send(writer, ticket, until="whenever", headers=HTMX)
    assert refused.status_code == 422 and last(ticket).kind == "received"


def test_send_and_snooze(writer: Visitor, ticket: Ticket) -> None:
    assert send(writer, ticket, snooze=(utcnow() + dt.timedelta(days=1)).isoformat()).location == "/views/mine"
    assert ticket.shelf == "snoozed"
    undo(writer, last(ticket))
    assert ticket.shelf == "open"


# --- somebody was faster ----------------------------------------------------------------------------------------


def faster(ticket: Ticket) -> int:
    """A colleague answers and closes after the page was drawn. Returns what the page knew."""
    known, boss = answering.newest_event(ticket), make_agent("Boss", role="admin")
    messages.reply(ticket, Body("I was faster."), by=Actor.of(boss), status="pending")
    return known


def test_a_stale_send_is_kept_and_shows_what_is_new(writer: Visitor, ticket: Ticket, kari: Agent) -> None:
    answer = send(writer, ticket, known=str(faster(ticket)), cc="siv@example.no", headers=HTMX)
    assert answer.status_code == 409 and last(ticket).text == "I was faster."
    assert "Not sent. Boss wrote meanwhile." in answer.text and "set it to pending" in answer.text
    assert "New since you began to write" in answer.text and "On their way.</textarea>" in answer.text
    draft = drafts.of(ticket, kari, "reply")
    assert draft is not None and (draft.text, draft.extra["cc"]) == ("On their way.", "siv@example.no")
    assert "Not sent. Boss wrote" in writer.get(f"/tickets/{ticket.number}").text  # after a reload, too


def test_without_javascript_it_is_a_page_that_can_be_sent_anyway(writer: Visitor, ticket: Ticket) -> None:
    stopped = send(writer, ticket, known=str(faster(ticket)), status="closed")
    assert stopped.status_code == 409 and "<html" in stopped.text
    anyway = re.search(r'name="(\w+)" value="(\w+)">Send anyway', stopped.text)
    known = re.search(r'name="known" value="(\d+)"', stopped.text)
    assert anyway is not None and known is not None and anyway.groups() == ("status", "closed")
    assert send(writer, ticket, known=known[1], status="closed", version="1").location == "/views/mine"
    assert (last(ticket).text, ticket.status) == ("On their way.", "closed")


def test_a_customer_stops_it_a_note_of_ones_own_does_not(writer: Visitor, ticket: Ticket, kari: Agent) -> None:
    known = str(answering.newest_event(ticket))
    messages.note(ticket, Body("Mine."), by=Actor.of(kari))
    assert send(writer, ticket, known=known).status_code == 303
    known = str(answering.newest_event(ticket))
    make_message(ticket, "Never mind!")
    assert send(writer, ticket, known=known).status_code == 409


def test_written_on_it_is_a_draft_like_any_other(writer: Visitor, ticket: Ticket, kari: Agent) -> None:
    send(writer, ticket, known=str(faster(ticket)))
    draft = drafts.of(ticket, kari, "reply")
    assert draft is not None
    drafts.save(by=Actor.of(kari), kind="reply", body=Body("Better."), draft=draft, version=draft.version)
    assert "Not sent." not in writer.get(f"/tickets/{ticket.number}").text


def test_whom_the_page_showed_still_gets_it(writer: Visitor, ticket: Ticket, kari: Agent) -> None:
    known = str(answering.newest_event(ticket))
    make_message(ticket, "I am his wife.", from_address="siv@example.no", from_name="Siv")
    send(writer, ticket, known=known, shown="ola@example.no")
    draft = drafts.of(ticket, kari, "reply")
    assert draft is not None and draft.extra["to"] == "ola@example.no"


def test_what_a_customer_stopped_says_so(writer: Visitor, ticket: Ticket, kari: Agent) -> None:
    send(writer, ticket, later=(utcnow() + dt.timedelta(days=2)).isoformat())
    make_message(ticket, "Never mind!")
    page = writer.get(f"/tickets/{ticket.number}").text
    assert "The customer wrote, so the reply that waited was not sent" in page and "Not sent. " in page
    assert tickets.get(ticket.number, kari).message_count == 2
