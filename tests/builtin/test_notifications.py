"""Mails to agents: who is told of what, never of one's own acts, never twice, never too many."""

import datetime as dt

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import (
    agents,
    availability,
    drafts,
    events,
    following,
    handover,
    messages,
    notifications,
    outgoing_hold,
    sending,
    settings,
    tickets,
)
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import Agent, Department, Event, Job, Notification, Ticket
from inbox.db import at_time, transaction, utcnow
from inbox.jobs import dispatch
from inbox.testing.factories import make_agent, make_customer, make_department, make_mailbox, make_message, make_ticket
from tests.web.browse import Visitor


@pytest.fixture
def department(app: Flask, session: Session) -> Department:
    return make_department("Support")


@pytest.fixture
def ada(department: Department) -> Agent:
    return make_agent("Ada", departments=[department])


@pytest.fixture
def ben(department: Department) -> Agent:
    return make_agent("Ben", departments=[department])


def mails(app: Flask, session: Session) -> list[tuple[str, str]]:
    """(name, subject) of every mail that is waiting, after all events were told; they are taken away."""
    dispatch.deliver_due(app)
    session.rollback()
    jobs = session.scalars(sa.select(Job).where(Job.kind == "mail.system").order_by(Job.id)).all()
    found = [(job.args["name"], job.args["subject"]) for job in jobs]
    with transaction() as current:
        current.execute(sa.delete(Job))
    return found


def given_to(agent: Agent, department: Department, **fields) -> Ticket:
    return make_ticket("Printer", department=department, assignee=agent, **fields)


def test_a_new_ticket_is_told_to_those_who_work_there(app, session, department, ada, ben) -> None:
    make_agent("Zoe", departments=[make_department("Sales")])
    make_agent("Ivy", role="admin")  # sees everything, works nowhere
    make_ticket("Printer", department=department)
    assert mails(app, session) == [("Ada", "New ticket #1: Printer"), ("Ben", "New ticket #1: Printer")]


def test_a_ticket_an_agent_opened_is_not_told_as_a_customer_s(app, session, department, ada, ben) -> None:
    make_mailbox(department=department)
    messages.open_ticket(by=Actor.of(ben), department=department, customer=make_customer(), subject="Called",
                         body=Body("She called."), mail_it=False)
    assert mails(app, session) == []


def test_the_mail_says_who_wrote_what_and_where(app, session, department, ada) -> None:
    make_ticket("Printer", department=department, text="It is on fire.")
    dispatch.deliver_due(app)
    (job,) = session.scalars(sa.select(Job).where(Job.kind == "mail.system"))
    assert job.args["to"] == ada.email
    assert "It is on fire." in job.args["text"]
    assert "http://127.0.0.1:8000/tickets/1" in job.args["text"]


def test_ticket_assigned_is_told_to_the_one_who_got_it(app, session, department, ada, ben) -> None:
    ticket = given_to(ada, department)
    assert mails(app, session) == [("Ada", "Ticket #1 is yours: Printer")]
    tickets.assign(ticket, ben, by=Actor.of(ada))
    assert mails(app, session) == [("Ben", "Ticket #1 is yours: Printer")]


def test_ticket_woke_is_told_to_its_assignee_when_the_time_has_come(app, session, department, ada, ben) -> None:
    mine, brought_back = given_to(ada, department), given_to(ada, department)
    mails(app, session)
    for each in (mine, brought_back):
        tickets.snooze(each, utcnow() + dt.timedelta(hours=1), by=Actor.of(ada))
    tickets.wake(brought_back, by=Actor.of(ben))
    assert mails(app, session) == []
    with at_time(utcnow() + dt.timedelta(hours=2)):
        assert tickets.wake_due() == 1
        assert mails(app, session) == [("Ada", f"#{mine.number} is back: Printer")]


def test_own_acts_are_not_told(app, session, department, ada) -> None:
    ticket = given_to(ada, department)
    mails(app, session)
    tickets.assign(ticket, None, by=Actor.of(ada))
    tickets.assign(ticket, ada, by=Actor.of(ada))
    messages.note(ticket, Body("To myself."), by=Actor.of(ada))
    assert mails(app, session) == []


def test_message_received_is_told_to_the_one_whose_ticket_it_is(app, session, department, ada, ben) -> None:
    ticket = given_to(ada, department)
    mails(app, session)
    make_message(ticket, "Any news?")
    assert mails(app, session) == [("Ada", "Answer in #1: Printer")]


