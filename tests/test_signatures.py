"""Signatures of webhooks, ours and the plain ones."""

import base64
import datetime as dt
import hashlib
import hmac

import pytest

from inbox.db import at_time, utcnow
from inbox.signatures import BadSignature, sign, verify, verify_hmac

pytestmark = pytest.mark.once
BODY = b'{"order": 7}'


def test_what_was_signed_is_believed() -> None:
    verify(BODY, sign(BODY, "secret"), "secret")


def test_the_signature_is_what_the_reference_says() -> None:
    made = sign(BODY, "secret", dt.datetime(2025, 1, 31, tzinfo=dt.UTC))
    right = hmac.new(b"secret", b"1738281600." + BODY, hashlib.sha256).hexdigest()
    assert made == f"t=1738281600,v1={right}"


@pytest.mark.parametrize(("body", "secret"), [(b'{"order": 8}', "secret"), (BODY, "other"), (BODY, "")])
def test_another_body_or_secret_is_not(body: bytes, secret: str) -> None:
    with pytest.raises(BadSignature):
        verify(body, sign(BODY, "secret"), secret)


@pytest.mark.parametrize("header", [None, "", "t=,v1=", "v1=ab", "t=x,v1=ab", "nonsense", "t=1"])
def test_a_header_that_is_none_is_not(header: str | None) -> None:
    with pytest.raises(BadSignature, match="missing"):
        verify(BODY, header, "secret")


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_repetition_from_another_time_is_not(minutes: int) -> None:
    header = sign(BODY, "secret")
    with at_time(utcnow() + dt.timedelta(minutes=minutes)), pytest.raises(BadSignature, match="too old"):
        verify(BODY, header, "secret")
    with at_time(utcnow() + dt.timedelta(minutes=minutes)):
        verify(BODY, header, "secret", tolerance=dt.timedelta(minutes=10))


def test_the_time_cannot_be_changed() -> None:
    header = sign(BODY, "secret", utcnow() - dt.timedelta(hours=1))
    moved = f"t={int(utcnow().timestamp())},{header.partition(',')[2]}"
    with pytest.raises(BadSignature, match="does not fit"):
        verify(BODY, moved, "secret")


def test_plain_signatures_as_shops_and_forges_write_them() -> None:
    made = hmac.new(b"secret", BODY, hashlib.sha256)
    verify_hmac(BODY, base64.b64encode(made.digest()).decode(), "secret", encoding="base64")
    verify_hmac(BODY, f"sha256={made.hexdigest().upper()}", "secret", prefix="sha256=")
    verify_hmac(BODY, hmac.new(b"secret", BODY, hashlib.sha1).hexdigest(), "secret", digest="sha1")


@pytest.mark.parametrize("header", [None, "", "abc", "sha1=00", "sha256=00", "sha256=ü"])
def test_a_plain_signature_that_does_not_fit(header: str | None) -> None:
    with pytest.raises(BadSignature):
        verify_hmac(BODY, header, "secret", prefix="sha256=")
