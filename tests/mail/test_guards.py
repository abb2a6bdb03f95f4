"""Who is not answered by a machine; delivery reports, abuse reports, receipts, absence notes."""

from __future__ import annotations

import pytest

from inbox.mail.guards import (
    bounce,
    is_automatic,
    is_feedback_report,
    is_out_of_office,
    is_read_receipt,
    may_answer,
)
from inbox.mail.parse import ParsedMessage, parse

OWN = {"support@desk.example"}


def mail(
    *fields: str, body: str = "Hello", sender: str = "Kari <kari@example.no>", subject: str = "Hei"
) -> ParsedMessage:
    head = [f"From: {sender}", "To: support@desk.example", f"Subject: {subject}", *fields]
    return parse(("\r\n".join(head) + "\r\n\r\n" + body).encode())


@pytest.mark.parametrize(
    "field",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated; x=y",
        "Precedence: bulk",
        "Precedence: auto_reply",
        "X-Auto-Response-Suppress: All",
        "X-Auto-Response-Suppress: DR, OOF",
        "X-Loop: support@desk.example",
        "List-Id: <news.example.org>",
        "List-Unsubscribe: <mailto:x@y.no>",
        "X-Autoreply: yes",
        "X-Autorespond: 1",
        "Return-Path: <>",
        "Delivered-To: Autoresponder",
    ],
)
def test_automatic_message_is_not_answered(field: str) -> None:
    parsed = mail(field)
    assert is_automatic(parsed)
    allowed, reason = may_answer(parsed, None, OWN)
    assert not allowed and reason.endswith(".")


@pytest.mark.parametrize(
    "field",
    [
        "Auto-Submitted: no",
        "Precedence: first-class",
        "X-Auto-Response-Suppress: none",
        "Return-Path: <kari@example.no>",
        "X-Mailer: Outlook",
    ],
)
def test_person_is_answered(field: str) -> None:
    parsed = mail(field)
    assert is_automatic(parsed) is None
    assert may_answer(parsed, "kari@example.no", OWN) == (True, "")


def test_null_sender_of_the_envelope_is_not_answered() -> None:
    assert not may_answer(mail(), "", OWN)[0]
    assert not may_answer(mail(), "<>", OWN)[0]


@pytest.mark.parametrize(
    "sender",
    [
        "noreply@shop.example",
        "No-Reply <do-not-reply@x.example>",
        "MAILER-DAEMON@x.example",
        "postmaster@x.example",
        "list-request@x.example",
        "bounces+12=a@x.example",
    ],
)
def test_address_that_takes_no_answer(sender: str) -> None:
    assert not may_answer(mail(sender=sender), None, OWN)[0]


@pytest.mark.parametrize(
    ("sender", "field"),
    [
        ("Support@Desk.example", "X-A: b"),
        ("support+t12@desk.example", "X-A: b"),
        ("kari@example.no", "Reply-To: support@desk.example"),
    ],
)
def test_own_address_is_not_answered(sender: str, field: str) -> None:
    assert may_answer(mail(field, sender=sender), None, OWN) == (False, "It comes from an address of this desk.")


def test_unknown_sender_is_not_answered() -> None:
    assert may_answer(parse(b"Subject: x\r\n\r\nx"), None, OWN) == (False, "It does not say who sent it.")


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Hei",
        "Out of Office: back Monday",
        "Autosvar: Ferie",
        "Automatisk svar: Hei",
        "Abwesenheitsnotiz",
        "Automatische Antwort: x",
        "Réponse automatique : x",
        "Respuesta automática: x",
        "自動応答: 不在",
        "自动回复: 你好",
        "자동 회신: 안녕",
        "Автоответ: x",
    ],
)
def test_absence_note_is_known_by_its_subject(subject: str) -> None:
    parsed = mail(subject=subject)
    assert is_out_of_office(parsed) and is_automatic(parsed)


def test_absence_note_is_known_by_its_field_and_a_question_is_none() -> None:
    assert is_out_of_office(mail("Auto-Submitted: auto-replied (vacation)"))
    assert not is_out_of_office(mail(subject="How do I set an automatic reply?"))
    assert not is_out_of_office(mail("Auto-Submitted: auto-generated"))


def report(status: str, action: str, extra: str = "") -> bytes:
    return (
        "From: Mail Delivery Subsystem <mailer-daemon@mx.example>\r\nTo: support@desk.example\r\nSubject: Failure\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nSorry.\r\n--b\r\n"
        "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        f"Final-Recipient: rfc822; Ola@Example.no\r\nAction: {action}\r\nStatus: {status}\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 <ola@example.no>:\r\n no such user\r\n"
        + extra
        + "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <reply-9@desk.example>\r\nTo: ola@example.no\r\n"
        "\r\nOur reply\r\n--b--\r\n"
    ).encode()


def test_delivery_report_names_recipient_reason_and_message() -> None:
    found = bounce(parse(report("5.1.1", "failed")))
    assert found is not None
    assert (found.recipients, found.status, found.permanent) == (["ola@example.no"], "5.1.1", True)
    assert found.reason == "550 5.1.1 <ola@example.no>: no such user"
    assert found.original_message_ids == ["reply-9@desk.example"]


