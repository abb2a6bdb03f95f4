"""Spam and loops on the screen: what is held back, the budgets, the senders."""

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import circuits, senders, settings
from inbox.core.errors import Invalid, NotAllowed
from inbox.core.events import Actor
from inbox.core.models import Job, Notification
from inbox.testing.factories import make_agent
from tests.web.browse import Visitor


def verdict_of(address: str) -> tuple[str, str] | None:
    return senders.verdict_in(senders.decided_about([address]), address)

PAGE = "/settings/guards"
SYSTEM = Actor.system("test")


@pytest.fixture
def admin(app: Flask, session: Session) -> Visitor:
    return Visitor(app).sign_in(make_agent("Ada", role="admin"))


def trip(app: Flask) -> None:
    app.extensions.pop("inbox_alarms", None)  # what a process knew some seconds ago
    settings.put("automatic.per_address", 1, by=SYSTEM)
    for _ in range(3):
        circuits.hold_back(["robot@example.net"])


def test_a_banner_tells_admins_on_every_page_and_nobody_else(app: Flask, admin: Visitor) -> None:
    agent = Visitor(app).sign_in(make_agent("Kari"))
    assert PAGE not in admin.get("/views/all").text
    trip(app)
    assert "Automatic mail is held back" in admin.get("/views/all").text
    assert "Automatic mail is held back" in admin.get("/settings/tags").text
    assert "held back" not in agent.get("/views/all").text
    assert "More than 1 within 24 hours; 2 held back." in admin.get(PAGE).text


def test_who_trips_one_circuit_after_another_does_not_flood_the_admins(admin: Visitor, session: Session) -> None:
    settings.put("automatic.per_address", 1, by=SYSTEM)
    for number in range(2 * circuits.TELLINGS):
        for _ in range(2):
            circuits.hold_back([f"robot{number}@example.net"])
    mails = session.scalar(sa.select(sa.func.count()).select_from(Job).where(Job.kind == "mail.system"))
    lines = session.scalar(sa.select(sa.func.count()).select_from(Notification))
    assert (len(circuits.all_open()), mails, lines) == (2 * circuits.TELLINGS, circuits.TELLINGS, 1)


def test_an_admin_lets_it_go_out_again(app: Flask, admin: Visitor) -> None:
    trip(app)
    (circuit,) = circuits.all_open()
    admin.post(f"{PAGE}/circuits/{circuit.id}/close", page=PAGE)
    assert "held back" not in admin.get("/views/all").text
    assert circuits.hold_back(["robot@example.net"]) is None


def test_budgets_are_numbers(admin: Visitor) -> None:
    values = {"mail.trusted_servers": "mx.example.com"} | {key: "7" for key in settings.DECLARED
                                                          if key.startswith("automatic.")}
    admin.post(PAGE, values)
    assert settings.get("automatic.per_ticket") == 7 and settings.get("mail.trusted_servers") == "mx.example.com"
    answer = admin.post(PAGE, values | {"automatic.per_hour": "none"})
    assert answer.status_code == 422 and settings.get("automatic.per_hour") == 7


def test_senders_are_put_on_the_lists_and_taken_off(admin: Visitor) -> None:
    admin.post(f"{PAGE}/senders", {"sender": "Bad.Example", "verdict": "block"}, page=PAGE)
    admin.post(f"{PAGE}/senders", {"sender": "Kari <KARI@bad.example>", "verdict": "allow"}, page=PAGE)
    assert [(each.sender, each.verdict) for each in senders.rules()] == [
        ("@bad.example", "block"), ("kari@bad.example", "allow")]
    assert verdict_of("kari@bad.example") == ("allow", "kari@bad.example")
    assert verdict_of("Ola@mail.bad.example") == ("block", "@bad.example")
    assert verdict_of("ola@notbad.example") is None
    admin.post(f"{PAGE}/senders/{senders.rules()[0].id}/forget", page=PAGE)
    assert verdict_of("ola@bad.example") is None


@pytest.mark.parametrize("typed", ["", "@", "somebody", "two words@example.com", "@localhost"])
def test_what_is_no_sender_is_refused(admin: Visitor, typed: str) -> None:
    answer = admin.post(f"{PAGE}/senders", {"sender": typed, "verdict": "block"}, page=PAGE)
    assert answer.status_code == 422 and "name@example.com or example.com" in answer.text
    with pytest.raises(Invalid):
        senders.decide(typed, "block", by=SYSTEM)


def test_an_agent_decides_about_an_address_and_not_about_a_domain(session: Session) -> None:
    by = Actor.of(make_agent("Kari"))
    assert senders.decide("ola@example.com", "allow", by=by).verdict == "allow"
    with pytest.raises(NotAllowed):
        senders.decide("example.com", "block", by=by)
