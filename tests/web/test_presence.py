"""Who else is at a ticket: said by browsers, told by the live stream to those who may see the ticket."""

import datetime as dt
import queue
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.orm import Session

import inbox.db
from inbox.core import presence
from inbox.core.models import Agent, Department, Ticket
from inbox.db import at_time, utcnow
from inbox.testing.factories import make_agent, make_department, make_ticket
from inbox.web import live
from inbox.web import presence as presence_of_web
from tests.web.browse import Visitor

pytestmark = pytest.mark.each_database


@pytest.fixture
def kari(support: Department) -> Agent:
    return make_agent("Kari Nordmo", departments=[support])


@pytest.fixture
def ola(support: Department) -> Agent:
    return make_agent("Ola", departments=[support])


@pytest.fixture
def ticket(support: Department) -> Ticket:
    return make_ticket(department=support)


@pytest.fixture
def hub(app: Flask, session: Session) -> Iterator[live.Hub]:
    found: live.Hub = app.extensions[live.EXTENSION]
    yield found
    found.stop()


def say(browser: Visitor, ticket: Ticket, doing: str) -> int:
    """What a browser says; the status of the answer."""
    answer = browser._open("PUT", f"/tickets/{ticket.number}/presence", data={"doing": doing},
                           headers={"X-CSRFToken": browser.token("/views/all")})
    return answer.status_code


def shown(stream: live.Stream | None, seconds: float = 10.0) -> dict[str, list[tuple[str, str]]]:
    """The next picture a stream is sent: ticket → (name, doing)."""
    assert stream is not None
    while True:
        hint = stream.hints.get(timeout=seconds)
        if hint is not None and "presence" in hint:
            return {number: [(each["name"], each["doing"]) for each in people]
                    for number, people in hint["presence"].items()}


def test_a_colleague_is_seen_as_soon_as_their_browser_says_so(app, hub, kari, ola, ticket) -> None:
    stream = hub.open(ola)
    browser, number = Visitor(app).sign_in(kari), str(ticket.number)
    assert say(browser, ticket, "reading") == 204
    assert shown(stream) == {number: [("Kari Nordmo", "reading")]}
    say(browser, ticket, "reply")
    assert shown(stream) == {number: [("Kari Nordmo", "reply")]}
    say(browser, ticket, "")
    assert shown(stream) == {}


def test_who_comes_later_is_shown_who_is_there(hub, kari, ola, ticket) -> None:
    presence.here(ticket, kari, "note")
    assert shown(hub.open(ola)) == {str(ticket.number): [("Kari Nordmo", "note")]}


def test_nobody_is_shown_themselves(hub, kari, ticket) -> None:
    presence.here(ticket, kari, "reading")
    stream = hub.open(kari)
    assert stream is not None
    with pytest.raises(queue.Empty):
        stream.hints.get(timeout=0.2)


def test_nobody_is_shown_who_is_at_tickets_out_of_reach(hub, ola, ticket) -> None:
    foreign = make_ticket(department=make_department("Staff"))
    boss = make_agent("Boss", role="admin")
    presence.here(foreign, boss, "reading")
    presence.here(ticket, boss, "reading")
    assert shown(hub.open(ola)) == {str(ticket.number): [("Boss", "reading")]}


def test_out_of_reach_nothing_can_be_said(app, kari, session) -> None:
    foreign = make_ticket(department=make_department("Staff"))
    assert say(Visitor(app).sign_in(kari), foreign, "reading") == 404 and presence.everyone() == []


def test_whose_browser_died_is_gone_without_a_word(hub, kari, ola, ticket) -> None:
    presence.here(ticket, kari, "reading")
    stream = hub.open(ola)
    assert shown(stream)
    with at_time(utcnow() + dt.timedelta(seconds=22)):  # a stream looks every eight seconds
        hub.tell_presence()
    assert shown(stream) == {}


def test_a_stream_that_lost_its_place_is_shown_everything_again(hub, kari, ola, ticket) -> None:
    presence.here(ticket, kari, "reading")
    stream = hub.open(ola)
    assert shown(stream)
    for number in range(live.BEHIND + 1):
        stream.put({"tickets": [number]})
    hub.tell_presence()
    assert shown(stream) == {str(ticket.number): [("Kari Nordmo", "reading")]}


def test_pages_ask_nothing_of_it(app, kari, ticket) -> None:
    page = Visitor(app).sign_in(kari).get(f"/tickets/{ticket.number}").text
    assert '<p class="presence" id="presence" role="status"></p>' in page
    assert 'data-reply="{name} is writing a reply"' in page


def test_still_here_wakes_nobody(app, kari, ticket, monkeypatch) -> None:
    woken: list[Flask] = []
    monkeypatch.setattr(inbox.db, "on_commit", [woken.append])
    presence.here(ticket, kari, "reading")
    assert len(woken) == 1
    presence.here(ticket, kari, "reading")
    assert len(woken) == 1
    presence.here(ticket, kari, "reply")
    assert len(woken) == 2
    with at_time(utcnow() + dt.timedelta(seconds=60)):  # gone in the eyes of the others, and back
        presence.here(ticket, kari, "reply")
    assert len(woken) == 3


def test_who_is_still_here_stays_shown_though_nobody_is_woken(hub, kari, ola, ticket, monkeypatch) -> None:
    monkeypatch.setattr(presence_of_web, "OLD_SECONDS", 0.0)
    presence.here(ticket, kari, "reading")
    stream = hub.open(ola)
    assert shown(stream)
    with at_time(utcnow() + dt.timedelta(seconds=15)):
        presence.here(ticket, kari, "reading")
        hub.look_at_presence(if_old=True)
    with at_time(utcnow() + dt.timedelta(seconds=30)):
        hub.tell_presence([stream])
    with pytest.raises(queue.Empty):
        shown(stream, 0.1)


def test_reading_that_takes_long_is_rested_from(hub, kari, ola, ticket, monkeypatch) -> None:
    stream = hub.open(ola)
    monkeypatch.setattr(hub._watch, "rest", lambda: 0.05)
    presence.here(ticket, kari, "reading")
    hub._changed()
    assert shown(stream) == {str(ticket.number): [("Kari Nordmo", "reading")]}  # a moment later, by itself
