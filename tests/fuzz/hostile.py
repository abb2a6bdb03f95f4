"""Messages made to cost a reader time: each repeats what one of its steps looks for. All are read in two seconds."""

from __future__ import annotations

_HEAD = b"From: a@b.example\nSubject: Undeliverable\n"
_HTML = _HEAD + b"Content-Type: text/html\n\n"
_TEXT = _HEAD + b"\n"


def messages(size: int) -> dict[str, bytes]:
    """By name; ``size`` bytes of what is repeated, about."""
    def many(unit: bytes) -> bytes:
        return unit * (size // len(unit))

    return {
        "blanks in a style": _HTML + (b'<p style="color:' + b" " * 3900 + b'\xc2\xa7">x</p>') * (size // 20_000 + 1),
        "words in a style": _HTML + (b'<p style="color:' + b"a " * 1900 + b'\xc2\xa7">x</p>') * (size // 20_000 + 1),
        "empty lines of a report": b"From: mailer-daemon@x.example\n\n" + many(b"\n") + b"x",
        "dots": _TEXT + many(b"\n\n."), "uuencode": _TEXT + many(b"begin 644 a\n"),
        "authentication": _HEAD + b"Authentication-Results: x; dkim=pass" + many(b" ") + b"x\n\nhi",
        "open brackets": _HEAD + (b"Authentication-Results: x; " + many(b"dkim=pass ( ")) + b"\n\nhi",
        "references": _HEAD + b"References: " + many(b"<a ") + b"\n\nhi",
        "quotes in From": b"From: " + many(b'"a') + b"\n\nhi", "at signs in From": b"From: " + many(b"a@") + b"\n\nhi",
        "comments in From": b"From: " + many(b"(a ") + b"\n\nhi",
        "encoded words": b"Subject: " + many(b"=?utf-8?q?a?= "),
        "blank subject": b"Subject: " + many(b" ") + b"x\n\nhi",
        "boundaries": b"Content-Type: multipart/mixed; " + many(b'boundary="a; ') + b"\n\nhi",
        "name pieces": _HEAD + b"Content-Disposition: attachment; " + many(b"filename*0=a; ") + b"\n\nhi",
        "content ids": _HTML + many(b"cid:"), "entities": _HTML + many(b"&lt"), "angles": _HTML + many(b"<"),
        "open attributes": _HTML + many(b'<a href="'), "open comments": _HTML + many(b"<!--"),
        "deep quotes": _HTML + b"<blockquote type=cite>" * 390 + many(b"On 3 Mar 2026 at 10:00 a@b wrote:<br>"),
        "headings": _HTML + many(b"<div class=gmail_quote>x: 1</div>"),
        "signatures": _HTML + many(b"<div id=Signature>x</div>"),
        "signature marks": _TEXT + many(b"-- \n"), "signature marks and text": _TEXT + many(b"--\nx\n"),
        "fields": _TEXT + many(b"From: a@b\nTo: x\n"), "fields apart": _TEXT + many(b"From: x\n\n"),
        "attributions": _TEXT + many(b"On 3 Mar 2026\n10:00 wrote\nx wrote:\n"), "rules": _TEXT + many(b"____\n"),
        "originals": _TEXT + many(b"----- Original Message ----\n"),
        "forwards": b"Subject: Fwd: x\n\n" + many(b"From: x\n"),
        "notices": _TEXT + many(b"this is confidential for the intended recipient, delete it if received in error\n\n"),
        "one notice": _TEXT + many(b"confidential intended for "), "flowed": _HEAD
        + b"Content-Type: text/plain; format=flowed\n\n" + many(b"> a \n>> b \n"),
        "enriched": _HEAD + b"Content-Type: text/enriched\n\n" + many(b"<<<bold>"),
    }
