"""The knowledge base as its users meet it: switched on, an article written, found by a reader, put into an answer."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.screens import switch_off_and_on, ticket_path, view
from tests.support.program import Program

pytestmark = pytest.mark.once
TEXT = "A skein of Lysefjord holds 230 metres.\n\n## By weight\n\nOne hundred grams, wound by hand.\n\n"


def test_kb_from_activation_to_an_answer_with_an_article(program: Program, desk: Page, browser: Browser) -> None:
    switch_off_and_on(desk, program, "Knowledge base", "/help/")

    desk.goto(f"{program.url}/x/kb/?lang=en")
    desk.get_by_role("link", name="New article").click()
    desk.get_by_label("Title").fill("How long is a skein of Lysefjord?")
    text = desk.get_by_role("textbox", name="Text", exact=True)  # the one that is shown: rich text, or Markdown
    expect(desk.get_by_role("button", name="Bold")).to_have_attribute("aria-pressed", "false")  # the editor is at work
    text.click()
    desk.keyboard.type("Wound by hand")
    desk.get_by_role("button", name="Heading", exact=True).click()
    desk.keyboard.press("Enter")
    desk.keyboard.type("One hundred ")
    desk.get_by_role("button", name="Bold").click()
    desk.keyboard.type("grams")
    expect(text.locator("h2")).to_have_text("Wound by hand")
    desk.get_by_role("button", name="Markdown", exact=True).click()
    source = desk.locator("textarea#body")
    expect(source).to_have_value("## Wound by hand\n\nOne hundred **grams**")
    source.press("Control+End")
    desk.keyboard.insert_text(f"\n\n{TEXT}")
    desk.get_by_role("button", name="Bold").click()
    preview = desk.get_by_label("Preview")
    expect(preview.get_by_role("heading", name="By weight")).to_be_visible()
    expect(preview.locator("strong")).to_have_text(["grams", "words"])
    desk.get_by_role("button", name="As it looks").click()
    expect(text.locator("h2")).to_have_text(["Wound by hand", "By weight"])
    text.press("Control+End")
    desk.keyboard.press("Enter")
    desk.keyboard.type("Without knots.")
    desk.get_by_role("button", name="Publish").click()
    expect(desk.get_by_text("Published.")).to_be_visible()

    with view(browser, 1440, "light") as reader:
        _read(reader, program)

    desk.goto(f"{program.url}/x/kb/readers")
    expect(desk.get_by_text("And how many metres in a ball?")).to_be_visible()
    desk.goto(f"{program.url}{ticket_path(desk, program)}")
    panel = desk.locator("#side .panel", has_text="Articles")
    panel.scroll_into_view_if_needed()  # it loads when it is seen
    panel.get_by_role("searchbox").fill("skein lysefjord long")
    panel.get_by_role("searchbox").press("Enter")
    expect(panel).to_contain_text("How long is a skein of Lysefjord?")
    panel.get_by_role("button", name="Insert link").first.click()
    expect(desk.locator(".editor a")).to_have_attribute("href", re.compile("/help/en/how-long-is-a-skein"))

    desk.locator("mail-composer [data-discard]").first.click()
    expect(desk.locator("mail-composer .editor")).to_have_text("")

    # Not by a click: the menu closes when the page hears of something new.
    way = desk.locator("article.ours a", has_text="Make an article of this").first.get_attribute("href")
    desk.goto(f"{program.url}{way}")
    expect(desk.get_by_role("textbox", name="Text", exact=True)).not_to_be_empty()


def _read(reader: Page, program: Program) -> None:
    """A reader looks for it while typing, misses something, and leaves without a cookie."""
    reader.set_default_timeout(20_000)
    reader.goto(f"{program.url}/help/en/")
    reader.get_by_label("Search the help centre").press_sequentially("skein lysef", delay=15)
    reader.locator("[data-hits] a", has_text="How long is a skein").click()
    for title in ("Wound by hand", "By weight"):
        expect(reader.get_by_role("heading", name=title)).to_be_visible()
    expect(reader.locator(".prose strong").first).to_have_text("grams")
    expect(reader.get_by_text("Without knots.")).to_be_visible()
    reader.get_by_role("button", name="No", exact=True).click()
    reader.get_by_label("What is missing or wrong?").fill("And how many metres in a ball?")
    reader.get_by_role("button", name="Send").click()
    expect(reader.get_by_text("We read every comment.")).to_be_visible()
    assert reader.context.cookies() == []
    reader.set_viewport_size({"width": 320, "height": 700})
    assert reader.evaluate("document.documentElement.scrollWidth") == 320
