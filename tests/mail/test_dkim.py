"""Signatures of outgoing mail, judged by another implementation of RFC 6376."""

import dkim as judge
import pytest

from inbox import dns_check, secrets
from inbox.core import dkim_keys
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.db import transaction, utcnow
from inbox.mail import deliver, dkim
from inbox.testing.factories import make_agent, make_mailbox, make_message, make_ticket
from tests.web.browse import Visitor

BY = Actor.system("test")


@pytest.fixture
def key(session, config):
    secrets.ensure_key(config)
    return dkim_keys.create("desk.example", by=BY)


def is_good(data: bytes, key: dkim_keys.Key) -> bool:
    def records(name: bytes, timeout: float = 5) -> bytes | None:
        return key.record.encode() if name.rstrip(b".").decode() == key.record_name else None

    return judge.verify(data, dnsfunc=records)


LETTER = b"\r\n".join([
    b"From: Support <support@desk.example>", b"To: kari@example.com,", b" ola@example.com",
    b"Subject: =?utf-8?q?P=C3=A5_vei?=", b"Date: Sat, 21 Nov 2026 10:00:00 +0000", b"Message-ID: <a@desk.example>",
    b"MIME-Version: 1.0", b"Content-Type: text/plain; charset=utf-8", b"",
    b"It  is on \t its way.  ", b"", b"Bye", b""])


@pytest.mark.parametrize("data", [
    LETTER, LETTER + b"\r\n\r\n", LETTER.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", LETTER.rstrip(b"\r\n"),
    LETTER.replace(b"Support <", b"Support  \t <")])
def test_a_signature_is_good(key, data) -> None:
    assert is_good(dkim.signed(data, "support@desk.example"), key)


@pytest.mark.parametrize(("before", "after"), [
    (b"its way", b"its end"), (b"Subject: ", b"Subject: Other "),
    (b"Date: Sat", b"From: evil@example.com\r\nDate: Sat"),
    (b"To: kari", b"Subject: second\r\nTo: kari")])
def test_what_was_changed_on_the_way_is_not(key, before, after) -> None:
    assert not is_good(dkim.signed(LETTER, "support@desk.example").replace(before, after, 1), key)


def test_mail_of_another_domain_is_left_alone(key) -> None:
    assert dkim.signed(LETTER, "support@other.example") == LETTER


def test_a_reply_leaves_signed_and_the_key_is_stored_encrypted(app, session, key, smtp_sink, config) -> None:
    box = make_mailbox("support@desk.example", outgoing="smtp", smtp_host="127.0.0.1", smtp_port=smtp_sink.port,
                       smtp_security="none")
    message = make_message(make_ticket(mailbox=box), "Blåbær  er på vei.", kind="reply", html="<p>Blåbær</p>")
    with transaction():
        message.send_after = utcnow()
    deliver.send(message.id)
    assert is_good(smtp_sink.wait_for(1)[0].raw, key)
    secrets.rotate(config)
    session.expire_all()
    assert dkim_keys.get("desk.example") == key


def test_the_mailbox_page_makes_a_key_and_shows_its_record(app, session, config) -> None:
    secrets.ensure_key(config)
    box = make_mailbox("support@desk.example", outgoing="smtp", smtp_host="x.example")
    browser, path = Visitor(app).sign_in(make_agent(role="admin")), f"/settings/mailboxes/{box.id}"
    browser.post(f"{path}/dkim", {"on": "1"}, page=path)
    made = dkim_keys.get("desk.example")
    page = browser.get(path).text.replace("&#43;", "+")
    assert made.record_name in page and made.record in page and "PRIVATE" not in page
    browser.post(f"{path}/dkim", {"on": "0"}, page=path)
    assert dkim_keys.get("desk.example") is None


def test_the_doctor_compares_the_record_with_the_key(key) -> None:
    def asked(*found: str) -> str:
        records = {(key.record_name, "TXT"): list(found)}
        answers = dns_check.examine("desk.example", lambda name, kind: records.get((name, kind), []),
                                    own=(key.record_name, key.record))
        return next(state for name, state, _words, _mend in answers if name == "DKIM")

    assert [asked(key.record), asked("v=DKIM1; p=abc"), asked()] == ["ok", "wrong", "wrong"]


def test_what_is_no_domain_gets_no_key(session) -> None:
    with pytest.raises(Invalid):
        dkim_keys.create("not a domain", by=BY)
