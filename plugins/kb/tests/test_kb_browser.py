"""The knowledge base as its users meet it, in Chromium: from switching it on to an answer with an article."""

import os
import re
import shutil
import threading

import pytest
from argon2 import PasswordHasher
from playwright.sync_api import expect, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from inbox.testing import make_agent, make_message, make_ticket

pytestmark = pytest.mark.once

CHROMIUM = next((path for name in (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
                 if name and (path := shutil.which(name))), None)
PASSWORD = "warm wool from bergen"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


class Silent(WSGIRequestHandler):
    def log_request(self, *_about):
        pass


@pytest.fixture
def address(desk):
    """Where a browser finds the desk."""
    server = make_server("127.0.0.1", 0, desk.app, threaded=True, request_handler=Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join(10)


@pytest.fixture
def browser():
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt install chromium; or set CHROMIUM=/path/to/it)")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


def open_page(browser, address, width=1440):
    """A page in a context of its own; what its console complains of is kept in `page.complaints`."""
    context = browser.new_context(viewport={"width": width, "height": 900}, base_url=address, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    page.complaints = []
    page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    return page


def test_from_switching_it_on_to_an_answer_with_an_article(browser, address) -> None:
    owner = make_agent("Ada Owner", role="owner", email="ada@desk.example",
                       password_hash=PasswordHasher().hash(PASSWORD))
    asked = make_ticket(subject="Washing", text="How do I wash my wool sweater?")
    make_message(asked, "Use cold water, and press it in a towel.", kind="reply", by=owner)
    author, reader = open_page(browser, address), open_page(browser, address)

    author.goto("/sign-in")
    author.get_by_label("Mail address").fill("ada@desk.example")
    author.get_by_label("Password").fill(PASSWORD)
    author.get_by_role("button", name="Sign in").click()
    author.wait_for_url("**/views/**")

    author.goto("/settings/plugins/kb")
    author.get_by_role("button", name="Install and switch on").click()
    author.goto("/")
    author.get_by_role("link", name="Knowledge base").first.click()
    expect(author.get_by_text("There is no article yet.")).to_be_visible()

    author.get_by_role("link", name="New article").click()
    author.get_by_label("Title").fill("How to wash wool")
    author.get_by_label("Text", exact=True).fill("Wool likes lukewarm water.\n\n## By hand\n\nPress, never rub.\n\n")
    author.get_by_label("Text", exact=True).press("Control+End")
    author.get_by_role("button", name="Bold").click()
    preview = author.get_by_label("Preview")
    expect(preview.get_by_role("heading", name="By hand")).to_be_visible()
    expect(preview.locator("strong")).to_have_text("words")
    author.get_by_role("button", name="Publish").click()
    expect(author.get_by_text("Published.")).to_be_visible()

    reader.goto("/help/")
    reader.get_by_label("Search the help centre").press_sequentially("wash woo", delay=15)
    reader.get_by_role("link", name=re.compile("How to wash wool")).first.click()
    expect(reader.get_by_role("heading", name="By hand")).to_be_visible()
    reader.get_by_role("button", name="No", exact=True).click()
    reader.get_by_label("What is missing or wrong?").fill("How warm is lukewarm?")
    reader.get_by_role("button", name="Send").click()
    expect(reader.get_by_text("We read every comment.")).to_be_visible()
    assert reader.context.cookies() == [] and reader.complaints == []
    reader.set_viewport_size({"width": 320, "height": 700})
    assert reader.evaluate("document.documentElement.scrollWidth") == 320

    author.goto("/x/kb/readers")
    expect(author.get_by_text("How warm is lukewarm?")).to_be_visible()
    author.goto(f"/tickets/{asked.number}")
    author.get_by_role("button", name="Insert link").locator("visible=true").first.click()
    expect(author.locator(".editor a")).to_have_attribute("href", re.compile("/help/en/how-to-wash-wool$"))

    way = author.locator("article.ours a", has_text="Make an article of this").first.get_attribute("href")
    author.goto(str(way))  # not by a click: the menu closes when the page hears, just then, that the answer was sent
    expect(author.get_by_label("Text", exact=True)).to_have_value("Use cold water, and press it in a towel.")
    expect(author.get_by_label("Title")).to_have_value("Washing")
    assert author.complaints == []
