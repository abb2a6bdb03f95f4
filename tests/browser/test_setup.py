"""The set-up of a real program in Chromium: from the printed address to a ticket from a real mailbox."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.screens import complaints, setup_address
from tests.support.program import Program
from tests.support.smtp_sink import SmtpSink

pytestmark = pytest.mark.once
LETTER = (b"From: Maja Berg <maja@example.com>\r\nTo: support@desk.example\r\nMessage-ID: <lamp@example.com>\r\n"
          b"Subject: The lamp is broken\r\n\r\nIt came yesterday.\r\n")


def accessible(page: Page, step: str) -> None:
    """Neither axe nor a small phone finds anything wrong with a step."""
    for width in (1440, 320):
        page.set_viewport_size({"width": width, "height": 900})
        assert complaints(page, f"{step} at {width} px") == []
    page.set_viewport_size({"width": 1440, "height": 900})


def test_a_new_desk_is_set_up_and_takes_mail(
        start_program: Callable[..., Program], page: Page, dovecot, smtp_sink: SmtpSink) -> None:
    dovecot.append(LETTER)
    program = start_program("run")
    page.goto(program.url)
    expect(page.get_by_role("heading", name="This desk is not set up yet")).to_be_visible()

    page.goto(setup_address(program))
    assert "code=" not in page.url
    accessible(page, "owner")
    page.get_by_label("Your name").fill("Ingrid Solberg")
    page.get_by_label("Mail address").fill("ingrid@desk.example")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Continue").click()
    accessible(page, "desk")
    page.get_by_label("Name", exact=True).fill("Fjord & Thread")
    page.get_by_role("button", name="Continue").click()

    page.get_by_label("Mail address").fill("support@desk.example")
    page.locator("#imap_host").fill("127.0.0.1")
    page.locator("[name=imap_port]").fill(str(dovecot.port))
    page.locator("#imap_password").fill("wrong")
    page.locator("#smtp_host").fill("127.0.0.1")
    page.locator("[name=smtp_port]").fill(str(smtp_sink.port))
    for summary in page.locator("details > summary:visible").all():
        summary.click()
    page.locator("#imap_user").fill("support")
    page.locator("#imap_security").select_option("none")
    page.locator("#smtp_security").select_option("none")
    page.get_by_label("This server asks for no login").check()
    accessible(page, "mailbox")
    page.get_by_role("button", name="Test the connection").click()
    expect(page.locator(".checks .no")).to_contain_text("did not let us sign in")

    page.locator("#imap_password").fill("secret")  # what was typed is still there
    page.get_by_role("button", name="Test the connection").click()
    expect(page.locator(".inset")).to_contain_text("6 of 6 went well")
    page.get_by_role("button", name="Save and open the desk").click()
    expect(page.locator(".brand")).to_contain_text("Fjord & Thread")
    expect(page.locator("#rows")).to_contain_text("The lamp is broken", timeout=20_000)
