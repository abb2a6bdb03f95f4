"""What can happen to a ticket, and what is written down of it."""

import datetime as dt

import pytest
import sqlalchemy as sa

from inbox.core import drafts, events, intake, messages, purge, sending, tickets, views
from inbox.core.errors import Invalid, NotFound, Stale
from inbox.core.events import Actor
from inbox.core.messages import Address, Body
from inbox.core.models import Event, Job, Message, Notification, Recipient, Ticket, Tombstone
from inbox.db import transaction, utcnow
from inbox.testing.factories import (
    make_agent,
    make_customer,
    make_department,
    make_mailbox,
    make_message,
    make_ticket,
)


@pytest.fixture
def agent(session):
    return make_agent(role="owner")


@pytest.fixture
def by(agent):
    return Actor.of(agent)


@pytest.fixture
def ticket(session):
    return make_ticket("Wrong size")


def kinds(ticket: Ticket) -> list[str]:
    return [event.kind for event in events.of_ticket(ticket)]


def test_numbers_follow_each_other(session):
    first, second = make_ticket(), make_ticket()
    assert second.number == first.number + 1


def test_a_rolled_back_ticket_leaves_nothing_behind(session, ticket):
    before = session.scalar(sa.select(sa.func.count(Event.id)))
    with pytest.raises(ZeroDivisionError), transaction():
        tickets.set_status(ticket, "closed", by=Actor.system("test"))
        raise ZeroDivisionError
    assert session.get(Ticket, ticket.id).status == "open"
    assert session.scalar(sa.select(sa.func.count(Event.id))) == before


def test_closing_records_who_and_what(session, ticket, by, agent):
    tickets.set_status(ticket, "closed", by=by)
    event = events.of_ticket(ticket)[-1]
    assert (event.kind, event.actor_id, event.data["status"], event.data["before"]) == (
        "ticket_status_changed", agent.id, "closed", "open")
    assert ticket.closed_at is not None and ticket.shelf == "closed" and ticket.waiting_since is None


def test_setting_the_same_status_again_changes_nothing(session, ticket, by):
    before = kinds(ticket)
    tickets.set_status(ticket, "open", by=by)
    assert kinds(ticket) == before


def test_a_customers_answer_reopens_a_closed_ticket(session, ticket, by):
    tickets.set_status(ticket, "closed", by=by)
    make_message(ticket)
    assert ticket.status == "open" and ticket.waiting_since is not None
    assert [e for e in events.of_ticket(ticket) if e.kind == "ticket_status_changed"][-1].data["reopened"] is True


def test_an_automatic_answer_does_not_reopen(session, ticket, by):
    tickets.set_status(ticket, "closed", by=by)
    plan = intake.plan(intake.Incoming("Out of office", "a@b.example", is_automatic=True), mailbox=make_mailbox(),
                       target=ticket)
    with transaction():
        intake.accept(plan)
    assert ticket.status == "closed"


def test_a_customers_answer_wakes_a_snoozed_ticket(session, ticket, by):
    tickets.snooze(ticket, utcnow() + dt.timedelta(days=1), by=by)
    assert ticket.shelf == "snoozed"
    make_message(ticket)
    assert ticket.shelf == "open" and "ticket_woke" in kinds(ticket)


def test_a_customers_answer_brings_a_ticket_back_from_the_trash(session, ticket, by):
    tickets.trash(ticket, by=by)
    make_message(ticket)
    assert ticket.shelf == "open"


def test_snoozed_tickets_wake_when_their_time_has_come(session, ticket, by, monkeypatch):
    tickets.snooze(ticket, utcnow() + dt.timedelta(hours=1), by=by)
    assert tickets.wake_due() == 0
    later = utcnow() + dt.timedelta(hours=2)
    monkeypatch.setattr("inbox.core.tickets.utcnow", lambda: later)
    assert tickets.wake_due() == 1
    assert ticket.shelf == "open"


