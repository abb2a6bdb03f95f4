"""Writing: replies, notes, forwards; drafts kept on the server, never overwritten unseen; files."""

import io
import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from inbox.core import drafts, messages, tickets
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import Agent, CustomerAddress, Message, Ticket
from inbox.db import transaction, utcnow
from inbox.testing.factories import (
    make_agent,
    make_customer,
    make_department,
    make_file,
    make_mailbox,
    make_message,
    make_ticket,
)
from tests.web.browse import HTMX, Visitor

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")


@pytest.fixture
def ticket(session: Session) -> Ticket:
    support = make_mailbox("help@desk.example", department=make_department("Support")).department
    return make_ticket("Boots", department=support, customer=make_customer("Ola", "ola@example.no"))


@pytest.fixture
def kari(ticket: Ticket) -> Agent:
    return make_agent("Kari", departments=[ticket.department])


class Writer(Visitor):
    """A signed-in visitor at a ticket."""

    def __init__(self, app: Flask, agent: Agent, ticket: Ticket) -> None:
        super().__init__(app)
        self.sign_in(agent)
        self.base = f"/tickets/{ticket.number}"

    def send(self, data: dict[str, Any], path: str = "/messages", **options: Any) -> TestResponse:
        return self.post(f"{self.base}{path}", data, page="/views/all", **options)

    def save(self, text: str, version: int, kind: str = "reply", **more: str) -> TestResponse:
        data = {"csrf_token": self.token("/views/all"), "kind": kind, "text": text, "version": str(version), **more}
        return self._open("PUT", f"{self.base}/draft", data=data)


@pytest.fixture
def writer(app: Flask, kari: Agent, ticket: Ticket) -> Writer:
    return Writer(app, kari, ticket)


def last(ticket: Ticket) -> Message:
    return messages.thread(ticket)[-1]


def test_a_reply_goes_to_who_wrote_and_the_ticket_to_who_answers(writer: Writer, ticket: Ticket, kari: Agent) -> None:
    assert writer.send({"kind": "reply", "text": "On their way."}).status_code == 303
    reply = last(ticket)
    assert (reply.kind, reply.state, reply.text) == ("reply", "queued", "On their way.")
    assert [(each.role, each.address) for each in reply.recipients] == [("to", "ola@example.no")]
    assert ticket.assignee_id == kari.id and "On their way." in writer.get(writer.base).text


def test_send_and_close_closes_and_goes_on_to_the_list(writer: Writer, ticket: Ticket) -> None:
    answer = writer.send({"kind": "reply", "text": "Done.", "status": "closed"}, "/messages?in=mine")
    assert (answer.status_code, answer.location) == (303, "/views/mine")
    assert ticket.status == "closed"


def test_a_note_is_never_mailed(writer: Writer, ticket: Ticket) -> None:
    writer.send({"kind": "note", "text": "Ask Bergen.", "to": "ola@example.no"})
    assert (last(ticket).kind, last(ticket).state, last(ticket).recipients) == ("note", "stored", [])


def test_recipients_can_be_typed_by_name_and_address(writer: Writer, ticket: Ticket) -> None:
    writer.send({"kind": "reply", "text": "Hi", "cc": "Siv Moe <siv@example.no>; per@example.no", "bcc": "x@y.example"})
    assert [(each.role, each.name, each.address) for each in last(ticket).recipients] == [
        ("to", "Ola", "ola@example.no"), ("cc", "Siv Moe", "siv@example.no"), ("cc", "", "per@example.no"),
        ("bcc", "", "x@y.example")]


def test_a_forward_needs_somebody_to_go_to(writer: Writer, ticket: Ticket) -> None:
    refused = writer.send({"kind": "forward", "text": "See below"})
    assert refused.status_code == 422 and last(ticket).kind == "received"
    writer.send({"kind": "forward", "text": "See below", "to": "factory@example.no"})
    assert [each.address for each in last(ticket).recipients] == ["factory@example.no"]


def test_nothing_is_not_sent(writer: Writer, ticket: Ticket) -> None:
    answer = writer.send({"kind": "reply", "text": "  "}, headers=HTMX)
    assert answer.status_code == 422 and "Write something first." in answer.text
    assert answer.headers["HX-Retarget"] == "#problem" and last(ticket).kind == "received"


def test_what_the_editor_makes_is_sanitised(writer: Writer, ticket: Ticket) -> None:
    hostile = "<div>Hi <b>Ola</b><script>alert(1)</script><a href='javascript:x'>l</a></div>"
    writer.send({"kind": "reply", "html": hostile})
    reply = last(ticket)
    assert reply.html is not None and "<b>Ola</b>" in reply.html
    assert "script" not in reply.html and reply.text == "Hi Olal"


def test_htmx_gets_the_thread_and_an_empty_composer(writer: Writer) -> None:
    part = writer.send({"kind": "reply", "text": "On their way."}, headers=HTMX).text
    assert "On their way." in part and 'id="composer" hx-swap-oob' in part and "<html" not in part


# --- drafts -----------------------------------------------------------------------------------------------------


