"""Putting a ticket away: the menu of times, what is typed, what it would be."""

import datetime as dt
import html
import re

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core.models import Ticket
from inbox.db import at_time
from inbox.testing.factories import make_agent, make_department, make_ticket
from tests.web.browse import HTMX, Visitor

WEDNESDAY = dt.datetime(2026, 11, 25, 10, 20, tzinfo=dt.UTC)


@pytest.fixture
def ticket(session: Session) -> Ticket:
    return make_ticket("Boots", department=make_department("Support"))


@pytest.fixture
def desk(app: Flask, ticket: Ticket) -> Visitor:
    agent = make_agent("Kari", departments=[ticket.department], time_zone="Europe/Oslo", locale="en")
    with at_time(WEDNESDAY):
        return Visitor(app).sign_in(agent)


def test_the_menu_offers_times_on_the_agents_clock(desk: Visitor, ticket: Ticket) -> None:
    with at_time(WEDNESDAY):
        menu = desk.get(f"/tickets/{ticket.number}/snooze", headers=HTMX).text
    assert "<html" not in menu and 'value="2026-11-26T08:00:00+00:00"' in menu
    assert "Tomorrow morning" in menu and re.search(r"Thu,? (26 )?Nov( 26)? 9:00", menu)


def test_what_the_menu_offers_is_when_the_ticket_comes_back(desk: Visitor, ticket: Ticket, session: Session) -> None:
    with at_time(WEDNESDAY):
        menu = desk.get(f"/tickets/{ticket.number}/snooze", headers=HTMX).text
        offered = html.unescape(re.findall(r'name="at" value="([^"]+)"', menu)[-1])
        assert desk.post(f"/tickets/{ticket.number}/snooze", {"at": offered}, page="/views/all").status_code == 303
        assert "snoozed it until" in desk.get(f"/tickets/{ticket.number}").text
    session.refresh(ticket)
    assert ticket.snoozed_until == dt.datetime.fromisoformat(offered) and ticket.shelf == "snoozed"


def test_a_typed_time_is_shown_before_it_is_chosen(desk: Visitor, ticket: Ticket, session: Session) -> None:
    with at_time(WEDNESDAY):
        assert re.search(r"Fri,? (27 )?Nov( 27)? 10:00", desk.get("/times?until=fri+10", headers=HTMX).text)
        assert "for example" in desk.get("/times?until=banana", headers=HTMX).text
        desk.post(f"/tickets/{ticket.number}/snooze", {"until": "fri 10"}, page="/views/all")
    session.refresh(ticket)
    assert ticket.snoozed_until == dt.datetime(2026, 11, 27, 9, tzinfo=dt.UTC)


def test_a_time_nobody_understands_is_answered_with_examples(desk: Visitor, ticket: Ticket) -> None:
    answer = desk.post(f"/tickets/{ticket.number}/snooze", {"until": "banana"}, page="/views/all")
    assert answer.status_code == 422 and "tomorrow 14:30" in answer.text


def test_without_javascript_the_menu_is_a_page(desk: Visitor, ticket: Ticket) -> None:
    page = desk.get(f"/tickets/{ticket.number}/snooze").text
    assert "<html" in page and 'name="until"' in page