def test_snoozing_into_the_past_is_refused(session, ticket, by):
    with pytest.raises(Invalid):
        tickets.snooze(ticket, utcnow() - dt.timedelta(seconds=1), by=by)


def test_moving_takes_the_ticket_from_an_assignee_who_does_not_work_there(session, ticket, by):
    worker = make_agent(departments=[session.get(Ticket, ticket.id).department])
    tickets.assign(ticket, worker, by=by)
    tickets.move(ticket, make_department(), by=by)
    assert ticket.assignee_id is None


def test_tags_are_folded_and_put_on_once(session, ticket, by):
    for name in ("VIP", " vip ", "Vip"):
        tickets.tag(ticket, name, by=by)
    assert [tag.name for tag in ticket.tags] == ["vip"]
    assert kinds(ticket).count("ticket_tagged") == 1
    tickets.untag(ticket, "VIP", by=by)
    assert ticket.tags == []


def test_a_subject_is_one_clean_line(session, ticket, by):
    tickets.set_subject(ticket, "Hello\r\nBcc: all@x\x00  there", by=by)
    assert ticket.subject == "Hello Bcc: all@x there"


def test_replying_queues_mail_answers_the_customer_and_assigns(session, ticket, by, agent):
    reply = messages.reply(ticket, Body("Here is how."), by=by)
    assert reply.state == "queued" and [r.role for r in reply.recipients] == ["to"]
    assert ticket.assignee_id == agent.id and ticket.waiting_since is None
    assert session.scalar(sa.select(Job).where(Job.kind == "mail.send")).args == {"message": reply.id}


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_an_empty_reply_is_refused(session, ticket, by, text):
    with pytest.raises(Invalid):
        messages.reply(ticket, Body(text), by=by)


@pytest.mark.parametrize("address", ["nobody", "a@", "@b", "a b@c.example", "a@b.example\nBcc: x@y", "a@b,c@d"])
def test_a_bad_recipient_is_refused(session, ticket, by, address):
    with pytest.raises(Invalid):
        messages.reply(ticket, Body("Hi"), by=by, to=[Address("to", address)])


def test_a_customer_without_address_cannot_be_mailed(session, by):
    from inbox.core import customers

    nobody = customers.find_or_create("", "Walk-in", by=by)
    with pytest.raises(Invalid, match="no mail address"):
        messages.open_ticket(by=by, department=make_mailbox().department, customer=nobody, subject="Hi",
                             body=Body("Hi"), mail_it=True)


def test_a_note_can_never_be_mailed(session, ticket, by):
    note = messages.note(ticket, Body("between us"), by=by)
    with pytest.raises(sa.exc.IntegrityError), transaction() as current:
        current.add(Recipient(message_pk=note.id, message_kind="reply", role="to", address="a@b.example"))
    with pytest.raises(sa.exc.IntegrityError), transaction() as current:
        current.add(Recipient(message_pk=note.id, message_kind="note", role="to", address="a@b.example"))


def test_opening_a_ticket_with_mail_and_with_a_note(session, by):
    box, customer = make_mailbox(), make_customer()
    mailed = messages.open_ticket(by=by, department=box.department, customer=customer, subject="Your order",
                                  body=Body("It is on its way"), mail_it=True, tags=["delivery"])
    noted = messages.open_ticket(by=by, department=box.department, customer=customer, subject="Called us",
                                 body=Body("wants blue"), mail_it=False)
    assert [m.kind for m in messages.thread(mailed)] == ["reply"] and mailed.mailbox_id == box.id
    assert [m.kind for m in messages.thread(noted)] == ["note"]


def test_reply_goes_to_reply_to_and_reply_all_leaves_us_out(session):
    box = make_mailbox("us@desk.example")
    ticket = make_ticket(mailbox=box)
    make_message(ticket, from_address="shop@x.example", addressed={
        "to": [{"address": "US@desk.example", "name": ""}, {"address": "boss@x.example", "name": "Boss"}],
        "cc": [{"address": "kim@x.example", "name": ""}],
        "reply_to": [{"address": "real@x.example", "name": "Real"}]})
    assert [each.address for each in messages.recipients_for_reply(ticket)] == ["real@x.example"]
    assert [each.address for each in messages.others_in(ticket)] == ["boss@x.example", "kim@x.example"]


