"""Two people at one ticket see each other: in the list, above the composer, and what the other has begun to write."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from inbox.demo import PASSWORD
from tests.browser.screens import view
from tests.support.program import Program

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def colleague(program: Program, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cookies of another agent."""
    path = tmp_path_factory.mktemp("state") / "ola.json"
    with view(browser, 1440, "light") as page:
        page.goto(f"{program.url}/sign-in")
        page.get_by_label("Mail address").fill("ola@fjordthread.example")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/views/**")
        page.context.storage_state(path=path)
    return path


def test_who_reads_and_who_writes_is_seen_and_the_draft_can_be_taken_over(
        desk: Page, program: Program, browser: Browser, colleague: Path) -> None:
    ticket = str(desk.locator("#rows a").first.get_attribute("href"))  # any: the others' tests write further ones
    number = ticket.split("/")[2].split("?")[0]
    with view(browser, 1440, "light", colleague) as other:
        other.goto(program.url + ticket)
        desk.goto(program.url + ticket)
        said = desk.locator("#presence")
        expect(said).to_contain_text("Ola Lien is reading")
        expect(desk.locator(f"#row-{number} .here")).to_contain_text("Ola is reading")
        height = desk.locator("#composer").bounding_box()
        other.locator("mail-composer .editor").click()
        other.keyboard.type("A draft of Ola")
        expect(said).to_contain_text("Ola Lien is writing a reply")
        assert desk.locator("#composer").bounding_box() == height  # nothing moves when somebody comes or writes
        begun = desk.locator("#colleague-drafts details")
        expect(begun).to_contain_text("A draft of Ola")
        begun.locator("summary").click()
        begun.get_by_role("button", name="Take it over").click()
        expect(desk.locator("mail-composer .editor")).to_contain_text("A draft of Ola")
        expect(begun).to_have_count(0)
    # The other browser is gone without a word, perhaps just after a beat: that lasts 21 s, and is read every 5 s.
    expect(said).to_have_text("", timeout=40_000)  # milliseconds
    desk.locator("mail-composer [data-discard]").first.click()
    expect(desk.locator("mail-composer .editor")).to_have_text("")
