"""Fetching by IMAP from a real server: nothing lost, nothing doubled, nothing marked as read."""

import dataclasses
import datetime as dt
import imaplib
import socket
import threading
import time

import pytest
import sqlalchemy as sa

from inbox import holders, secrets
from inbox.core import mailbox_folders, settings
from inbox.core.events import Actor
from inbox.core.models import Event, Ledger, Mailbox, Message, Ticket
from inbox.db import session, transaction, work_context
from inbox.mail import fetcher as mail_fetcher
from inbox.mail import imap, imap_rows, receive, reconcile
from inbox.mail.imap_client import Account, connected, test_connection
from tests.mail.conftest import letter
from tests.support.ports import free_port


@pytest.fixture
def account(dovecot):
    return Account("127.0.0.1", dovecot.port, "none", "support", "secret")


@pytest.fixture
def box(app, config, mailbox, account):
    """The mailbox support@, fetched from Dovecot. Returns its id."""
    secrets.ensure_key(config)
    with work_context(app), transaction() as current:
        row = current.get(Mailbox, mailbox)
        row.incoming, row.imap_host, row.imap_port = "imap", account.host, account.port
        row.imap_security, row.imap_user = "none", "support"
        row.imap_password = secrets.encrypt("secret")
    return mailbox


@pytest.fixture
def fetch(app, box, account):
    """One round over one connection. Returns how many messages were fetched."""
    owner = holders.new_name()

    def call(**changes):
        with work_context(app):
            assert imap_rows.take_lease(box, owner)
            with connected(dataclasses.replace(account, **changes)) as (client, state):
                place = imap_rows.Place(box, changes.get("folder", "INBOX"), int(state[b"UIDVALIDITY"]))
                return imap.fetch_new(client, place, owner)

    yield call
    holders.forget(owner)