# --- drafts -----------------------------------------------------------------------------------------------------


def test_a_draft_becomes_the_reply(session, ticket, by):
    draft = drafts.save(by=by, kind="reply", body=Body("Hel"), ticket=ticket)
    drafts.save(by=by, kind="reply", body=Body("Hello"), ticket=ticket, version=draft.version)
    reply = messages.reply(ticket, Body("Hello!"), by=by, draft=draft)
    assert reply.id == draft.id and drafts.of(ticket, by.agent, "reply") is None


def test_an_older_version_of_a_draft_overwrites_nothing(session, ticket, by):
    draft = drafts.save(by=by, kind="reply", body=Body("one"), ticket=ticket)
    drafts.save(by=by, kind="reply", body=Body("two"), ticket=ticket, version=1)
    with pytest.raises(Stale):
        drafts.save(by=by, kind="reply", body=Body("late"), ticket=ticket, version=1)
    assert session.get(Message, draft.id).text == "two"


def test_a_draft_cannot_be_sent_twice(session, ticket, by):
    draft = drafts.save(by=by, kind="reply", body=Body("Hi"), ticket=ticket)
    messages.reply(ticket, Body("Hi"), by=by, draft=draft)
    with pytest.raises(Invalid):
        messages.reply(ticket, Body("Hi"), by=by, draft=draft)


def test_drafts_are_neither_in_the_thread_nor_found(session, ticket, by):
    drafts.save(by=by, kind="reply", body=Body("zebra"), ticket=ticket)
    assert all(m.state != "draft" for m in messages.thread(ticket))
    assert views.page(by.agent, q="zebra").rows == []
    assert [row.id for row in views.page(by.agent, view="drafts").rows] == [ticket.id]


# --- sending ----------------------------------------------------------------------------------------------------


def test_a_message_is_claimed_once(session, ticket, by):
    reply = messages.reply(ticket, Body("Hi"), by=by)
    assert sending.begin(reply.id, message_id="a@desk") is not None
    assert sending.begin(reply.id, message_id="b@desk") is None
    assert session.get(Message, reply.id).message_id == "a@desk"


def test_sent_failed_and_retried(session, ticket, by):
    reply = messages.reply(ticket, Body("Hi"), by=by)
    sending.finish(sending.begin(reply.id, message_id="a@desk"), "refused", "550 no such user")
    assert reply.state == "failed" and reply.error == "550 no such user"
    sending.retry(reply, by=by)
    sending.finish(sending.begin(reply.id, message_id="a@desk"), "sent", "250 ok")
    assert reply.state == "sent" and reply.error is None
    assert [k for k in kinds(ticket) if k.startswith("reply_")] == ["reply_queued", "reply_failed", "reply_sent"]


def test_one_refused_recipient_of_two_is_visible_and_only_that_one_is_tried_again(session, ticket, by):
    reply = messages.reply(ticket, Body("Hi"), by=by, to=[Address("to", "a@x.example"), Address("cc", "b@x.example")])
    sending.finish(sending.begin(reply.id, message_id="a@desk"), "sent", "250 ok", refused={"b@x.example": "550 who?"})
    assert [(r.address, r.state) for r in reply.recipients] == [("a@x.example", "sent"), ("b@x.example", "failed")]
    assert reply.state == "failed" and reply.error == "550 who?"
    sending.retry(reply, by=by)
    assert [r.address for r in sending.recipients_left(reply)] == ["b@x.example"]


@pytest.mark.parametrize(("handed", "outcome"), [(False, "started"), (True, "handed")])
def test_a_crash_while_sending_leaves_word_of_how_far_it_came(session, ticket, by, handed, outcome):
    reply = messages.reply(ticket, Body("Hi"), by=by)
    attempt = sending.begin(reply.id, message_id="a@desk")
    if handed:
        sending.handed_over(attempt)
    assert sending.left_behind(reply).outcome == outcome
    assert sending.begin(reply.id, message_id="b@desk") is None  # nobody sends it a second time meanwhile


