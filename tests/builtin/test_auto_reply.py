"""The automatic answer: off by default, once a ticket, never to a machine, within a budget."""

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import intake, settings
from inbox.core.events import Actor
from inbox.core.intake import Incoming
from inbox.core.models import Event, Job, Mailbox, Message, Ticket
from inbox.db import transaction, utcnow
from inbox.jobs import dispatch
from inbox.testing.factories import make_agent, make_mailbox, make_message
from tests.web.browse import Visitor

SYSTEM = Actor.system("test")


@pytest.fixture
def mailbox(app: Flask, session: Session) -> Mailbox:
    """A mailbox of a desk that answers automatically."""
    settings.put("auto_reply.on", True, by=SYSTEM)
    settings.put("auto_reply.text", "Dear {name}, we have it: #{number}, {subject}.", by=SYSTEM)
    return make_mailbox()


def write(mailbox: Mailbox, address: str = "kari@example.com", **fields) -> Ticket:
    """A customer's mail becomes a ticket."""
    values = {"subject": "Help", "from_address": address, "from_name": "Kari", "text": "Hello",
              "extra": {"unanswerable": ""}} | fields
    plan = intake.plan(Incoming(**values), mailbox=mailbox)
    with transaction() as current:
        message = intake.accept(plan)
        return current.get_one(Ticket, message.ticket_id)


def answers(session: Session) -> list[Message]:
    session.rollback()
    return list(session.scalars(sa.select(Message).where(Message.kind == "reply").order_by(Message.id)))


def test_it_is_off_until_a_person_turns_it_on(app: Flask, session: Session) -> None:
    settings.put("auto_reply.text", "We have it.", by=SYSTEM)
    write(make_mailbox())
    dispatch.deliver_due(app)
    assert answers(session) == []


def test_ticket_created_is_answered_in_the_owner_s_words(app: Flask, session: Session, mailbox: Mailbox) -> None:
    ticket = write(mailbox)
    dispatch.deliver_due(app)
    (answer,) = answers(session)
    assert answer.text == f"Dear Kari, we have it: #{ticket.number}, Help."
    assert answer.is_automatic and answer.author_kind == "system"
    assert [each.address for each in answer.recipients] == ["kari@example.com"]
    assert session.get(Ticket, ticket.id).waiting_since is not None  # a machine's answer is none
    queued = session.scalar(sa.select(Event).where(Event.kind == "reply_queued"))
    assert (queued.source, queued.depth) == ("plugin:builtin.auto_reply", 1)
    assert session.scalar(sa.select(Job.kind).where(Job.kind == "mail.send"))


def test_a_mailbox_can_have_its_own_words(app: Flask, session: Session, mailbox: Mailbox) -> None:
    quiet = make_mailbox()
    scope = settings.mailbox_scope
    settings.put("auto_reply.text", "Sales says hello.", by=SYSTEM, scope=scope(mailbox))
    settings.put("auto_reply.on", False, by=SYSTEM, scope=scope(quiet))
    write(mailbox)
    write(quiet)
    dispatch.deliver_due(app)
    assert [each.text for each in answers(session)] == ["Sales says hello."]


@pytest.mark.parametrize("fields", [
    {"is_automatic": True}, {"is_spam": True}, {"from_address": ""}, {"extra": {}},
    {"extra": {"unanswerable": "It comes from a mailing list."}}])
def test_machines_lists_spam_and_nobody_are_not_answered(app, session, mailbox: Mailbox, fields) -> None:
    write(mailbox, **fields)
    dispatch.deliver_due(app)
    assert answers(session) == []


def test_a_second_message_of_the_ticket_is_not_answered(app: Flask, session: Session, mailbox: Mailbox) -> None:
    make_message(write(mailbox), "And another thing.")
    dispatch.deliver_due(app)
    assert len(answers(session)) == 1


def test_being_told_twice_answers_once(app: Flask, session: Session, mailbox: Mailbox) -> None:
    write(mailbox)
    dispatch.deliver_due(app)
    with transaction() as current:
        current.execute(sa.update(Event).values(dispatched_at=None))
    dispatch.deliver_due(app)
    assert len(answers(session)) == 1


def test_two_machines_that_answer_each_other_stop_soon(app: Flask, session: Session, mailbox: Mailbox) -> None:
    settings.put("automatic.per_address", 3, by=SYSTEM)
    for number in range(6):
        write(mailbox, subject=f"Answer {number}", address="robot@example.com")
    write(mailbox)
    dispatch.deliver_due(app)
    to = [answer.recipients[0].address for answer in answers(session) if answer.state == "queued"]
    assert to.count("robot@example.com") == 3
    assert to.count("kari@example.com") == 1


def test_a_ticket_in_the_trash_is_not_answered(app: Flask, session: Session, mailbox: Mailbox) -> None:
    ticket = write(mailbox)
    with transaction():
        ticket.trashed_at = utcnow()
    dispatch.deliver_due(app)
    assert answers(session) == []


# --- its settings, on the page that the desk draws ---------------------------------------------------------------

PAGE = "/settings/plugins/auto_reply/settings"


@pytest.fixture
def admin(app: Flask, session: Session) -> Visitor:
    return Visitor(app).sign_in(make_agent("Ada", role="admin"))


def test_it_is_set_for_all_and_for_one_mailbox(admin: Visitor) -> None:
    first, second = make_mailbox(), make_mailbox()
    admin.post(PAGE, {"auto_reply.on": "1", "auto_reply.text": "Thank you."})
    admin.post(PAGE, {"auto_reply.on": "1", "auto_reply.text": "Tusen takk.", "mailbox": str(second.id)})
    texts = [settings.get("auto_reply.text", settings.mailbox_scope(each)) for each in (first, second)]
    assert texts == ["Thank you.", "Tusen takk."]
    assert "Tusen takk." in admin.get(f"{PAGE}?mailbox={second.id}").text


def test_it_cannot_be_switched_on_without_words(admin: Visitor) -> None:
    answer = admin.post(PAGE, {"auto_reply.on": "1", "auto_reply.text": " "})
    assert answer.status_code == 422 and "This has to be filled in." in answer.text
    assert not settings.get("auto_reply.on")


def test_register_setting_tests_shows_what_a_customer_would_get_and_sends_nothing(admin, session) -> None:
    answer = admin.post(f"{PAGE}/test/auto_reply.example", {"auto_reply.text": "Dear {name}, #{number}: {subject}"},
                        page=PAGE, headers={"HX-Request": "true"})
    assert "Dear Kari Nordmo, #1042: Where is my parcel?" in answer.text
    assert session.scalar(sa.select(sa.func.count()).select_from(Message)) == 0


def test_settings_menu_links_lead_those_who_may_to_its_page(app: Flask, admin: Visitor) -> None:
    agent = Visitor(app).sign_in(make_agent("Kari"))
    assert PAGE in admin.get("/settings/tags").text
    assert PAGE not in agent.get("/settings/saved-replies").text
