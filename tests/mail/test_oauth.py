"""Signing in with OAuth 2 against a small provider: connected in the browser, renewed, rotated, refused, about to
end."""

import datetime as dt
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from inbox import secrets
from inbox.core import logins, mailboxes
from inbox.core.models import Event, Job, Ledger, Mailbox, MailboxLogin, Notification
from inbox.db import at_time, session, transaction, utcnow
from inbox.jobs import dispatch
from inbox.mail import deliver, fetcher, imap, imap_client, oauth, smtp_client
from inbox.testing.factories import make_agent, make_department, make_mailbox, make_message, make_ticket
from tests.mail.conftest import letter
from tests.mail.test_imap import wait_until
from tests.support.fake_oauth import FakeProvider
from tests.support.smtp_sink import SmtpSink
from tests.web.browse import Visitor


@pytest.fixture
def provider():
    running = FakeProvider()
    yield running
    running.stop()


@pytest.fixture
def admin(app, session):
    return make_agent("Ada", role="admin")


@pytest.fixture
def box(session, admin, provider, config):
    """A mailbox with the application's data, not connected yet."""
    secrets.ensure_key(config)
    made = make_mailbox("support@desk.example", department=make_department("Support"), sign_in="other",
                        incoming="imap", imap_host="127.0.0.1", imap_user="support@desk.example")
    logins.configure(made, by=_by(), client_id=provider.client, client_secret=provider.secret,
                     authorize_url=f"{provider.url}/authorize", token_url=f"{provider.url}/token", scope="mail")
    return made


def _by():
    return logins.BY_MAIL


@pytest.fixture
def browser(app, admin):
    return Visitor(app).sign_in(admin)


def connect(browser, box, provider):
    """Through the provider's page and back, as a person would."""
    there = browser.get(f"/settings/mailboxes/{box.id}/connect").location
    return browser.get(f"/settings/mailboxes/connected?{provider.consent(there)}", follow_redirects=True)


@pytest.fixture
def connected(browser, box, provider):
    connect(browser, box, provider)
    return box


def login(box) -> MailboxLogin:
    return session().get(MailboxLogin, box.id, populate_existing=True)


def later(**time):
    return at_time(utcnow() + dt.timedelta(**time))


# --- through the browser ------------------------------------------------------------------------------------------


def test_a_person_connects_the_mailbox_in_the_browser(browser, box, provider) -> None:
    page = browser.get(f"/settings/mailboxes/{box.id}").text
    assert "Not connected yet" in page and "http://127.0.0.1:8000/settings/mailboxes/connected" in page
    assert "Connected. Mail is fetched" in connect(browser, box, provider).text
    assert "Connected 0 min ago." in browser.get(f"/settings/mailboxes/{box.id}").text
    assert oauth.access_token(box.id) in provider.access
    kept = login(box)
    for stored in (kept.client_secret_sealed, kept.refresh_token_sealed, kept.access_token_sealed):
        assert stored and not any(plain in stored for plain in (provider.secret, provider.refresh))


def test_an_answer_that_nobody_asked_for_is_refused(browser, box, provider) -> None:
    there = browser.get(f"/settings/mailboxes/{box.id}/connect").location
    answer = provider.consent(there).replace("state=", "state=x")
    page = browser.get(f"/settings/mailboxes/connected?{answer}", follow_redirects=True).text
    assert "belongs to nothing that was begun here" in page and provider.asked == []


def test_a_person_who_says_no_is_told_so(browser, box, provider) -> None:
    there = browser.get(f"/settings/mailboxes/{box.id}/connect").location
    state = parse_qs(urlsplit(there).query)["state"][0]
    page = browser.get(f"/settings/mailboxes/connected?error=access_denied&state={state}", follow_redirects=True).text
    assert "The provider did not let us in: access_denied" in page and not logins.is_connected(box)


