"""The mail ledger in the browser: what arrived, what is held and why, and who may see it."""

import html
import re

import pytest
import sqlalchemy as sa

from inbox.core.models import Agent, Job, Ledger, Mailbox
from inbox.db import db, session, transaction
from inbox.mail import ledger, receive
from inbox.testing.factories import make_agent, make_department, make_mailbox
from inbox.web.auth import SignedIn
from tests.mail.conftest import letter

pytestmark = pytest.mark.each_database


@pytest.fixture
def desk(session):
    """Two departments with a mailbox each, an admin, and an agent of the first who may see the ledger."""
    first, second = make_department("Support"), make_department("Returns")
    make_mailbox("support@desk.example", department=first)
    make_mailbox("returns@desk.example", department=second)
    make_agent("Admin", role="admin", departments=[first, second])
    with_ledger = make_agent("Lead", role="agent", departments=[first])
    with transaction() as current:
        role = with_ledger.role
        role.abilities = [*role.abilities, "see_ledger"]
        current.flush()
    return {"support": first, "returns": second}


@pytest.fixture
def as_agent(app, desk):
    """A browser in which an agent is signed in, by name."""
    app.config["WTF_CSRF_ENABLED"] = False

    def sign_in(name):
        client = app.test_client()
        with client.session_transaction() as cookie:
            cookie["_user_id"] = SignedIn(session().scalars(sa.select(Agent).where(Agent.name == name)).one()).get_id()
        return client

    return sign_in


def arrive(to="support@desk.example", **options):
    raw = options.pop("raw", None) or letter(**options)
    row_id = ledger.arrive(raw, source="smtp", mailbox_id=ledger.mailbox_for(to).id, envelope_to=[to])
    receive.process(row_id)
    return session().get(Ledger, row_id, populate_existing=True)


def hold(monkeypatch, **options):
    with monkeypatch.context() as patch:
        patch.setattr(receive.parse, "parse", lambda raw: {}["it <b>broke</b>"])
        return arrive(**options)


def words(answer):
    """The text of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def test_each_message_is_listed_with_its_fate_and_why(desk, as_agent):
    row = arrive(subject="Where is it?")
    arrive(subject="Where is it?")
    page = as_agent("Admin").get("/ledger")
    assert page.status_code == 200
    text = words(page)
    assert "kari@example.com" in text
    assert "The same message as number" in text
    assert "It names no message we know, so it opened a new ticket." in text
    assert f'href="/ledger/{row.id}"' in page.text


def test_filters_by_fate_mailbox_and_words(desk, as_agent, monkeypatch):
    arrive(subject="Apples")
    arrive(to="returns@desk.example", subject="Pears")
    held = hold(monkeypatch, subject="Broken")
    client = as_agent("Admin")
    assert "Pears" not in client.get("/ledger?q=apples").text
    only = client.get("/ledger?fate=quarantined").text
    assert f'id="l{held.id}"' in only
    assert "Apples" not in only
    returns = session().scalar(sa.select(Mailbox.id).where(Mailbox.address == "returns@desk.example"))
    assert "Apples" not in client.get(f"/ledger?mailbox={returns}").text
    assert client.get("/ledger?fate=nonsense").status_code == 422


def test_a_held_message_shows_its_error_and_is_retried(desk, as_agent, monkeypatch):
    held = hold(monkeypatch)
    client = as_agent("Admin")
    page = client.get(f"/ledger/{held.id}")
    assert "KeyError" in words(page)
    assert "Traceback" in words(page)
    assert "<b>broke</b>" not in page.text
    answer = client.post(f"/ledger/{held.id}/retry")
    assert answer.status_code == 303
    job = session().scalars(sa.select(Job).where(Job.key == f"ledger:{held.id}", Job.state == "queued")).all()
    assert job
    receive.process(held.id)
    assert session().get(Ledger, held.id, populate_existing=True).fate == "created"


def test_the_original_is_a_download(desk, as_agent):
    row = arrive()
    answer = as_agent("Admin").get(f"/ledger/{row.id}/raw")
    assert answer.data == letter()
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_only_mailboxes_within_reach(desk, as_agent):
    mine, others = arrive(subject="Mine"), arrive(to="returns@desk.example", subject="Theirs")
    client = as_agent("Lead")
    page = client.get("/ledger").text
    assert "Mine" in page
    assert "Theirs" not in page
    assert "returns@" not in page
    assert client.get(f"/ledger/{mine.id}").status_code == 200
    for address in ("", "/raw"):
        assert client.get(f"/ledger/{others.id}{address}").status_code == 404
    assert client.post(f"/ledger/{others.id}/retry").status_code == 404


def test_without_the_ability_the_ledger_is_closed(desk, as_agent, session):
    row = arrive()
    make_agent("Light", role="light", departments=[desk["support"]])
    client = as_agent("Light")
    assert client.get("/ledger").status_code == 403
    assert client.get(f"/ledger/{row.id}").status_code == 403
    assert 'href="/ledger"' not in client.get("/views/all").text


def test_a_mailbox_in_trouble_says_so(desk, as_agent):
    with transaction() as current:
        box = current.scalars(sa.select(Mailbox)).first()
        box.incoming, box.fetch_error = "imap", "The server refused the user name or the password."
    text = words(as_agent("Admin").get("/ledger"))
    assert "no contact" in text
    assert "refused the user name" in text


def test_older_rows_come_page_by_page(desk, as_agent):
    box = ledger.mailbox_for("support@desk.example").id
    for number in range(60):
        ledger.arrive(letter(subject=str(number)), source="smtp", mailbox_id=box)
    client = as_agent("Admin")
    first = client.get("/ledger").text
    assert first.count('<tr id="l') == 50
    older = re.search(r'hx-get="([^"]+before=\d+)"', first)[1].replace("&amp;", "&")
    second = client.get(older, headers={"HX-Request": "true", "HX-Request-Type": "partial"}).text
    assert second.count('<tr id="l') == 10
    assert "<html" not in second


def test_the_page_costs_the_same_however_many_rows(desk, as_agent):
    box = ledger.mailbox_for("support@desk.example").id
    client = as_agent("Admin")
    seen = []

    def queries():
        count = 0

        def tick(*_args):
            nonlocal count
            count += 1

        sa.event.listen(db.engine, "before_cursor_execute", tick)
        client.get("/ledger")
        sa.event.remove(db.engine, "before_cursor_execute", tick)
        return count

    for wanted in (2, 40):
        for number in range(wanted):
            receive.process(ledger.arrive(letter(subject=f"{wanted} {number}"), source="smtp", mailbox_id=box))
        client.get("/ledger")
        seen.append(min(queries() for _ in range(3)))  # some pages read again what is kept for a second or two
    assert seen[0] == seen[1] <= 20
