"""The HTTP client of plugins: time limits, private addresses, redirects, plain words."""

import contextlib
import datetime as dt
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from inbox import http, http_client
from inbox.db import at_time, transaction, utcnow
from inbox.testing import netguard
from inbox.testing.factories import make_ticket
from inbox.testing.plugins import host_of, plug
from inbox.testing.remote import MODES, Remote


@pytest.fixture
def shop() -> Iterator[Remote]:
    server = Remote()
    yield server
    server.stop()


@pytest.fixture
def other() -> Iterator[Remote]:
    server = Remote()
    yield server
    server.stop()


pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.once]


# --- asking -----------------------------------------------------------------------------------------------------


def test_an_answer_is_read(shop: Remote) -> None:
    shop.answers["/orders"] = [{"id": 7}]
    answer = http.get(f"{shop.url}/orders", params={"page": 2}, headers={"X-Key": "k"})
    assert (answer.status, answer.ok, answer.json()) == (200, True, [{"id": 7}])
    assert answer.headers["content-type"] == answer.headers["Content-Type"] == "application/json"
    asked = shop.requests[0]
    assert (asked.method, asked.path, asked.headers["x-key"]) == ("GET", "/orders?page=2", "k")


def test_json_a_form_and_bytes_are_sent(shop: Remote) -> None:
    http.post(shop.url, json={"name": "Kari"})
    http.post(shop.url, data={"name": "Kari"})
    http.request("PUT", shop.url, data=b"\x00raw")
    assert shop.requests[0].json == {"name": "Kari"}
    assert [each.body for each in shop.requests[1:]] == [b"name=Kari", b"\x00raw"]


@pytest.mark.parametrize("charset", ["hex", "rot13", "idna", "undefined", "nonsense"])
def test_text_is_read_whatever_charset_the_other_side_names(charset: str) -> None:
    assert http.Response("https://shop.example/", 200, {}, "blåbær".encode(), charset).text == "blåbær"


@pytest.mark.parametrize("url", ["http://xn--/", "https://xn--a/orders"])
def test_a_name_that_no_server_can_have_is_refused(url: str) -> None:
    with pytest.raises(http.Refused, match="begins with https://"):
        http.post(url, data=b"")


@pytest.mark.parametrize(("mode", "says"), [
    ("401", "does not accept our key"), ("404", "nothing at that address"), ("429", "too often"),
    ("500", "wrong there")])
def test_an_error_of_the_other_side_is_an_answer_until_a_good_one_is_required(
        shop: Remote, mode: str, says: str) -> None:
    shop.mode = mode
    answer = http.get(shop.url)
    assert answer.status == int(mode)
    with pytest.raises(http.BadAnswer, match=says):
        answer.require()


def test_broken_json_is_a_bad_answer(shop: Remote) -> None:
    shop.mode = "broken"
    with pytest.raises(http.BadAnswer, match="not JSON"):
        http.get(shop.url).json()


def test_a_dead_server_is_unreachable_and_comes_back(shop: Remote) -> None:
    shop.mode = "dead"
    with pytest.raises(http.Unreachable, match=f"127.0.0.1:{shop.port} cannot be reached"):
        http.get(shop.url)
    shop.mode = "ok"
    assert http.get(shop.url).ok


def test_the_time_limit_is_for_the_whole_answer_not_for_each_piece(shop: Remote) -> None:
    shop.mode = "slow"
    began = time.monotonic()
    with pytest.raises(http.Unreachable, match=r"within 0\.4 seconds"):
        http.get(shop.url, timeout=0.4)
    assert time.monotonic() - began < 2


def test_a_slow_look_up_is_within_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: time.sleep(3))
    began = time.monotonic()
    with pytest.raises(http.Unreachable, match=r"within 0\.2 seconds"):
        http.get("http://shop.test/", timeout=0.2)
    assert time.monotonic() - began < 2


def test_an_unknown_name_is_unreachable() -> None:
    with pytest.raises(http.Unreachable, match=r"nowhere\.invalid"):
        http.get("http://nowhere.invalid/")


def test_a_key_in_the_address_is_in_no_message(shop: Remote) -> None:
    shop.mode = "dead"
    with pytest.raises(http.Unreachable) as raised:
        http.get(f"http://user:geheim@127.0.0.1:{shop.port}/")
    assert "geheim" not in str(raised.value)


def test_an_answer_too_large_is_not_taken(shop: Remote) -> None:
    shop.answers["/"] = b"x" * 5000
    with pytest.raises(http.Refused, match="larger than 1 kB"):
        http.get(f"{shop.url}/", max_bytes=1024)


