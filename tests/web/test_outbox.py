"""The Outbox page: what the catcher kept, for those who may see it."""

import re

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from inbox.core import messages
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import Agent, CaughtMail, Ticket
from inbox.mail import deliver
from inbox.testing.factories import make_agent, make_file, make_mailbox, make_ticket


def sign_in(client: FlaskClient, agent: Agent) -> FlaskClient:
    with client.session_transaction() as cookie:
        cookie["_user_id"], cookie["_fresh"] = f"{agent.id}.{agent.session_version}", True
    return client


@pytest.fixture
def ticket(session: Session) -> Ticket:
    return make_ticket("Støvler", mailbox=make_mailbox("help@desk.example"), text="Hvor er de?")


@pytest.fixture
def caught(session: Session, ticket: Ticket) -> CaughtMail:
    body = Body("They are <here>.",
                '<p style="color:red">They are <b>here</b>.</p><img src="cid:pic"><script>x</script>')
    deliver.send(messages.reply(ticket, body, by=Actor.of(make_agent(role="admin")), files=[
        make_file(b"\x89PNG", "p.png", "image/png", content_id="pic", is_inline=True),
        make_file(b"%PDF", "ære.pdf")]).id)
    return session.scalars(sa.select(CaughtMail)).one()


@pytest.fixture
def member(client: FlaskClient, ticket: Ticket) -> FlaskClient:
    return sign_in(client, make_agent(departments=[ticket.department]))


def test_the_list_leads_to_message_and_ticket(member: FlaskClient, caught: CaughtMail, ticket: Ticket) -> None:
    page = member.get("/outbox").text
    assert f'href="/outbox/{caught.id}"' in page and f"#{ticket.number}" in page
    assert caught.envelope_to[0] in page and "nothing left this machine" in page.lower()


def test_live_updates_get_the_rows_alone(member: FlaskClient, caught: CaughtMail) -> None:
    rows = member.get("/outbox", headers={"HX-Request": "true", "HX-Target": "div#rows"}).text
    assert rows.lstrip().startswith('<div id="rows">') and f'href="/outbox/{caught.id}"' in rows


def test_the_message_shows_its_headers_and_files(member: FlaskClient, caught: CaughtMail, ticket: Ticket) -> None:
    page = member.get(f"/outbox/{caught.id}").text
    assert "References" in page and messages.thread(ticket)[0].message_id in page
    assert "Re: Støvler" in page and "ære.pdf" in page and f'src="/outbox/{caught.id}/body"' in page


def test_the_body_is_sanitised_and_has_a_policy_of_its_own(member: FlaskClient, caught: CaughtMail) -> None:
    response = member.get(f"/outbox/{caught.id}/body")
    assert "They are <b>here</b>" in response.text and "<script" not in response.text
    assert f'src="/outbox/{caught.id}/files/0/p.png"' in response.text
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "sandbox" in response.headers["Content-Security-Policy"]


def test_files_and_the_raw_message(member: FlaskClient, caught: CaughtMail) -> None:
    picture = member.get(f"/outbox/{caught.id}/files/0/p.png")
    document = member.get(f"/outbox/{caught.id}/files/1/x.pdf")
    assert (picture.data, picture.mimetype) == (b"\x89PNG", "image/png")
    assert (document.data, document.mimetype) == (b"%PDF", "application/octet-stream")
    assert document.headers["Content-Disposition"].startswith("attachment")
    assert member.get(f"/outbox/{caught.id}/files/2/x").status_code == 404
    raw = member.get(f"/outbox/{caught.id}/raw")
    assert b"Message-ID: <t" in raw.data and raw.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("path", ["/outbox/{}", "/outbox/{}/body", "/outbox/{}/raw", "/outbox/{}/files/0/p.png"])
def test_another_departments_mail_is_not_there(client: FlaskClient, caught: CaughtMail, path: str) -> None:
    stranger = sign_in(client, make_agent())
    assert stranger.get(path.format(caught.id)).status_code == 404
    assert f'href="/outbox/{caught.id}"' not in stranger.get("/outbox").text


def test_without_signing_in_there_is_nothing(client: FlaskClient, caught: CaughtMail) -> None:
    for path in ("/outbox", f"/outbox/{caught.id}", f"/outbox/{caught.id}/raw"):
        response = client.get(path)
        assert response.status_code == 303 and "/sign-in" in response.headers["Location"]


def test_the_rail_knows_the_page_that_asks_for_it(member: FlaskClient) -> None:
    lit = re.findall(r'<a href="([^"]+)" aria-current="page"', member.get("/rail?at=/outbox").text)
    assert lit == ["/outbox"]


def test_an_empty_outbox_says_what_to_do(member: FlaskClient) -> None:
    assert "Answer a ticket" in member.get("/outbox").text
