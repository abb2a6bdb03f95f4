"""Verdicts of servers in front of the desk, and names that pretend: believed where they should be, and nowhere else."""

import pytest

from inbox.mail import verdicts
from inbox.mail.parse import parse

OURS = verdicts.server_names("mx.desk.example, filter.example")
THROUGH_US = "Received: from a.example by in.mx.desk.example with ESMTP; Sat, 21 Nov 2026 10:00:00 +0000\r\n"


def mail(fields: str, sender: str = "Kari Nordmo <kari@example.com>"):
    return parse(f"{fields}From: {sender}\r\nSubject: Hello\r\n\r\nHello\r\n".encode())


@pytest.mark.parametrize("field", [
    "X-Spam-Flag: YES", "X-Spam-Status: Yes, score=15.2 required=5.0", "X-Spam-Level: *******", "X-Spam: Yes",
    "X-Spamd-Result: default: True [16.20 / 15.00];", "X-Rspamd-Action: add header",
    "X-MS-Exchange-Organization-SCL: 6", "X-Forefront-Antispam-Report: CIP:1.2.3.4;SCL:5;SFV:SPM;",
    "X-Barracuda-Spam-Status: Yes, SCORE=4"])
def test_a_filter_in_front_of_the_desk_is_believed(field: str) -> None:
    assert verdicts.spam_field(mail(f"{THROUGH_US}{field}\r\n"), OURS) == field[:80].strip()
    elsewhere = THROUGH_US.replace("mx.desk.example", "mx.other.example")
    assert verdicts.spam_field(mail(f"{elsewhere}{field}\r\n"), OURS) is None
    assert verdicts.spam_field(mail(f"{THROUGH_US}{field}\r\n"), frozenset()) is None
    forged = f"{elsewhere}{THROUGH_US}{field}\r\n"  # it stands below what a stranger's server wrote
    assert verdicts.spam_field(mail(forged), OURS) is None


@pytest.mark.parametrize("fields", [
    "X-Spam-Flag: NO", "X-Spam-Status: No, score=6.1 required=10\r\nX-Spam-Level: ******", "X-Spam-Level: **",
    "X-Spamd-Result: default: False [2.2 / 15.00];", "X-MS-Exchange-Organization-SCL: -1",
    "X-MS-Exchange-Organization-SCL: 1", "X-Forefront-Antispam-Report: SCL:1;SFV:NSPM;", "X-Rspamd-Action: no action"])
def test_what_the_filter_lets_through_is_no_spam(fields: str) -> None:
    assert verdicts.spam_field(mail(f"{THROUGH_US}{fields}\r\n"), OURS) is None


@pytest.mark.parametrize(("result", "said"), [
    ("dmarc=pass header.from=example.com", "confirmed"),
    ("dmarc=fail (p=none) header.from=example.com; spf=pass smtp.mailfrom=a@bulk.example", "failed"),
    ("dkim=pass header.d=mail.example.com header.s=x", "confirmed"),
    ("dkim=pass header.i=@bulk.example; spf=pass smtp.mailfrom=bounce@news.example.com", "confirmed"),
    ("dkim=pass header.d=bulk.example; spf=pass smtp.mailfrom=bulk.example", "unconfirmed"),
    ("spf=fail smtp.mailfrom=kari@example.com", "unconfirmed"), ("none", None)])
def test_what_our_server_found_out_about_the_sender(result: str, said: str | None) -> None:
    assert verdicts.authentication(mail(f"Authentication-Results: mx.desk.example 1; {result}\r\n"), OURS) == said


def test_results_of_others_and_below_ours_are_not_believed() -> None:
    stranger = "Authentication-Results: mx.stranger.example; dmarc=pass\r\n"
    assert verdicts.authentication(mail(stranger), OURS) is None
    both = ("Authentication-Results: mx.desk.example; dmarc=fail\r\n"
            "Authentication-Results: mx.desk.example; dmarc=pass\r\n")
    assert verdicts.authentication(mail(both), OURS) == "failed"


@pytest.mark.parametrize(("one", "other", "together"), [
    ("example.com", "mail.example.com", True), ("a.example.com", "b.example.com", True),
    ("a.shop.co.uk", "b.shop.co.uk", True), ("a.co.uk", "b.co.uk", False), ("notexample.com", "example.com", False)])
def test_domains_that_belong_together(one: str, other: str, together: bool) -> None:
    assert verdicts.aligned(one, other) is together


PEOPLE = [("Ada Admin", "ada@desk.example"), ("Example Store", "support@desk.example")]
ADDRESSES = {"support@desk.example"}


@pytest.mark.parametrize(("sender", "kinds"), [
    ('"support@bank.example" <x@evil.example>', ["name_address"]),
    ('"Kari (kari＠bank.example)" <x@evil.example>', ["name_address"]),
    ('"kari.nordmo@example.com" <kari@mail.example.com>', []),
    ("Ada Admin <ada@evil.example>", ["name_ours"]), ("ÁDA  ADMIN <ada@evil.example>", ["name_ours"]),
    ('"Admin, Ada" <ada@evil.example>', ["name_ours"]), ("Example\u200b Store <x@evil.example>", ["name_ours"]),
    ("Ada Admin <ada@desk.example>", []), ("Ada Admin <private@desk.example>", []),
    ("Ada <ada@evil.example>", []), ("Kari Nordmo <kari@example.com>", []), ("<kari@example.com>", [])])
def test_names_that_pretend(sender: str, kinds: list[str]) -> None:
    assert [each["kind"] for each in verdicts.name_tricks(mail("", sender), PEOPLE, ADDRESSES)] == kinds


def test_a_form_that_names_whom_to_answer_is_no_trick() -> None:
    parsed = mail("Reply-To: kari@shop.example\r\n", '"kari@shop.example" <form@pages.example>')
    assert verdicts.name_tricks(parsed, PEOPLE, ADDRESSES) == []