def test_the_form_stores_the_application_and_never_shows_the_secret(browser, provider, session) -> None:
    place = make_department("Sales")
    browser.post("/settings/mailboxes/new", {
        "address": "sales@desk.example", "department_id": str(place.id), "incoming": "imap", "act": "save",
        "imap_host": "imap.gmail.com", "outgoing": "smtp", "smtp_host": "smtp.gmail.com", "sign_in": "google",
        "client_id": "abc", "client_secret": "verysecret", "secret_expires_on": "2030-01-31"})
    made = mailboxes.by_address("sales@desk.example")
    kept = login(made)
    assert (made.sign_in, kept.client_id, kept.secret_expires_on) == ("google", "abc", dt.date(2030, 1, 31))
    assert secrets.decrypt(kept.client_secret_sealed) == "verysecret"
    assert "verysecret" not in browser.get(f"/settings/mailboxes/{made.id}").text
    there = urlsplit(browser.get(f"/settings/mailboxes/{made.id}/connect").location)
    asked = parse_qs(there.query)
    assert there.netloc == "accounts.google.com" and asked["access_type"] == ["offline"]
    assert asked["scope"] == ["https://mail.google.com/"] and asked["login_hint"] == ["sales@desk.example"]


def test_the_set_up_shows_where_to_connect(app, session, config) -> None:
    secrets.ensure_key(config)
    owner = make_agent("Olga", role="owner")
    make_department("Support")
    visitor = Visitor(app).sign_in(owner)
    page = visitor.post("/setup/mailbox", {
        "address": "help@gmail.com", "incoming": "imap", "imap_host": "imap.gmail.com", "outgoing": "catcher",
        "sign_in": "google", "client_id": "abc", "client_secret": "x", "act": "continue"}, page="/setup/mailbox").text
    made = mailboxes.by_address("help@gmail.com")
    assert f"/settings/mailboxes/{made.id}/connect" in page and "press Connect" in page


def test_microsoft_is_asked_in_the_tenant(box, session) -> None:
    with transaction():
        session.get(Mailbox, box.id).sign_in = "microsoft"
    logins.configure(box, by=_by(), client_id="abc", tenant="example.com")
    address, _kept = oauth.begin(box, "https://desk.example/back")
    assert address.startswith("https://login.microsoftonline.com/example.com/oauth2/v2.0/authorize?")
    assert "offline_access" in address and "SMTP.Send" in address


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_a_token_is_used_until_it_ends_and_then_renewed(connected, provider) -> None:
    first = oauth.access_token(connected.id)
    with later(minutes=30):
        assert oauth.access_token(connected.id) == first
    with later(minutes=59):
        assert oauth.access_token(connected.id) != first
    assert [each["grant_type"] for each in provider.asked] == ["authorization_code", "refresh_token"]


def test_a_refresh_token_that_changes_is_stored_each_time(connected, provider) -> None:
    for hours in (2, 4, 6):  # the provider takes each one once
        with later(hours=hours):
            assert oauth.access_token(connected.id) in provider.access
    assert secrets.decrypt(login(connected).refresh_token_sealed) == provider.refresh


