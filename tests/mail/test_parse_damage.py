"""Damaged and hostile messages: never an exception, never a hang, nothing lost without a word."""

from __future__ import annotations

import base64
import binascii
import random
import time
import tracemalloc

import pytest

from inbox.mail import sanitise
from inbox.mail.body import build
from inbox.mail.parse import UNREADABLE_TEXT, Limits, parse

HEAD = b"From: Kari <kari@example.no>\r\nSubject: Hei\r\nDate: Tue, 3 Mar 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\n"


def nested(depth: int) -> bytes:
    inner = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (i, i) for i in range(depth))
    return HEAD + inner + b"Content-Type: text/plain\r\n\r\nat the bottom\r\n"


def test_empty_message_is_a_message() -> None:
    for raw in (b"", b"\r\n\r\n", b" "):
        parsed = parse(raw)
        assert parsed.degraded and parsed.from_ is None
        assert "The message is empty." in parsed.defects


def test_no_sender_and_no_date_are_named() -> None:
    parsed = parse(b"Subject: x\r\n\r\nHello")
    assert parsed.from_ is None and parsed.date is None
    assert parsed.text == "Hello"
    assert parsed.defects == ["The message does not say who sent it.", "The message has no date that can be read."]


def test_message_without_any_header_is_all_text() -> None:
    assert parse(b"Bare ord, ingen felter.\nLinje to.").text == "Bare ord, ingen felter.\nLinje to."


def test_second_broken_sender_does_not_hide_the_first() -> None:
    raw = b"From: <>\r\nFrom: Kari <kari@example.no>\r\n\r\nHi"
    parsed = parse(raw)
    assert parsed.from_ is not None and parsed.from_.address == "kari@example.no"


@pytest.mark.parametrize(
    "junk",
    [
        b"\r\n\r\n",
        b"From kari Tue Mar  3 10:00:00 2026\r\n",
        b"\xef\xbb\xbf",
        b">From x Tue\r\n",
        b"(this line is no field)\r\n",
    ],
)
def test_junk_above_the_header_does_not_lose_the_sender(junk: bytes) -> None:
    parsed = parse(junk + HEAD + b"\r\nText\r\n")
    assert parsed.from_ is not None and parsed.from_.address == "kari@example.no"
    assert (parsed.subject, parsed.text) == ("Hei", "Text")


def test_junk_among_the_fields_does_not_end_the_header() -> None:
    parsed = parse(b"Received: by x\r\njunk without colon\r\n" + HEAD + b"\r\nText\r\n")
    assert parsed.from_ is not None
    assert parsed.text == "Text"
    assert "The header of the message was damaged; it was repaired." in parsed.defects


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_every_kind_of_line_end(end: bytes) -> None:
    parsed = parse((HEAD + b"\r\none\r\ntwo\r\n").replace(b"\r\n", end))
    assert (parsed.subject, parsed.text) == ("Hei", "one\ntwo")


def test_nul_bytes_go_and_the_rest_stays() -> None:
    parsed = parse(HEAD.replace(b"Hei", b"H\x00ei") + b"\r\nText\x00 with\x00 holes\r\n")
    assert parsed.subject == "H ei"
    assert parsed.text == "Text with holes"


@pytest.mark.parametrize("kind", [b"multipart/mixed", b"multipart/mixed; boundary=other"])
def test_missing_or_wrong_boundary_loses_nothing(kind: bytes) -> None:
    raw = (
        HEAD + b"Content-Type: " + kind + b"\r\n\r\n--real\r\nContent-Type: text/plain\r\n\r\nwords\r\n--real\r\n"
        b"Content-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment\r\n\r\nPDF\r\n--real--\r\n"
    )
    parsed = parse(raw)
    assert parsed.text == "words"
    assert [(a.filename, a.data.strip()) for a in parsed.attachments] == [("a.pdf", b"PDF")]


