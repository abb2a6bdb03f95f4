"""The SMTP conversation against a real server that misbehaves on request."""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from inbox.mail import smtp_client
from inbox.mail.smtp_client import Account, Result
from tests.support.dovecot import make_certificate
from tests.support.ports import free_port
from tests.support.smtp_sink import SmtpSink

pytestmark = pytest.mark.once

DATA = b"Subject: hello\r\n\r\n.first line\r\n..\r\nlast line\r\n"
LOGIN = ("help@example.com", "sécret")


def to(sink: SmtpSink, **changes: object) -> Account:
    return Account(**{"host": "127.0.0.1", "port": sink.port, "security": "none", **changes})  # type: ignore[arg-type]


def send(sink: SmtpSink, *recipients: str, account: Account | None = None, **options: object) -> Result:
    return smtp_client.send(account or to(sink), "help@example.com", recipients or ["ola@example.no"], DATA,
                            **options)  # type: ignore[arg-type]


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    pair = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pair[0]))
    return pair


@pytest.fixture(params=["tls", "starttls"])
def secure(request: pytest.FixtureRequest, certificate: tuple[Path, Path]) -> Iterator[tuple[SmtpSink, Account]]:
    sink = SmtpSink(login=LOGIN, tls=request.param, certificate=certificate)
    yield sink, to(sink, host="localhost", security=request.param, user=LOGIN[0], password=LOGIN[1])
    sink.stop()


def test_the_text_arrives_unchanged(smtp_sink: SmtpSink) -> None:
    assert send(smtp_sink).outcome == "sent"
    (kept,) = smtp_sink.messages
    assert kept.raw == DATA
    assert (kept.sender, kept.recipients) == ("help@example.com", ["ola@example.no"])


def test_tls_and_login_with_a_password_outside_of_ascii(secure: tuple[SmtpSink, Account]) -> None:
    sink, account = secure
    assert send(sink, account=account).outcome == "sent"
    assert sink.messages[0].over_tls and sink.messages[0].login == LOGIN[0]


def test_a_wrong_password_is_refused_in_the_servers_words(secure: tuple[SmtpSink, Account]) -> None:
    sink, account = secure
    result = send(sink, account=Account(**{**account.__dict__, "password": "wrong"}))
    assert result.outcome == "refused" and result.response.startswith("535 ")
    assert not sink.messages


def test_a_certificate_nobody_vouches_for_is_not_accepted(tmp_path: Path) -> None:
    sink = SmtpSink(tls="starttls", certificate=make_certificate(tmp_path))
    try:
        result = send(sink, account=to(sink, host="localhost", security="starttls"))
    finally:
        sink.stop()
    assert result.outcome == "later" and "certificate cannot be trusted" in result.response
    assert not sink.messages


def test_starttls_is_never_skipped_when_the_server_does_not_offer_it(smtp_sink: SmtpSink) -> None:
    result = send(smtp_sink, account=to(smtp_sink, security="starttls"))
    assert result.outcome == "refused" and "no STARTTLS" in result.response
    assert not smtp_sink.messages


@pytest.mark.parametrize(("answer", "outcome"), [
    ("552 5.2.2 mailbox full", "refused"), ("451 4.3.0 try later", "later")])
def test_the_answer_to_the_text(smtp_sink: SmtpSink, answer: str, outcome: str) -> None:
    smtp_sink.behaviour.reject = answer
    assert send(smtp_sink) == Result(outcome, answer)


def test_each_recipient_has_an_answer_of_its_own(smtp_sink: SmtpSink) -> None:
    smtp_sink.behaviour.reject_recipient = {"gone@example.com": "550 5.1.1 unknown", "busy@example.com": "450 busy"}
    result = send(smtp_sink, "ola@example.no", "gone@example.com", "busy@example.com")
    assert (result.outcome, result.refused, result.delayed) == (
        "sent", {"gone@example.com": "550 5.1.1 unknown"}, {"busy@example.com": "450 busy"})
    assert smtp_sink.messages[0].recipients == ["ola@example.no"]
    assert send(smtp_sink, "gone@example.com").outcome == "refused"
    assert send(smtp_sink, "gone@example.com", "busy@example.com").outcome == "later"
    assert smtp_sink.attempts == 1


def test_a_connection_lost_after_the_text_is_unknown(smtp_sink: SmtpSink) -> None:
    smtp_sink.behaviour.drop_after_data = True
    assert send(smtp_sink).outcome == "unknown"
    assert len(smtp_sink.messages) == 1


def test_nothing_is_sent_when_the_text_may_not_go(smtp_sink: SmtpSink) -> None:
    assert send(smtp_sink, before_text=lambda: False).outcome == "later"
    assert not smtp_sink.messages


def test_a_server_that_is_not_there() -> None:
    result = smtp_client.send(Account("127.0.0.1", free_port(), "none"), "a@example.com", ["b@example.com"], DATA)
    assert result.outcome == "later" and "cannot be reached" in result.response


def test_addresses_outside_of_ascii_reach_a_server_that_takes_them(smtp_sink: SmtpSink) -> None:
    assert send(smtp_sink, "ผู้ใช้@example.com").outcome == "sent"
    assert smtp_sink.messages[0].recipients == ["ผู้ใช้@example.com"]


def test_addresses_outside_of_ascii_are_refused_where_the_server_cannot(
        smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtplib.SMTP, "has_extn", lambda self, name: False)
    result = send(smtp_sink, "ผู้ใช้@example.com")
    assert result.outcome == "refused" and "SMTPUTF8" in result.response and not smtp_sink.messages


def test_domains_outside_of_ascii_are_translated(smtp_sink: SmtpSink) -> None:
    assert send(smtp_sink, "ola@blåbær.no").outcome == "sent"
    assert smtp_sink.messages[0].recipients == ["ola@xn--blbr-roah.no"]


# --- trying an account ----------------------------------------------------------------------------------------


def test_a_good_account_passes_every_step(secure: tuple[SmtpSink, Account]) -> None:
    sink, account = secure
    steps = smtp_client.test_connection(account, "help@example.com")
    assert [(each.step, each.is_ok) for each in steps] == [
        ("connect", True), ("tls", True), ("login", True), ("sender", True)]
    assert not sink.messages


def test_a_wrong_password_is_told_at_the_step_it_belongs_to(secure: tuple[SmtpSink, Account]) -> None:
    _sink, account = secure
    steps = smtp_client.test_connection(Account(**{**account.__dict__, "password": "wrong"}))
    assert [(each.step, each.is_ok) for each in steps] == [("connect", True), ("tls", True), ("login", False)]
    assert "does not accept this user and password" in steps[-1].words


def test_a_closed_port_is_told_in_plain_words() -> None:
    (step,) = smtp_client.test_connection(Account("127.0.0.1", free_port(), "none"))
    assert step.step == "connect" and not step.is_ok and "not on port" in step.words


def test_the_wrong_kind_of_encryption_is_told(smtp_sink: SmtpSink) -> None:
    steps = smtp_client.test_connection(to(smtp_sink, security="tls"))
    assert steps[-1].step == "tls" and "encryption" in steps[-1].words
