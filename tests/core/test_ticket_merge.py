"""Two tickets made into one, and two again: messages, counts, who waits, drafts, tags, and where later mail goes."""

import datetime as dt

import pytest
import sqlalchemy as sa

from inbox.core import drafts, following, intake, messages, moving, purge, ticket_merge, tickets
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.intake import Incoming
from inbox.core.messages import Body
from inbox.core.models import Event, Reference, Ticket
from inbox.db import session, transaction, utcnow
from inbox.mail import thread
from inbox.testing.factories import make_agent, make_customer, make_department, make_message, make_ticket


@pytest.fixture
def department(session):
    return make_department("Support")


@pytest.fixture
def ada(department):
    return Actor.of(make_agent("Ada", departments=[department]))


@pytest.fixture
def kari(session):
    return make_customer("Kari", "kari@example.com")


@pytest.fixture
def first(department, kari) -> Ticket:
    return make_ticket("Parcel", department=department, customer=kari, text="Where is it?", tags=["parcel"])


@pytest.fixture
def second(department, kari) -> Ticket:
    return make_ticket("Parcel again", department=department, customer=kari, text="Still nothing.", tags=["late"])


def said(ticket: Ticket) -> list[str]:
    return [each.text for each in messages.thread(ticket)]


def test_messages_come_in_the_order_of_time_and_are_counted(first, second, ada) -> None:
    make_message(first, "It left.", kind="reply", by=ada.agent)
    ticket_merge.merge(second, first, by=ada)
    assert said(first) == ["Where is it?", "Still nothing.", "It left."]
    assert (first.message_count, second.message_count, first.snippet) == (3, 0, "It left.")
    assert (second.shelf, second.merged_into_id) == ("merged", first.id)
    assert [each.name for each in first.tags] == ["late", "parcel"]


def test_a_merge_and_its_undoing_are_told_of_both(first, second, ada) -> None:
    ticket_merge.merge(second, first, by=ada)
    ticket_merge.undo(second.id, by=ada)
    told = session().execute(sa.select(Event.kind, Event.ticket_id).where(Event.kind.in_(
        ("ticket_merged", "ticket_merged_away", "ticket_unmerged", "ticket_came_back"))).order_by(Event.id)).all()
    assert [tuple(each) for each in told] == [
        ("ticket_merged", first.id), ("ticket_merged_away", second.id), ("ticket_unmerged", first.id),
        ("ticket_came_back", second.id)]


def test_undoing_gives_each_message_back_and_leaves_what_came_since(first, second, ada) -> None:
    make_message(second, "A thought.", kind="note", by=ada.agent)
    ticket_merge.merge(second, first, by=ada)
    make_message(first, "Thank you.")
    assert ticket_merge.undo(second.id, by=ada) is second
    assert (said(first), said(second)) == (["Where is it?", "Thank you."], ["Still nothing.", "A thought."])
    assert (first.message_count, second.message_count, second.shelf) == (2, 2, "open")
    assert [[tag.name for tag in each.tags] for each in (first, second)] == [["parcel"], ["late"]]
    assert ticket_merge.of(first) == []


def test_who_waits_longest_counts_and_is_known_again_afterwards(first, second, ada) -> None:
    asked, again = first.waiting_since, second.waiting_since
    ticket_merge.merge(second, first, by=ada)
    assert (first.waiting_since, second.waiting_since) == (asked, None)
    ticket_merge.undo(second.id, by=ada)
    assert (first.waiting_since, second.waiting_since) == (asked, again)


def test_an_answered_ticket_waits_for_what_came_along(first, second, ada) -> None:
    make_message(first, "It left.", kind="reply", by=ada.agent)
    tickets.set_status(first, "closed", by=ada)
    again = second.waiting_since
    ticket_merge.merge(second, first, by=ada)
    assert (first.status, first.waiting_since) == ("open", again)
    ticket_merge.undo(second.id, by=ada)
    assert (first.status, first.waiting_since, second.waiting_since) == ("closed", None, again)


def test_an_answer_that_came_after_the_merge_leaves_the_survivor_answered(first, second, ada) -> None:
    ticket_merge.merge(second, first, by=ada)
    make_message(first, "Both are on their way.", kind="reply", by=ada.agent)
    ticket_merge.undo(second.id, by=ada)
    assert first.waiting_since is None and second.waiting_since is not None
    assert said(second) == ["Still nothing."]


def test_a_question_asked_after_the_merge_waits_on(first, second, ada) -> None:
    make_message(first, "It left.", kind="reply", by=ada.agent)
    ticket_merge.merge(second, first, by=ada)
    later = make_message(first, "And now?")
    ticket_merge.undo(second.id, by=ada)
    assert first.waiting_since == later.at


def test_the_survivor_takes_over_what_it_has_not_and_gives_it_back(first, second, ada) -> None:
    tickets.assign(second, ada.agent, by=ada)
    ticket_merge.merge(second, first, by=ada)
    assert first.assignee_id == ada.agent.id
    ticket_merge.undo(second.id, by=ada)
    assert (first.assignee_id, second.assignee_id) == (None, ada.agent.id)


def test_who_follows_the_one_follows_both(first, second, ada) -> None:
    lise = Actor.of(make_agent("Lise", departments=[first.department]))
    for ticket, actor in ((first, ada), (second, ada), (second, lise)):
        following.follow(ticket, by=actor)
    ticket_merge.merge(second, first, by=ada)
    assert following.followers(first) == [ada.agent, lise.agent]
    ticket_merge.undo(second.id, by=ada)
    assert (following.followers(first), len(following.followers(second))) == ([ada.agent], 2)


