"""The reports plugin as its user meets it: switched on, from a figure on the front page down to a ticket, CSV, mail."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.screens import switch_off_and_on
from tests.support.program import Program

pytestmark = pytest.mark.once


def test_reports_from_activation_to_a_ticket_and_a_mail_every_monday(program: Program, desk: Page) -> None:
    switch_off_and_on(desk, program, "Reports", "/x/reports/")

    # Figures where a ticket will stand; one leads to the pages behind it.
    desk.goto(f"{program.url}/views/unassigned")
    expect(desk.locator(".cards .tile", has_text="Waiting now")).to_contain_text("the longest for")
    desk.locator(".cards a", has_text="First answer, median this week").click()
    expect(desk.get_by_role("heading", level=1)).to_have_text("Overview")

    # One department, over three months.
    desk.get_by_label("Period").select_option("91")
    desk.get_by_label("Department", exact=True).select_option(label="Sales")
    desk.get_by_role("button", name="Show").click()
    table = desk.get_by_role("region", name="Table")
    expect(table.get_by_role("row")).to_have_count(2)
    expect(table).to_contain_text("Sales")
    desk.get_by_text("The same as a table").click()
    expect(desk.locator("details table tbody tr")).to_have_count(91)

    # As a file, the same.
    with desk.expect_download() as saved:
        desk.get_by_role("link", name="CSV").click()
    lines = Path(saved.value.path()).read_text("utf-8-sig").splitlines()
    assert lines[0].startswith("Department,New,Answers") and lines[1].startswith("Sales,")

    # By mail every Monday: of this department, until it is not wanted any more.
    desk.get_by_role("button", name="Send me this every Monday").click()
    expect(desk.get_by_text("Comes every Monday: Sales")).to_be_visible()
    desk.get_by_role("button", name="Send it no longer").click()
    expect(desk.get_by_role("status").filter(has_text="The report is sent no longer.")).to_be_visible()

    # It fits a phone.
    desk.set_viewport_size({"width": 320, "height": 700})
    for path in ("", "agents", "hours", "tickets/opened"):
        desk.goto(f"{program.url}/x/reports/{path}")
        assert desk.evaluate("document.documentElement.scrollWidth") <= 320, path
    desk.set_viewport_size({"width": 1440, "height": 900})
    desk.goto(f"{program.url}/x/reports/")

    # From a figure to the tickets behind it.
    desk.get_by_role("link", name="Agents", exact=True).first.click()
    desk.get_by_role("region", name="Table").get_by_role("link").first.click()
    desk.get_by_role("region", name="Tickets").get_by_role("link").first.click()
    expect(desk.locator("#timeline")).to_be_visible()
