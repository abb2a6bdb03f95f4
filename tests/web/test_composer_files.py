"""Pictures in the text, files and their limits, what a forward passes on, who gets an answer."""

from typing import Any

import pytest

from inbox.core import drafts, messages
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import Agent, Message, Ticket
from inbox.db import transaction
from inbox.mail import deliver
from inbox.testing.factories import make_customer, make_file, make_message
from tests.web.test_composer import PNG, Writer, kari, last, ticket, upload, writer

__all__ = ["kari", "ticket", "writer"]  # fixtures


def picture(writer: Writer, data: bytes = PNG) -> Any:
    return writer.send({"kind": "reply", "inline": "1", "files": upload("shot.png", data, "image/png")}, "/draft/files")


def letter(message: Message) -> Any:
    return deliver.letter_for(message, deliver.mailbox_for(message))


def test_a_picture_is_shown_at_once_and_goes_inside_of_the_mail(writer: Writer, ticket: Ticket) -> None:
    kept = picture(writer).get_json()
    assert writer.get(kept["url"]).data == PNG
    html = f'<div>See <img src="cid:{kept["cid"]}" alt="shot.png"></div>'
    facts = writer.save("", kept["version"], html=html).get_json()
    assert facts["images"] == {kept["cid"]: kept["url"]} and facts["text"] == "See [shot.png]"
    writer.send({"kind": "reply", "html": facts["html"], "version": str(facts["version"])})
    [file] = letter(last(ticket)).files
    assert file.content_id == kept["cid"] and f"cid:{file.content_id}" in (letter(last(ticket)).html or "")
    assert kept["url"] in writer.get(writer.base).text


def test_a_picture_that_was_deleted_again_does_not_go_along(writer: Writer, ticket: Ticket, kari: Agent) -> None:
    picture(writer)
    assert len(drafts.of(ticket, kari, "reply").attachments) == 1
    writer.send({"kind": "reply", "html": "<div>Never mind</div>"})
    assert last(ticket).attachments == []


def test_what_is_no_picture_does_not_come_into_the_text(writer: Writer) -> None:
    assert picture(writer, b"<svg onload=alert(1)>").status_code == 422


def test_too_much_is_said_with_the_upload(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inbox.web.composer.most_bytes", lambda: 10)
    answer = writer.send({"kind": "reply", "files": upload("big.pdf", b"%PDF" * 3)}, "/draft/files")
    assert answer.status_code == 422 and "too large" in answer.text


# --- who gets it ------------------------------------------------------------------------------------------------


def test_with_the_page_in_charge_nobody_is_added(writer: Writer, ticket: Ticket) -> None:
    form = {"kind": "reply", "text": "Hi", "exact": "1", "shown": "ola@example.no"}
    refused = writer.send({**form, "cc": "siv@example.no"})
    assert refused.status_code == 422 and "Nobody stands in To" in refused.text
    writer.send({**form, "to": "Siv <siv@example.no>"})
    [siv] = last(ticket).recipients
    assert (siv.role, siv.name, siv.address) == ("to", "Siv", "siv@example.no")


def test_people_of_the_ticket_are_known_and_others_are_found_by_address(writer: Writer, ticket: Ticket) -> None:
    make_message(ticket, "Hi", addressed={"cc": [{"address": "Per@example.no", "name": "Per"}]})
    assert "Per@example.no" in writer.get(writer.base).text
    make_customer("Siri", "siri@elsewhere.example")
    assert writer.get(f"{writer.base}/recipients?q=SIRI").get_json() == [
        {"name": "Siri", "address": "siri@elsewhere.example"}]
    assert writer.get(f"{writer.base}/recipients?q=s").get_json() == []


# --- passing on -------------------------------------------------------------------------------------------------


@pytest.fixture
def talk(ticket: Ticket, kari: Agent) -> list[Message]:
    first = make_message(ticket, "The heel is loose.", files=[make_file(b"photo", "heel.jpg")])
    messages.note(ticket, Body("He is a pain."), by=Actor.of(kari))
    ours = messages.reply(ticket, Body("Send a photo."), by=Actor.of(kari))
    return [first, ours, make_message(ticket, "Here you are.", files=[make_file(b"photo 2", "sole.jpg")])]


def test_one_message_is_passed_on_with_its_files(writer: Writer, ticket: Ticket, talk: list[Message]) -> None:
    writer.send({"kind": "forward", "text": "Look", "to": "works@example.no", "about": str(talk[0].id)})
    quote = letter(last(ticket)).quote
    assert "The heel is loose." in quote.text and "Here you are." not in quote.text
    assert [each.filename for each in last(ticket).attachments] == ["heel.jpg"]


def test_the_whole_conversation_is_passed_on_without_notes(writer: Writer, ticket: Ticket, talk: list[Message]) -> None:
    assert 'value="all"' in writer.get(writer.base).text
    writer.send({"kind": "forward", "text": "Look", "to": "works@example.no", "about": "all"})
    quote = letter(last(ticket)).quote
    places = [quote.text.index(each) for each in ("The heel is loose.", "Send a photo.", "Here you are.")]
    assert places == sorted(places) and "pain" not in quote.text + quote.html
    assert [each.filename for each in last(ticket).attachments] == ["heel.jpg", "sole.jpg"]


def test_what_is_not_in_the_ticket_is_not_passed_on(writer: Writer, ticket: Ticket, talk: list[Message]) -> None:
    note = next(each for each in messages.thread(ticket) if each.kind == "note")
    answer = writer.send({"kind": "forward", "text": "Look", "to": "works@example.no", "about": str(note.id)})
    assert answer.status_code == 422


# --- signatures -------------------------------------------------------------------------------------------------


def test_the_signature_below_the_text_goes_out_once(writer: Writer, ticket: Ticket, kari: Agent) -> None:
    with transaction() as current:
        current.get_one(Agent, kari.id).signature = "Kari Moe, shoemaker"
    assert "Kari Moe, shoemaker" in writer.get(writer.base).text
    writer.send({"kind": "reply", "text": "Done"})
    assert letter(last(ticket)).signature.startswith("Kari Moe, shoemaker\n")
    make_message(ticket, "Thanks")
    writer.send({"kind": "forward", "text": "FYI", "to": "works@example.no", "about": "all"})
    assert "shoemaker" not in letter(last(ticket)).quote.text
