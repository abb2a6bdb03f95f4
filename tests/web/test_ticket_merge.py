"""Merging by hand: what is proposed, the merge, where its number leads, and undoing it."""

import pytest
from flask import Flask

from inbox.core.models import Agent, Department, Ticket
from inbox.db import session as current
from inbox.testing.factories import make_agent, make_customer, make_department, make_ticket
from tests.web.browse import HTMX, Visitor


@pytest.fixture
def desk(app: Flask, kari: Agent) -> Visitor:
    return Visitor(app).sign_in(kari)


@pytest.fixture
def pair(support: Department) -> tuple[Ticket, Ticket]:
    ola = make_customer("Ola", "ola@example.no")
    return (make_ticket("Boots", department=support, customer=ola, text="Where are they?"),
            make_ticket("Boots again", department=support, customer=ola, text="Still waiting."))


def test_the_others_of_the_customer_are_proposed_and_others_are_found(desk: Visitor, support: Department, pair) -> None:
    other = make_ticket("Gloves", department=support, text="Too small")
    elsewhere = make_ticket("Secret", department=make_department("Elsewhere"))
    assert "<title>Boots" in desk.get(f"/tickets/{pair[0].number}/merge").text
    dialog = desk.get(f"/tickets/{pair[0].number}/merge?part=dialog", headers=HTMX).text
    assert "Boots again" in dialog and "Gloves" not in dialog and "<title>" not in dialog
    for asked in (f"%23{other.number}", "gloves"):
        assert "Gloves" in desk.get(f"/tickets/{pair[0].number}/merge?part=found&find={asked}").text
    assert "Secret" not in desk.get(f"/tickets/{pair[0].number}/merge?part=found&find={elsewhere.number}").text


def test_the_older_one_stays_and_the_others_number_leads_there(desk: Visitor, pair) -> None:
    first, second = pair
    path = f"/tickets/{second.number}/merge"
    assert desk.post(path, {"number": first.number, "stays": "older"}, page=path).location.startswith(
        f"/tickets/{first.number}")
    page = desk.get(f"/tickets/{first.number}").text
    assert "Still waiting." in page and f"Kari merged ticket {second.number} into this one" in page
    assert desk.get(f"/tickets/{second.number}").location.startswith(f"/tickets/{first.number}")
    assert "part=pane" in desk.get(f"/tickets/{second.number}?part=pane").location
    assert f"Ticket {second.number} is part of this ticket now." in desk.get(f"/tickets/{first.number}").text


def test_one_says_which_stays_and_takes_them_apart_again(desk: Visitor, pair) -> None:
    first, second = pair
    path = f"/tickets/{second.number}/merge"
    desk.post(path, {"number": first.number, "stays": "this"}, page=path)
    assert first.merged_into_id == second.id
    assert "Undo the merge" in desk.get(path).text
    answer = desk.post(f"/tickets/{second.number}/unmerge", {"ticket": first.id}, page=path)
    assert answer.location.startswith(f"/tickets/{first.number}")
    current().expire_all()
    assert first.merged_into_id is None and "Still waiting." not in desk.get(
        f"{answer.location}&part=pane").text


def test_what_cannot_be_merged_is_said(app: Flask, desk: Visitor, pair) -> None:
    path = f"/tickets/{pair[0].number}/merge"
    for wanted, status in (("", 422), ("x", 422), (pair[0].number, 422), (10**14, 404)):
        assert desk.post(path, {"number": wanted}, page=path).status_code == status
    lise = Visitor(app).sign_in(make_agent("Lise", role="light", departments=[pair[0].department]))
    assert lise.post(path, {"number": pair[1].number}, page=f"/tickets/{pair[0].number}").status_code == 403
