"""Saved replies in the composer: chosen, filled in, with their files and what they do."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import attachments, drafts, saved_replies
from inbox.core.attachments import StoredFile
from inbox.core.events import Actor
from inbox.core.models import Agent, Customer, Ticket
from inbox.db import transaction
from inbox.plugin_host.items import Placeholder
from inbox.testing.plugins import host_of, plug
from tests.web.test_composer import Writer, kari, ticket, upload, writer

__all__ = ["kari", "ticket", "writer"]  # fixtures


def use(writer: Writer, reply: Any, kind: str = "reply") -> Any:
    answer = writer.send({"kind": kind}, f"/saved-replies/{reply.id}/use")
    assert answer.status_code == 200
    return answer.get_json()


def make(kari: Agent, text: str, html: str = "", **more: Any) -> Any:
    return saved_replies.save(by=Actor.of(kari), name="Hello", text=text, html=html, **more)


def test_a_saved_reply_comes_filled_in(writer: Writer, kari: Agent) -> None:
    reply = make(kari, "Hi {customer.first_name}", "<p>Hi {customer.name}</p>")
    assert "Hello" in writer.get(f"{writer.base}/saved-replies").text
    listed = writer.get(f"{writer.base}/saved-replies.json").get_json()
    assert [(each["title"], each["note"]) for each in listed] == [("Hello", "Hi {customer.first_name}")]
    assert use(writer, reply) == {"text": "Hi Ola", "html": "<p>Hi Ola</p>", "acts": []}
    assert reply.used == 1


def test_where_nothing_is_known_the_fallback_stands(
        writer: Writer, ticket: Ticket, kari: Agent, session: Session) -> None:
    with transaction():
        session.get_one(Customer, ticket.customer_id).name = ""
    reply = make(kari, "Hi {customer.first_name|there}", "<p>Hi {customer.first_name|there},</p>")
    assert use(writer, reply)["html"] == "<p>Hi there,</p>"


def test_what_is_filled_in_is_not_filled_in_again(
        writer: Writer, ticket: Ticket, kari: Agent, session: Session) -> None:
    with transaction():
        session.get_one(Customer, ticket.customer_id).name = "{agent.name}"
    assert use(writer, make(kari, "Dear {customer.name} {unknown.word}"))["text"] == "Dear {agent.name} {unknown.word}"


def test_register_placeholders_fills_in_what_plugins_know(app: Flask, ticket: Ticket, kari: Agent) -> None:
    asked = []

    def value(of):
        asked.append(of.number)
        return f"<{of.subject}>"

    def fails(of):
        raise ValueError("down")

    def register_placeholders():
        return [Placeholder("loyalty.about", "What it is about", value), Placeholder("loyalty.bad", "Bad", fails),
                Placeholder("loyalty.unused", "Unused", lambda of: asked.append("never") or "")]

    plug(app, "loyalty", register_placeholders)
    host_of(app).raise_faults = False
    reply = make(kari, "About {loyalty.about}{loyalty.bad}.", "<p>About {loyalty.about}{loyalty.bad}.</p>")
    filled = use(Writer(app, kari, ticket), reply)
    assert asked == [ticket.number] and filled["html"] == "<p>About &lt;Boots&gt;.</p>"


def test_its_files_wait_with_the_draft(writer: Writer, ticket: Ticket, kari: Agent) -> None:
    file = StoredFile("terms.pdf", "application/pdf", 3, attachments.store(b"abc"))
    answer = use(writer, make(kari, "Our terms", files=[file]), kind="note")
    assert "terms.pdf" in answer["files"] and answer["version"] == 1
    assert [each.filename for each in drafts.of(ticket, kari, "note").attachments] == ["terms.pdf"]


@pytest.mark.parametrize(("written", "said"), [
    ("status:closed", "close"), ("tag:refund", "tag refund"), ("assign:me", "assign to me"), ("assign:", "unassign"),
    ("priority:high", "set the priority to high"), ("snooze:monday", "snooze until Monday morning"),
    ("assign:999", None)])
def test_what_it_does_is_said_before(writer: Writer, kari: Agent, written: str, said: str | None) -> None:
    acts = use(writer, make(kari, "Hi", actions=[written]))["acts"]
    assert acts == ([{"value": written, "words": said}] if said else [])


def test_what_is_ticked_is_done_with_the_answer_and_what_was_dropped_is_not(
        writer: Writer, ticket: Ticket, kari: Agent) -> None:
    writer.save("Refunded.", 0, act="status:closed")
    assert drafts.of(ticket, kari, "reply").extra["actions"] == ["status:closed"]
    assert "Will also" in writer.get(writer.base).text
    answer = writer.send({"kind": "reply", "text": "Refunded.", "act": ["tag:refund", "status:closed"]})
    assert answer.status_code == 303 and ticket.status == "closed"
    assert [each.name for each in ticket.tags] == ["refund"]


def test_the_button_counts_more_than_the_saved_reply(writer: Writer, ticket: Ticket) -> None:
    writer.send({"kind": "reply", "text": "Hm.", "act": ["status:closed", "priority:high"], "status": "pending"})
    assert (ticket.status, ticket.priority) == ("pending", "high")


def test_when_an_act_cannot_be_done_nothing_is_sent(writer: Writer, ticket: Ticket) -> None:
    assert writer.send({"kind": "reply", "text": "Hm.", "act": "assign:999"}).status_code == 422
    assert ticket.message_count == 1


# --- in the settings --------------------------------------------------------------------------------------------


def test_what_a_saved_reply_does_and_brings_is_set_and_taken_back(writer: Writer, kari: Agent) -> None:
    page = "/settings/saved-replies/new"
    data = {"name": "Refund", "html": "<div>Money is <b>back</b></div>", "act_status": "closed", "act_assign": "none",
            "act_tag": "refund, Done", "files": upload("terms.pdf")}
    assert writer.post(page, data, page=page).status_code == 303
    [made] = saved_replies.available_to(kari)
    assert made.actions == ["tag:refund", "tag:done", "assign:", "status:closed"]
    assert (made.text, made.html) == ("Money is back", "<div>Money is <b>back</b></div>")
    shown = writer.get(f"/settings/saved-replies/{made.id}").text
    assert 'value="closed" selected' in shown and 'value="none" selected' in shown and 'value="refund, done"' in shown
    assert "close" in writer.get("/settings/saved-replies").text
    plainer = {"name": "Refund", "text": "Back", "drop": made.files[0]["sha256"]}
    writer.post(f"/settings/saved-replies/{made.id}", plainer, page=page)
    assert (made.actions, made.files, made.html) == ([], [], "<p>Back</p>")


def test_what_it_cannot_do_is_said_beside_the_fields(writer: Writer) -> None:
    page = "/settings/saved-replies/new"
    answer = writer.post(page, {"name": "Refund", "text": "Back", "act_priority": "huge"}, page=page)
    assert answer.status_code == 422 and "This is nothing a saved reply can do." in answer.text
