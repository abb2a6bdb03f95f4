"""Which ticket a message belongs to, and the reason people are shown."""

import pytest

from inbox import secrets
from inbox.core import messages, tickets
from inbox.core.events import Actor
from inbox.core.messages import Address, Body
from inbox.core.models import Ledger, Ticket
from inbox.db import transaction
from inbox.mail import compose, ledger, receive, thread
from inbox.testing.factories import make_agent, make_mailbox, make_message, make_ticket
from tests.mail.conftest import letter


@pytest.fixture
def take(session, mailbox):
    """Let a message arrive and process it; returns its ticket's id."""

    def call(**options):
        row_id = ledger.arrive(letter(**options), source="smtp", mailbox_id=mailbox)
        receive.process(row_id)
        return session.get(Ledger, row_id, populate_existing=True).ticket_id

    return call


def find(**given):
    ticket, why = thread.find_ticket(**{"in_reply_to": [], "references": [], "subject": "", "sender": ""} | given)
    return ticket.id if ticket else None, why


def test_in_reply_to_comes_before_references(take):
    one, two = take(message_id="1@x", subject="one"), take(message_id="2@x", subject="two")
    found, why = find(in_reply_to=["2@x"], references=["2@x", "1@x"])
    assert (found, why["by"], why["message_id"]) == (two, "in_reply_to", "2@x")
    assert one != two


def test_the_newest_reference_wins(take):
    take(message_id="1@x", subject="one")
    two = take(message_id="2@x", subject="two")
    found, why = find(references=["1@x", "2@x"])
    assert (found, why["by"]) == (two, "references")


def test_an_unknown_in_reply_to_falls_back_to_references(take):
    one = take(message_id="1@x")
    assert find(in_reply_to=["unknown@x"], references=["1@x", "unknown@x"])[0] == one


def test_a_message_id_we_signed_leads_to_its_ticket_though_the_reply_is_lost(take, config):
    secrets.ensure_key(config)
    one = take(message_id="1@x")
    key = secrets.derived_key("message-id", config)
    ours = compose.signed_message_id(one, 99, "support@desk.example", key)
    found, why = find(references=["nobody@x", ours], sender="kari@example.com")
    assert (found, why["by"], why["signed"]) == (one, "references", True)
    forged = compose.signed_message_id(one, 99, "support@desk.example", b"another key")
    assert find(in_reply_to=[forged], sender="kari@example.com")[0] is None
    assert find(in_reply_to=[ours], sender="stranger@example.com")[0] is None


def test_siblings_meet_though_nobody_has_their_parent(take):
    """Somebody answered two of us by a mail that never reached the desk."""
    first = take(message_id="b@x", In_Reply_To="<lost@x>")
    assert take(message_id="c@x", text="and this", In_Reply_To="<lost@x>") == first
    found, why = find(references=["lost@x"], sender="kari@example.com")
    assert (found, why["by"], why["message_id"]) == (first, "sibling", "lost@x")


def test_an_answer_that_was_faster_than_its_question_is_joined_by_it(take):
    answer = take(message_id="b@x", text="answer", In_Reply_To="<a@x>")
    assert take(message_id="a@x", text="question") == answer


@pytest.mark.parametrize("sender", ["kari@example.com", "KARI@Example.com"])
def test_the_number_in_the_subject_is_for_those_who_take_part(take, session, sender):
    ticket = session.get(Ticket, take(sender="kari@example.com"))
    found, why = find(subject=f"Re: Hello [#{ticket.number}]", sender=sender)
    assert (found, why["by"], why["number"]) == (ticket.id, "subject", ticket.number)


def test_a_stranger_with_a_number_gets_a_new_ticket_and_a_reason(take, session):
    number = session.get(Ticket, take()).number
    assert find(subject=f"[#{number}]", sender="stranger@example.com") == (
        None, {"by": "new", "stranger_to": number})


def test_whom_we_wrote_to_takes_part(take, session):
    ticket = session.get(Ticket, take())
    agent = make_agent(role="owner")
    messages.forward(ticket, Body("Please look"), by=Actor.of(agent), to=[Address("to", "maker@example.com")])
    assert find(subject=f"[#{ticket.number}]", sender="maker@example.com")[0] == ticket.id


