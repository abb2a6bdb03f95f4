"""Answers that wait: undone as if they had never been sent, sent once whoever dies, stopped when a customer writes."""

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import answering, drafts, intake, messages, outgoing_hold, overtaken, permissions, sending, tickets
from inbox.core.answering import Wishes
from inbox.core.attachments import StoredFile
from inbox.core.errors import NotFound, Stale
from inbox.core.events import Actor
from inbox.core.intake import Incoming
from inbox.core.messages import Address, Body, Sending
from inbox.core.models import Agent, CaughtMail, Event, Message, SendAttempt, Ticket
from inbox.core.outgoing_hold import Wait
from inbox.db import transaction, utcnow
from inbox.jobs import engine
from inbox.mail import deliver  # noqa: F401  (declares its jobs)
from inbox.testing.factories import make_agent, make_customer, make_department, make_file, make_mailbox, make_ticket

SECONDS = 18
TO = [Address("to", "ola@example.no", "Ola"), Address("cc", "siv@example.no"), Address("bcc", "x@y.example")]


@pytest.fixture
def ticket(session: Session) -> Ticket:
    support = make_mailbox("help@desk.example", department=make_department("Support")).department
    return make_ticket("Boots", department=support, customer=make_customer("Ola", "ola@example.no"))


@pytest.fixture
def kari(ticket: Ticket) -> Agent:
    return make_agent("Kari", departments=[ticket.department])


def state(ticket: Ticket) -> dict[str, Any]:
    return {**answering.state_of(ticket)["state"], "shelf": ticket.shelf, "count": ticket.message_count}


def held(ticket: Ticket, kari: Agent, how: Sending | None = None, **options: Any) -> Message:
    """A reply that waits, made of a draft."""
    draft = drafts.of(ticket, kari, "reply") or drafts.save(by=Actor.of(kari), kind="reply", body=Body("On their"),
                                                            ticket=ticket)
    how = how or Sending(wait=Wait(utcnow() + dt.timedelta(seconds=SECONDS)))
    return messages.reply(ticket, Body("On their way.", "<div>On their <b>way</b>.</div>"), by=Actor.of(kari), to=TO,
                          draft=draft, how=how, **options)


def work(app: Flask, session: Session, seconds: float = 0) -> None:
    """What a worker does after so many seconds."""
    engine.run_due(app, ("mail.send",), now=utcnow() + dt.timedelta(seconds=seconds))
    session.rollback()
    session.expire_all()


def answered(ticket: Ticket, text: str = "Never mind!") -> None:
    """The customer writes in the ticket."""
    plan = intake.plan(Incoming(subject="Re: Boots", from_address="ola@example.no", text=text), mailbox=None,
                       target=ticket, department=ticket.department)
    with transaction():
        intake.accept(plan)


def copies(session: Session) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(CaughtMail)) or 0


def test_undo_after_fourteen_seconds_brings_back_the_draft_and_the_ticket(
        ticket: Ticket, kari: Agent, session: Session, app: Flask, frozen_time: Any) -> None:
    before, file = state(ticket), make_file(b"%PDF-1", "label.pdf")
    reply = held(ticket, kari, files=[file], status="closed")
    assert (ticket.status, ticket.assignee_id, ticket.waiting_since) == ("closed", kari.id, None)
    frozen_time.move(seconds=14)
    work(app, session)
    draft = outgoing_hold.undo(reply.id, by=Actor.of(kari))
    assert (draft.id, draft.state, draft.kind, draft.text) == (reply.id, "draft", "reply", "On their way.")
    assert draft.html == "<div>On their <b>way</b>.</div>"
    assert draft.extra == {"to": "Ola <ola@example.no>", "cc": "siv@example.no", "bcc": "x@y.example"}
    assert [each.filename for each in draft.attachments] == ["label.pdf"] and draft.recipients == []
    assert state(ticket) == before and ticket.assignee is None
    assert drafts.of(ticket, kari, "reply") is draft and len(messages.thread(ticket)) == 1
    frozen_time.move(seconds=60)
    work(app, session)
    assert copies(session) == 0 and draft.state == "draft"


def test_undo_is_a_fact_that_names_what_it_takes_back(ticket: Ticket, kari: Agent, session: Session) -> None:
    outgoing_hold.undo(held(ticket, kari, status="closed").id, by=Actor.of(kari))
    told = {each.id: each.kind for each in session.scalars(sa.select(Event).where(Event.ticket_id == ticket.id))}
    undone = session.scalars(sa.select(Event).where(Event.kind == "reply_undone")).one()
    assert [told[each] for each in undone.data["undoes"]] == [
        "ticket_assigned", "reply_queued", "ticket_status_changed"]
    assert undone.data["agent"] == kari.id


