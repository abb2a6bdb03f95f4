"""What a message shows: its body inline or framed under its own policy, pictures, attachments, the original."""

from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from inbox import http_guard
from inbox.core.models import Message, Ticket
from inbox.db import transaction
from inbox.testing.factories import make_agent, make_department, make_file, make_message, make_ticket
from tests.web.browse import Visitor

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def ticket(session: Session) -> Ticket:
    return make_ticket("Boots", department=make_department("Support"))


@pytest.fixture
def desk(app: Flask, ticket: Ticket) -> Visitor:
    return Visitor(app).sign_in(make_agent(departments=[ticket.department]))


def show(desk: Visitor, ticket: Ticket) -> str:
    return desk.get(f"/tickets/{ticket.number}").text


def test_plain_text_keeps_its_lines_and_links_and_no_markup(desk: Visitor, ticket: Ticket) -> None:
    make_message(ticket, "See https://shop.example/a?b=1&c=2.\n<b>not bold</b>")
    page = show(desk, ticket)
    assert '<a class="link" href="https://shop.example/a?b=1&amp;c=2"' in page and 'rel="noopener' in page
    assert "&lt;b&gt;not bold&lt;/b&gt;" in page


def test_signature_and_quoted_text_are_folded_each_under_its_name(desk: Visitor, ticket: Ticket) -> None:
    make_message(ticket, "Yes.", text_quoted="> Do you want it?", text_signature="-- \nKari, Oslo")
    page = show(desk, ticket)
    order = ("Yes.", "<summary>Signature</summary>", "Kari, Oslo", "<summary>Quoted text</summary>", "Do you want it?")
    assert sorted(map(page.index, order)) == list(map(page.index, order))


def test_folds_stand_in_the_frame_too(desk: Visitor, ticket: Ticket) -> None:
    framed = make_message(ticket, "b", html='<p style="color:#f00">Red</p>', needs_frame=True,
                          html_signature="<p>Kari, Oslo</p>", html_quoted="<p>Old</p>")
    frame = desk.get(f"/messages/{framed.id}/body").text
    signature, quoted = frame.index("Signature</summary><p>Kari, Oslo"), frame.index("Quoted text</summary><p>Old")
    assert frame.index("Red") < signature < quoted


def test_simple_html_stands_in_the_page_and_styled_html_in_a_frame(desk: Visitor, ticket: Ticket) -> None:
    make_message(ticket, "a", html="<p>Simple <b>words</b></p>")
    framed = make_message(ticket, "b", html='<p style="color:#f00">Red</p>', needs_frame=True)
    page = show(desk, ticket)
    assert "<p>Simple <b>words</b></p>" in page and "color:#f00" not in page
    assert f'src="/messages/{framed.id}/body" sandbox="allow-same-origin allow-popups' in page
    assert "allow-scripts" not in page


@pytest.fixture
def newsletter(ticket: Ticket) -> Message:
    return make_message(ticket, "News", needs_frame=True,
                        html='<p style="color:#f00">News</p><img data-remote-src="https://t.example/p.png" alt="">')


def test_the_frame_has_a_policy_of_its_own(desk: Visitor, newsletter: Message) -> None:
    frame = desk.get(f"/messages/{newsletter.id}/body")
    policy = frame.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'self'" in policy and "script-src" not in policy
    assert "sandbox" in policy and "allow-scripts" not in policy and frame.headers["Referrer-Policy"] == "no-referrer"


def test_pictures_from_elsewhere_load_only_when_asked_for(desk: Visitor, ticket: Ticket, newsletter: Message) -> None:
    assert "Pictures from elsewhere are not loaded." in show(desk, ticket)
    held, asked = (desk.get(f"/messages/{newsletter.id}/body{query}") for query in ("", "?images=1"))
    assert " src=" not in held.text
    assert f' src="/messages/{newsletter.id}/picture?at=https%3A%2F%2Ft.example%2Fp.png"' in asked.text
    for each in (held, asked):  # never by the browser itself
        assert "img-src 'self' data:;" in each.headers["Content-Security-Policy"]


def test_a_picture_is_fetched_by_the_desk_and_kept(
        desk: Visitor, newsletter: Message, remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_guard, "is_public", lambda address: True)  # else this machine is refused
    there = remote()
    there.answers |= {"/p.png": PNG + b"rest", "/page.png": b"<script>alert(1)</script>"}
    with transaction():
        newsletter.html = "".join(f'<img data-remote-src="{there.url}/{name}.png" alt="">' for name in ("p", "page"))
    path = f"/messages/{newsletter.id}/picture?at="
    for _ in range(2):
        shown = desk.get(f"{path}{quote(there.url, safe='')}%2Fp.png")
        assert (shown.status_code, shown.mimetype, shown.data) == (200, "image/png", PNG + b"rest")
        assert "sandbox" in shown.headers["Content-Security-Policy"]
    assert [each.path for each in there.requests] == ["/p.png"]
    assert not {"cookie", "referer"} & there.requests[0].headers.keys()
    assert desk.get(f"{path}{quote(there.url, safe='')}%2Fpage.png").status_code == 502  # not a picture
    assert desk.get(f"{path}{quote(there.url, safe='')}%2Fother.png").status_code == 404  # not in this message


def test_a_picture_in_our_own_network_is_not_fetched(desk: Visitor, newsletter: Message, remote) -> None:
    """Not even where the owner has allowed plugins to go there."""
    there = remote()
    with transaction():
        newsletter.html = f'<img data-remote-src="{there.url}/p.png" alt="">'
    answer = desk.get(f"/messages/{newsletter.id}/picture?at={quote(there.url, safe='')}%2Fp.png")
    assert (answer.status_code, there.requests) == (502, [])


