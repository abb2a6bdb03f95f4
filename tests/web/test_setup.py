"""The set-up of a new desk, as a person walks it."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import agents, departments, mailboxes, settings, setup
from inbox.core.errors import Invalid, NotFound
from inbox.core.models import Agent
from inbox.mail import imap
from inbox.testing.factories import make_agent
from tests.support.ports import free_port
from tests.support.smtp_sink import SmtpSink
from tests.web.browse import Visitor

PASSWORD = "correct horse battery"
OWNER = {"name": "Ingrid Solberg", "email": "Ingrid@fjord.example", "password": PASSWORD}
DESK = {"name": "Fjord & Thread", "locale": "nb", "time_zone": "Europe/Oslo", "department": "Kundeservice"}


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    return Visitor(app)


@pytest.fixture
def code(session: Session) -> str:
    return agents.setup_code()


@pytest.fixture
def owner(visitor: Visitor, code: str) -> Agent:
    """The visitor has done the first step."""
    visitor.get(f"/setup?code={code}")
    assert visitor.post("/setup", OWNER).location == "/setup/desk"
    agent = agents.by_email("ingrid@fjord.example")
    assert agent is not None
    return agent


@pytest.fixture
def at_mailbox(visitor: Visitor, owner: Agent) -> Visitor:
    assert visitor.post("/setup/desk", DESK).location == "/setup/mailbox"
    return visitor


# --- the code ---------------------------------------------------------------------------------------------------


def test_without_the_code_the_page_says_where_it_is(session: Session, visitor: Visitor) -> None:
    answer = visitor.get("/setup")
    assert answer.status_code == 403
    assert "prints an address with a one-time code" in answer.text and 'name="password"' not in answer.text


def test_a_wrong_code_opens_nothing(session: Session, visitor: Visitor, code: str) -> None:
    answer = visitor.get(f"/setup?code={code}x", follow_redirects=True)
    assert answer.status_code == 403 and "newer one was printed" in answer.text
    assert visitor.post("/setup", OWNER).status_code == 403
    assert not agents.has_owner()


def test_a_newer_code_ends_the_older(session: Session, visitor: Visitor, code: str) -> None:
    agents.setup_code()
    assert visitor.get(f"/setup?code={code}", follow_redirects=True).status_code == 403


def test_the_code_does_not_stay_in_the_address(visitor: Visitor, code: str) -> None:
    answer = visitor.get(f"/setup?code={code}")
    assert answer.location == "/setup" and "Who looks after this desk?" in visitor.get("/setup").text


def test_a_desk_without_agents_leads_from_sign_in_to_the_setup(session: Session, visitor: Visitor) -> None:
    assert visitor.get("/", follow_redirects=True).request.path == "/setup"


def test_a_desk_with_agents_does_not(session: Session, visitor: Visitor) -> None:
    make_agent()
    assert visitor.get("/", follow_redirects=True).request.path == "/sign-in"


def test_the_code_makes_one_owner_only(visitor: Visitor, owner: Agent, code: str, app: Flask) -> None:
    other = Visitor(app)
    assert other.get(f"/setup?code={code}").location.startswith("/sign-in")
    with pytest.raises((Invalid, NotFound)):
        setup.make_owner(code, email="eve@example.com", name="Eve", password=PASSWORD)


# --- the steps --------------------------------------------------------------------------------------------------


def test_the_owner_is_signed_in_with_every_right(visitor: Visitor, owner: Agent) -> None:
    assert owner.role.name == "owner" and agents.authenticate(owner.email, PASSWORD) is not None
    assert "What is the desk called?" in visitor.get("/setup/desk").text


@pytest.mark.parametrize(("change", "words"), [
    ({"password": "short"}, "at least 10 characters"), ({"email": "ingrid"}, "not a mail address"),
    ({"name": " "}, "needs a name"), ({"password": "password123"}, "easy to guess")])
def test_what_is_wrong_stands_at_its_field_and_the_code_stays_good(
        visitor: Visitor, code: str, change: dict[str, str], words: str) -> None:
    visitor.get(f"/setup?code={code}")
    answer = visitor.post("/setup", OWNER | change)
    assert answer.status_code == 422 and words in answer.text and "aria-invalid" in answer.text
    assert change.get("password", PASSWORD) not in answer.text.replace('name="password"', "")
    assert visitor.post("/setup", OWNER).status_code == 303


def test_the_desk_gets_name_language_clock_and_a_department(at_mailbox: Visitor, owner: Agent) -> None:
    assert settings.get_all(["desk.name", "desk.locale", "desk.time_zone"]) == {
        "desk.name": "Fjord & Thread", "desk.locale": "nb", "desk.time_zone": "Europe/Oslo"}
    (department,) = departments.all_departments()
    assert department.name == "Kundeservice" and departments.members(department) == [owner]


def test_a_wrong_zone_stores_nothing_of_the_step(visitor: Visitor, owner: Agent) -> None:
    answer = visitor.post("/setup/desk", DESK | {"time_zone": "Mars/North"})
    assert answer.status_code == 422 and "no such time zone" in answer.text and "Kundeservice" in answer.text
    assert settings.get("desk.name") == "Pluginbox" and departments.all_departments() == []


def test_going_back_changes_what_was_said(at_mailbox: Visitor) -> None:
    at_mailbox.post("/setup/desk", DESK | {"name": "Fjord", "department": "Support"})
    assert [each.name for each in departments.all_departments()] == ["Support"]
    assert settings.get("desk.name") == "Fjord"


def test_later_opens_the_desk_without_a_mailbox(at_mailbox: Visitor) -> None:
    answer = at_mailbox.post("/setup/finish", page="/setup/mailbox")
    assert answer.location == "/" and setup.is_done() and mailboxes.all_mailboxes() == []
    assert at_mailbox.get("/", follow_redirects=True).status_code == 200
    assert at_mailbox.get("/setup").location == "/" == at_mailbox.get("/setup/mailbox").location


@pytest.mark.parametrize("path", ["/setup/desk", "/setup/mailbox"])
def test_the_other_steps_are_for_those_who_may_set_the_desk(app: Flask, session: Session, path: str) -> None:
    assert Visitor(app).get(path).location.startswith("/sign-in")
    assert Visitor(app).sign_in(make_agent()).get(path).status_code == 403


# --- the mailbox ------------------------------------------------------------------------------------------------


def form_for(imap_port: int, smtp_port: int, **change: str) -> dict[str, str]:
    return {"address": "support@desk.example", "incoming": "imap", "imap_host": "127.0.0.1",
            "imap_port": str(imap_port), "imap_security": "none", "imap_user": "support", "imap_password": "secret",
            "outgoing": "smtp", "smtp_host": "127.0.0.1", "smtp_port": str(smtp_port), "smtp_security": "none",
            "no_smtp_login": "1", "start": "month"} | change


@pytest.fixture
def good(dovecot, smtp_sink: SmtpSink) -> dict[str, str]:
    return form_for(dovecot.port, smtp_sink.port)


def test_a_mailbox_that_works_ends_the_setup(at_mailbox: Visitor, good: dict[str, str]) -> None:
    answer = at_mailbox.post("/setup/mailbox", good | {"act": "continue"})
    assert answer.location == "/" and setup.is_done()
    (box,) = mailboxes.all_mailboxes()
    assert box.address == "support@desk.example" and box.department.name == "Kundeservice"
    assert "secret" not in (box.imap_password or "") and imap.account_of(box).password == "secret"
    assert settings.get("mail.start", settings.mailbox_scope(box)) > "2025"


def test_the_test_tells_step_by_step_and_stores_nothing(at_mailbox: Visitor, good: dict[str, str]) -> None:
    text = at_mailbox.post("/setup/mailbox/test", good, page="/setup/mailbox").text
    for words in ("Found the incoming server", "Signed in as support", "Can read the folder INBOX",
                  "The server sends in the name of support@desk.example", "6 of 6 went well"):
        assert words in text
    assert mailboxes.all_mailboxes() == [] and "<html" not in text


@pytest.mark.parametrize(("change", "words"), [
    ({"imap_password": "wrong"}, "The server refused the user name or the password"),
    ({"imap_host": "nowhere.invalid"}, "There is no server called nowhere.invalid"),
    ({"imap_folder": "Nope"}, "There is no folder called Nope"),
    ({"imap_security": "tls"}, "No encrypted connection could be made"),
])
def test_what_is_wrong_with_receiving_is_said_in_plain_words(
        at_mailbox: Visitor, good: dict[str, str], change: dict[str, str], words: str) -> None:
    text = at_mailbox.post("/setup/mailbox/test", good | change, page="/setup/mailbox").text
    assert words in text and 'class="no"' in text and "Cannot receive" in text
    assert "The server sends in the name of" in text  # the other way was tried all the same


def test_a_port_that_does_not_answer_is_said_for_both_ways(at_mailbox: Visitor) -> None:
    port = free_port()
    text = at_mailbox.post("/setup/mailbox/test", form_for(port, port), page="/setup/mailbox").text
    assert f"the incoming server does not answer on port {port}" in text
    assert f"the outgoing server does not answer on port {port}" in text


def test_the_test_is_for_those_who_may(app: Flask, session: Session, good: dict[str, str]) -> None:
    visitor = Visitor(app).sign_in(make_agent())
    assert visitor.post("/setup/mailbox/test", good, page="/profile").status_code == 403


def test_a_mailbox_that_fails_is_kept_shown_and_can_be_mended(at_mailbox: Visitor, good: dict[str, str]) -> None:
    page = at_mailbox.post("/setup/mailbox", good | {"imap_password": "wrong", "act": "continue"}).text
    assert "did not let us sign in" in page and "The mailbox is saved" in page and "wrong" not in page
    assert not setup.is_done() and len(mailboxes.all_mailboxes()) == 1
    at_mailbox.post("/setup/mailbox", good | {"act": "continue"})
    assert setup.is_done() and len(mailboxes.all_mailboxes()) == 1


def test_without_scripts_the_page_shows_the_test_and_what_was_typed(
        at_mailbox: Visitor, good: dict[str, str]) -> None:
    page = at_mailbox.post("/setup/mailbox", good | {"act": "test"}).text
    assert "6 of 6 went well" in page and 'value="support@desk.example"' in page and '"secret"' not in page
    assert mailboxes.all_mailboxes() == []


def test_mail_that_is_delivered_here_needs_no_test(at_mailbox: Visitor) -> None:
    at_mailbox.post("/setup/mailbox", {"address": "a@desk.example", "incoming": "smtp", "outgoing": "catcher",
                                       "act": "continue"})
    assert setup.is_done() and mailboxes.all_mailboxes()[0].incoming == "smtp"


def test_a_wrong_port_is_said_at_its_field(at_mailbox: Visitor, good: dict[str, str]) -> None:
    answer = at_mailbox.post("/setup/mailbox", good | {"imap_port": "imap", "act": "continue"})
    assert answer.status_code == 422 and "A port is a number" in answer.text and mailboxes.all_mailboxes() == []
