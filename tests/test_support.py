"""The guards and the throw-away servers do what tests rely on."""

import asyncio
import imaplib
import smtplib
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from inbox.testing.netguard import MARK
from tests.support.dovecot import Dovecot, make_certificate
from tests.support.program import environment
from tests.support.smtp_sink import SmtpSink

pytestmark = pytest.mark.once
pytest_plugins = ["pytester"]


def test_guard_refuses_an_outside_address(network_guard: list[str]) -> None:
    with pytest.raises(ConnectionRefusedError, match=MARK):
        socket.create_connection(("192.0.2.1", 25), timeout=1)
    assert len(network_guard) == 1
    network_guard.clear()


def test_guard_refuses_to_look_up_a_name(network_guard: list[str]) -> None:
    with pytest.raises(ConnectionRefusedError, match="look up"):
        socket.getaddrinfo("python.org", 443)
    network_guard.clear()


def test_guard_refuses_outside_connections_of_an_event_loop(network_guard: list[str]) -> None:
    async def connect() -> None:
        await asyncio.open_connection("192.0.2.1", 25)

    with pytest.raises(ConnectionRefusedError, match=MARK):
        asyncio.run(connect())
    network_guard.clear()


def test_reserved_names_are_unknown_as_in_life() -> None:
    with pytest.raises(socket.gaierror):
        socket.create_connection(("mail.example.invalid", 25), timeout=1)


def test_guard_reaches_started_programs(tmp_path: Path) -> None:
    code = "import socket; socket.create_connection(('192.0.2.1', 25), timeout=1)"
    program = [sys.executable, "-c", code]
    done = subprocess.run(program, env=environment(tmp_path), capture_output=True, text=True)
    assert done.returncode != 0
    assert MARK in done.stderr


def test_a_skip_fails_under_ci(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INBOX_CI", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    pytester.makeconftest("from tests.conftest import pytest_runtest_makereport, pytest_make_collect_report")
    pytester.makepyfile(
        test_one="import pytest\ndef test_one(): pytest.skip('no server')",
        test_two="import pytest\npytest.importorskip('no_such_module_here')\ndef test_two(): pass",
    )
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    assert done.ret != 0
    outcomes = done.parseoutcomes()
    assert "skipped" not in outcomes
    assert outcomes.get("failed", 0) + outcomes.get("errors", 0) >= 1


def test_dovecot_takes_mail_by_imap_and_lmtp(dovecot: Dovecot) -> None:
    dovecot.append(b"Subject: one\r\n\r\nhei\r\n")
    dovecot.deliver(b"Subject: two\r\n\r\nhei\r\n")
    assert dovecot.count() == 2
    assert dovecot.count("sales") == 0


def test_dovecot_speaks_tls(dovecot: Dovecot) -> None:
    trust = ssl.create_default_context(cafile=dovecot.certificate)
    with imaplib.IMAP4_SSL("127.0.0.1", dovecot.tls_port, ssl_context=trust) as connection:
        assert connection.login("support", "secret")[0] == "OK"
    with pytest.raises(ssl.SSLCertVerificationError):
        imaplib.IMAP4_SSL("127.0.0.1", dovecot.tls_port, ssl_context=ssl.create_default_context())


def test_sink_keeps_rejects_and_drops(smtp_sink: SmtpSink) -> None:
    def send() -> None:
        with smtplib.SMTP("127.0.0.1", smtp_sink.port) as client:
            client.sendmail("a@example.com", ["b@example.com"], b"Subject: x\r\n\r\ny")

    send()
    smtp_sink.behaviour.reject = "552 5.2.2 full"
    with pytest.raises(smtplib.SMTPDataError):
        send()
    smtp_sink.behaviour.reject, smtp_sink.behaviour.drop_after_data = None, True
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send()
    assert smtp_sink.attempts == 3
    assert len(smtp_sink.messages) == 2


def test_sink_wants_login_and_tls(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    sink = SmtpSink(login=("desk", "pass"), tls="starttls", certificate=certificate)
    trust = ssl.create_default_context(cafile=certificate[0])
    with smtplib.SMTP("localhost", sink.port) as client:
        client.starttls(context=trust)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("desk", "wrong")
        client.login("desk", "pass")
        client.sendmail("a@example.com", ["b@example.com"], b"Subject: x\r\n\r\ny")
    sink.stop()
    assert sink.messages[0].login == "desk"
    assert sink.messages[0].over_tls