def test_unclosed_boundary_loses_nothing() -> None:
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo"
    assert parse(raw).text == "one\n\ntwo"


def test_multipart_without_parts_shows_its_text() -> None:
    assert parse(HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\nonly words").text == "only words"


@pytest.mark.parametrize("encoding", [b"base64", b"quoted-printable", b"x-unknown", b"8bit"])
def test_wrong_transfer_encoding_still_shows_words(encoding: bytes) -> None:
    raw = HEAD + b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\nplain words, not encoded\r\n"
    assert parse(raw).text == "plain words, not encoded"


def test_two_hundred_nested_parts_give_the_header_and_say_so() -> None:
    parsed = parse(nested(200))
    assert parsed.subject == "Hei" and parsed.from_ is not None
    assert parsed.degraded and parsed.text == UNREADABLE_TEXT
    assert "The message is nested too deep; only its header was read." in parsed.defects


def test_nesting_within_the_limit_is_read() -> None:
    assert parse(nested(90)).text == "at the bottom"


@pytest.mark.parametrize("raw", [nested(5000), HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 3000])
def test_nesting_of_thousands_does_not_end_the_process(raw: bytes) -> None:
    assert parse(raw).subject == "Hei"


def test_ten_thousand_parts_stop_at_the_limit() -> None:
    parts = b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" * 10_000
    parsed = parse(HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + parts)
    assert parsed.degraded
    assert parsed.text.count("x") == Limits().parts - 1


def test_thirty_megabyte_attachment_is_whole() -> None:
    data = random.Random(1).randbytes(22_000_000)  # 30 MB on the wire
    raw = (
        HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee file\r\n--b\r\n"
        b"Content-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(data)
        + b"\r\n--b--\r\n"
    )
    parsed = parse(raw)
    assert parsed.text == "see file"
    assert parsed.attachments[0].data == data


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../../etc/cron.d/evil", "evil"),
        ("C:\\temp\\a.exe", "a.exe"),
        ("a\x00b.txt", "ab.txt"),
        ("inv\u202efdp.exe", "invfdp.exe"),
        ("CON.txt", "_CON.txt"),
        ("trailing. .", "trailing"),
        ("..", "attachment.bin"),
        ('a"b<c>.txt', "a_b_c_.txt"),
        ("line\r\nbreak.txt", "line break.txt"),
    ],
)
def test_attachment_name_is_made_safe(name: str, safe: str) -> None:
    packed = base64.b64encode(name.encode()).decode()
    raw = (
        HEAD
        + (
            f"Content-Type: application/octet-stream\r\nContent-Disposition: attachment;"
            f' filename="=?utf-8?B?{packed}?="\r\n\r\nx'
        ).encode()
    )
    assert [a.filename for a in parse(raw).attachments] == [safe]


def test_attachment_name_is_at_most_255_bytes_and_keeps_its_end() -> None:
    raw = HEAD + b'Content-Disposition: attachment; filename="' + ("å" * 400).encode() + b'.pdf"\r\n\r\nx'
    (found,) = parse(raw).attachments
    assert len(found.filename.encode()) <= 255
    assert found.filename.endswith("å.pdf")


def test_huge_lists_are_capped() -> None:
    references = b" ".join(b"<%d@x>" % i for i in range(5000))
    to = b", ".join(b"u%d@example.no" % i for i in range(5000))
    parsed = parse(b"From: a@b.no\r\nTo: " + to + b"\r\nReferences: " + references + b"\r\n\r\nx")
    assert len(parsed.references) == Limits().message_ids
    assert len(parsed.to) == Limits().addresses


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"\r\n" + b"On " * 60_000,
        HEAD + b"\r\n" + b"On a a wrote:\r\n" * 20_000,
        b"Subject: " + b"=?a?q?x" * 60_000 + b"\r\n\r\nx",
        b"To: " + b'"\\' * 200_000 + b"\r\n\r\nx",
        HEAD + b"\r\n" + b"begin 644 x\r\n" * 50_000,
        HEAD + b"Content-Type: text/html\r\n\r\n" + b"<script>" * 100_000,
        HEAD + b"Content-Type: text/html\r\n\r\n" + b"<div>" * 20_000,
        HEAD + b"Content-Type: text/html\r\n\r\n" + b"<" * 900_000,
        HEAD + b"Content-Type: text/plain; " + b'a="b;' * 60_000 + b"\r\n\r\nx",
    ],
)
def test_hostile_repetition_takes_no_long_time(raw: bytes) -> None:
    begun = time.process_time()
    build(parse(raw))
    assert time.process_time() - begun < 5