def test_an_answer_in_a_ticket_nobody_has_is_told_to_all(app, session, department, ada, ben) -> None:
    ticket = make_ticket("Printer", department=department)
    mails(app, session)
    make_message(ticket, "Any news?")
    assert [name for name, _ in mails(app, session)] == ["Ada", "Ben"]


def test_automatic_mail_is_not_told(app, session, department, ada) -> None:
    ticket = given_to(ada, department)
    mails(app, session)
    make_message(ticket, "I am away.", is_automatic=True)
    assert mails(app, session) == []


def test_note_added_is_told_to_the_one_whose_ticket_it_is(app, session, department, ada, ben) -> None:
    ticket = given_to(ada, department)
    mails(app, session)
    messages.note(ticket, Body("She called."), by=Actor.of(ben))
    assert mails(app, session) == [("Ada", "Note in #1: Printer")]


def test_reply_failed_is_told_to_its_author(app, session, department, ada, ben) -> None:
    ticket = given_to(ada, department)
    reply = make_message(ticket, "Here.", kind="reply", by=ben)
    mails(app, session)
    with transaction():
        reply.error = "550 unknown user"
        events.record("reply_failed", by=Actor.system("mail"), ticket=ticket, message=reply)
    dispatch.deliver_due(app)
    (job,) = session.scalars(sa.select(Job).where(Job.kind == "mail.system"))
    assert job.args["name"] == "Ben" and "550 unknown user" in job.args["text"]


def test_reply_undone_is_told_to_its_author_when_a_customer_stopped_it(app, session, department, ada, ben) -> None:
    make_mailbox(department=department)
    ticket = given_to(ben, department)
    wait = outgoing_hold.until(utcnow() + dt.timedelta(days=1))
    for stopped in (False, True):
        reply = messages.reply(ticket, Body("It is on its way."), by=Actor.of(ada), how=messages.Sending(wait=wait))
        if stopped:
            mails(app, session)
            make_message(ticket, "Never mind!")
        else:
            outgoing_hold.undo(reply.id, by=Actor.of(ada))
    assert ("Ada", "A draft again, #1: Printer") in (told := mails(app, session))
    assert len([each for each in told if each[0] == "Ada"]) == 1


def test_reply_bounced_is_told_to_its_author_unless_a_machine_wrote_it(app, session, department, ada, ben) -> None:
    make_mailbox(department=department)
    ticket = given_to(ada, department)
    mails(app, session)
    reply = make_message(ticket, "On its way.", kind="reply", by=ben)
    machine = messages.reply(ticket, Body("We have it."), by=Actor.system("test"), automatic=True)
    for each in (reply, machine):
        sending.bounced(each, each.recipients[0].address, "552 over quota", kind="full")
    assert mails(app, session) == [("Ben", f"Came back, #{ticket.number}: Printer")]
    dispatch.deliver_due(app)
    assert mails(app, session) == []


def test_each_agent_chooses(app, session, department, ada, ben) -> None:
    agents.update_profile(ada, by=Actor.of(ada), preferences={
        "notify": {"notifications.new_ticket": {"mail": False}}})
    make_ticket("Printer", department=department)
    assert [name for name, _ in mails(app, session)] == ["Ben"]


def test_being_told_twice_mails_once(app, session, department, ada) -> None:
    make_ticket("Printer", department=department)
    assert len(mails(app, session)) == 1
    with transaction() as current:
        current.execute(sa.update(Event).values(dispatched_at=None))
    assert mails(app, session) == []
    assert sorted(session.scalars(sa.select(Notification.way))) == ["app", "mail"]


def test_who_may_not_see_the_ticket_any_more_is_not_told(app, session, department, ada) -> None:
    ticket = given_to(ada, department)
    mails(app, session)
    with transaction():
        ada.memberships = []
        ticket.assignee_id = ada.id
    make_message(ticket, "Any news?")
    assert mails(app, session) == []


def test_spam_is_not_told(app, session, department, ada) -> None:
    ticket = make_ticket("Printer", department=department)
    tickets.mark_spam(ticket, by=Actor.system("test"))
    assert mails(app, session) == []


def test_an_agent_whose_address_is_a_mailbox_of_ours_is_not_mailed(app, session, department) -> None:
    make_agent("Loop", departments=[department], email="loop@desk.example")
    make_mailbox("loop@desk.example", department=department)
    make_ticket("Printer", department=department)
    assert mails(app, session) == []


