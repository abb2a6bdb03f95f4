"""The sla plugin as its user meets it: switched on, a promise set up, a late ticket found, a customer told, kept."""

import re
import smtplib
from email.message import EmailMessage

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.screens import switch_off_and_on
from tests.support.program import Program

pytestmark = pytest.mark.once


def write(program: Program, subject: str) -> None:
    """A customer's mail, to the desk's own listener."""
    mail = EmailMessage()
    mail["From"], mail["To"] = "Vera Holm <vera@holm.example>", "support@fjordthread.example"
    mail["Subject"] = subject
    mail.set_content("Do you have it in red?")
    with smtplib.SMTP("127.0.0.1", program.smtp_port, timeout=20) as server:
        server.send_message(mail)


def when_told(desk: Page, place: Locator, words: str) -> None:
    """A plugin is told of what happened a moment after it did: look again until then."""
    for _ in range(40):
        if place.count() and words in place.inner_text():
            return
        desk.wait_for_timeout(500)
        desk.reload()
    raise AssertionError(f"{words!r} is not there.")


def test_sla_from_activation_to_a_promise_kept(program: Program, desk: Page) -> None:
    switch_off_and_on(desk, program, "Service levels", "/x/sla/")

    # What is due is counted on the front page, and listed.
    desk.goto(f"{program.url}/views/unassigned")
    card = desk.locator(".cards a", has_text="Due within 8 hours")
    expect(card).to_contain_text("of them late")  # some or none: that depends on the day of the week
    card.click()
    expect(desk.get_by_role("heading", level=1)).to_have_text("Due soon")

    # A calendar that never closes, and a promise for everybody that is tried first.
    desk.goto(f"{program.url}/settings/plugins")
    desk.locator("#settings-rail").get_by_role("link", name="Service levels").click()
    desk.get_by_role("link", name="New calendar").click()
    desk.get_by_label("Name").fill("Always")
    for day in range(7):
        desk.locator(f"#hours-{day}").fill("00:00-24:00")
    desk.get_by_role("button", name="Save").click()
    desk.get_by_role("link", name="New service level").click()
    desk.get_by_label("Name").fill("Whoever asks")
    desk.get_by_label("First answer within").fill("soon")
    desk.get_by_label("Of the working hours of").select_option("Always")
    desk.get_by_role("button", name="Save").click()
    expect(desk.get_by_text("Write a time like 30 min, 4 h or 2 d.")).to_be_visible()
    desk.get_by_label("First answer within").fill("3 h")
    desk.get_by_role("button", name="Save").click()
    rows = desk.locator("tbody tr", has=desk.get_by_role("link"))
    expect(rows.filter(has_text="Whoever asks")).to_be_visible()
    place = next(n for n, row in enumerate(rows.all_inner_texts()) if "Whoever asks" in row)
    for above in reversed(range(place)):
        desk.get_by_role("button", name="Try Whoever asks earlier").click()
        expect(rows.nth(above)).to_contain_text("Whoever asks")
    expect(desk.locator("tbody tr").first).to_contain_text("Whoever asks")

    desk.set_viewport_size({"width": 320, "height": 700})
    for path in ("", "policies/1", "calendars/1"):
        desk.goto(f"{program.url}/x/sla/{path}")
        assert desk.evaluate("document.documentElement.scrollWidth") <= 320, path
    desk.set_viewport_size({"width": 1440, "height": 900})

    # What customers may be told.
    desk.goto(f"{program.url}/settings/saved-replies/new")
    desk.get_by_label("Name").fill("We have it")
    desk.locator("rich-text .editor").fill("Thank you. {sla.answer_within}")
    desk.get_by_role("button", name="Save").click()

    # Somebody writes: the clock is seen in the list and beside the ticket, told in the reply, and stopped by it.
    write(program, "The scarf in red")
    desk.goto(f"{program.url}/views/unassigned")
    row = desk.locator("#rows .tickets li", has_text="The scarf in red").first
    when_told(desk, row, "due in")
    expect(row).to_contain_text(re.compile("due in (3 h|2 h 5. min)"))
    row.locator("a").first.click()
    expect(desk.locator("#side .panel", has_text="Service levels")).to_contain_text("due in")
    desk.locator("#composer [title^='Saved replies']").click()
    desk.get_by_role("button", name="We have it").click()
    editor = desk.locator("#composer [contenteditable=true]")
    expect(editor).to_contain_text("Thank you. We answer within 3 hours.")
    desk.get_by_role("button", name="Send", exact=False).first.click()
    expect(desk.locator("#timeline")).to_contain_text("We answer within 3 hours.")
    when_told(desk, desk.locator("#side .panel", has_text="Service levels"), "kept, after")
