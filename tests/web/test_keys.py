"""Keyboard shortcuts: one table for the controls, the sheet and the palette; closing goes on to the next ticket."""

import re

import pytest
from flask import Flask

from inbox.core.models import Agent, Department, Ticket
from inbox.testing.factories import make_customer, make_department, make_ticket
from inbox.web import keys
from tests.web.browse import HTMX, Visitor


@pytest.fixture
def desk(app: Flask, kari: Agent) -> Visitor:
    return Visitor(app).sign_in(kari)


@pytest.fixture
def ticket(support: Department) -> Ticket:
    return make_ticket("Boots", department=support, customer=make_customer("Ola", "ola@example.no"), text="Hm?")


def test_no_keys_do_two_things() -> None:
    pressed = [each.keys for each in keys.KEYS]
    assert len(set(pressed)) == len(pressed)
    beginnings = {each.split()[0] for each in pressed if " " in each}
    assert not beginnings & set(pressed)


def test_controls_of_a_ticket_carry_the_keys_of_the_table(desk: Visitor, ticket: Ticket) -> None:
    page = desk.get(f"/tickets/{ticket.number}").text
    for name in ("reply", "note", "forward", "assign", "status", "close", "tag", "snooze", "spam", "trash", "back",
                 "copy_link", "new", "mine"):
        assert f'data-key="{keys.BY_NAME[name].keys}"' in page, name
    assert 'data-key="r" aria-keyshortcuts="r"' in page
    assert 'data-key="g m"' in page and 'aria-keyshortcuts="g m"' not in page  # that would mean: g, or m


def test_the_bar_over_selected_tickets_answers_to_the_same_keys(desk: Visitor, ticket: Ticket) -> None:
    bar = desk.get("/views/open").text.partition('id="bulk"')[2].partition("</form>")[0]
    assert 'data-key="t"' in bar and 'data-key="* a"' in bar


def test_the_sheet_names_every_key(desk: Visitor) -> None:
    sheet = desk.get("/keys?part=1").text
    assert "<html" not in sheet
    assert sheet.count("<dt>") == len(keys.KEYS)
    assert "<kbd>G</kbd> <kbd>M</kbd>" in sheet and "<kbd>Ctrl</kbd> <kbd>Shift</kbd> <kbd>Enter</kbd>" in sheet
    assert "<html" in desk.get("/keys").text


def test_keys_pressed_alone_can_be_switched_off(desk: Visitor, ticket: Ticket) -> None:
    assert desk.post("/profile/keys", {}, page="/profile").status_code == 303
    page = desk.get(f"/tickets/{ticket.number}").text
    assert '<meta name="single-keys" content="off">' in page
    assert 'aria-keyshortcuts="r"' not in page and "<kbd>R</kbd>" not in page
    assert 'aria-keyshortcuts="Control+Enter"' in page  # held with Ctrl: nobody hits it unmeant
    assert "switched off" in desk.get("/keys").text
    desk.post("/profile/keys", {"single_keys": "1"}, page="/profile")
    assert 'aria-keyshortcuts="r"' in desk.get(f"/tickets/{ticket.number}").text


def test_closing_goes_on_to_the_next_ticket(desk: Visitor, ticket: Ticket, support: Department) -> None:
    other = make_ticket("Shoes", department=support)
    answer = desk.post(f"/tickets/{ticket.number}/status?in=open",
                       {"status": "closed", "leave": "1", "next": str(other.number)},
                       page=f"/tickets/{ticket.number}", headers=HTMX)
    assert ticket.status == "closed"
    assert answer.headers["HX-Push-Url"] == f"/tickets/{other.number}?in=open"
    assert re.search(rf'<section class="pane"[^>]*data-number="{other.number}"', answer.text)


def test_after_the_last_one_comes_the_list(desk: Visitor, ticket: Ticket) -> None:
    answer = desk.post(f"/tickets/{ticket.number}/status?in=open", {"status": "closed", "leave": "1", "next": ""},
                       page=f"/tickets/{ticket.number}")
    assert answer.location == "/views/open"


def test_a_next_ticket_out_of_reach_is_not_shown(desk: Visitor, ticket: Ticket) -> None:
    foreign = make_ticket("Salaries", department=make_department("Staff"))
    answer = desk.post(f"/tickets/{ticket.number}/status?in=open",
                       {"status": "closed", "leave": "1", "next": str(foreign.number)},
                       page=f"/tickets/{ticket.number}", headers=HTMX)
    assert answer.status_code == 404 and "Salaries" not in answer.text