def test_mailbox_login_refused_says_what_to_do_on_the_page_and_by_mail(
        app, browser, connected, provider, session) -> None:
    provider.refuse = (400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."})
    with later(hours=2), pytest.raises(oauth.LoginTrouble, match="press Connect"):
        oauth.access_token(connected.id)
    words = "OAuth 2 does not let us in any more"
    assert words in browser.get(f"/settings/mailboxes/{connected.id}").text
    dispatch.deliver_due(app)
    session.rollback()
    (job,) = session.scalars(sa.select(Job).where(Job.kind == "mail.system"))
    assert job.args["subject"] == "Connect this mailbox again: support@desk.example"
    assert words in job.args["text"] and "press Connect" in job.args["text"]
    assert f"/settings/mailboxes/{connected.id}" in job.args["text"]
    assert session.scalars(sa.select(Notification.path).where(Notification.way == "app")).all() == [
        f"/settings/mailboxes/{connected.id}"]


def test_a_refusal_is_told_once_and_ends_when_connected_again(browser, connected, provider, session) -> None:
    provider.refuse = (400, {"error": "invalid_grant"})
    for hours in (2, 3):
        with later(hours=hours), pytest.raises(oauth.LoginTrouble):
            oauth.access_token(connected.id)
    assert session.scalar(sa.select(sa.func.count()).where(Event.kind == "mailbox_login_refused")) == 1
    provider.refuse = None
    connect(browser, connected, provider)
    assert logins.is_connected(connected) and oauth.access_token(connected.id) in provider.access


def test_a_secret_that_has_ended_names_the_place_for_a_new_one(connected, provider) -> None:
    provider.secret = "another"
    with later(hours=2), pytest.raises(oauth.LoginTrouble, match="does not accept the client ID or the client secret"):
        oauth.access_token(connected.id)


def test_a_provider_that_is_down_is_asked_again_later(connected, provider, session) -> None:
    provider.refuse = (503, {})
    with later(hours=2), pytest.raises(oauth.LoginTrouble, match="we try again") as trouble:
        oauth.access_token(connected.id)
    assert not trouble.value.needs_person and login(connected).error is None
    provider.refuse = None
    with later(hours=2):
        assert oauth.access_token(connected.id) in provider.access


def test_a_provider_in_a_private_network_is_not_asked(connected, app, provider) -> None:
    import dataclasses

    app.config["INBOX"] = dataclasses.replace(app.config["INBOX"], private_hosts="")
    with later(hours=2), pytest.raises(oauth.LoginTrouble, match="private network"):
        oauth.access_token(connected.id)


def test_two_at_once_ask_once(connected, provider, app) -> None:
    """Whoever comes second waits for the token of the first: a refresh token that changes must not be used twice."""
    assert logins.take_lease(connected.id) and not logins.take_lease(connected.id)
    with transaction() as current:  # the first one is done
        kept = current.get(MailboxLogin, connected.id)
        kept.access_token_sealed, kept.access_expires_at = secrets.encrypt("access-x"), utcnow() + dt.timedelta(hours=3)
    with later(hours=1):
        assert oauth.access_token(connected.id) == "access-x"
    assert len(provider.asked) == 1


def test_keys_are_changed_for_tokens_too(connected, config, provider) -> None:
    before = login(connected).refresh_token_sealed
    secrets.rotate(config)
    assert login(connected).refresh_token_sealed != before
    with later(hours=2):
        assert oauth.access_token(connected.id) in provider.access


# --- before it ends -------------------------------------------------------------------------------------------------


def test_mailbox_login_expiring_is_told_30_7_and_1_day_before_and_once_each(
        app, browser, box, provider, session) -> None:
    provider.lasting = 40 * 86400
    connect(browser, box, provider)
    told = []
    for days in (5, 11, 12, 34, 39, 39.5):
        with later(days=days):
            logins.warn_due()
            dispatch.deliver_due(app)
            session.rollback()
            told.append(session.scalar(sa.select(sa.func.count()).where(Event.kind == "mailbox_login_expiring")))
    assert told == [0, 1, 1, 2, 3, 3]
    subjects = [job.args["subject"] for job in session.scalars(
        sa.select(Job).where(Job.kind == "mail.system").order_by(Job.id))]
    assert subjects == [f"The login of support@desk.example ends soon; days left: {days}" for days in (29, 6, 1)]
    with later(days=33):
        page = browser.get(f"/settings/mailboxes/{box.id}").text
        assert "7 days left until this login ends." in page


def test_the_end_of_a_client_secret_is_warned_of(app, connected, provider, session) -> None:
    ends = (utcnow() + dt.timedelta(days=6)).date()
    logins.configure(connected, by=_by(), client_id=provider.client, secret_expires_on=ends, scope="mail",
                     authorize_url=f"{provider.url}/authorize", token_url=f"{provider.url}/token")
    assert login(connected).refresh_token_sealed is not None and logins.warn_due() == 1 and logins.warn_due() == 0
    dispatch.deliver_due(app)
    session.rollback()
    (job,) = session.scalars(sa.select(Job).where(Job.kind == "mail.system"))
    assert "The client secret that support@desk.example signs in with ends." in job.args["text"]


def test_a_login_that_nobody_uses_is_kept_alive(connected, provider) -> None:
    with later(days=8):
        oauth.watch_job({})
    assert [each["grant_type"] for each in provider.asked] == ["authorization_code", "refresh_token"]


# --- real servers ---------------------------------------------------------------------------------------------------


@pytest.fixture
def provider_of_dovecot(dovecot):
    running = FakeProvider(dovecot.token_port, user="support")
    yield running
    running.stop()


def test_imap_lets_us_in_with_a_token_and_not_with_another(dovecot, provider_of_dovecot) -> None:
    provider_of_dovecot.access = {"good"}
    account = imap_client.Account("127.0.0.1", dovecot.port, "none", "support", sign_in="other", token="good")
    assert all(each.is_ok for each in imap_client.test_connection(account))
    tried = imap_client.test_connection(imap_client.Account(
        "127.0.0.1", dovecot.port, "none", "support", sign_in="other", token="bad"))
    assert (tried[-1].step, tried[-1].is_ok) == ("login", False) and "did not take the permission" in tried[-1].words


def test_a_mailbox_that_is_not_connected_says_so(box) -> None:
    with pytest.raises(imap_client.Trouble, match="not connected yet") as trouble:
        imap.signed(imap.account_of(box), box.id)
    assert trouble.value.step == "permission"


def test_a_reply_goes_out_with_a_token_and_waits_while_there_is_none(app, connected, provider, session) -> None:
    sink = SmtpSink(takes_token=provider.owner)
    with transaction():
        here = session.get(Mailbox, connected.id)
        here.outgoing, here.smtp_host, here.smtp_port, here.smtp_security = "smtp", "127.0.0.1", sink.port, "none"
        here.smtp_user = "support@desk.example"
    provider.refuse = (400, {"error": "invalid_grant"})
    message = make_message(make_ticket(mailbox=connected), "Here it is.", kind="reply")
    try:
        with later(hours=2):
            deliver.send(message.id)
            session.expire_all()
            assert message.state == "queued" and "press Connect" in (message.error or "") and sink.messages == []
            provider.refuse = None
            with transaction():
                login(connected).error = None
                message.send_after = utcnow()
            deliver.send(message.id)
        assert sink.wait_for(1)[0].login == "support@desk.example"
    finally:
        sink.stop()


def test_a_token_the_server_does_not_take_is_not_used_again(connected, provider, session) -> None:
    sink = SmtpSink(takes_token=lambda token: None)
    account = smtp_client.Account("127.0.0.1", sink.port, "none", "support@desk.example", sign_in="other", token="x")
    try:
        result = smtp_client.send(account, "a@b.example", ["c@d.example"], b"Subject: x\r\n\r\nx")
        assert (result.outcome, result.step) == ("later", "login")
    finally:
        sink.stop()
    logins.forget_access(connected.id)
    assert oauth.access_token(connected.id) in provider.access


def test_mailbox_fetch_failed_is_told_to_those_who_set_up_mailboxes(app, session, admin) -> None:
    made = make_mailbox("returns@desk.example")
    make_agent("Kari", departments=[made.department])  # answers mail, and sets up nothing
    for _ in range(2):
        mailboxes.fetch_failed(made, "There is no server called imap.example.", wait=20)
        mailboxes.fetch_worked(made)
    mailboxes.fetch_failed(made, "There is no server called imap.example.", wait=20)
    dispatch.deliver_due(app)
    session.rollback()
    (job,) = session.scalars(sa.select(Job).where(Job.kind == "mail.system"))  # once, though it came and went
    assert job.args["to"] == admin.email and "There is no server called imap.example." in job.args["text"]
    assert made.failures == 1 and made.next_try_at > utcnow()


def test_the_worker_waits_for_the_permission_and_then_fetches(
        app, browser, box, dovecot, provider_of_dovecot, session, monkeypatch) -> None:
    monkeypatch.setattr(fetcher, "LOOK_SECONDS", 0.1)
    dovecot.append(letter())
    with transaction():
        here = session.get(Mailbox, box.id)
        here.imap_port, here.imap_security, here.imap_user = dovecot.port, "none", "support"
    url = provider_of_dovecot.url
    logins.configure(box, by=_by(), client_id="desk", client_secret="hush", authorize_url=f"{url}/authorize",
                     token_url=f"{url}/token", scope="mail")

    def has(column, value) -> bool:
        session.rollback()
        return value in (session.scalar(sa.select(column).where(Mailbox.id == box.id)) or "")

    running = fetcher.Fetcher(app)
    running.start()
    try:
        wait_until(lambda: has(Mailbox.fetch_error, "not connected yet"), 60)
        connect(browser, box, provider_of_dovecot)  # a new permission is tried at once, whatever the next try was
        wait_until(lambda: session.rollback() or session.scalar(sa.select(Ledger.id)) is not None, 60)
        wait_until(lambda: not has(Mailbox.fetch_error, "not connected"), 60)
    finally:
        running.stop()
    events = session.scalars(sa.select(Event.data).where(Event.kind == "mailbox_fetch_failed")).all()
    assert [each["is_login"] for each in events] == [True]  # so that nobody is told twice