@pytest.mark.parametrize(("status", "action"), [("4.4.1", "delayed"), ("4.2.2", "failed")])
def test_delay_is_not_permanent(status: str, action: str) -> None:
    found = bounce(parse(report(status, action)))
    assert found is not None and not found.permanent


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_report_of_success_is_no_bounce(action: str) -> None:
    assert bounce(parse(report("2.0.0", action))) is None


def test_several_recipients_are_all_named() -> None:
    extra = "\r\nFinal-Recipient: rfc822; per@example.no\r\nAction: failed\r\nStatus: 5.2.2\r\n"
    found = bounce(parse(report("5.1.1", "failed", extra)))
    assert found is not None and found.recipients == ["ola@example.no", "per@example.no"]


def test_bounce_in_sentences_is_read() -> None:
    found = bounce(
        mail(
            sender="MAILER-DAEMON@mx.example",
            subject="failure notice",
            body="Hi. This is the qmail-send program.\r\n"
            "I wasn't able to deliver your message to the following addresses.\r\n\r\n"
            "<ola@example.no>:\r\nUser unknown. (#5.1.1)\r\n\r\n--- Below this line is a copy of the message.\r\n\r\n"
            "Message-ID: <reply-9@desk.example>\r\nTo: per@example.no\r\n",
        )
    )
    assert found is not None
    assert (found.recipients, found.status, found.permanent) == (["ola@example.no"], "5.1.1", True)
    assert found.original_message_ids == ["reply-9@desk.example"]


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Delivery problem", "My parcel was not delivered to ola@example.no, it cost 550 kr."),
        ("Undelivered order", "The order does not exist, says your page. Error 404."),
        ("Returned mail", "I returned the mail order 5.1.1 today."),
    ],
)
def test_customer_who_writes_of_deliveries_is_no_bounce(subject: str, body: str) -> None:
    assert bounce(mail(subject=subject, body=body)) is None


@pytest.mark.parametrize("body", [
    "------ Failed Recipients ------\r\n\r\n<ola@example.no>: mailbox unavailable. [SMTP Error Code 550]",
    "The email below could not be delivered to the following user:\r\n\r\n\"ola@example.no\" <ola@example.no>",
    "Could not deliver message to the following recipient(s):\r\n\r\nFailed Recipient: ola@example.no",
    "Votre message n'a pas pu etre delivre a\r\nola@example.no",
])
def test_bounce_of_a_system_with_the_name_of_a_person(body: str) -> None:
    found = bounce(mail(sender="admin@example.no", subject="Delivery failed", body=body))
    assert found is not None and (found.recipients, found.permanent) == (["ola@example.no"], True)
    answer = mail("In-Reply-To: <1@x>", sender="admin@example.no", subject="Re: Delivery failed", body=f"Hi,\r\n{body}")
    assert bounce(answer) is None


def test_a_refusal_in_the_form_of_a_receipt_is_a_bounce() -> None:
    raw = ("From: Mail Delivery Subsystem <admin@example.no>\r\nAuto-Submitted: auto-replied (rejected)\r\n"
           "Subject: Automatically rejected mail\r\n"
           "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n--b\r\n\r\n"
           "Your message to <ola@example.no> was automatically rejected:\r\nQuota exceeded\r\n--b\r\n"
           "Content-Type: message/disposition-notification\r\n\r\nDisposition: automatic-action; deleted\r\n--b--\r\n")
    found = bounce(parse(raw.encode()))
    assert found is not None and (found.recipients, found.status) == (["ola@example.no"], "5.2.2")


def test_a_report_inside_another_message_is_read() -> None:
    head = (b"From: postmaster@example.no\r\nSubject: Undeliverable\r\n"
            b"Content-Type: multipart/mixed; report-type=delivery-status; boundary=o\r\n\r\n"
            b"--o\r\nContent-Type: message/rfc822\r\n\r\n")
    found = bounce(parse(head + report("5.1.1", "failed") + b"\r\n--o\r\n\r\nThis is confidential.\r\n--o--\r\n"))
    assert found is not None and (found.recipients, found.status) == (["ola@example.no"], "5.1.1")


def test_abuse_report_is_neither_bounce_nor_answered() -> None:
    parsed = parse(
        b"From: fbl@isp.example\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n"
        b"--b\r\n\r\nabuse\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n--b--\r\n"
    )
    assert is_feedback_report(parsed) and bounce(parsed) is None
    assert not may_answer(parsed, "fbl@isp.example", OWN)[0]


def test_read_receipt_is_neither_bounce_nor_answered() -> None:
    parsed = parse(
        b"From: kari@example.no\r\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b"
        b"\r\n\r\n--b\r\n\r\nread\r\n--b\r\n"
        b"Content-Type: message/disposition-notification\r\n\r\nDisposition: x\r\n--b--\r\n"
    )
    assert is_read_receipt(parsed) and bounce(parsed) is None
    assert not may_answer(parsed, None, OWN)[0]