def test_random_bytes_and_cut_messages_never_raise() -> None:
    rng = random.Random(20260303)
    seed = (
        HEAD
        + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html; charset=gb2312\r\n\r\n"
        b"<p>hi</p>\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: x\r\n\r\ny\r\n--b\r\n"
        b"Content-Disposition: attachment;"
        b" filename*0*=utf-8''a%C3; filename*1*=%A5.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--b--\r\n"
    )
    for _ in range(400):
        data = bytearray(seed[: rng.randrange(len(seed))] if rng.random() < 0.3 else seed)
        for _ in range(rng.randrange(1, 30)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        build(parse(bytes(data)))
    for _ in range(200):
        build(parse(rng.randbytes(rng.randrange(2000))))


def test_hundreds_of_thousands_of_parts_are_cut_before_they_cost_time() -> None:
    head = b"From: a@b.example\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nfirst\n"
    begun = time.process_time()
    parsed = parse(head + b"--x\n\nhi\n" * 300_000 + b"--x--\n")
    assert time.process_time() - begun < 5
    assert parsed.degraded and "The message has too many parts; the rest is in the original only." in parsed.defects
    assert parsed.text.startswith("first")


def test_a_large_message_takes_less_than_ten_times_its_size() -> None:
    file = base64.encodebytes(bytes(range(256)) * 8000)
    raw = (b"From: a@b.example\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\n" + b"Hello there. \n" * 40_000
           + b"--x\nContent-Type: image/png; name=a.png\nContent-Transfer-Encoding: base64\n\n" + file + b"--x--\n")
    tracemalloc.start()
    build(parse(raw))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10 * len(raw)


@pytest.mark.parametrize("raw", [
    b"From: a@b.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + b"Hello there, you over there.\r\n" * 9000
    + "\U0001f600".encode() + end for end in (b"", b"\xff\xfe")], ids=["emoji", "emoji and damage"])
def test_one_emoji_does_not_cost_four_bytes_a_character_many_times_over(raw: bytes) -> None:
    tracemalloc.start()
    parse(raw)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 9 * len(raw)


def test_holding_the_pictures_of_a_newsletter_keeps_no_second_copy_of_it() -> None:
    words = "Words of a newsletter, one after the other. " * 20
    html = "\U0001f600" + (words + '<img src="https://p.example/p.png">') * 200
    sanitise.sanitise(html)  # what is only made once is no part of it
    tracemalloc.start()
    sanitise.sanitise(html)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 7 * len(html)  # four bytes a character: one such text, and less than another


@pytest.mark.parametrize("size", [0, 1, 44, 45, 46, 45 * 9, 45 * 9 + 7])
@pytest.mark.parametrize("zero", [b"`", b" "])
def test_uuencoded_files_are_whole_whatever_their_last_line(size: int, zero: bytes) -> None:
    data = bytes(each * 37 % 256 for each in range(size))
    lines = b"".join(binascii.b2a_uu(data[at:at + 45], backtick=zero == b"`") for at in range(0, size, 45))
    raw = b"From: a@b.example\n\nHere it is:\nbegin 644 a.bin\n" + lines + zero + b"\nend\nBye\n"
    assert [each.data for each in parse(raw).attachments] == [data]
