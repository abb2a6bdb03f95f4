"""What goes out is read back with the standard library's parser, as a customer's mail program would."""

import datetime as dt
import email
import re
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr

import pytest

from inbox.mail import compose, mime
from inbox.mail.compose import File, Letter, Quote

pytestmark = pytest.mark.once

KEY = b"a key of this installation"
NOON = dt.datetime(2026, 11, 3, 12, 0, tzinfo=dt.UTC)
PLAIN = Letter(sender=("Support", "help@example.com"), to=[("Ola Nordmann", "ola@example.no")], subject="Re: Boots",
               message_id="t1.m2.0@example.com", date=NOON, text="Hello Ola,\n\nthey are on the way.")


def letter(**changes: object) -> Letter:
    return Letter(**{**PLAIN.__dict__, **changes})


def read(made: Letter) -> EmailMessage:
    return email.message_from_bytes(compose.compose(made).data, policy=policy.default)  # type: ignore[return-value]


def shown(part: EmailMessage) -> str:
    return str(part.get_content()).replace("\r\n", "\n")


def test_a_plain_reply() -> None:
    message = read(letter(in_reply_to="q@example.no", references=["p@example.no", "q@example.no"]))
    assert message["From"] == "Support <help@example.com>"
    assert message["To"] == "Ola Nordmann <ola@example.no>"
    assert message["Message-ID"] == "<t1.m2.0@example.com>"
    assert message["In-Reply-To"] == "<q@example.no>"
    assert message["References"] == "<p@example.no> <q@example.no>"
    assert message["Date"].datetime == NOON
    assert message["Auto-Submitted"] is None
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    assert shown(text) == "Hello Ola,\n\nthey are on the way.\n"
    assert "<p>Hello Ola,</p>\n<p>they are on the way.</p>" in shown(html)
    assert not message.defects and not text.defects and not html.defects


@pytest.mark.parametrize("subject", ["Æøå på norsk", "ขอความช่วยเหลือเรื่องคำสั่งซื้อ" * 5, "ご注文の件" * 30, "=?utf-8?q?x?=",
                                     "word " * 60, "x" * 3000, "😀" * 40])
def test_subjects_survive_in_any_language(subject: str) -> None:
    data = compose.compose(letter(subject=subject)).data
    assert read(letter(subject=subject))["Subject"] == subject.strip()
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert all(len(each) <= 75 for each in re.findall(rb"=\?utf-8\?b\?[^?]*\?=", data))


@pytest.mark.parametrize("evil", ["a\r\nBcc: x@example.com", "a\nBcc: x@example.com", "a\rBcc: x", "a\x0bBcc: x",
                                  "a\x00b", "a\u2028Bcc: x", "a\x85Bcc: x", "æ\r\nBcc: x@example.com\r\n\r\nbody"])
def test_no_header_can_be_smuggled_in(evil: str) -> None:
    message = read(letter(subject=evil, sender=(evil, "help@example.com"), to=[(evil, "ola@example.no")],
                          files=[File(evil, "text/plain\r\nBcc: y", b"x", None)]))
    assert message["Bcc"] is None
    assert set(message.keys()) == {"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"}
    assert [each.addr_spec for each in message["To"].addresses] == ["ola@example.no"]
    assert all(part["Bcc"] is None for part in message.walk())


