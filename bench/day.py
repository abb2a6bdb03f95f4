"""An agent's day in Chromium: `python -m bench.day` prints a table.

Fifty tickets are worked with the keyboard alone on a desk of 10,000: reply with a saved reply, tag, close and on to the
next one. What counts is the time from the key that closes a ticket to the next one painted. Then what the inbox weighs
at the first visit and later.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from bench import desk, program
from inbox.app import create_app
from inbox.config import Config
from inbox.core import saved_replies
from inbox.core.events import Actor
from inbox.core.models import Agent
from inbox.db import db, session, work_context
from inbox.jobs import worker
from inbox.secrets import ensure_key
from inbox.web.auth import SignedIn
from tests.support.browser import chromium

TICKETS = 50
expect.set_options(timeout=30_000)  # milliseconds; what is measured is measured in the page
SIZE = 10_000
# From a key to the frame that shows another ticket.
CLOCK = """
(() => {
  window.day = { times: [], moved: 0 };
  let pressed = 0, before = "";
  const shown = () => document.getElementById("pane")?.dataset.number ?? "";
  addEventListener("keydown", (event) => {
    if (event.key === "e" && !event.target.closest?.("input, textarea, [contenteditable=true]")) {
      pressed = event.timeStamp; before = shown();
    }
  }, true);
  new MutationObserver(() => {
    if (!pressed || !shown() || shown() === before) return;
    const begun = pressed;
    pressed = 0;
    requestAnimationFrame(() => setTimeout(() => window.day.times.push(performance.now() - begun)));
  }).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-number"] });
  new PerformanceObserver((list) => {
    for (const each of list.getEntries()) if (!each.hadRecentInput) window.day.moved += each.value;
  }).observe({ type: "layout-shift", buffered: true });
})()
"""


def prepare(home: Path) -> tuple[str, str]:
    """A saved reply, and the cookie (name, value) of the owner."""
    config = Config(home=home)
    ensure_key(config)
    app = create_app(config)
    client = app.test_client()
    with work_context(app), client.session_transaction() as cookie:
        agent = session().get_one(Agent, 1)
        saved_replies.save(by=Actor.of(agent), name="Thanks", text="Thank you, it is on its way.")
        cookie["_user_id"], cookie["_fresh"] = SignedIn(agent).get_id(), True
    worker.load_handlers()
    with work_context(app):
        desk.leave_nothing_waiting(db.engine)  # else there are news right after the start, which every page asks for
        db.engine.dispose()
    kept = client.get_cookie(app.config["SESSION_COOKIE_NAME"])
    assert kept is not None
    return kept.key, kept.value


def work(page: Page, tickets: int) -> list[float]:
    """Milliseconds from the key to the next ticket, for each of that many."""
    keys = page.keyboard
    page.goto("/views/unassigned")
    keys.press("j")
    keys.press("o")
    page.wait_for_selector("#pane[data-number] mail-composer .editor")
    editor = page.locator("mail-composer .editor")
    for _ in range(tickets):
        number = page.locator("#pane").get_attribute("data-number") or ""
        keys.press("r")
        expect(editor).to_be_focused()
        keys.type("#than")
        expect(page.locator(".choices [role=option]").first).to_be_visible()
        keys.press("Enter")
        expect(editor).to_contain_text("on its way")
        keys.press("Control+Enter")
        expect(editor).to_have_text("")  # it is stored, and what was written is gone
        keys.press("Escape")
        keys.press("t")
        expect(page.locator("details.menu[open] .popover :focus")).to_be_visible()
        keys.type("done")
        keys.press("Enter")
        expect(page.locator("#pane .tag", has_text="done").first).to_be_visible()
        keys.press("e")
        expect(page.locator("#pane")).not_to_have_attribute("data-number", number)
    return list(page.evaluate("window.day.times"))


class Weight:
    """What a page takes from the network, in bytes as sent, and how often it asks."""

    def __init__(self, page: Page) -> None:
        self.requests, self.size = 0, 0
        self._asked: set[str] = set()
        self._line = page.context.new_cdp_session(page)
        self._line.send("Network.enable")
        self._line.on("Network.responseReceived", self._answered)
        self._line.on("Network.loadingFinished", self._finished)

    def stop(self) -> None:
        """What comes from now on is not of this page."""
        self._line.detach()

    def _answered(self, event: dict[str, Any]) -> None:
        answer = event["response"]
        if not answer.get("fromDiskCache") and answer["mimeType"] != "text/event-stream":
            self._asked.add(event["requestId"])

    def _finished(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self._asked and event["encodedDataLength"]:
            self.requests += 1
            self.size += event["encodedDataLength"]


def visit(page: Page, path: str) -> tuple[Weight, float, float]:
    """(what it weighs, milliseconds to the first paint with words, how much moved) of a page that is opened."""
    weight = Weight(page)
    page.goto(path)
    page.wait_for_timeout(1500)  # what it loads when it has settled counts as well
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0")
    weight.stop()
    return weight, paint, page.evaluate("window.day.moved")


def main() -> None:
    """Print the table."""
    words = argparse.ArgumentParser(prog="python -m bench.day", description=__doc__)
    words.add_argument("--tickets", type=int, default=TICKETS, help=f"how many are worked (default {TICKETS})")
    tickets = words.parse_args().tickets
    with desk.home(SIZE) as home:
        name, value = prepare(home)
        with program.running(home) as found, chromium() as browser:
            url = f"http://127.0.0.1:{found.port}"
            context = browser.new_context(base_url=url, viewport={"width": 1440, "height": 900})
            context.add_cookies([{"name": name, "value": value, "url": url}])
            context.add_init_script(CLOCK)
            page = context.new_page()
            visits = [(what, *visit(page, path)) for what, path in (
                ("first visit", "/views/unassigned"), ("the same again", "/views/unassigned"),
                ("another list", "/views/all"), ("a ticket with its list, first visit", "/tickets/9990?in=all"),
                ("another ticket with its list", "/tickets/9980?in=all"))]
            times = sorted(work(page, tickets))
    print(f"### An agent's day in Chromium, {SIZE:,} tickets\n")
    print("| what | median | 95th percentile |\n|---|---|---|")
    print(f"| From the key to the next ticket painted, {tickets} tickets by keyboard alone | "
          f"{statistics.median(times):.0f} ms | {times[int(len(times) * 0.95)]:.0f} ms |")
    print("\n| page | sent | requests | first paint | layout shift |\n|---|---|---|---|---|")
    for what, weight, paint, moved in visits:
        print(f"| Inbox: {what} | {weight.size / 1000:.0f} kB | {weight.requests} | {paint:.0f} ms | {moved:.3f} |")


if __name__ == "__main__":
    main()