def test_a_flood_is_not_passed_on(app, session, department, ada) -> None:
    settings.put("automatic.notices_per_agent", 3, by=Actor.system("test"))
    for _ in range(5):
        make_ticket("Printer", department=department)
    assert len(mails(app, session)) == 3


# --- the list in the desk ---------------------------------------------------------------------------------------


def rail(visitor: Visitor) -> str:
    return visitor.get("/rail").text


def test_main_menu_links_shows_how_many_are_unread(app, session, department, ada) -> None:
    visitor = Visitor(app).sign_in(ada)
    assert "Notifications</span></a>" in rail(visitor)
    make_ticket("Printer", department=department)
    make_ticket("Scanner", department=department)
    dispatch.deliver_due(app)
    assert 'Notifications</span> <span class="count">2</span>' in rail(visitor)
    page = visitor.get("/x/notifications/").text
    assert page.index("New ticket #2: Scanner") < page.index("New ticket #1: Printer")
    assert page.count('<li class="unread">') == 2


def test_reading_a_ticket_reads_what_was_said_of_it(app, session, department, ada) -> None:
    make_ticket("Printer", department=department)
    make_ticket("Scanner", department=department)
    dispatch.deliver_due(app)
    visitor = Visitor(app).sign_in(ada)
    visitor.post("/tickets/1/seen", page="/views/all")
    assert notifications.unread(ada) == 1
    visitor.post("/x/notifications/read", page="/x/notifications/")
    assert notifications.unread(ada) == 0
    assert visitor.get("/x/notifications/").text.count("New ticket #") == 2  # they stay in the list


def test_each_way_is_chosen_by_itself(app, session, department, ada) -> None:
    agents.update_profile(ada, by=Actor.of(ada), preferences={
        "notify": {"notifications.new_ticket": {"app": False, "mail": True}}})
    make_ticket("Printer", department=department)
    assert len(mails(app, session)) == 1 and notifications.unread(ada) == 0


def test_what_an_agent_may_not_see_any_more_is_not_listed(app, session, department, ada) -> None:
    make_ticket("Printer", department=department)
    dispatch.deliver_due(app)
    with transaction():
        ada.memberships = []
    assert "Printer" not in Visitor(app).sign_in(ada).get("/x/notifications/").text


def test_the_bell_counts_what_the_list_shows(app, session, department, ada) -> None:
    sales = make_department("Sales")
    moved = make_ticket("Printer", department=department)
    make_ticket("Scanner", department=department)
    dispatch.deliver_due(app)
    assert notifications.unread(ada) == 2
    tickets.move(moved, sales, by=Actor.system("cli"))
    assert [each.title for each in notifications.page(ada)[0]] == ["New ticket #2: Scanner"]
    assert notifications.unread(ada) == 1


def test_the_list_is_paged(app, session, department, ada) -> None:
    for number in range(3):
        make_ticket(f"Printer {number}", department=department)
    dispatch.deliver_due(app)
    first, following = notifications.page(ada, limit=2)
    rest, end = notifications.page(ada, before=following, limit=2)
    assert [each.number for each in [*first, *rest]] == [3, 2, 1] and end is None


def test_a_new_line_wakes_the_agents_own_stream(app, session, department, ada, ben) -> None:
    from inbox.web import live

    ticket = make_ticket("Printer", department=department, assignee=ada)
    hub = live.Hub(app, 4)
    hub._watcher = object()  # type: ignore[assignment]  # fed by hand below
    hers, his = hub.open(ada), hub.open(ben)
    dispatch.deliver_due(app)
    session.rollback()  # read afresh
    hub._feed()
    assert hers is not None and his is not None and ticket.number == 1
    assert {"tickets": []} in list(hers.hints.queue) and {"tickets": []} not in list(his.hints.queue)


# --- following --------------------------------------------------------------------------------------------------


def test_who_is_mentioned_is_told_and_hears_on(app, session, department, ada, ben) -> None:
    ticket = given_to(ada, department)
    mails(app, session)
    messages.note(ticket, Body("@Ben can you look?"), by=Actor.of(ada))
    assert mails(app, session) == [("Ben", "You are mentioned in #1: Printer")]
    make_message(ticket, "Any news?")
    assert mails(app, session) == [("Ada", "Answer in #1: Printer"), ("Ben", "News in #1: Printer")]