@pytest.mark.parametrize("address", ["", "no-at-sign", "a b@example.com", "a@b@c d", "x@example.com\r\nBcc: y@z",
                                     "<x>@example.com", "x@", "@example.com", "a,b@example.com", "x@exa mple.com"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(mime.AddressError):
        compose.compose(letter(to=[("", address)]))


@pytest.mark.parametrize("name", [
    'Kari "the boss" Hansen', "Hansen, Kari", "back\\slash", "=?utf-8?q?fake?=", "evil <x@example.com>", "", "a@b",
    "ฝ่ายบริการลูกค้า ร้านรองเท้าสาขากรุงเทพ",
])
def test_names_are_kept_and_cannot_become_addresses(name: str) -> None:
    message = email.message_from_bytes(compose.compose(letter(to=[(name, "ola@example.no")])).data)
    phrase, address = parseaddr(message["To"])
    # The modern parser of Python 3.11 puts a blank between adjacent encoded words of a name; RFC 2047 §6.2 says none.
    assert (str(make_header(decode_header(phrase))), address) == (name, "ola@example.no")


def test_domains_outside_of_ascii_become_labels_of_dns() -> None:
    made = compose.compose(letter(to=[("", "ola@blåbær.no")]))
    assert not made.needs_smtputf8
    assert b"To: ola@xn--blbr-roah.no\r\n" in made.data


def test_a_local_part_outside_of_ascii_demands_smtputf8() -> None:
    made = compose.compose(letter(to=[("", "ผู้ใช้@example.com")]))
    assert made.needs_smtputf8
    assert "To: ผู้ใช้@example.com\r\n".encode() in made.data


def test_many_recipients_are_folded_and_bcc_has_no_header() -> None:
    people = [(f"Person {number}", f"person{number}@example.com") for number in range(60)]
    message = read(letter(to=people, cc=[("C", "c@example.com")]))
    assert len(message["To"].addresses) == 60 and message["Cc"] == "C <c@example.com>"
    assert read(letter(to=[]))["To"] == "undisclosed-recipients:;"


def test_long_message_ids_stay_whole() -> None:
    long = "x" * 300 + "@example.com"
    data = compose.compose(letter(in_reply_to=long, references=["a@b", long])).data
    assert f"<{long}>\r\n".encode() in data


def test_ids_that_are_none_are_left_out() -> None:
    assert read(letter(references=["ok@b", "evil\r\nBcc: x@y", "å@b", "y" * 900]))["References"] == "<ok@b>"


def test_text_lines_are_never_too_long_and_come_back_whole() -> None:
    text = "ก" * 4000 + "\n" + "a" * 4000 + "\n.\n..\nFrom here\ttab \n"
    made = letter(text=text)
    assert max(map(len, compose.compose(made).data.split(b"\r\n"))) <= 78
    assert shown(next(read(made).iter_parts())) == text


def test_the_signature_ends_a_mail_without_a_quote() -> None:
    assert compose.full_text(letter(signature="Support\nBoots Ltd")).endswith("way.\n\n-- \nSupport\nBoots Ltd\n")


def test_the_quote_stands_below_the_signature() -> None:
    quote = Quote("On Monday, Ola wrote:", "Where are they?\n> older", "<p>Where are <b>they</b>?</p>")
    made = letter(signature="Support", quote=quote)
    assert compose.full_text(made) == ("Hello Ola,\n\nthey are on the way.\n\nSupport\n\n"
                                       "On Monday, Ola wrote:\n> Where are they?\n>> older\n")
    html = compose.full_html(made)
    assert html.index("on the way") < html.index("Support") < html.index("On Monday") < html.index("<b>they</b>")


def test_quoted_images_that_are_not_sent_along_are_left_out() -> None:
    quote = Quote("Ola:", "", '<p><img alt="a>b" src="cid:logo"><img src="cid:own" width="3">x</p>')
    html = compose.full_html(letter(quote=quote, files=[File("o.png", "image/png", b"1", "own")]))
    assert "cid:logo" not in html and '<img src="cid:own" width="3">x' in html


def test_plain_text_is_escaped_in_the_html_part() -> None:
    assert "<p>1 &lt; 2 &amp; 3<br>x</p>" in compose.full_html(letter(text="1 < 2 & 3\nx"))


NAMES = ["plain.pdf", 'quo"te\\.pdf', "Ærlig tilbud på støvler.pdf", "ใบเสร็จรับเงิน" * 8 + ".pdf", "very " * 20 + ".pdf"]


@pytest.mark.parametrize("name", NAMES)
def test_attachments_keep_name_and_bytes(name: str) -> None:
    data = bytes(range(256)) * 50
    (part,) = read(letter(files=[File(name, "application/pdf", data)])).iter_attachments()
    assert part.get_filename() == mime._file_name(name)
    assert part.get_filename().endswith(".pdf")
    assert part.get_content() == data and part.get_content_type() == "application/pdf"
    assert not part.defects


def test_inline_images_are_related_to_the_html_and_other_files_attached() -> None:
    message = read(letter(html='<p>See <img src="cid:pic1"></p>', files=[
        File("a.png", "image/png", b"png", "pic1"), File("b.png", "image/png", b"other", "not-used")]))
    assert message.get_content_type() == "multipart/mixed"
    assert [each.get_content_type() for each in message.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
        "image/png"]
    inline, attached = [each for each in message.walk() if each.get_content_type() == "image/png"]
    assert (inline["Content-ID"], inline.get_content_disposition()) == ("<pic1>", "inline")
    assert (attached.get_filename(), attached.get_content_disposition()) == ("b.png", "attachment")


def test_an_attached_message_is_not_base64() -> None:
    inner = b"Subject: inner\r\n\r\nbody\r\n"
    message = read(letter(files=[File("m.eml", "message/rfc822", inner), File("n.eml", "message/rfc822", b"\xff\n")]))
    whole, opaque = message.iter_attachments()
    assert whole.get_content_type() == "message/rfc822" and whole.get_content()["Subject"] == "inner"
    assert opaque.get_content_type() == "application/octet-stream" and opaque.get_content() == b"\xff\n"


def test_composing_twice_gives_the_same_bytes() -> None:
    made = letter(html="<p>x</p>", files=[File("a.txt", "text/plain", b"a")])
    assert compose.compose(made).data == compose.compose(made).data


def test_automatic_mail_says_so() -> None:
    message = read(letter(automatic="auto-replied"))
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["X-Auto-Response-Suppress"] == "OOF, AutoReply"


def test_system_mail() -> None:
    made = compose.compose_system(("Kari", "kari@example.com"), "New password", "Follow the link.",
                                  sender=("Desk", "desk@example.com"), date=NOON)
    message = email.message_from_bytes(made.data, policy=policy.default)
    assert message["Auto-Submitted"] == "auto-generated" and message.get_content_type() == "text/plain"
    assert message["Message-ID"].endswith("@example.com>")


@pytest.mark.parametrize(("subject", "answer"), [
    ("Boots", "Re: Boots"), ("Re: Boots", "Re: Boots"), ("RE: re: Re:Boots", "Re: Boots"), ("SV: Boots", "Re: Boots"),
    ("AW: RE: Boots", "Re: Boots"), ("Re[2]: Boots", "Re: Boots"), ("回复：靴子", "Re: 靴子"),
    ("回覆: 靴子", "Re: 靴子"),
    ("ตอบกลับ: รองเท้า", "Re: รองเท้า"), ("Fwd: Boots", "Re: Fwd: Boots"), ("Reply: Boots", "Re: Reply: Boots"),
    ("Resort: Boots", "Re: Resort: Boots"), ("", "Re: "), ("  spaced\tout ", "Re: spaced out"),
])
def test_reply_subject(subject: str, answer: str) -> None:
    assert compose.reply_subject(subject) == answer


def test_forward_subject() -> None:
    assert compose.forward_subject("Re: Boots") == "Fwd: Re: Boots"
    assert compose.forward_subject("FW: VB: Boots") == "Fwd: Boots"


def test_our_message_ids_are_known_again_and_cannot_be_made_by_others() -> None:
    made = compose.signed_message_id(12, 345, "help@blåbær.no", KEY)
    assert made.endswith("@xn--blbr-roah.no")
    assert compose.read_message_id(f"<{made}>", KEY) == (12, 345)
    assert compose.read_message_id(made.replace("t12.", "t13."), KEY) is None
    assert compose.read_message_id(made, b"another key") is None
    assert compose.read_message_id("anything@example.com", KEY) is None


def test_references_keep_the_first_and_the_last() -> None:
    chain = [f"{number}@x" for number in range(100)]
    short = compose.references(chain, "parent@x")
    assert len(short) == compose.MOST_REFERENCES
    assert short[0] == "0@x" and short[-2:] == ["99@x", "parent@x"]
    assert compose.references(["a@x", "p@x", "a@x", "b@x"], "p@x") == ["a@x", "b@x", "p@x"]
    assert compose.references([], None) == []
