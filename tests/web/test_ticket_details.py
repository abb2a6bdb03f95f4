"""What is changed in place beside a ticket: customer, type, fields, checklist, links. By the addresses of the page."""

import re

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import settings, ticket_fields
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, Ticket
from inbox.db import session as current
from inbox.testing.factories import make_agent, make_customer, make_ticket
from tests.web.browse import HTMX, Visitor

SYSTEM = Actor.system("test")


@pytest.fixture
def desk(app: Flask, kari: Agent) -> Visitor:
    return Visitor(app).sign_in(kari)


@pytest.fixture
def ticket(support: Department) -> Ticket:
    return make_ticket("Boots", department=support, customer=make_customer("Ola", "ola@example.no"))


@pytest.fixture
def at(ticket: Ticket) -> str:
    return f"/tickets/{ticket.number}"


def test_the_type_and_fields_of_the_desk_are_filled_in_beside_the_ticket(desk: Visitor, ticket: Ticket, at: str):
    settings.put("desk.ticket_types", "Question\nProblem", by=SYSTEM)
    field = ticket_fields.of_tickets.define(by=SYSTEM, title="Order number", type="number")
    desk.get("/settings/desk")  # another process would read it within two seconds
    assert "Order number" in desk.get(at).text
    desk.post(f"{at}/details", {"type": "Problem"}, page=at)
    fresh = desk.post(f"{at}/details", {f"field-{field.id}": "1234"}, page=at, headers=HTMX).text
    assert ticket.type == "Problem" and "1,234" in fresh and "changed its details" in fresh
    assert 'id="ticket-head"' in fresh and 'id="composer"' not in fresh
    for wrong in ({"type": "Wish"}, {f"field-{field.id}": "many"}):
        assert desk.post(f"{at}/details", wrong, page=at).status_code == 422


def test_another_customer_is_found_and_gets_the_next_answer(desk: Visitor, support: Department, ticket, at) -> None:
    siv = make_ticket("Gloves", department=support, customer=make_customer("Siv", "siv@example.no")).customer
    found = desk.get(f"{at}/customer?part=found&find=siv@").text
    assert f'name="customer" value="{siv.id}"' in found and "<title>" not in found
    assert "Whose ticket is this?" in desk.get(f"{at}/customer").text
    fresh = desk.post(f"{at}/customer", {"customer": siv.id}, page=at, headers=HTMX).text
    assert "siv@example.no" in fresh[fresh.index('id="composer"'):] and "Kari said whose it is" in fresh
    desk.post(f"{at}/customer", {"address": "new@example.no", "name": "Nina"}, page=at)
    assert ticket.customer.name == "Nina"
    assert desk.post(f"{at}/customer", {"address": "nobody"}, page=at).status_code == 422


def test_lines_of_the_checklist_are_added_ticked_moved_and_removed(desk: Visitor, ticket: Ticket, at: str) -> None:
    def act(act: str, line: int = 0, text: str = "") -> str:
        return desk.post(f"{at}/checklist", {"act": act, "line": line, "text": text}, page=at, headers=HTMX).text

    act("add", text="Call the carrier")
    act("add", text="Refund")
    page = act("tick", 1)
    assert "1 of 2" in page and 'aria-checked="true"' in page and "ticked off “Call the carrier”" in page
    act("up", 2)
    act("rename", 2, "Refund it all")
    assert [each["text"] for each in ticket.checklist] == ["Refund it all", "Call the carrier"]
    act("untick", 1)
    act("down", 2)
    act("remove", 2)
    assert [(each["text"], each["done"]) for each in ticket.checklist] == [("Call the carrier", False)]
    assert desk.post(f"{at}/checklist", {"act": "eat"}, page=at).status_code == 422
    assert desk.post(f"{at}/checklist", {"act": "tick", "line": 9}, page=at).status_code == 404


def test_tickets_are_linked_and_no_more(desk: Visitor, support: Department, ticket: Ticket, at: str) -> None:
    other = make_ticket("Laces", department=support, customer=ticket.customer)
    assert "Laces" in desk.get(f"{at}/links").text
    page = desk.post(f"{at}/links", {"number": other.number, "kind": "original"}, page=at, headers=HTMX).text
    assert f"Duplicate of #{other.number}" in page
    theirs = desk.get(f"/tickets/{other.number}").text
    assert f"Duplicate #{ticket.number}" in theirs
    link = re.search(r"links/(\d+)/remove", theirs)[1]
    desk.post(f"{at}/links/{link}/remove", page=at)
    assert "Duplicate #" not in desk.get(f"/tickets/{other.number}").text
    assert desk.post(f"{at}/links", {"number": ticket.number}, page=at).status_code == 422


def test_those_who_only_look_change_nothing(app: Flask, support: Department, ticket: Ticket, at: str) -> None:
    lise = Visitor(app).sign_in(make_agent("Lise", role="light", departments=[support]))
    page = lise.get(at).text
    assert "Change the subject" not in page and "Another customer" not in page
    for path, data in (("details", {"type": ""}), ("customer", {"address": "a@example.no"}),
                       ("links", {"number": ticket.number})):
        assert lise.post(f"{at}/{path}", data, page=at).status_code == 403
    current().expire_all()
    assert ticket.customer.name == "Ola"


def test_admins_define_types_and_fields_of_tickets(app: Flask, session: Session) -> None:
    visitor = Visitor(app).sign_in(make_agent(role="admin"))
    visitor.post("/settings/ticket-fields/types", {"types": "Wish\n Question \n\nWish"}, page="/settings/ticket-fields")
    assert settings.get("desk.ticket_types") == "Wish\nQuestion"
    for title in ("Order", "Product"):
        answer = visitor.post("/settings/ticket-fields/new", {"title": title, "type": "text"}, follow_redirects=True)
        assert "The field is saved." in answer.text and "Ticket fields" in answer.text
    product = ticket_fields.of_tickets.all()[1]
    visitor.post(f"/settings/ticket-fields/{product.id}/up", page="/settings/ticket-fields")
    visitor.post(f"/settings/ticket-fields/{product.id}", {"title": "Which product"})
    assert [each.title for each in ticket_fields.of_tickets.all()] == ["Which product", "Order"]
    visitor.post(f"/settings/ticket-fields/{product.id}/delete", page="/settings/ticket-fields")
    assert [each.title for each in ticket_fields.of_tickets.all()] == ["Order"]
    assert "Order" not in visitor.get("/settings/fields").text
