"""Signatures of webhooks: ours, with the time inside, and the plain HMAC that shops and forges use.

Checked in constant time. A check that fails raises, so that nobody can forget to look at its answer.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
from typing import Literal

from inbox.db import utcnow

HEADER = "X-Pluginbox-Signature"
TOLERANCE = dt.timedelta(minutes=5)


class BadSignature(Exception):
    """A message is not from whom it says, was changed on its way, or is too old."""


def sign(body: bytes, secret: str, at: dt.datetime | None = None) -> str:
    """The value of the header for a body: `t=<seconds since 1970>,v1=<HMAC-SHA256 of "t.body", in hex>`."""
    moment = int((at or utcnow()).timestamp())
    return f"t={moment},v1={_timed(body, secret, moment)}"


def verify(body: bytes, header: str | None, secret: str, *, tolerance: dt.timedelta = TOLERANCE) -> None:
    """Check a header made by `sign`. Raises BadSignature."""
    fields = dict(part.strip().partition("=")[::2] for part in (header or "").split(","))
    try:
        moment = int(fields["t"])
        given = fields["v1"]
    except (KeyError, ValueError) as error:
        raise BadSignature("The signature is missing, or not in the form t=…,v1=….") from error
    _compare(_timed(body, secret, moment), given, secret)
    if abs(utcnow().timestamp() - moment) > tolerance.total_seconds():
        raise BadSignature("The signature is too old, or a clock is wrong.")


def verify_hmac(body: bytes, header: str | None, secret: str, *, digest: str = "sha256",
                encoding: Literal["hex", "base64"] = "hex", prefix: str = "") -> None:
    """Check the plain HMAC of a body: `prefix="sha256="` as GitHub writes it, `encoding="base64"` as shops do.

    Raises BadSignature. Nothing in it tells when it was made: keep the message's own id to notice a repetition.
    """
    if not header or not header.startswith(prefix):
        raise BadSignature("The signature is missing, or not of the kind expected.")
    made = hmac.new(secret.encode(), body, getattr(hashlib, digest))
    right = made.hexdigest() if encoding == "hex" else base64.b64encode(made.digest()).decode()
    given = header.removeprefix(prefix).strip()
    _compare(right, given.lower() if encoding == "hex" else given, secret)


def _timed(body: bytes, secret: str, moment: int) -> str:
    return hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()


def _compare(right: str, given: str, secret: str) -> None:
    if not secret:
        raise BadSignature("There is no secret to check the signature with.")
    if not hmac.compare_digest(right.encode(), given.encode()):
        raise BadSignature("The signature does not fit the message.")