def test_a_bounce_marks_recipient_and_message(session, ticket, by):
    reply = messages.reply(ticket, Body("Hi"), by=by, to=[Address("to", "gone@x.example")])
    sending.finish(sending.begin(reply.id, message_id="a@desk"), "sent", "250 ok")
    assert sending.bounced(reply, "GONE@x.example", "550 mailbox is gone")
    assert reply.state == "bounced" and "reply_bounced" in kinds(ticket)


# --- purge ------------------------------------------------------------------------------------------------------


def test_purging_leaves_a_tombstone_and_nothing_to_find(session, ticket, by):
    message = make_message(ticket, "unmistakable zebra", message_id="z@x.example")
    tickets.trash(ticket, by=by)
    number, message_pk = ticket.number, message.id
    purge.purge(ticket, by=by)
    assert purge.buried_of({"z@x.example"}) and session.scalar(sa.select(sa.func.count(Tombstone.digest))) >= 1
    assert session.get(Message, message_pk) is None
    assert views.page(by.agent, q="zebra").rows == []
    with pytest.raises(NotFound):
        tickets.get(number, by.agent)


def test_purging_forgets_notifications_that_repeat_the_subject(session, ticket, by):
    other = make_ticket()
    with transaction():
        event = events.record("ticket_tagged", by=by, ticket=ticket)
        elsewhere = events.record("ticket_tagged", by=by, ticket=other)
        session.add_all([Notification(event_id=each.id, agent_id=by.agent.id, way="app", kind="x", title="My knee",
                                      ticket_id=each.ticket_id) for each in (event, elsewhere)])
    kept = elsewhere.ticket_id
    tickets.trash(ticket, by=by)
    purge.purge(ticket, by=by)
    assert list(session.scalars(sa.select(Notification.ticket_id))) == [kept]


def test_the_trash_is_purged_only_after_its_time(session, ticket, by, monkeypatch):
    tickets.trash(ticket, by=by)
    assert purge.purge_trash(30) == 0
    later = utcnow() + dt.timedelta(days=31)
    monkeypatch.setattr("inbox.core.purge.utcnow", lambda: later)
    assert purge.purge_trash(30) == 1


# --- lists ------------------------------------------------------------------------------------------------------


def test_lists_page_by_key_both_ways(session, agent):
    box = make_mailbox()
    ids = [make_ticket(mailbox=box).id for _ in range(11)][::-1]
    first = views.page(agent, view="unassigned", limit=4)
    second = views.page(agent, view="unassigned", limit=4, after=first.next)
    third = views.page(agent, view="unassigned", limit=4, after=second.next)
    assert [r.id for r in first.rows + second.rows + third.rows] == ids
    assert third.next is None and first.previous is None
    back = views.page(agent, view="unassigned", limit=4, before=third.previous)
    assert [r.id for r in back.rows] == [r.id for r in second.rows]


def test_a_broken_cursor_says_so(session, agent):
    for cursor in ("x", "AAAA", "bnVsbA", "WzFd"):
        with pytest.raises(Invalid):
            views.page(agent, after=cursor)


def test_counts_stop_at_the_cap(session, agent, monkeypatch):
    monkeypatch.setattr(views, "COUNT_CAP", 3)
    box = make_mailbox()
    for _ in range(6):
        make_ticket(mailbox=box)
    assert views.counts(agent, views.departments_of(agent)).views["unassigned"] == 4


def test_unread_until_seen(session, agent, ticket):
    def is_unread() -> bool:
        return views.page(agent, view="unassigned").rows[0].unread

    assert is_unread()
    tickets.mark_seen(ticket, agent)
    assert not is_unread()
    make_message(ticket, at=utcnow() + dt.timedelta(seconds=5))
    assert is_unread()