def test_a_snoozed_survivor_comes_back_for_a_question_and_a_snoozed_ticket_sleeps_on_afterwards(first, second, ada):
    until = utcnow() + dt.timedelta(days=2)
    for each in (first, second):
        tickets.snooze(each, until, by=ada)
    ticket_merge.merge(second, first, by=ada)
    assert (first.shelf, second.snoozed_until) == ("snoozed", None)
    ticket_merge.undo(second.id, by=ada)
    assert (second.shelf, second.snoozed_until) == ("snoozed", until)
    tickets.wake(second, by=ada)
    ticket_merge.merge(second, first, by=ada)
    assert first.shelf == "open"


def test_two_drafts_of_one_agent_become_one_and_other_drafts_come_back(first, second, ada) -> None:
    drafts.save(by=ada, kind="reply", body=Body("In the first."), ticket=first)
    drafts.save(by=ada, kind="reply", body=Body("In the second."), ticket=second)
    note = drafts.save(by=ada, kind="note", body=Body("Hm."), ticket=second)
    ticket_merge.merge(second, first, by=ada)
    assert drafts.of(first, ada.agent, "reply").text == "In the first.\n\nIn the second."
    assert drafts.of(first, ada.agent, "note") is note and first.message_count == 2
    ticket_merge.undo(second.id, by=ada)
    assert drafts.of(second, ada.agent, "note") is note


def test_later_mail_joins_the_survivor_and_says_why(first, second, ada) -> None:
    theirs = messages.thread(second)[0].message_id
    make_message(second, "And?", references=["unknown@example.com"])
    ticket_merge.merge(second, first, by=ada)
    assert set(session().scalars(sa.select(Reference.ticket_id))) == {first.id}
    found, why = thread.find_ticket(in_reply_to=[theirs], references=[], subject="", sender="")
    assert (found.id, why["by"], why["merged"]) == (first.id, "in_reply_to", second.number)
    found, why = thread.find_ticket(in_reply_to=[], references=[], subject=f"Re: [#{second.number}]",
                                    sender="kari@example.com")
    assert (found.id, why) == (first.id, {"by": "subject", "number": second.number, "merged": second.number})
    ticket_merge.undo(second.id, by=ada)
    found, why = thread.find_ticket(in_reply_to=[theirs], references=[], subject="", sender="")
    assert found.id == second.id and "merged" not in why


def test_mail_that_was_on_its_way_into_a_ticket_joins_the_survivor(first, second, ada) -> None:
    plan = intake.plan(Incoming("Parcel", "kari@example.com", text="Hello?"), mailbox=None,
                       department=first.department, target=second, why={"by": "in_reply_to"})
    ticket_merge.merge(second, first, by=ada)
    with transaction():
        message = intake.accept(plan)
    assert message.ticket_id == first.id and message.why["merged"] == second.number
    with pytest.raises(Invalid):
        messages.note(second, Body("Too late."), by=ada)


def test_the_number_of_a_merged_ticket_leads_to_the_survivor(first, second, ada) -> None:
    third = make_ticket("Third", department=first.department)
    ticket_merge.merge(third, second, by=ada)
    ticket_merge.merge(second, first, by=ada)
    assert tickets.get(third.number, ada.agent) is first
    with pytest.raises(Invalid):
        ticket_merge.undo(third.id, by=ada)  # the other one first
    ticket_merge.undo(second.id, by=ada)
    ticket_merge.undo(third.id, by=ada)
    assert [each.message_count for each in (first, second, third)] == [1, 1, 1]


def test_what_leads_to_a_ticket_goes_with_it(first, second, ada) -> None:
    third = make_ticket("Third", department=first.department)
    ticket_merge.merge(third, second, by=ada)
    ticket_merge.merge(second, first, by=ada)
    purge.purge(first, by=Actor.system("test"))
    assert session().scalars(sa.select(Ticket.id)).all() == []


def test_what_was_moved_on_stays_where_it_is(first, second, ada) -> None:
    extra = make_message(second, "My printer burns.", subject="Printer")
    ticket_merge.merge(second, first, by=ada)
    moved = moving.move(extra, None, by=ada)
    ticket_merge.undo(second.id, by=ada)
    assert extra.ticket_id == moved.id and said(second) == ["Still nothing."]


def test_nothing_is_merged_twice_with_itself_or_out_of_reach(first, second, ada) -> None:
    for one, other in ((first, first), (second, make_ticket("Elsewhere"))):
        with pytest.raises((Invalid, NotFound)):
            ticket_merge.merge(one, other, by=ada)
    ticket_merge.merge(second, first, by=ada)
    with pytest.raises(Invalid):
        ticket_merge.merge(second, first, by=ada)
    elsewhere = make_department("Elsewhere")
    with transaction():
        second.department_id = elsewhere.id
    with pytest.raises(NotFound):
        ticket_merge.undo(second.id, by=ada)
    assert said(second) == []


def test_proposals_are_the_open_tickets_of_the_same_customer_first(first, second, department, kari, ada) -> None:
    closed = make_ticket("Old", department=department, customer=kari, status="closed")
    make_ticket("Another's", department=department)
    make_ticket("Out of reach", customer=kari)
    assert [each.id for each in ticket_merge.proposals(first, ada.agent)] == [second.id, closed.id]