def test_a_small_answer_that_unpacks_large_is_not_taken(shop: Remote) -> None:
    import gzip

    shop.answers["/"], shop.headers["Content-Encoding"] = gzip.compress(b"0" * 5_000_000), "gzip"
    with pytest.raises(http.Refused, match="larger than"):
        http.get(f"{shop.url}/", max_bytes=100_000)


# --- where it may go --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [
    "http://127.0.0.2/", "http://[::1]/", "http://0.0.0.0/", "http://10.0.0.1/", "http://169.254.169.254/latest",
    "http://[::ffff:10.0.0.1]/", "http://192.168.0.1:8080/"])
def test_a_private_address_is_refused_before_any_connection(url: str, network_guard: list[str]) -> None:
    with pytest.raises(http.Refused, match="private_hosts"):
        http.get(url)
    assert network_guard == []


@pytest.mark.parametrize("host", ["2130706434", "0x7f.2", "127.2"])
def test_other_spellings_of_a_private_address_are_refused(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", netguard._real_getaddrinfo)  # the guard takes them for names
    with pytest.raises(http.Refused, match=r"127\.0\.0\.2"):
        http.get(f"http://{host}/")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.com/", "gopher://x", "/orders", "", "http://"])
def test_only_addresses_of_web_servers(url: str) -> None:
    with pytest.raises(http.Refused, match="begins with https://"):
        http.get(url)


def _names(monkeypatch: pytest.MonkeyPatch, **known: str) -> list[str]:
    """Give names addresses; returns the names that were looked up."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *rest: Any, **options: Any) -> Any:
        address = known.get(host.replace(".", "_"))
        if address is None:
            return netguard._real_getaddrinfo(host, port, *rest, **options)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_that_leads_to_a_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _names(monkeypatch, evil_test="169.254.169.254")
    with pytest.raises(http.Refused, match=r"evil.test .*169\.254\.169\.254"):
        http.get("http://evil.test/")


def test_the_checked_address_is_the_one_that_is_called(shop: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads elsewhere at the second look-up finds no second look-up; Host stays the name."""
    asked = _names(monkeypatch, shop_test="127.0.0.1")
    connected: list[object] = []
    real = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda address, *rest, **options: (
        connected.append(address), monkeypatch.undo(), real(address, *rest, **options))[-1])
    assert http.get(f"http://shop.test:{shop.port}/x").ok
    assert asked == ["shop.test"]
    assert connected == [("127.0.0.1", shop.port)]
    assert shop.requests[0].headers["host"] == f"shop.test:{shop.port}"


# --- redirects --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def redirecting(server: Remote, to: str) -> Iterator[None]:
    server.mode, server.headers["Location"] = "ok", to
    from inbox.testing import remote as module

    real = module._Handler._send
    module._Handler._send = lambda self, status, body: real(  # type: ignore[method-assign]
        self, 302 if self.server.remote is server else status, body)
    try:
        yield
    finally:
        module._Handler._send = real  # type: ignore[method-assign]


def test_a_redirect_is_followed_without_our_key_for_another_server(shop: Remote, other: Remote) -> None:
    other.answers["/there"] = "found"
    with redirecting(shop, f"{other.url}/there"):
        answer = http.get(shop.url, headers={"X-Api-Key": "geheim", "Authorization": "Bearer geheim"})
    assert (answer.json(), answer.url) == ("found", f"{other.url}/there")
    assert shop.requests[0].headers["x-api-key"] == "geheim"
    assert not {"x-api-key", "authorization", "cookie"} & set(other.requests[0].headers)


def test_a_redirect_is_checked_like_the_first_address(shop: Remote) -> None:
    with redirecting(shop, "http://169.254.169.254/latest/meta-data"), pytest.raises(http.Refused, match="private"):
        http.get(shop.url)


def test_a_redirect_to_another_kind_of_address_is_refused(shop: Remote) -> None:
    with redirecting(shop, "file:///etc/passwd"), pytest.raises(http.Failed):
        http.get(shop.url)


def test_a_circle_of_redirects_ends(shop: Remote) -> None:
    with redirecting(shop, "/again"), pytest.raises(http.Unreachable, match="again and again"):
        http.get(shop.url, redirects=3)
    assert len(shop.requests) == 4


def test_a_redirect_can_be_an_answer(shop: Remote) -> None:
    with redirecting(shop, "/again"):
        assert http.get(shop.url, redirects=0).status == 302


# --- TLS --------------------------------------------------------------------------------------------------------


