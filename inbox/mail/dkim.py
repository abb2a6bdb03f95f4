"""Signs what goes out (DKIM, RFC 6376): rsa-sha256, relaxed header and body, for domains that have a key here."""

from __future__ import annotations

import base64
import hashlib
import re

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from inbox.core import dkim_keys
from inbox.core.dkim_keys import Key
from inbox.db import utcnow
from inbox.mail import mime

# In the signature once more than there are of them: nobody can add a second From, To or Subject on the way.
TWICE = (b"from", b"to", b"cc", b"subject", b"date", b"reply-to")
ONCE = (b"message-id", b"in-reply-to", b"references", b"mime-version", b"content-type", b"content-transfer-encoding",
        b"auto-submitted", b"precedence", b"list-unsubscribe")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:((?:[^\r\n]|\r\n[ \t])*)\r\n")


def signed(data: bytes, sender: str) -> bytes:
    """A message with its signature before it, when the sender's domain has a key here. Raises SecretLost."""
    key = dkim_keys.get(mime.wire_address(sender).rpartition("@")[2])
    return data if key is None else sign(data, key)


def sign(data: bytes, key: Key) -> bytes:
    """The message with a signature as its first field."""
    head, _empty, body = data.partition(b"\r\n\r\n")
    found = [(match[1].lower(), match[2]) for match in _FIELD.finditer(head + b"\r\n")]
    names = [name for name, _value in found if name in TWICE or name in ONCE]
    wanted = names + [name for name in TWICE if name in names or name == b"from"]
    tags = (f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={key.domain}; s={key.selector};\r\n"
            f" t={int(utcnow().timestamp())}; bh={_digest(_relaxed_body(body))};\r\n"
            f" h={_folded(wanted)};\r\n b=")
    signature = _rsa(key, _to_sign(found, wanted) + _relaxed(b"dkim-signature", b" " + tags.encode()))
    lines = "\r\n ".join(signature[start:start + 72] for start in range(0, len(signature), 72))
    return f"DKIM-Signature: {tags}{lines}\r\n".encode() + data


def _folded(names: list[bytes]) -> str:
    text, line = "", ""
    for name in (each.decode("ascii") for each in names):
        if len(line) + len(name) > 66:
            text, line = f"{text}{line}\r\n  ", ""
        line += f"{name}:"
    return (text + line).rstrip(":")


def _to_sign(found: list[tuple[bytes, bytes]], wanted: list[bytes]) -> bytes:
    """Of each name the fields from the last up, as RFC 6376 §5.4.2 has it; one that is not there is nothing."""
    left = list(found)
    out = b""
    for name in wanted:
        place = next((i for i in range(len(left) - 1, -1, -1) if left[i][0] == name), None)
        if place is not None:
            out += _relaxed(*left.pop(place)) + b"\r\n"
    return out


def _relaxed(name: bytes, value: bytes) -> bytes:
    return name + b":" + re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip(b" \t")


def _relaxed_body(body: bytes) -> bytes:
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"\r\n".join(lines) + b"\r\n" if lines else b""


def _digest(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode("ascii")


def _rsa(key: Key, data: bytes) -> str:
    private = serialization.load_pem_private_key(key.pem, None)
    assert isinstance(private, rsa.RSAPrivateKey)
    return base64.b64encode(private.sign(data, padding.PKCS1v15(), hashes.SHA256())).decode("ascii")
