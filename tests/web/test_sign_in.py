"""Signing in, out, and the way back for those who forgot: what works, what is refused, what ends a session."""

import re

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import agents
from inbox.core.events import Actor
from inbox.core.models import Agent, Attempt, Job
from inbox.db import transaction
from inbox.testing.factories import make_agent, make_department
from inbox.web.auth import safe_next
from tests.web.browse import Visitor

PASSWORD = "warm wool from bergen"
SYSTEM = Actor.system("test")


@pytest.fixture
def kari(session: Session) -> Agent:
    agent = make_agent("Kari", email="kari@desk.example", departments=[make_department()])
    agents.set_password(agent, PASSWORD, by=SYSTEM)
    return agent


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    return Visitor(app)


def sign_in(visitor: Visitor, password: str = PASSWORD, **more: str) -> int:
    return visitor.post("/sign-in", {"email": "kari@desk.example", "password": password, **more}).status_code


def is_in(visitor: Visitor) -> bool:
    return visitor.get("/profile").status_code == 200


def test_the_right_password_opens_the_page_that_was_wanted(visitor: Visitor, kari: Agent) -> None:
    asked = visitor.get("/views/mine?q=x")
    assert asked.status_code == 303 and asked.location == "/sign-in?next=/views/mine?q%3Dx"
    answer = visitor.post("/sign-in", {"email": " KARI@desk.example ", "password": PASSWORD, "next": "/views/mine?q=x"})
    assert (answer.status_code, answer.location) == (303, "/views/mine?q=x")
    assert is_in(visitor)


def test_a_wrong_password_says_so_and_keeps_the_address(visitor: Visitor, kari: Agent) -> None:
    answer = visitor.post("/sign-in", {"email": "kari@desk.example", "password": "warm wool from oslo"})
    assert answer.status_code == 422 and 'value="kari@desk.example"' in answer.text
    assert not is_in(visitor)


@pytest.mark.parametrize("address", [
    "https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "javascript:alert(1)", "",
    "/\t/elsewhere.example", "views/mine", "/%0d%0aSet-Cookie:x"])
def test_next_never_leads_to_another_site(app: Flask, address: str) -> None:
    with app.test_request_context():
        assert safe_next(address) in ("/", "/%0d%0aSet-Cookie:x")


def test_too_many_tries_are_refused_even_with_the_right_password(visitor: Visitor, kari: Agent) -> None:
    with transaction() as current:
        current.add_all(Attempt(key="sign-in:kari@desk.example") for _ in range(agents.TRIES_A_PERSON))
    assert sign_in(visitor) == 429
    assert not is_in(visitor)


def test_asking_for_the_head_of_the_page_is_no_try(visitor: Visitor, kari: Agent, session: Session) -> None:
    assert visitor._open("HEAD", "/sign-in").status_code == 200
    assert session.scalar(sa.select(sa.func.count(Attempt.id))) == 0


def test_signing_out_ends_the_session(visitor: Visitor, kari: Agent) -> None:
    sign_in(visitor)
    assert visitor.post("/sign-out", page="/profile").location == "/sign-in"
    assert not is_in(visitor)


def test_a_new_password_ends_the_other_sessions(app: Flask, kari: Agent) -> None:
    here, there = Visitor(app), Visitor(app)
    assert sign_in(here) == sign_in(there) == 303
    answer = here.post("/profile/password", {"current": PASSWORD, "password": "another long one", "again":
                                             "another long one"}, page="/profile")
    assert answer.status_code == 303
    assert is_in(here) and not is_in(there)


def test_a_wrong_current_password_changes_nothing(visitor: Visitor, kari: Agent) -> None:
    sign_in(visitor)
    answer = visitor.post("/profile/password", {"current": "guess guess guess", "password": "another long one",
                                                "again": "another long one"}, page="/profile")
    assert answer.status_code == 422 and agents.confirm_password(kari, PASSWORD)


def test_deactivation_ends_sessions_at_once(visitor: Visitor, kari: Agent) -> None:
    sign_in(visitor)
    agents.deactivate(kari, by=SYSTEM)
    assert not is_in(visitor)


def test_htmx_is_sent_to_the_sign_in_page_as_a_whole(visitor: Visitor) -> None:
    answer = visitor.get("/views/mine?part=rows", headers={"HX-Request": "true"})
    assert answer.status_code == 204 and answer.headers["HX-Redirect"].startswith("/sign-in")


def test_a_forgotten_password_is_set_by_a_mailed_link_that_works_once(
        visitor: Visitor, app: Flask, kari: Agent, session: Session) -> None:
    asked = visitor.post("/forgotten", {"email": "kari@desk.example"})
    unknown = visitor.post("/forgotten", {"email": "nobody@desk.example"})
    strip = re.compile(r"csrf[^>]*>")
    assert strip.sub("", asked.text) == strip.sub("", unknown.text)  # nobody learns who works here
    mails = session.scalars(sa.select(Job).where(Job.kind == "mail.system")).all()
    assert [mail.args["to"] for mail in mails] == ["kari@desk.example"]
    link = re.search(r"/new-password/\S+", mails[0].args["text"])
    assert link is not None
    assert visitor.post(link[0], {"password": "short", "again": "short"}).status_code == 422
    fresh = {"password": "brand new password", "again": "brand new password"}
    assert visitor.post(link[0], fresh).status_code == 303
    assert is_in(visitor) and agents.confirm_password(kari, "brand new password")
    assert Visitor(app).get(link[0]).status_code == 410


def test_a_link_is_never_made_from_the_host_header(app: Flask, kari: Agent, session: Session) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    Visitor(app)._open("POST", "/forgotten", data={"email": "kari@desk.example"}, base_url="http://evil.example")
    mail = session.scalars(sa.select(Job).where(Job.kind == "mail.system")).one()
    assert "http://127.0.0.1:8000/new-password/" in mail.args["text"] and "evil" not in mail.args["text"]


def test_the_profile_stores_what_is_right_and_explains_what_is_wrong(visitor: Visitor, kari: Agent) -> None:
    sign_in(visitor)
    wrong = visitor.post("/profile", {"name": "Kari", "time_zone": "Mars/Olympus"})
    assert wrong.status_code == 422 and "There is no such time zone" in wrong.text
    right = visitor.post("/profile", {"name": "Kari Nordmann", "locale": "nb", "time_zone": "Europe/Oslo",
                                      "appearance": "dark", "signature": "Hilsen Kari"})
    assert right.status_code == 303
    page = visitor.get("/profile").text
    assert '<html lang="nb" class="dark">' in page and "Kari Nordmann" in page and "Hilsen Kari" in page