def test_a_draft_is_kept_and_shown_again(writer: Writer, ticket: Ticket, kari: Agent) -> None:
    facts = writer.save("Half a sente", 0, cc="siv@example.no").get_json()
    assert facts["version"] == 1 and "Draft saved" in facts["saved"]
    page = writer.get(writer.base).text
    assert "Half a sente" in page and "siv@example.no" in page
    assert "Boots" in writer.get("/views/drafts").text


def test_an_older_version_is_refused_and_the_stored_one_shown(writer: Writer, ticket: Ticket, kari: Agent) -> None:
    writer.save("From the office", 0)
    writer.save("From the office, longer", 1)
    answer = writer.save("From the train", 1)
    assert answer.status_code == 409
    assert (answer.get_json()["text"], answer.get_json()["version"]) == ("From the office, longer", 2)
    assert drafts.of(ticket, kari, "reply").text == "From the office, longer"
    assert writer.save("From the train", 2).status_code == 200  # having seen it, a person may go on


def test_sending_turns_the_draft_into_the_reply(writer: Writer, ticket: Ticket, kari: Agent) -> None:
    draft_id = writer.save("Nearly", 0).get_json()["id"]
    writer.send({"kind": "reply", "text": "Ready"})
    assert (last(ticket).id, last(ticket).text) == (draft_id, "Ready")
    assert drafts.of(ticket, kari, "reply") is None


def test_reply_and_note_have_drafts_of_their_own(writer: Writer, ticket: Ticket, kari: Agent) -> None:
    writer.save("To the customer", 0)
    writer.save("Among us", 0, kind="note")
    assert drafts.of(ticket, kari, "reply").text == "To the customer"
    assert drafts.of(ticket, kari, "note").text == "Among us"


def test_a_draft_is_among_the_drafts_of_its_author_alone(writer: Writer, app: Flask, ticket: Ticket) -> None:
    writer.save("My first thoughts", 0)
    colleague = Visitor(app).sign_in(make_agent(departments=[ticket.department]))
    assert "Boots" not in colleague.get("/views/drafts").text


def test_colleagues_read_a_draft_and_may_take_it_over(writer: Writer, app: Flask, ticket: Ticket, kari: Agent) -> None:
    draft_pk = writer.save("My first thoughts", 0).get_json()["id"]
    ola = make_agent("Ola", departments=[ticket.department])
    colleague = Visitor(app).sign_in(ola)
    page = colleague.get(writer.base).text
    assert f"{kari.name} has begun a reply" in page and "My first thoughts" in page
    assert "My first thoughts" in colleague.get(f"{writer.base}/drafts").text
    assert "has begun" not in writer.get(writer.base).text  # one's own is in the composer
    fresh = colleague.post(f"/drafts/{draft_pk}/take-over", page=writer.base, headers=HTMX).text
    assert "Ola took over a draft of" in fresh and "My first thoughts" in fresh.partition('id="composer"')[2]
    assert "has begun a reply" not in fresh and drafts.of(ticket, kari, "reply") is None
    answer = writer.save("My first thoughts, and more", 1)  # the author's page does not know yet
    assert answer.status_code == 409 and answer.get_json()["error"] == "Ola goes on with this draft now."
    assert drafts.of(ticket, kari, "reply") is None  # there is no second one
    assert writer.save("My own words", 0).status_code == 200


def test_an_emptied_draft_is_nothing_to_show(writer: Writer, app: Flask, ticket: Ticket) -> None:
    writer.save("", 0)
    assert "has begun" not in Visitor(app).sign_in(make_agent(departments=[ticket.department])).get(writer.base).text


def test_a_draft_is_thrown_away(writer: Writer, ticket: Ticket, kari: Agent) -> None:
    writer.save("Never mind", 0)
    writer.send({"kind": "reply"}, "/draft/discard")
    assert drafts.of(ticket, kari, "reply") is None


# --- files ------------------------------------------------------------------------------------------------------


def upload(name: str, data: bytes = b"%PDF-1.4", kind: str = "application/pdf") -> tuple[io.BytesIO, str, str]:
    return io.BytesIO(data), name, kind


def test_a_file_waits_with_the_draft_and_goes_with_the_reply(writer: Writer, ticket: Ticket) -> None:
    answer = writer.send({"kind": "reply", "files": upload("label.pdf")}, "/draft/files")
    assert "label.pdf" in answer.text and answer.headers["Draft-Version"] == "1"
    assert writer.save("Here it is", 1).status_code == 200  # the page goes on from that version
    writer.send({"kind": "reply", "text": "Here it is"})
    assert [each.filename for each in last(ticket).attachments] == ["label.pdf"]


def test_a_file_is_taken_off_again(writer: Writer, ticket: Ticket, kari: Agent) -> None:
    writer.send({"kind": "reply", "files": upload("label.pdf")}, "/draft/files")
    draft = drafts.of(ticket, kari, "reply")
    writer.post(f"/drafts/{draft.id}/files/{draft.attachments[0].id}/remove", page="/views/all")
    assert drafts.of(ticket, kari, "reply").attachments == []