def test_followers_are_told_of_what_colleagues_write(app, session, department, ada, ben) -> None:
    make_mailbox(department=department)
    ticket = given_to(ada, department)
    following.follow(ticket, by=Actor.of(ben))
    mails(app, session)
    messages.note(ticket, Body("She called."), by=Actor.of(ada))
    messages.reply(ticket, Body("It is on its way."), by=Actor.of(ada))
    assert mails(app, session) == [("Ben", "News in #1: Printer")] * 2
    following.follow(ticket, by=Actor.of(ben), on=False)
    messages.note(ticket, Body("She called again."), by=Actor.of(ada))
    assert mails(app, session) == []


def test_who_is_mentioned_in_their_own_ticket_is_told_once(app, session, department, ada, ben) -> None:
    ticket = given_to(ada, department)
    mails(app, session)
    messages.note(ticket, Body("@Ada yours?"), by=Actor.of(ben))
    assert mails(app, session) == [("Ada", "You are mentioned in #1: Printer")]


# --- who is away ------------------------------------------------------------------------------------------------


def test_who_stands_in_is_told_of_answers(app, session, department, ada, ben) -> None:
    ticket = given_to(ada, department)
    availability.go_away(ada, by=Actor.of(ada), substitute=ben)
    mails(app, session)
    make_message(ticket, "Any news?")
    assert mails(app, session) == [("Ada", "Answer in #1: Printer"), ("Ben", "Answer in #1: Printer")]


def test_without_one_the_whole_department_is_told(app, session, department, ada, ben) -> None:
    ticket = given_to(ada, department)
    availability.go_away(ada, by=Actor.of(ada), substitute=make_agent("Zoe"))  # who may not see it
    mails(app, session)
    make_message(ticket, "Any news?")
    assert [name for name, _ in mails(app, session)] == ["Ada", "Ben"]


def test_tickets_handed_over_are_told_of_at_once(app, session, department, ada, ben) -> None:
    for _ in range(3):
        given_to(ada, department)
    mails(app, session)
    handover.hand_over(ada, ben, by=Actor.of(ada))
    assert mails(app, session) == [("Ben", "Ada handed 3 tickets over to you")]
    assert notifications.page(ben)[0][0].path == "/views/mine"


def test_draft_taken_over_is_told_to_its_author(app, session, department, ada, ben) -> None:
    ticket = given_to(ada, department)
    mails(app, session)
    draft = drafts.save(by=Actor.of(ada), kind="reply", body=Body("It is"), ticket=ticket)
    drafts.take_over(draft.id, by=Actor.of(ben))
    assert mails(app, session) == [("Ada", "Your draft in #1 was taken over: Printer")]


def test_mail_waits_for_the_end_of_quiet_hours_and_the_list_does_not(app, session, department, ada, ben) -> None:
    agents.update_profile(ada, by=Actor.of(ada), time_zone="UTC",
                          preferences={"quiet": {"from": "18:00", "to": "08:00"}})
    with at_time(dt.datetime(2026, 11, 20, 22, 0, tzinfo=dt.UTC)):
        make_ticket("Printer", department=department)
        dispatch.deliver_due(app)
        session.rollback()
        assert notifications.unread(ada) == notifications.unread(ben) == 1
        waiting = {job.args["name"]: job.run_at for job in session.scalars(sa.select(Job).where(
            Job.kind == "mail.system"))}
    assert waiting["Ada"] == dt.datetime(2026, 11, 21, 8, 0, tzinfo=dt.UTC)
    assert waiting["Ben"] == dt.datetime(2026, 11, 20, 22, 0, tzinfo=dt.UTC)


def test_who_is_told_in_the_desk_alone_costs_no_look_at_what_mails_need(
        app: Flask, session: Session, department: Department, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        make_agent(f"Agent {number}", departments=[department], preferences={
            "notify": {"notifications.new_ticket": {"mail": False}}})
    asked: list[str] = []
    monkeypatch.setattr(notifications.answers.settings, "get", lambda key: asked.append(key))
    event = make_message(make_ticket("Printer", department=department)) and session.scalars(
        sa.select(Event).where(Event.kind == "ticket_created").order_by(Event.id.desc())).first()
    assert event is not None
    ticket = session.get_one(Ticket, event.ticket_id)
    letters = [notifications.Letter(each, "New", "text") for each in notifications.members(ticket)]
    assert notifications.notify(event, "notifications.new_ticket", ticket=ticket, letters=letters) == 0
    assert asked == []
    assert session.scalar(sa.select(sa.func.count()).select_from(Notification)) == 3
