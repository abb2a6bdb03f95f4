"""Sending in the browser: of two answers to one question the second is held, and a reply is undone at once."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from inbox.demo import LOGIN
from tests.browser.screens import view
from tests.browser.test_desk import write
from tests.support.program import Program

pytestmark = pytest.mark.once
COLLEAGUE = "ola@fjordthread.example"


@pytest.fixture
def colleague(program: Program, browser: Browser) -> Iterator[Page]:
    """Somebody else's browser."""
    with view(browser, 1440, "light") as page:
        page.goto(f"{program.url}/sign-in")
        page.get_by_label("Mail address").fill(COLLEAGUE)
        page.get_by_label("Password").fill(LOGIN.password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/views/**")
        yield page


def open_ticket(page: Page, program: Program, subject: str) -> str:
    """Open the ticket of a mail that is on its way in; returns its number."""
    row = page.locator("#rows .tickets a", has_text=subject)
    page.goto(f"{program.url}/views/unassigned")
    expect(row).to_be_visible()  # by a live update
    row.click()
    expect(page.locator("#pane[data-number]")).to_be_visible()
    number = page.locator("#pane").get_attribute("data-number")
    assert number is not None
    return number


def test_of_two_answers_the_customer_gets_one_and_nothing_is_lost(desk: Page, colleague: Page,
                                                                  program: Program) -> None:
    write(program, "Which of you answers?", "I only need one answer.")
    number = open_ticket(desk, program, "Which of you answers?")
    desk.locator(".editor").click()
    desk.keyboard.type("Slow and careful.")
    colleague.goto(f"{program.url}/tickets/{number}?in=all")
    colleague.locator(".editor").click()
    colleague.keyboard.type("Fast.")
    colleague.locator("[data-send]").click()
    expect(colleague.locator(".message.ours")).to_contain_text("Fast.")
    expect(colleague.locator(".message.ours .chip.good")).to_be_visible()
    desk.locator("[data-send-close]").click()
    held = desk.locator("[data-overtaken]")
    expect(held).to_contain_text("Not sent. Ola Lien wrote meanwhile.")
    expect(held.locator("li").first).to_contain_text("Fast.")
    expect(desk.locator(".event.new")).to_have_count(1)
    expect(desk.locator(".editor")).to_have_text("Slow and careful.")
    held.get_by_text("Edit draft").click()
    expect(held).to_have_count(0)
    expect(desk.locator(".editor")).to_be_focused()
    desk.goto(f"{program.url}/outbox")
    rows = desk.locator("tr", has_text="vera@holm.example").filter(has_text="Which of you answers?")
    expect(rows).to_have_count(1)


def test_what_waits_to_be_sent_is_undone_from_another_ticket(desk: Page, program: Program) -> None:
    """The desk of these tests sends at once (`max_hold`), so it is undone what is to go out later: the same road."""
    write(program, "Undo me", "Please answer.")
    number = open_ticket(desk, program, "Undo me")
    desk.locator(".editor").click()
    desk.keyboard.type("Too quick.")
    desk.locator("[data-send-more] summary").click()
    desk.locator(".send-menu [name=later]").first.click()
    expect(desk.locator("undo-toast")).to_be_visible()
    desk.locator(f"#rows .tickets a:not([data-number='{number}'])").first.click()
    expect(desk.locator(f"#pane[data-number]:not([data-number='{number}'])")).to_be_visible()
    expect(desk.locator("undo-toast")).to_be_visible()
    desk.keyboard.press("Control+z")
    desk.wait_for_url(re.compile(rf"/tickets/{number}\b"))
    expect(desk.locator(".editor")).to_have_text("Too quick.")
    expect(desk.locator("undo-toast")).to_have_count(0)
    desk.locator("[data-send-more] summary").click()  # and beside the ticket itself
    desk.locator(".send-menu [name=later]").first.click()
    expect(desk.locator("undo-toast")).to_be_visible()
    desk.locator("#thread").focus()
    desk.keyboard.press("Control+z")
    expect(desk.locator(".editor")).to_have_text("Too quick.")