def test_what_was_changed_since_stays_when_a_reply_is_undone(ticket: Ticket, kari: Agent) -> None:
    boss = make_agent("Boss", role="admin")
    reply = held(ticket, kari, status="closed")
    tickets.assign(ticket, boss, by=Actor.of(boss))
    answered(ticket)
    outgoing_hold.undo(reply.id, by=Actor.of(kari))
    assert (ticket.status, ticket.assignee_id, ticket.snippet) == ("open", boss.id, "Never mind!")
    assert ticket.waiting_since is not None


def test_words_begun_since_stand_below_what_comes_back(ticket: Ticket, kari: Agent) -> None:
    reply = held(ticket, kari)
    begun = drafts.save(by=Actor.of(kari), kind="reply", body=Body("And & more"), ticket=ticket)
    drafts.add_files(begun, [make_file(b"map", "map.png")], by=Actor.of(kari))
    draft = outgoing_hold.undo(reply.id, by=Actor.of(kari))
    assert draft.text == "On their way.\n\nAnd & more" and "<div>And &amp; more</div>" in (draft.html or "")
    assert [each.filename for each in draft.attachments] == ["map.png"]
    assert [each.id for each in drafts.all_of(kari)] == [draft.id]


def test_an_undone_forward_gives_back_what_it_passed_on(ticket: Ticket, kari: Agent, session: Session) -> None:
    with transaction():
        first = messages.thread(ticket)[0]
        messages.attach(first, [make_file(b"foot", "foot.jpg")])
    how = Sending(wait=Wait(utcnow() + dt.timedelta(seconds=SECONDS)))

    def forward(draft: Message | None = None, files: list[StoredFile] | None = None) -> Message:
        return messages.forward(ticket, Body("See"), by=Actor.of(kari), to=TO, how=how, draft=draft, files=files or [])

    sent = forward(files=[make_file(b"own", "own.txt")])
    assert [each.filename for each in sent.attachments] == ["own.txt", "foot.jpg"]
    draft = outgoing_hold.undo(sent.id, by=Actor.of(kari))
    assert [each.filename for each in draft.attachments] == ["own.txt"]
    assert [each.filename for each in forward(draft).attachments] == ["own.txt", "foot.jpg"]


def test_nothing_is_undone_twice_or_by_another_or_too_late(ticket: Ticket, kari: Agent, session: Session,
                                                           app: Flask) -> None:
    reply = held(ticket, kari)
    with pytest.raises(NotFound):
        outgoing_hold.undo(reply.id, by=Actor.of(make_agent("Boss", role="admin")))
    outgoing_hold.undo(reply.id, by=Actor.of(kari))
    with pytest.raises(Stale, match="taken back already"):
        outgoing_hold.undo(reply.id, by=Actor.of(kari))
    again = held(ticket, kari)
    with transaction():
        again.send_after = utcnow()
    work(app, session, SECONDS)
    assert again.state == "sent" and again.extra == {}
    with pytest.raises(Stale, match="on its way"):
        outgoing_hold.undo(again.id, by=Actor.of(kari))


def test_sent_again_after_undo_it_goes_out_once(ticket: Ticket, kari: Agent, session: Session, app: Flask,
                                                frozen_time: Any) -> None:
    draft = outgoing_hold.undo(held(ticket, kari).id, by=Actor.of(kari))
    frozen_time.move(seconds=5)
    messages.reply(ticket, Body("Better."), by=Actor.of(kari), draft=draft,
                   how=Sending(wait=Wait(utcnow() + dt.timedelta(seconds=SECONDS))))
    for _look in range(3):  # at the first one's time, before and after its own
        frozen_time.move(seconds=13)
        work(app, session)
    assert draft.state == "sent" and copies(session) == 1


def test_a_worker_killed_inside_the_window_neither_sends_twice_nor_loses_it(
        ticket: Ticket, kari: Agent, session: Session, app: Flask, frozen_time: Any) -> None:
    reply = held(ticket, kari)
    work(app, session)  # nothing is due yet
    assert session.scalar(sa.select(sa.func.count()).select_from(SendAttempt)) == 0
    frozen_time.move(seconds=SECONDS)
    assert engine.turn([], ("mail.send",), utcnow())  # a worker takes the job, and ends
    assert copies(session) == 0 and reply.state == "queued"
    for _look in range(2):
        frozen_time.move(minutes=10)
        engine.take_back_lost(utcnow())
        work(app, session)
    assert reply.state == "sent" and copies(session) == 1


