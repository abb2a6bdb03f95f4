"""The factories make what the core accepts."""

from sqlalchemy.orm import Session

from inbox.core import messages, permissions, tickets
from inbox.testing.factories import (
    make_agent,
    make_department,
    make_file,
    make_mailbox,
    make_message,
    make_ticket,
)


def test_a_ticket_has_a_customer_a_department_and_a_message(session: Session) -> None:
    ticket = make_ticket("Broken lamp", tags=["lamp"])
    assert ticket.message_count == 1
    assert [each.text for each in messages.thread(ticket)] == ["Hello, where is my order?"]
    assert [tag.name for tag in ticket.tags] == ["lamp"]


def test_an_agent_sees_only_the_departments_given(session: Session) -> None:
    sales, support = make_department("Sales"), make_department("Support")
    agent = make_agent(departments=[sales])
    assert permissions.may(agent, "view", make_ticket(department=sales))
    assert not permissions.may(agent, "view", make_ticket(department=support))


def test_messages_of_every_kind(session: Session) -> None:
    mailbox = make_mailbox()
    ticket = make_ticket(mailbox=mailbox)
    file = make_file()
    make_message(ticket, "with a file", files=[file])
    make_message(ticket, "an answer", kind="reply")
    make_message(ticket, "a note", kind="note")
    said = messages.thread(ticket)
    assert [each.kind for each in said] == ["received", "received", "reply", "note"]
    assert said[1].attachments[0].sha256 == file.sha256


def test_an_assigned_closed_ticket(session: Session) -> None:
    department = make_department()
    agent = make_agent(departments=[department])
    ticket = make_ticket(department=department, assignee=agent, status="closed")
    assert tickets.get(ticket.number, agent).assignee_id == agent.id
    assert ticket.shelf == "closed"