def test_files_come_along_without_javascript(writer: Writer, ticket: Ticket) -> None:
    writer.send({"kind": "reply", "text": "Two", "files": [upload("../../etc/passwd", b"x", "text/plain"),
                                                         upload("brev på norsk.pdf")]})
    assert [each.filename for each in last(ticket).attachments] == ["passwd", "brev på norsk.pdf"]


def test_a_picture_is_one_by_its_bytes_not_by_its_name(writer: Writer, ticket: Ticket) -> None:
    writer.send({"kind": "reply", "text": "Two", "files": [upload("a.png", b"<script>x</script>", "image/png"),
                                                         upload("b.png", PNG, "image/png")]})
    assert [each.content_type for each in last(ticket).attachments] == ["application/octet-stream", "image/png"]


def test_a_reply_that_failed_shows_the_servers_words_and_is_sent_again(
        writer: Writer, ticket: Ticket, kari: Agent, session: Session) -> None:
    from inbox.core import sending

    reply = messages.reply(ticket, Body("Hi"), by=Actor.of(kari))
    sending.finish(sending.begin(reply.id, message_id="a@b"), "refused", "550 5.1.1 no such user here")
    page = writer.get(writer.base).text
    assert "550 5.1.1 no such user here" in page and "Try again" in page and "not sent" in page
    writer.post(f"/messages/{reply.id}/retry", page="/views/all")
    session.refresh(reply)
    assert reply.state == "queued" and tickets.get(ticket.number, kari).id == reply.ticket_id


def test_a_reply_with_only_cc_goes_to_who_wrote_last_not_to_whom_the_ticket_is_of(
        writer: Writer, ticket: Ticket, session: Session) -> None:
    office = {"address": "office@example.no", "name": ""}
    make_message(ticket, "Write to my office, please.", addressed={"reply_to": [office]})
    page = writer.get(writer.base).text
    assert 'placeholder="office@example.no"' in page and "To office@example.no" in page
    writer.send({"kind": "reply", "text": "We will.", "cc": "kim@example.no"})
    assert [(each.role, each.address) for each in last(ticket).recipients] == [
        ("to", "office@example.no"), ("cc", "kim@example.no")]


def test_it_goes_to_whom_the_page_showed_whoever_wrote_meanwhile(writer: Writer, ticket: Ticket) -> None:
    assert 'name="shown" value="ola@example.no"' in writer.get(writer.base).text
    make_message(ticket, "Answer me instead.", from_address="kim@example.no")
    writer.send({"kind": "reply", "text": "Hi", "shown": "ola@example.no"})
    assert [each.address for each in last(ticket).recipients] == ["ola@example.no"]
    writer.send({"kind": "reply", "text": "Hi"})  # a page of before, or a program: who wrote last
    assert [each.address for each in last(ticket).recipients] == ["kim@example.no"]


def test_who_gets_it_stands_above_the_text_and_what_is_odd_about_it(writer: Writer, ticket: Ticket) -> None:
    people = [{"address": "help@desk.example", "name": ""}, {"address": "siv@example.no", "name": ""}]
    make_message(ticket, "Hello", addressed={"to": people, "cc": [{"address": "per@example.no", "name": ""}]})
    page = writer.get(writer.base).text
    assert "To ola@example.no</span>" in page and "does not get it" not in page
    assert "siv@example.no, per@example.no" in re.search(r'data-reply-all="([^"]*)"', page)[1]  # type: ignore[index]
    make_message(ticket, "I am his lawyer.", from_address="law@example.no")
    page = writer.get(writer.base).text
    assert "To law@example.no</span>" in page and "The customer, ola@example.no, does not get it" in page
    writer.save("Dear both", 0, cc="ola@example.no", bcc="boss@example.no")
    assert "To law@example.no, Cc ola@example.no, Bcc boss@example.no</span>" in writer.get(writer.base).text


def test_an_address_whose_mail_came_back_is_named(writer: Writer, ticket: Ticket, session: Session) -> None:
    with transaction() as current:
        current.execute(sa.update(CustomerAddress).values(bounced_at=utcnow()))
    assert "The last mail to ola@example.no came back." in writer.get(writer.base).text


def test_a_draft_sent_with_a_second_click_goes_out_once(writer: Writer, ticket: Ticket) -> None:
    version = writer.save("On their way.", 0).json["version"]  # type: ignore[index]
    form = {"kind": "reply", "text": "On their way.", "version": str(version)}
    assert writer.send(form).status_code == 303
    assert writer.send(form).status_code == 409
    assert [each.kind for each in messages.thread(ticket)].count("reply") == 1


def test_a_forward_takes_the_files_along(writer: Writer, ticket: Ticket) -> None:
    make_message(ticket, "The receipt.", files=[make_file(b"%PDF-1.4 receipt", "receipt.pdf")])
    writer.send({"kind": "forward", "text": "For you.", "to": "works@example.no"})
    assert [each.filename for each in last(ticket).attachments] == ["receipt.pdf"]
