"""Whatever the bytes are: no exception, no lost line, and a record that can be stored."""

from __future__ import annotations

import email.message
from email.policy import SMTP

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from inbox.mail import quotes, sanitise
from inbox.mail.htmltext import to_text
from tests.fuzz.hostile import messages
from tests.fuzz.reader import read_all, words
from tests.mail.headings import ATTRIBUTIONS, DEVICES, FIELDS, FORWARDED, ORIGINAL
from tests.mail.replies_html import REPLIES

# Small: each run costs a second at most. `make fuzz` does the rest.
QUICK = settings(max_examples=60, deadline=None, database=None, derandomize=True,
                 suppress_health_check=[HealthCheck.too_slow])
LINES = ["", "-- ", "--", "> old", ">> older", "Takk.", "Which size?", "_" * 20, "-" * 8,
         "This is confidential and privileged, for the intended recipient only; received in error, delete it.",
         *(line for table in (ATTRIBUTIONS, DEVICES) for each in table.values() for line in each),
         *(f"{word}: a@b.example" for table in FIELDS.values() for each in table for word in each),
         *FORWARDED.values(), *ORIGINAL.values()]
PIECES = ["<div>", "</div>", "<p>", "</p>", "<br>", "<hr>", "<blockquote>", '<blockquote type="cite">', "</blockquote>",
          '<div class="gmail_quote">', '<div id="Signature">', '<div id="x_divRplyFwdMsg">', '<img src="cid:a">', "<b>",
          "</b>", "<table><tr><td>", "</td></tr></table>", *REPLIES.values(), *LINES]
FIELDS_OF_MAIL = ["From: ", "To: ", "Subject: ", "Content-Type: ", "Content-Transfer-Encoding: ", "References: ",
                  "Date: ", "Content-Disposition: ", "Message-ID: ", "MIME-Version: ", "Received: "]
VALUES = ["multipart/mixed; boundary=x", "text/html; charset=utf-7", "text/plain; charset=iso-2022-jp", "base64",
          "x-uuencode", "quoted-printable", "multipart/report; report-type=delivery-status; boundary=x",
          "message/delivery-status",
          "=?utf-8?q?a=0d=0ab?=", "a <b@c.example>, d:;", "<1@x> <2@x",
          'attachment; filename*0*=utf-8\'\'..%2f; filename*1="a"',
          "\x00", "--x", "--x--", "begin 644 a.txt", "ÿþ", "(((", "<" * 50]


@given(some.binary(max_size=400))
@QUICK
def test_any_bytes_are_read(raw: bytes) -> None:
    read_all(raw)


@given(some.lists(some.tuples(some.sampled_from([*FIELDS_OF_MAIL, "", "\n", " "]),
                              some.sampled_from([*VALUES, *LINES])), max_size=24))
@QUICK
def test_any_pieces_of_mail_are_read(pieces: list[tuple[str, str]]) -> None:
    read_all("\n".join(name + value for name, value in pieces).encode("utf-8", "surrogateescape"))


@given(some.lists(some.sampled_from(LINES), max_size=30))
@QUICK
def test_every_line_is_in_one_part(lines: list[str]) -> None:
    text = "\n".join(lines)
    parts = quotes.split_text(text)
    assert words("".join(parts)) == words(text)
    assert parts.visible.strip() or not text.strip()


@given(some.lists(some.sampled_from(PIECES), max_size=16))
@QUICK
def test_any_html_is_cut_into_well_formed_parts(pieces: list[str]) -> None:
    clean = sanitise.sanitise("".join(pieces)).html
    parts = quotes.split_html(clean)
    assert [sanitise.sanitise(part).html for part in parts] == list(parts)
    assert words(" ".join(map(to_text, parts))) == words(to_text(clean))


@pytest.mark.parametrize("name", messages(1))
def test_repetition_costs_no_time(name: str) -> None:
    read_all(messages(40_000)[name])


@pytest.mark.parametrize("name", REPLIES)
def test_text_of_a_reply_is_all_there(name: str) -> None:
    message = email.message.EmailMessage()
    message["From"], message["Subject"] = "Kari <kari@home.example>", "Re: Order"
    message.set_content("plain")
    message.add_alternative(REPLIES[name], subtype="html")
    read_all(message.as_bytes(policy=SMTP))