def _certificate(folder, name: str) -> tuple[str, str]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(1).not_valid_before(utcnow() - dt.timedelta(days=1))
            .not_valid_after(utcnow() + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(key, hashes.SHA256()))
    certificate, secret = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption()))
    return str(certificate), str(secret)


@pytest.fixture
def tls_shop(shop: Remote, tmp_path, monkeypatch: pytest.MonkeyPatch) -> tuple[Remote, str]:
    """A shop with a certificate for shop.test, and the file that certifies it."""
    certificate, key = _certificate(tmp_path, "shop.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    shop._server.socket = context.wrap_socket(shop._server.socket, server_side=True)
    _names(monkeypatch, shop_test="127.0.0.1", other_test="127.0.0.1")
    return shop, certificate


def test_the_certificate_is_checked_for_the_name_not_the_number(tls_shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, certificate = tls_shop
    trusting = ssl.create_default_context(cafile=certificate)
    monkeypatch.setattr(http_client, "tls", lambda: trusting)
    assert http.get(f"https://shop.test:{shop.port}/").ok
    with pytest.raises(http.Unreachable, match=r"certificate of other\.test"):
        http.get(f"https://other.test:{shop.port}/")


def test_a_certificate_nobody_knows_is_said_so(tls_shop) -> None:
    with pytest.raises(http.Unreachable, match=r"The certificate of shop\.test"):
        http.get(f"https://shop.test:{tls_shop[0].port}/")


def test_no_step_down_from_tls(tls_shop, other: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, certificate = tls_shop
    monkeypatch.setattr(http_client, "tls", lambda: ssl.create_default_context(cafile=certificate))
    with redirecting(shop, f"{other.url}/"), pytest.raises(http.Refused, match="without TLS"):
        http.get(f"https://shop.test:{shop.port}/")
    assert other.requests == []


# --- where it may not be used -----------------------------------------------------------------------------------


def test_not_inside_a_transaction(shop: Remote) -> None:
    with transaction(), pytest.raises(RuntimeError, match=r"inside transaction\(\)"):
        http.get(shop.url)
    assert shop.requests == []


def test_not_while_a_page_is_drawn(app: Flask, shop: Remote) -> None:
    from inbox.plugin_host import call

    def ticket_sidebar_panels(ticket, agent):
        http.get(shop.url)

    host_of(app).raise_faults = True
    plug(app, "loyalty", ticket_sidebar_panels)
    with pytest.raises(call.PluginFailure, match=r"may not use the network; return Panel\(load="):
        call.slot("ticket_sidebar_panels", ticket=make_ticket(), agent=None)
    assert shop.requests == []


# --- answers worth keeping --------------------------------------------------------------------------------------


def test_an_answer_is_kept_for_its_time(shop: Remote) -> None:
    def points() -> int:
        return len(shop.requests) if http.get(shop.url).require() else 0

    now = utcnow()
    with at_time(now):
        assert http.cached("loyalty.points", 60, points).value == 1
    with at_time(now + dt.timedelta(seconds=59)):
        kept = http.cached("loyalty.points", 60, points)
        assert (kept.value, kept.is_old, kept.age.seconds) == (1, False, 59)
    with at_time(now + dt.timedelta(seconds=61)):
        assert http.cached("loyalty.points", 60, points).value == 2


@pytest.mark.parametrize("mode", [each for each in MODES if each != "ok"])
def test_when_the_other_side_is_ill_the_old_answer_comes_with_its_age(
        shop: Remote, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LONGEST", 0.3)

    def fetch() -> object:
        return http.get(shop.url).require().json()

    now = utcnow()
    with at_time(now):
        http.cached("loyalty.points", 60, fetch)
    shop.mode = mode
    with at_time(now + dt.timedelta(minutes=10)):
        old = http.cached("loyalty.points", 60, fetch)
        assert (old.value, old.is_old, old.age) == ({}, True, dt.timedelta(minutes=10))
        assert old.problem
        with pytest.raises(http.Failed):
            http.cached("loyalty.others", 60, fetch)


def test_a_side_that_failed_is_left_alone_for_a_while(shop: Remote) -> None:
    shop.mode = "500"

    def fetch() -> object:
        return http.get(shop.url).require()

    now = utcnow()
    for seconds in (0, 5, 29, 31):
        with at_time(now + dt.timedelta(seconds=seconds)), pytest.raises(http.BadAnswer):
            http.cached("loyalty.points", 60, fetch)
    assert len(shop.requests) == 2


def test_the_key_of_a_kept_answer_begins_with_the_plugin(session: Session) -> None:
    with pytest.raises(ValueError, match="begins with the plugin"):
        http.cached("points", 60, list)