@pytest.fixture
def fetcher(app, box, monkeypatch):
    """Start the fetcher as the worker does."""
    monkeypatch.setattr(mail_fetcher, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(mail_fetcher, "FIRST_BACKOFF", 0.2)
    running = []

    def start(**options):
        running.append(mail_fetcher.Fetcher(app, **options))
        running[-1].start()
        return running[-1]

    yield start
    for each in running:
        each.stop()


def process_all(app):
    with work_context(app):
        for row in session().scalars(sa.select(Ledger.id).where(Ledger.fate == "waiting").order_by(Ledger.id)).all():
            receive.process(row)


def wait_until(check, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {check()!r}")


def some(count, **options):
    return [letter(subject=f"Number {each}", message_id=f"{each}@example.com", **options) for each in range(count)]


def test_what_lies_in_the_folder_arrives_in_order_and_stays_unread(app, dovecot, fetch, ledger_rows, box):
    dovecot.append(*some(120))
    assert fetch() == 120
    process_all(app)
    rows = ledger_rows()
    assert [row.subject for row in rows] == [f"Number {number}" for number in range(120)]
    assert {(row.source, row.mailbox_id, row.folder, row.fate) for row in rows} == {("imap", box, "INBOX", "created")}
    connection = dovecot.connect()
    connection.select("INBOX", readonly=True)
    assert connection.search(None, "SEEN")[1] == [b""]
    connection.logout()


def test_the_next_round_brings_only_what_is_new(dovecot, fetch, ledger_rows):
    dovecot.append(*some(3))
    assert [fetch(), fetch()] == [3, 0]
    dovecot.append(letter(subject="new"))
    assert fetch() == 1
    assert len(ledger_rows()) == 4


def test_messages_keep_the_date_they_had_before_we_looked(app, dovecot, fetch, session):
    """The server's word counts (its Received line), not the sender's clock, which may be years slow."""
    dovecot.append(letter(Received="from a by b; Fri, 20 Nov 2026 11:00:00 +0100"))
    fetch()
    process_all(app)
    assert session.scalars(sa.select(Message)).one().at.isoformat() == "2026-11-20T10:00:00+00:00"


def test_a_new_uidvalidity_doubles_nothing(app, dovecot, fetch, ledger_rows):
    dovecot.append(*some(30))
    fetch()
    process_all(app)
    before = {row.uidvalidity for row in ledger_rows()}
    dovecot.empty()
    time.sleep(1.1)  # the number is made of the time
    dovecot.append(*some(30), letter(subject="new", message_id="new@example.com"))
    assert fetch() == 1
    process_all(app)
    rows = ledger_rows()
    assert len(rows) == 31
    assert {row.uidvalidity for row in rows}.isdisjoint(before)
    with work_context(app):
        assert session().scalar(sa.select(sa.func.count(Ticket.id))) == 31


def test_a_new_uidvalidity_before_anything_was_parsed_doubles_no_ticket(app, dovecot, fetch, ledger_rows):
    dovecot.append(*some(5))
    fetch()
    dovecot.empty()
    time.sleep(1.1)
    dovecot.append(*some(5))
    fetch()
    process_all(app)
    assert sorted(row.fate for row in ledger_rows()) == ["created"] * 5 + ["duplicate"] * 5


def test_a_message_over_the_limit_is_held_with_its_header_and_comes_when_the_limit_grows(
        app, dovecot, fetch, ledger_rows, config):
    dovecot.append(letter(subject="small"), letter(subject="big", text="x" * 70 + "\n" + "y\n" * 30_000))
    app.config["INBOX"] = dataclasses.replace(config, max_message_bytes=20_000)
    assert fetch() == 2
    process_all(app)
    small, big = ledger_rows()
    assert (small.fate, big.fate, big.subject) == ("created", "quarantined", "big")
    assert big.size > 60_000
    assert "still on the mail server" in big.reason
    app.config["INBOX"] = config
    fetch()
    process_all(app)
    assert ledger_rows()[1].fate == "created"


def test_another_folder(app, dovecot, fetch, ledger_rows, box):
    connection = dovecot.connect()
    connection.create("Support")
    connection.logout()
    dovecot.append(letter(), folder="Support")
    with work_context(app), transaction() as current:
        current.get(Mailbox, box).imap_folder = "Support"
    assert fetch(folder="Support") == 1
    assert ledger_rows()[0].folder == "Support"


def make_folder(dovecot, name):
    connection = dovecot.connect()
    connection.create(name)
    connection.logout()


def add_folders(app, box, *names):
    with work_context(app):
        mailbox_folders.set_names(session().get(Mailbox, box), names, by=Actor.system("test"))


def test_further_folders_are_fetched_each_by_its_own_mark(app, dovecot, fetcher, ledger_rows, box):
    make_folder(dovecot, "Sales")
    add_folders(app, box, "Sales", "Nowhere")
    dovecot.append(*some(3))
    dovecot.append(letter(subject="sale", message_id="sale@example.com"), folder="Sales")
    first = fetcher(poll_seconds=0.3)
    wait_until(lambda: len(ledger_rows()) == 4)
    dovecot.append(letter(subject="more", message_id="more@example.com"), folder="Sales")
    wait_until(lambda: len(ledger_rows()) == 5)
    dovecot.append(letter(subject="own", message_id="own@example.com"))
    wait_until(lambda: len(ledger_rows()) == 6)
    first.stop()
    assert sorted(row.folder for row in ledger_rows()) == ["INBOX"] * 4 + ["Sales"] * 2
    with work_context(app):
        nowhere, sales = mailbox_folders.of(box)
        assert (sales.last_uid, sales.error) == (2, None) and sales.fetched_at is not None
        assert nowhere.error and nowhere.uidvalidity is None
        assert session().get(Mailbox, box).fetch_error is None
    assert reconcile_of(app) == []


def reconcile_of(app):
    with work_context(app):
        return list(reconcile._not_fetched())


def test_mail_in_two_folders_is_not_taken_for_mail_numbered_anew(app, dovecot, fetcher, ledger_rows, box):
    make_folder(dovecot, "Sales")
    add_folders(app, box, "Sales")
    dovecot.append(*some(2))
    fetcher(poll_seconds=0.3)
    wait_until(lambda: len(ledger_rows()) == 2)
    dovecot.append(*some(2), folder="Sales")  # somebody has copied them
    wait_until(lambda: len(ledger_rows()) == 4)
    process_all(app)
    assert sorted(row.fate for row in ledger_rows()) == ["created"] * 2 + ["duplicate"] * 2
    assert reconcile_of(app) == []


def test_a_further_folder_numbered_anew_doubles_nothing(app, dovecot, fetch, ledger_rows, box):
    add_folders(app, box, "Sales")
    with work_context(app):
        owner = holders.new_name()
        assert imap_rows.take_lease(box, owner)
        for validity in (1, 2):
            place = imap_rows.Place(box, "Sales", validity, is_further=True)
            assert imap_rows.open_folder(place, owner, lambda since: 4) == (4 if validity == 1 else 0)
        imap_rows.keep(place, owner, [], 9)
        assert imap_rows.open_folder(place, owner) == 9
        mailbox_folders.set_names(session().get(Mailbox, box), [], by=Actor.system("test"))
        with pytest.raises(imap_rows.LeaseLost):
            imap_rows.keep(place, owner, [], 10)
        holders.forget(owner)


def test_while_idle_a_new_message_arrives_at_once(app, dovecot, fetcher, ledger_rows):
    dovecot.append(letter(subject="one"))
    fetcher()
    wait_until(lambda: len(ledger_rows()) == 1)
    time.sleep(0.5)
    dovecot.deliver(letter(subject="two"))
    started = time.monotonic()
    wait_until(lambda: len(ledger_rows()) == 2)
    assert time.monotonic() - started < 3


def test_idle_is_renewed(app, dovecot, fetcher, ledger_rows, monkeypatch):
    monkeypatch.setattr(mail_fetcher, "IDLE_SECONDS", 0.3)
    monkeypatch.setattr(mail_fetcher, "IDLE_TICK", 0.1)
    fetcher()
    time.sleep(2)
    dovecot.deliver(letter())
    wait_until(lambda: len(ledger_rows()) == 1)


def test_without_idle_it_polls(app, dovecot, fetcher, ledger_rows, monkeypatch):
    monkeypatch.setattr(imap.IMAPClient, "has_capability", lambda self, name: name != "IDLE" and name in ("UIDPLUS",))
    fetcher(poll_seconds=0.3)
    time.sleep(1)
    dovecot.append(letter())
    wait_until(lambda: len(ledger_rows()) == 1)


def test_a_mailbox_moved_to_a_server_that_numbers_alike_loses_nothing(app, dovecot, fetch, ledger_rows, box):
    dovecot.append(letter(subject="old server"))
    fetch()
    with work_context(app), transaction() as current:
        current.query(Ledger).one().sha256 = "0" * 64  # as if it were another message that had this number
        row = current.get(Mailbox, box)
        row.uidvalidity, row.last_uid = None, 0  # what changing the host does
    fetch()
    assert [row.uid for row in ledger_rows()] == [1, None]


def test_a_lost_key_asks_for_the_password_again(app, config, dovecot, fetcher, box):
    (config.home / secrets.KEY_FILE).unlink()
    secrets.ensure_key(config)
    fetcher()

    def state():
        with work_context(app):
            return session().get(Mailbox, box).fetch_error or ""

    wait_until(lambda: "Enter it again" in state())


def test_two_fetchers_take_each_message_once(app, dovecot, fetcher, ledger_rows):
    dovecot.append(*some(150))
    for _ in range(2):
        fetcher()
    wait_until(lambda: len(ledger_rows()) == 150)
    time.sleep(0.5)
    rows = ledger_rows()
    assert len({row.uid for row in rows}) == len(rows) == 150


def test_two_fetchers_without_the_lease_still_take_each_message_once(
        app, dovecot, box, account, ledger_rows, monkeypatch):
    """The lease saves work; what guards is the ledger."""
    monkeypatch.setattr(imap_rows, "extend", lambda *args, **values: None)
    dovecot.append(*some(100))
    errors = []

    def work():
        try:
            with work_context(app), connected(account) as (client, state):
                imap.fetch_new(client, imap_rows.Place(box, "INBOX", int(state[b"UIDVALIDITY"])), "anybody")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    rows = ledger_rows()
    assert len({row.uid for row in rows}) == len(rows) == 100
    # On PostgreSQL the slower one may be told so by the unique index; its round is repeated.
    assert all(isinstance(error, sa.exc.IntegrityError) for error in errors)


def test_a_lost_lease_stores_nothing(app, dovecot, box, account, ledger_rows):
    dovecot.append(letter())
    with work_context(app), connected(account) as (client, state), pytest.raises(imap_rows.LeaseLost):
        imap.fetch_new(client, imap_rows.Place(box, "INBOX", int(state[b"UIDVALIDITY"])), "nobody:1:x")
    assert ledger_rows() == []


def test_the_lease_of_a_process_that_is_gone_is_taken_over_at_once(app, box):
    owner, gone = holders.new_name(), holders.new_name()
    holders.forget(gone)
    with work_context(app):
        with transaction() as current:
            row = current.get(Mailbox, box)
            row.lease_owner, row.lease_until = gone, imap_rows.utcnow() + imap_rows.LEASE
        assert imap_rows.take_lease(box, owner)
        with transaction() as current:
            current.get(Mailbox, box).lease_owner = "elsewhere:1:x"
        assert not imap_rows.take_lease(box, owner)


def test_trouble_is_told_in_plain_words_and_its_end_too(app, dovecot, fetcher, box, ledger_rows):
    good = dovecot.port
    with work_context(app), transaction() as current:
        current.get(Mailbox, box).imap_port = bad = free_port()
    fetcher()

    def state():
        with work_context(app):
            return session().get(Mailbox, box).fetch_error or ""

    wait_until(lambda: f"refuses connections on port {bad}" in state())
    with work_context(app), transaction() as current:
        current.get(Mailbox, box).imap_port = good
    dovecot.append(letter())
    wait_until(lambda: len(ledger_rows()) == 1 and state() == "")
    with work_context(app):
        kinds = session().scalars(sa.select(Event.kind).order_by(Event.id)).all()
    assert kinds == ["mailbox_fetch_failed", "mailbox_fetch_recovered"]


def test_a_server_that_goes_away_and_comes_back(app, dovecot, fetcher, ledger_rows):
    dovecot.append(letter(subject="before"))
    fetcher()
    wait_until(lambda: len(ledger_rows()) == 1)
    dovecot.stop_for_a_while()
    time.sleep(1)
    dovecot.resume()
    dovecot.append(letter(subject="after"))
    wait_until(lambda: len(ledger_rows()) == 2, 30)


def test_a_deactivated_mailbox_is_left_alone(app, dovecot, fetcher, box, ledger_rows):
    fetcher()
    time.sleep(0.5)
    with work_context(app), transaction() as current:
        current.get(Mailbox, box).is_active = False
    time.sleep(1.5)
    dovecot.append(letter())
    time.sleep(1)
    assert ledger_rows() == []


def test_stopping_is_quick_and_frees_the_lease(app, dovecot, fetcher, box):
    running = fetcher()

    def lease():
        with work_context(app):
            return session().get(Mailbox, box).lease_owner

    wait_until(lambda: lease() is not None)
    time.sleep(0.5)
    started = time.monotonic()
    running.stop()
    assert time.monotonic() - started < 5
    assert lease() is None


# --- the connection test ----------------------------------------------------------------------------------------


def steps(account):
    return [(each.step, each.is_ok) for each in test_connection(account)]


def test_everything_right(account):
    assert steps(account) == [("host", True), ("port", True), ("login", True), ("folder", True)]


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_with_tls(dovecot, account, monkeypatch, security):
    monkeypatch.setenv("SSL_CERT_FILE", str(dovecot.certificate))
    port = dovecot.tls_port if security == "tls" else dovecot.port
    assert steps(dataclasses.replace(account, security=security, port=port)) == [
        (each, True) for each in ("host", "port", "tls", "login", "folder")]


def failed(account):
    *before, last = test_connection(account)
    assert all(each.is_ok for each in before)
    assert not last.is_ok
    return last.step, last.words


def test_what_is_wrong_is_said(dovecot, account):
    change = dataclasses.replace
    step, words = failed(change(account, host=""))
    assert (step, "Fill in its host name" in words) == ("host", True)
    step, words = failed(change(account, port=free_port()))
    assert (step, "refuses connections" in words) == ("port", True)
    step, words = failed(change(account, security="tls", port=dovecot.tls_port))  # nobody vouches for it
    assert (step, "cannot be trusted" in words) == ("tls", True)
    step, words = failed(change(account, security="tls"))
    assert (step, "993 wants TLS" in words) == ("tls", True)
    step, words = failed(change(account, password="wrong"))
    assert (step, "refused the user name or the password" in words) == ("login", True)
    step, words = failed(change(account, password="pæssørd"))
    assert step == "login"
    step, words = failed(change(account, folder="Nowhere"))
    assert (step, "no folder called Nowhere" in words) == ("folder", True)


def test_a_host_that_is_not_there(account, monkeypatch):
    def unknown(*_args, **_options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert failed(dataclasses.replace(account, host="imap.exmaple.com")) == (
        "host", "There is no server called imap.exmaple.com. Check how the name is spelt.")


def test_a_silent_port_is_no_endless_wait(account, monkeypatch):
    monkeypatch.setattr("inbox.mail.imap_client.CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        step, words = failed(dataclasses.replace(account, port=silent.getsockname()[1]))
    assert (step, "did not answer" in words) == ("port", True)


def test_something_else_on_the_port(account, listen, mailbox):
    step, words = failed(dataclasses.replace(account, port=listen().port))
    assert (step, "does not speak IMAP" in words) == ("port", True)


def test_the_password_is_not_shown(account):
    assert "secret" not in repr(account)


def start_from(app, box, day):
    with work_context(app):
        settings.put("mail.start", day, by=Actor.system("test"), scope=f"mailbox:{box}")


def append_dated(dovecot, name, when):
    connection = dovecot.connect()
    assert connection.append("INBOX", None, imaplib.Time2Internaldate(when), letter(name))[0] == "OK"
    connection.logout()


def test_a_first_fetch_leaves_mail_from_before_the_start(app, dovecot, box, fetch):
    for name, day in (("ancient", 5), ("old", 10), ("young", 20), ("new", 25)):
        append_dated(dovecot, name, dt.datetime(2025, 3, day, 12, tzinfo=dt.UTC))
    start_from(app, box, "2025-03-15")
    assert (fetch(), fetch()) == (2, 0)
    append_dated(dovecot, "late", dt.datetime(2025, 3, 1, 12, tzinfo=dt.UTC))  # arrived now, whatever its date
    assert fetch() == 1


def test_a_start_after_every_message_leaves_all_and_takes_the_next(app, dovecot, box, fetch):
    append_dated(dovecot, "old", dt.datetime(2025, 3, 10, 12, tzinfo=dt.UTC))
    start_from(app, box, "2025-03-15")
    assert fetch() == 0
    dovecot.append(letter("new"))
    assert fetch() == 1


def test_the_start_counts_for_an_empty_mailbox_and_only_once(app, dovecot, box, fetch):
    start_from(app, box, "2999-01-01")
    assert fetch() == 0
    dovecot.append(letter("one"))
    assert fetch() == 1
    dovecot.empty()  # the folder begins anew, with new numbers: nothing of it may be left out now
    time.sleep(1.1)  # UIDVALIDITY counts seconds
    dovecot.append(letter("two"))
    assert fetch() == 1