def test_a_picture_within_the_mail_is_shown_in_its_place_and_not_listed(desk: Visitor, ticket: Ticket) -> None:
    picture = make_file(PNG, "logo.png", "image/png", is_inline=True, content_id="logo@x")
    message = make_message(ticket, "a", html='<p>Hi <img src="cid:logo@x" alt=""></p>', needs_frame=True,
                           files=[picture])
    frame = desk.get(f"/messages/{message.id}/body").text
    assert f'src="/attachments/{message.attachments[0].id}/logo.png"' in frame
    assert '<small>8 B</small>' not in show(desk, ticket)


@pytest.mark.parametrize(("name", "kind", "inline"), [
    ("a.png", "image/png", True), ("a.jpg", "image/jpeg", True), ("a.svg", "image/svg+xml", False),
    ("a.html", "text/html", False), ("a.pdf", "application/pdf", False)])
def test_only_harmless_pictures_are_shown_and_the_rest_is_downloaded(
        desk: Visitor, ticket: Ticket, name: str, kind: str, inline: bool) -> None:
    message = make_message(ticket, "a", files=[make_file(b"<script>alert(1)</script>", name, kind)])
    answer = desk.get(f"/attachments/{message.attachments[0].id}/{name}")
    assert answer.data == b"<script>alert(1)</script>"
    assert answer.headers["Content-Disposition"].startswith("inline" if inline else "attachment")
    assert answer.mimetype == (kind if inline else "application/octet-stream")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


FRAMED = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "same-origin"}


def test_a_pdf_is_shown_in_a_frame_that_has_no_origin(desk: Visitor, ticket: Ticket) -> None:
    file = make_message(ticket, "a", files=[make_file()]).attachments[0]
    around = f"/attachments/{file.id}/preview/invoice.pdf"
    assert f'href="{around}"' in show(desk, ticket)
    page = desk.get(around)
    assert f'<iframe src="/attachments/{file.id}/preview.pdf"' in page.text and "download=1" in page.text
    shown = desk.get(f"/attachments/{file.id}/preview.pdf", headers=FRAMED)
    assert (shown.mimetype, shown.data) == ("application/pdf", b"%PDF-1.4 an invoice")
    assert shown.headers["Content-Disposition"].startswith("inline")
    assert shown.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'self'; sandbox"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("how", [{}, {"Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "same-origin"},
                                 {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site"}])
def test_a_pdf_outside_of_our_frame_is_a_download(desk: Visitor, ticket: Ticket, how: dict[str, str]) -> None:
    file = make_message(ticket, "a", files=[make_file()]).attachments[0]
    answer = desk.get(f"/attachments/{file.id}/preview.pdf", headers=how)
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_what_only_calls_itself_a_pdf_is_a_download(desk: Visitor, ticket: Ticket) -> None:
    file = make_message(ticket, "a", files=[make_file(b"<script>alert(1)</script>")]).attachments[0]
    assert desk.get(f"/attachments/{file.id}/preview.pdf", headers=FRAMED).status_code == 404
    assert desk.get(f"/attachments/{file.id}/preview/invoice.pdf").headers["Location"] == (
        f"/attachments/{file.id}/invoice.pdf")


def test_a_file_name_cannot_break_the_header(desk: Visitor, ticket: Ticket) -> None:
    message = make_message(ticket, "a", files=[make_file(b"x", 'ført"\r\nSet-Cookie: a=b.pdf')])
    answer = desk.get(f"/attachments/{message.attachments[0].id}/x")
    assert "Set-Cookie" not in answer.headers or "a=b" not in answer.headers["Set-Cookie"]
    assert "filename*=UTF-8''f%C3%B8rt" in answer.headers["Content-Disposition"]


def test_a_message_without_an_original_says_so(desk: Visitor, ticket: Ticket) -> None:
    message = make_message(ticket, "a")
    answer = desk.get(f"/messages/{message.id}/raw")
    assert answer.status_code == 404 and "not kept" in answer.text


@pytest.mark.parametrize(("why", "said"), [
    ({"by": "in_reply_to"}, "In-Reply-To"), ({"by": "subject"}, "number of this ticket"),
    ({"by": "new"}, "new ticket")])
def test_why_a_message_is_here(desk: Visitor, ticket: Ticket, session: Session, why: dict, said: str) -> None:
    from inbox.db import transaction

    message = make_message(ticket, "a")
    with transaction():
        message.why = why
    assert said in desk.get(f"/messages/{message.id}/why").text


def test_a_forward_says_whose_message_it_passes_on(desk: Visitor, ticket: Ticket) -> None:
    message = make_message(ticket, "a", extra={"forwarded_from": {"address": "ola@home.example", "name": "Ola"}})
    assert "a message from Ola &lt;ola@home.example&gt;" in desk.get(f"/messages/{message.id}/why").text


def test_the_height_of_a_frame_is_remembered_within_reason(desk: Visitor, ticket: Ticket, session: Session) -> None:
    message = make_message(ticket, "a", html="<p>x</p>", needs_frame=True)
    for given, kept in (("340", 340), ("999999", 340), ("-1", 340)):
        desk.post(f"/messages/{message.id}/height", {"height": given}, page="/views/all")
        session.refresh(message)
        assert message.frame_height == kept
