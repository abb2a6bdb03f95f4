"""The crm plugin from activation to use, as a person does it."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.screens import switch_off_and_on
from tests.support.program import Program

pytestmark = pytest.mark.once
CSV = "Mail;Name;Level\nnew.shop@skein.example;Skein Shop;Gold\nno address;Nobody;\n"


def test_crm_from_activation_to_use(program: Program, desk: Page, tmp_path: Path) -> None:
    switch_off_and_on(desk, program, "Customers and organisations", "/x/crm/organisations")

    desk.goto(f"{program.url}/search?q=segment:vip")
    expect(desk.locator("#rows .tickets li")).to_have_count(3)
    desk.locator("#rows .tickets a", has_text="Maja Haugen").click()
    side = desk.locator("#side")
    expect(side).to_contain_text("Gold")
    expect(side).to_contain_text("Knits for her sister")

    side.get_by_text("Add a task").click()
    side.get_by_label("What is to be done").fill("Send a thank-you card")
    side.get_by_role("button", name="Save the task").click()
    expect(side).to_contain_text("Send a thank-you card")
    expect(desk.locator("#composer")).to_be_visible()

    side.get_by_role("link", name="Change").first.click()
    desk.get_by_label("Organisation").fill("Haugen Strikk")
    desk.get_by_role("button", name="Save").click()
    expect(desk.locator("#side")).to_contain_text("Haugen Strikk")
    desk.goto(f'{program.url}/search?q=org:"haugen strikk"')
    expect(desk.locator("#rows .tickets li")).to_have_count(1)

    desk.goto(f"{program.url}/x/crm/tasks")
    desk.get_by_role("button", name="Done: Send a thank-you card").click()
    expect(desk.get_by_role("status").filter(has_text="The task is done.")).to_be_visible()

    (tmp_path / "shops.csv").write_text(CSV, "utf-8")
    desk.goto(f"{program.url}/x/crm/imports")
    desk.get_by_label("CSV file").set_input_files(tmp_path / "shops.csv")
    desk.get_by_role("button", name="Go on").click()
    desk.get_by_role("button", name="Try the first rows").click()
    expect(desk.get_by_text("no address is no mail address.")).to_be_visible()
    desk.get_by_role("button", name="Import 2 rows").click()
    expect(desk.locator("#progress")).to_contain_text("Done: 2 rows.", timeout=45_000)
    desk.goto(f"{program.url}/x/crm/segments")
    desk.get_by_role("link", name="VIP", exact=True).click()
    expect(desk.get_by_text("Maja Haugen")).to_be_visible()