@pytest.mark.parametrize("subject", ["#1", "[1]", "[#0]", "[#99999999999999]", "[#" + "9" * 40 + "]", ""])
def test_other_numbers_mean_nothing(take, subject):
    take(sender="kari@example.com")
    assert find(subject=subject, sender="kari@example.com")[0] is None


def test_a_merged_ticket_leads_to_the_one_that_is_left(take, session):
    one, two = take(message_id="1@x", subject="one"), take(message_id="2@x", subject="two")
    with transaction() as current:
        ticket = current.get(Ticket, one)
        ticket.merged_into_id = two
        ticket.reshelve()
    assert find(in_reply_to=["1@x"])[0] == two


def test_an_answer_to_a_ticket_in_the_trash_brings_it_back(take, session):
    ticket = session.get(Ticket, take(message_id="1@x"))
    tickets.trash(ticket, by=Actor.system("test"))
    assert take(message_id="2@x", text="still there?", In_Reply_To="<1@x>") == ticket.id
    session.refresh(ticket)
    assert (ticket.trashed_at, ticket.shelf) == (None, "open")


def test_spam_stays_spam(take, session):
    ticket = session.get(Ticket, take(message_id="1@x"))
    tickets.mark_spam(ticket, by=Actor.system("test"))
    assert take(message_id="2@x", text="buy now", In_Reply_To="<1@x>") == ticket.id
    session.refresh(ticket)
    assert ticket.shelf == "spam"


def test_a_thousand_references_are_looked_at_within_reason(take):
    root = take(message_id="root@x")
    long = ["root@x", *(f"{number}@x" for number in range(1000))]
    assert len(thread.candidates([], long)) == thread.MAX_IDS
    assert find(references=long)[0] == root


def test_two_strangers_who_answer_the_same_newsletter_get_a_ticket_each(session):
    box = make_mailbox()
    anna = make_ticket(mailbox=box)
    make_message(anna, from_address="anna@a.example", references=["newsletter@shop.example"])
    found, why = thread.find_ticket(in_reply_to=["newsletter@shop.example"], references=[], subject="Re: News",
                                    sender="bob@b.example")
    assert found is None and why["by"] == "new"


def test_somebody_who_was_addressed_joins_as_a_sibling(session):
    ticket = make_ticket(mailbox=make_mailbox())
    make_message(ticket, from_address="anna@a.example", references=["plan@a.example"],
                 addressed={"to": [], "cc": [{"address": "Bob@b.example", "name": ""}], "reply_to": []})
    found, why = thread.find_ticket(in_reply_to=["plan@a.example"], references=[], subject="Re: Plan",
                                    sender="bob@b.example")
    assert found is not None and found.id == ticket.id and why["by"] == "sibling"


def why_of(session, ticket_id):
    return messages.thread(session.get(Ticket, ticket_id))[-1].why


@pytest.mark.parametrize(("subject", "told"), [
    ("Re: Hello", None), ("SV: RE: [list] hello [#12]", None), ("", None), ("Fwd: Hello", None),
    ("My printer burns", "My printer burns"), ("Re: my printer", "Re: my printer")])
def test_another_subject_is_noted_so_that_a_ticket_of_its_own_can_be_made(take, session, subject, told):
    first = take(message_id="1@x")
    assert take(message_id="2@x", subject=subject, text="x", In_Reply_To="<1@x>") == first
    assert why_of(session, first).get("subject") == told
    assert take(message_id="3@x", subject=f"Re: {subject}", text="y", In_Reply_To="<2@x>") == first
    assert "subject" not in why_of(session, first)  # it is known here by now


def test_mail_for_a_ticket_that_leads_elsewhere_says_so(take, session):
    one, two = take(message_id="1@x"), take(message_id="2@x", subject="two", text="b")
    with transaction():
        session.get(Ticket, one).merged_into_id = two
    assert take(message_id="3@x", subject="Re: Hello", text="c", In_Reply_To="<1@x>") == two
    assert why_of(session, two)["merged"] == session.get(Ticket, one).number


def test_a_clone_of_this_desk_signs_with_another_key_and_opens_tickets_of_its_own(take, session, config):
    """Its Message-IDs name tickets by our numbers; the customer is even one of ours."""
    one = take(message_id="1@x")
    theirs = compose.signed_message_id(one, 2, "support@desk.example", b"the key of the clone")
    other = take(message_id="2@x", subject="Re: Hello", text="to the clone", In_Reply_To=f"<{theirs}>")
    assert other != one and why_of(session, other)["by"] == "new"