def test_killed_after_the_claim_of_the_message_undo_comes_too_late_and_it_is_sent_once(
        ticket: Ticket, kari: Agent, session: Session, app: Flask, frozen_time: Any) -> None:
    reply = held(ticket, kari)
    frozen_time.move(seconds=SECONDS)
    assert sending.begin(reply.id, message_id="one@desk.example") is not None  # and the worker ends
    with pytest.raises(Stale):
        outgoing_hold.undo(reply.id, by=Actor.of(kari))
    for _look in range(3):
        frozen_time.move(minutes=10)
        work(app, session)
    assert reply.state == "sent" and copies(session) == 1 and reply.message_id == "one@desk.example"


# --- later ------------------------------------------------------------------------------------------------------


def later(ticket: Ticket, kari: Agent, wishes: Wishes | None = None) -> Message:
    wait = outgoing_hold.until(utcnow() + dt.timedelta(days=2))
    return held(ticket, kari, Sending(wishes or Wishes(status="closed"), wait))


def test_what_is_sent_later_answers_its_ticket_when_it_leaves(ticket: Ticket, kari: Agent, session: Session, app: Flask,
                                                              frozen_time: Any) -> None:
    reply = later(ticket, kari)
    frozen_time.move(days=1)
    work(app, session)
    assert (reply.state, ticket.status) == ("queued", "open") and ticket.waiting_since is not None
    frozen_time.move(days=1)
    work(app, session)
    assert (reply.state, ticket.status, ticket.assignee_id) == ("sent", "closed", kari.id)
    assert reply.at == utcnow() and ticket.waiting_since is None and copies(session) == 1


def test_sent_now_after_all_it_leaves_at_once_and_not_again(ticket: Ticket, kari: Agent, session: Session, app: Flask,
                                                            frozen_time: Any) -> None:
    reply = later(ticket, kari)
    outgoing_hold.send_now(reply.id, by=Actor.of(make_agent("Boss", role="admin")))
    work(app, session)
    frozen_time.move(days=3)
    work(app, session)
    assert reply.state == "sent" and copies(session) == 1


def test_a_customers_answer_makes_it_a_draft_again(ticket: Ticket, kari: Agent, session: Session, app: Flask,
                                                   frozen_time: Any) -> None:
    reply = later(ticket, kari)
    answered(ticket)
    assert (reply.state, reply.text) == ("draft", "On their way.")
    news = overtaken.since(ticket, reply.extra["overtaken"], by=Actor.of(kari))
    assert [each.text for each in news] == ["Never mind!"]
    frozen_time.move(days=3)
    work(app, session)
    assert copies(session) == 0 and ticket.status == "open"


def test_nothing_leaves_from_the_trash(ticket: Ticket, kari: Agent, session: Session, app: Flask,
                                       frozen_time: Any) -> None:
    reply = later(ticket, kari)
    tickets.trash(ticket, by=Actor.of(kari))
    frozen_time.move(days=3)
    work(app, session)
    assert reply.state == "draft" and copies(session) == 0


def test_sending_and_snoozing_is_undone_together(ticket: Ticket, kari: Agent) -> None:
    before = state(ticket)
    wait = Wait(utcnow() + dt.timedelta(seconds=SECONDS))
    reply = held(ticket, kari, Sending(Wishes(snooze=utcnow() + dt.timedelta(days=1)), wait))
    assert ticket.shelf == "snoozed"
    outgoing_hold.undo(reply.id, by=Actor.of(kari))
    assert state(ticket) == before


# --- somebody was faster ----------------------------------------------------------------------------------------


def test_a_reply_is_stopped_by_what_its_author_has_not_seen(ticket: Ticket, kari: Agent) -> None:
    boss, known = make_agent("Boss", role="admin"), answering.newest_event(ticket)
    messages.note(ticket, Body("Mine."), by=Actor.of(kari))
    held(ticket, kari, Sending(known=known))  # one's own words stop nobody
    draft = drafts.save(by=Actor.of(boss), kind="reply", body=Body("begun before"), ticket=ticket)
    known = answering.newest_event(ticket)
    messages.reply(ticket, Body("I was faster."), by=Actor.of(boss), draft=draft)
    answered(ticket)
    with pytest.raises(overtaken.Overtaken) as stopped:
        held(ticket, kari, Sending(known=known))
    assert [each.text for each in stopped.value.messages] == ["I was faster.", "Never mind!"]
    held(ticket, kari, Sending(known=answering.newest_event(ticket)))


def test_what_a_colleague_took_back_stops_nobody(ticket: Ticket, kari: Agent) -> None:
    known, boss = answering.newest_event(ticket), make_agent("Boss", role="admin")
    outgoing_hold.undo(held(ticket, boss).id, by=Actor.of(boss))
    held(ticket, kari, Sending(known=known))
    assert permissions.may(kari, "reply", ticket)
