"""Long threads are folded together and unfolded; events in a row are one line; a ticket on paper."""

import datetime as dt
import re

import pytest
from flask import Flask

from inbox.core import tickets
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, Ticket
from inbox.db import utcnow
from inbox.testing.factories import make_agent, make_department, make_message, make_ticket
from tests.web.browse import HTMX, Visitor


@pytest.fixture
def desk(app: Flask, kari: Agent) -> Visitor:
    return Visitor(app).sign_in(kari)


@pytest.fixture
def ticket(support: Department) -> Ticket:
    """A thread of nine messages, said an hour apart."""
    found = make_ticket("Long", department=support, text="Said 0.")
    for number in range(1, 9):
        make_message(found, f"Said {number}.", at=utcnow() + dt.timedelta(hours=number))
    return found


def said(page: str) -> list[int]:
    thread = page[page.index('id="timeline"'):]
    return [int(each) for each in re.findall(r'mail-text">Said (\d)\.', thread)]


def test_a_long_thread_shows_the_first_and_the_last_messages_until_all_are_asked_for(desk: Visitor, ticket: Ticket):
    at = f"/tickets/{ticket.number}"
    page = desk.get(at).text
    assert said(page) == [0, 6, 7, 8] and "Show 5 earlier messages" in page
    for way in ("?all=1", "/conversation"):
        assert said(desk.get(f"{at}{way}", headers=HTMX if way[0] == "/" else {}).text) == list(range(9))


def test_what_is_sent_later_fits_what_is_shown(desk: Visitor, ticket: Ticket) -> None:
    upto = re.search(r'data-upto="(m\d+)"', desk.get(f"/tickets/{ticket.number}").text)[1]
    make_message(ticket, "Said 9.", at=utcnow() + dt.timedelta(hours=10))
    fresh = desk.get(f"/tickets/{ticket.number}/conversation", headers={**HTMX, "X-Earlier": upto}).text
    assert said(fresh) == [0, 6, 7, 8, 9] and f'data-upto="{upto}"' in fresh
    other = make_ticket("Short", department=ticket.department, text="Said 0.")
    assert said(desk.get(f"/tickets/{other.number}?part=pane", headers={**HTMX, "X-Earlier": upto}).text) == [0]


def test_what_was_not_seen_is_open_and_comes_first(desk: Visitor, kari: Agent, ticket: Ticket) -> None:
    tickets.mark_seen(ticket, kari)
    for number in range(9):
        make_message(ticket, f"Said {number}.", at=utcnow() + dt.timedelta(days=1, hours=number))
    page = desk.get(f"/tickets/{ticket.number}").text
    assert said(page)[-9:] == list(range(9)) and page.count("data-unread") == 1


def test_a_short_thread_stays_as_it_is(desk: Visitor, support: Department) -> None:
    short = make_ticket("Short", department=support, text="Said 0.")
    for number in range(1, 5):
        make_message(short, f"Said {number}.")
    assert said(desk.get(f"/tickets/{short.number}").text) == [0, 1, 2, 3, 4]


def test_events_in_a_row_are_one_line(desk: Visitor, kari: Agent, support: Department) -> None:
    ticket = make_ticket("Busy", department=support)
    for name in ("one", "two", "three"):
        tickets.tag(ticket, name, by=Actor.of(kari))
    page = desk.get(f"/tickets/{ticket.number}").text
    row = page[page.index('class="in-a-row"'):]
    assert "added the tag three" in row[:row.index("</summary>")] and "and 2 more" in row and "the tag one" in row


def test_a_ticket_on_paper_holds_every_message(app: Flask, desk: Visitor, ticket: Ticket) -> None:
    paper = desk.get(f"/tickets/{ticket.number}/print")
    assert paper.status_code == 200 and all(f"Said {number}." in paper.text for number in range(9))
    assert 'id="rail"' not in paper.text and "data-print" in paper.text
    nils = Visitor(app).sign_in(make_agent("Nils", departments=[make_department("Elsewhere")]))
    assert nils.get(f"/tickets/{ticket.number}/print").status_code == 404
