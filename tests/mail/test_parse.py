"""Ordinary messages of many languages and programs, read rightly."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from inbox.mail.parse import Address, parse

NORWEGIAN = "Hei! Jeg har ikke fått varene mine ennå. Kan dere sjekke?"
THAI = "สวัสดีครับ ผมยังไม่ได้รับสินค้า"
JAPANESE = "商品がまだ届いていません。ご確認ください。"
CHINESE = "您好,我還沒有收到商品。"


def mail(headers: str, body: bytes = b"Hello\r\n") -> bytes:
    """A message of raw header lines and a raw body."""
    return headers.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body


def text_mail(body: bytes, charset: str | None, encoding: str = "8bit") -> bytes:
    kind = f"text/plain; charset={charset}" if charset else "text/plain"
    return mail(
        f"From: kari@example.no\nMIME-Version: 1.0\nContent-Type: {kind}\nContent-Transfer-Encoding: {encoding}", body
    )


@pytest.mark.parametrize(
    ("charset", "codec", "text"),
    [
        ("iso-8859-1", "latin-1", NORWEGIAN),
        ("windows-874", "cp874", THAI),
        ("tis-620", "cp874", THAI),
        ("shift_jis", "cp932", JAPANESE),
        ("x-sjis", "cp932", JAPANESE),
        ("euc-jp", "euc_jp", JAPANESE),
        ("iso-2022-jp", "iso2022_jp", JAPANESE),
        ("big5", "cp950", CHINESE),
        ("gb2312", "gb18030", "您好,我还没有收到商品镕。"),
        ("ks_c_5601-1987", "cp949", "안녕하세요 똠방각하"),
        ("koi8-r", "koi8-r", "Здравствуйте"),
        ("utf-8", "utf-8", THAI),
        ("iso-8859-8-i", "cp1255", "שלום"),
        ('"UTF-8"', "utf-8", JAPANESE),
    ],
)
def test_body_is_decoded_by_its_declared_charset(charset: str, codec: str, text: str) -> None:
    parsed = parse(text_mail(text.encode(codec), charset))
    assert parsed.text == text
    assert not parsed.degraded


@pytest.mark.parametrize(
    ("charset", "body", "text"),
    [
        (None, JAPANESE.encode("iso2022_jp"), JAPANESE),  # every classic Japanese mail without a charset
        ("us-ascii", JAPANESE.encode("iso2022_jp"), JAPANESE),
        ("windows-1251", THAI.encode(), THAI),  # UTF-8 under a wrong name
        (None, NORWEGIAN.encode("latin-1"), NORWEGIAN),
        ("us-ascii", NORWEGIAN.encode(), NORWEGIAN),
        ("x-unknown", NORWEGIAN.encode(), NORWEGIAN),
        ("gb2312", "镕".encode("gbk"), "镕"),
    ],
)
def test_charset_that_is_missing_or_wrong_is_found(charset: str | None, body: bytes, text: str) -> None:
    assert parse(text_mail(body, charset)).text == text


@pytest.mark.parametrize("name", ["zlib", "hex", "rot13", "undefined", "unicode_escape", "idna", "base64"])
def test_hostile_codec_name_is_not_looked_up(name: str) -> None:
    parsed = parse(text_mail("blåbær \\u0041".encode(), name))
    assert parsed.text == "blåbær \\u0041"
    assert "The message names a character set that is not known." in parsed.defects


def test_header_fields_of_an_ordinary_message() -> None:
    parsed = parse(
        mail(
            "From: =?utf-8?q?K=C3=A5re_Bj=C3=B8rn?= <Kare@Example.NO>\n"
            "To: Butikk <post@butikk.no>, b@x.no\nCc: c@x.no\n"
            "Reply-To: svar@x.no\nDelivered-To: post@butikk.no\nSubject: =?utf-8?q?Bestilling?=\n"
            "Date: Tue, 3 Mar 2026 10:00:00 +0100\nMessage-ID: <a1@x.no>\nIn-Reply-To: <b2@y.no>\n"
            "References: <c3@y.no>\n <b2@y.no>"
        )
    )
    assert parsed.from_ == Address("Kåre Bjørn", "Kare@example.no")
    assert parsed.to == [Address("Butikk", "post@butikk.no"), Address("", "b@x.no")]
    assert (parsed.cc, parsed.reply_to) == ([Address("", "c@x.no")], [Address("", "svar@x.no")])
    assert parsed.delivered_to == ["post@butikk.no"]
    assert parsed.subject == "Bestilling"
    assert parsed.date == datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
    assert (parsed.message_id, parsed.in_reply_to, parsed.references) == (
        "a1@x.no",
        ["b2@y.no"],
        ["c3@y.no", "b2@y.no"],
    )
    assert not parsed.defects


def test_subject_split_within_a_character_is_joined() -> None:
    data = JAPANESE.encode()
    words = [b64encode(part).decode() for part in (data[:4], data[4:])]
    subject = "\n ".join(f"=?utf-8?B?{word}?=" for word in words)
    assert parse(mail(f"From: a@b.jp\nSubject: {subject}")).subject == JAPANESE


@pytest.mark.parametrize(
    ("charset", "text"), [("windows-874", THAI), ("gb2312", "您好商品镕"), ("iso-2022-jp", JAPANESE), ("big5", CHINESE)]
)
def test_subject_in_a_charset_python_calls_otherwise(charset: str, text: str) -> None:
    codec = {"windows-874": "cp874", "gb2312": "gb18030", "iso-2022-jp": "iso2022_jp", "big5": "cp950"}[charset]
    word = b64encode(text.encode(codec)).decode()
    assert parse(mail(f"From: a@b.jp\nSubject: =?{charset}?B?{word}?=")).subject == text


def test_raw_bytes_in_a_header_are_read_by_the_bodys_charset() -> None:
    raw = b"From: a@b.th\r\nSubject: " + THAI.encode("cp874") + b"\r\nContent-Type: text/plain; charset=tis-620\r\n\r\n"
    assert parse(raw + THAI.encode("cp874")).subject == THAI


def test_japanese_header_without_any_declaration_is_read() -> None:
    raw = b"From: a@b.jp\r\nSubject: " + "商品について".encode("iso2022_jp") + b"\r\n\r\nx"
    assert parse(raw).subject == "商品について"


def test_raw_utf8_name_keeps_its_letters() -> None:
    parsed = parse("From: Frøydis Ås <froydis@example.no>\r\n\r\nHei".encode())
    assert parsed.from_ == Address("Frøydis Ås", "froydis@example.no")


def test_international_domain_is_shown_in_its_letters() -> None:
    assert parse(mail("From: a@xn--blbr-roah.no")).from_ == Address("", "a@blåbær.no")


def test_line_breaks_in_an_encoded_word_never_reach_a_header() -> None:
    word = b64encode(b"Hi\r\nBcc: evil@example.org\x00").decode()
    parsed = parse(mail(f"From: =?utf-8?B?{word}?= <a@b.no>\nSubject: =?utf-8?B?{word}?="))
    assert parsed.subject == "Hi Bcc: evil@example.org"
    assert parsed.from_ is not None
    assert not set("\r\n\x00") & set(parsed.from_.name + parsed.from_.address)
    assert all(not set("\r\n\x00") & set(value) for _, value in parsed.headers)


def test_several_text_parts_are_shown_in_order() -> None:
    message = MIMEMultipart("mixed")
    message["From"] = "a@b.no"
    for part in ("first", "second", "third"):
        message.attach(MIMEText(part))
    assert parse(message.as_bytes()).text == "first\n\nsecond\n\nthird"


def test_alternative_gives_its_text_once() -> None:
    message = EmailMessage()
    message["From"] = "a@b.no"
    message.set_content("plain words")
    message.add_alternative("<p>rich words</p>", subtype="html")
    parsed = parse(message.as_bytes())
    assert parsed.text == "plain words"
    assert parsed.html is not None and "rich words" in parsed.html
    assert not parsed.text_from_html


def test_html_only_gives_readable_text() -> None:
    raw = mail(
        "From: a@b.no\nContent-Type: text/html; charset=utf-8",
        b"<style>p{}</style><p>Hei</p><table><tr><td>Vare</td><td>12 kr</td></tr></table>",
    )
    parsed = parse(raw)
    assert parsed.text.split() == ["Hei", "Vare", "12", "kr"]
    assert parsed.text_from_html


def test_empty_text_beside_full_html_uses_the_html() -> None:
    message = EmailMessage()
    message["From"] = "a@b.no"
    message.set_content(" \n")
    message.add_alternative("<p>all is here</p>", subtype="html")
    assert parse(message.as_bytes()).text == "all is here"


def test_text_below_html_is_in_the_html_as_well() -> None:
    message = MIMEMultipart("mixed")
    message["From"] = "a@b.no"
    message.attach(MIMEText("<p>body</p>", "html"))
    message.attach(MIMEText("list <footer>", "plain"))
    html = parse(message.as_bytes()).html
    assert html is not None
    assert "body" in html and "list &lt;footer&gt;" in html


def test_attached_message_is_one_attachment_and_replaces_nothing() -> None:
    inner = EmailMessage()
    inner["From"], inner["Subject"] = "other@x.no", "Inner words"
    inner.set_content("inner text")
    outer = EmailMessage()
    outer["From"], outer["Subject"] = "a@b.no", "Outer"
    outer.set_content("outer text")
    outer.add_attachment(inner)
    parsed = parse(outer.as_bytes())
    assert (parsed.subject, parsed.text) == ("Outer", "outer text")
    assert parsed.from_ is not None and parsed.from_.address == "a@b.no"
    assert [(a.filename, a.content_type) for a in parsed.attachments] == [("Inner words.eml", "message/rfc822")]
    assert parse(parsed.attachments[0].data).text == "inner text"


def test_attachment_bytes_and_name_survive() -> None:
    data = bytes(range(256)) * 40
    message = EmailMessage()
    message["From"] = "a@b.no"
    message.set_content("see file")
    message.add_attachment(data, maintype="application", subtype="pdf", filename="Kjøpsavtale 資料.pdf")
    (found,) = parse(message.as_bytes()).attachments
    assert (found.filename, found.content_type, found.data) == ("Kjøpsavtale 資料.pdf", "application/pdf", data)
    assert not found.is_inline


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("attachment; filename*0*=utf-8''bl%C3%A5; filename*1*=b%C3%A6r.txt", "blåbær.txt"),
        ('attachment; filename="=?utf-8?q?bl=C3=A5b=C3=A6r.txt?="', "blåbær.txt"),
        ("attachment; filename*=iso-8859-1'no'bl%E5.txt", "blå.txt"),
        ("attachment; filename=two words.txt", "two words.txt"),
    ],
)
def test_attachment_name_in_every_encoding(disposition: str, name: str) -> None:
    raw = mail(
        "From: a@b.no\nContent-Type: multipart/mixed; boundary=x",
        f"--x\r\n\r\nhi\r\n--x\r\nContent-Disposition: {disposition}\r\n\r\nfile\r\n--x--\r\n".encode(),
    )
    assert [a.filename for a in parse(raw).attachments] == [name]


def test_attachments_without_name_or_with_the_same_are_all_kept() -> None:
    part = b"--x\r\nContent-Type: image/png\r\nContent-Disposition: attachment\r\n\r\nP\r\n"
    named = b"--x\r\nContent-Type: image/png; name=a.png\r\nContent-Disposition: attachment\r\n\r\nP\r\n"
    raw = mail("From: a@b.no\nContent-Type: multipart/mixed; boundary=x", part * 2 + named * 2 + b"--x--\r\n")
    assert [a.filename for a in parse(raw).attachments] == [
        "image.png",
        "image (2).png",
        "a.png",
        "a (2).png",
    ]


def test_inline_image_keeps_its_content_id() -> None:
    raw = mail(
        "From: a@b.no\nContent-Type: multipart/related; boundary=x",
        b'--x\r\nContent-Type: text/html\r\n\r\n<img src="cid:i1@x">\r\n--x\r\nContent-Type: image/png\r\n'
        b"Content-ID: <i1@x>\r\n\r\nPNG\r\n--x--\r\n",
    )
    (image,) = parse(raw).attachments
    assert (image.content_id, image.is_inline) == ("i1@x", True)


def test_picture_that_the_html_does_not_show_is_listed() -> None:
    raw = mail(
        "From: a@b.no\nContent-Type: multipart/mixed; boundary=x",
        b"--x\r\nContent-Type: text/html\r\n\r\n<p>hi</p>\r\n--x\r\nContent-Type: image/png; name=a.png\r\n"
        b"Content-ID: <i1@x>\r\nContent-Disposition: inline\r\n\r\nPNG\r\n--x--\r\n",
    )
    assert [(a.filename, a.is_inline) for a in parse(raw).attachments] == [("a.png", False)]


def test_encrypted_part_is_kept_and_said() -> None:
    raw = mail(
        "From: a@b.no\nContent-Type: multipart/encrypted; boundary=x",
        b"--x\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--x\r\n"
        b"Content-Type: application/octet-stream; name=encrypted.asc\r\n\r\n-----BEGIN PGP\r\n--x--\r\n",
    )
    parsed = parse(raw)
    assert "The message is encrypted. Open the original in a program that has the key." in parsed.defects
    assert [a.filename for a in parsed.attachments][1] == "encrypted.asc"


def test_invitation_keeps_text_and_calendar() -> None:
    raw = mail(
        "From: a@b.no\nContent-Type: multipart/alternative; boundary=x",
        b"--x\r\nContent-Type: text/plain\r\n\r\nMeeting\r\n--x\r\nContent-Type: text/calendar; method=REQUEST\r\n"
        b"\r\nBEGIN:VCALENDAR\r\n--x--\r\n",
    )
    parsed = parse(raw)
    assert parsed.text == "Meeting"
    assert [a.filename for a in parsed.attachments] == ["invitation.ics"]


def test_winmail_dat_is_offered_whole() -> None:
    raw = mail(
        "From: a@b.no\nContent-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64",
        b64encode(b"\x78\x9f\x3e\x22tnef"),
    )
    assert [(a.filename, a.data) for a in parse(raw).attachments] == [("winmail.dat", b"\x78\x9f\x3e\x22tnef")]


def test_uuencoded_file_leaves_the_text_and_becomes_an_attachment() -> None:
    raw = mail("From: a@b.no", b"Before\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\nAfter\r\n")
    parsed = parse(raw)
    assert parsed.text.split() == ["Before", "After"]
    assert [(a.filename, a.data) for a in parsed.attachments] == [("cat.txt", b"Cat")]


def test_flowed_lines_are_joined() -> None:
    raw = mail(
        "From: a@b.no\nContent-Type: text/plain; format=flowed",
        b"A long \r\nline.\r\n> quoted \r\n> words\r\n-- \r\nKari\r\n",
    )
    assert parse(raw).text == "A long line.\n> quoted words\n-- \nKari"


def test_signed_text_is_shown_and_the_signature_kept() -> None:
    raw = mail(
        "From: a@b.no\nContent-Type: multipart/signed; boundary=x",
        b"--x\r\n\r\nsigned\r\n--x\r\n"
        b"Content-Type: application/pgp-signature; name=signature.asc\r\n\r\nS\r\n--x--\r\n",
    )
    parsed = parse(raw)
    assert (parsed.text, [a.filename for a in parsed.attachments]) == ("signed", ["signature.asc"])
