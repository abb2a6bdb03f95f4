"""The palette: what can be done, where one can go, what is found; each behind the same permissions as its page."""

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core.models import Agent, Department, Ticket
from inbox.db import db
from inbox.testing.factories import make_agent, make_customer, make_department, make_ticket
from tests.web.browse import Visitor


@pytest.fixture
def desk(app: Flask, kari: Agent) -> Visitor:
    return Visitor(app).sign_in(kari)


@pytest.fixture
def ticket(support: Department) -> Ticket:
    return make_ticket("Boots", department=support, customer=make_customer("Ola Nordmann", "ola@example.no"))


def options(page: str, group: str) -> list[str]:
    """The words of the options of a group."""
    part = re.search(rf'<section data-group="{group}">(.*?)</section>', page, re.DOTALL)
    lines = re.findall(r'<a role="option".*?</a>', part[1], re.DOTALL) if part else []
    return [re.sub(r"<svg.*?</svg>|<[^>]+>", "", line).strip() for line in lines]


def test_it_lists_actions_views_departments_and_pages(desk: Visitor) -> None:
    page = desk.get("/palette").text
    assert "<html" not in page
    assert any(line.startswith("Assign") for line in options(page, "actions"))
    assert "Mine G M" in options(page, "views") and options(page, "departments") == ["Support"]
    assert "Outbox" in options(page, "pages") and options(page, "recent") == []


def test_it_offers_only_the_settings_one_may_open(desk: Visitor, app: Flask) -> None:
    assert options(desk.get("/palette").text, "settings") == ["Saved replies"]
    owner = Visitor(app).sign_in(make_agent(role="owner"))
    assert "Mailboxes" in options(owner.get("/palette").text, "settings")


def test_tickets_and_customers_are_found(desk: Visitor, ticket: Ticket) -> None:
    page = desk.get("/palette?q=boots").text
    assert options(page, "tickets") == [f"Boots Ola Nordmann#{ticket.number}"]
    assert f'href="/tickets/{ticket.number}"' in page and options(page, "actions") == []
    assert options(desk.get("/palette?q=ola").text, "people") == ["Ola Nordmann ola@example.no"]
    assert options(desk.get("/palette?q=ola&only=tickets").text, "people") == []
    assert options(desk.get("/palette?q=nothing").text, "search") == ["Search all messages for “nothing”"]


def test_nobody_finds_tickets_of_other_departments(desk: Visitor) -> None:
    foreign = make_ticket("Salaries", department=make_department("Staff"), text="Salaries")
    assert "Salaries" not in desk.get("/palette?q=salaries").text.partition('data-group="search"')[0]
    assert options(desk.get(f"/palette?q={foreign.number}").text, "tickets") == []


def test_a_ticket_that_was_viewed_is_offered_again(desk: Visitor, ticket: Ticket) -> None:
    desk.post(f"/tickets/{ticket.number}/seen", page=f"/tickets/{ticket.number}")
    assert options(desk.get("/palette").text, "recent") == [f"Boots Ola Nordmann#{ticket.number}"]


def test_the_rail_asks_for_the_tickets_viewed_last_when_it_is_opened(desk: Visitor, ticket: Ticket) -> None:
    assert 'hx-get="/recent"' in desk.get("/views/open").text
    assert "Nothing yet." in desk.get("/recent").text
    desk.post(f"/tickets/{ticket.number}/seen", page=f"/tickets/{ticket.number}")
    assert f'href="/tickets/{ticket.number}"' in desk.get("/recent").text


def test_it_is_for_those_signed_in(app: Flask, session: Session) -> None:
    assert "/sign-in" in Visitor(app).get("/palette?q=boots").location


def test_it_costs_at_most_five_statements_beside_signing_in(desk: Visitor, ticket: Ticket) -> None:
    def cost(path: str) -> int:
        sent: list[str] = []
        note: Callable[..., None] = lambda _c, _cur, statement, *_: sent.append(statement)  # noqa: E731
        sa.event.listen(db.engine, "before_cursor_execute", note)
        assert desk.get(path).status_code == 200
        sa.event.remove(db.engine, "before_cursor_execute", note)
        return len([each for each in sent if each.lstrip().upper().startswith(("SELECT", "WITH"))])

    desk.get("/views/all")  # the desk's name and the plugins are known from now on
    assert cost("/palette?q=boots") - cost("/keys?part=1") <= 5
    assert cost("/palette") - cost("/keys?part=1") <= 3
