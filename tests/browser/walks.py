"""`python -m tests.browser.walks`: a morning at the desk with keys alone, and on a phone of 320 px; in pictures.

Each walk is one visit: it opens one address and goes on by keys (on the phone by taps, too). The pictures are in
docs/screenshots/walk. Ends with an error that lists everything that was wrong on the way.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect

from inbox.demo import LOGIN
from tests.browser.screens import running
from tests.browser.walk import Walk
from tests.support.browser import chromium
from tests.support.program import ROOT, Program

FOLDER = ROOT / "docs" / "screenshots" / "walk"
HELD = {"INBOX_MAX_HOLD": "60"}  # as on a desk: what is sent can be undone
PHONE = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}
WIDE = {"viewport": {"width": 1440, "height": 900}}


def sign_in(walk: Walk, program: Program) -> None:
    """The only address that is opened."""
    page = walk.page
    page.goto(f"{program.url}/sign-in")
    walk.tab_to(page.get_by_label("Mail address"))
    walk.type(LOGIN.email)
    walk.press("Tab")
    walk.type(LOGIN.password)
    walk.step("sign-in")
    walk.press("Enter")
    page.wait_for_url("**/views/**")
    expect(page.locator("body.js")).to_be_attached()


def number_of(walk: Walk) -> str:
    """The number of the ticket that is shown."""
    return walk.page.locator("#pane").get_attribute("data-number") or ""


def select_and_tag(walk: Walk) -> None:
    """The list: moved through, a range selected, tagged in bulk."""
    page = walk.page
    walk.step("list", loaded=True)
    walk.press("j", "j")
    expect(page.locator("#pane[data-number] .editor")).to_be_visible()
    walk.step("rows")
    walk.press("x", "j", "j", "X")
    expect(page.locator("#bulk output")).to_have_text("3 selected")
    walk.step("range")
    walk.press("t")
    expect(page.locator("#bulk-tag")).to_be_focused()
    walk.type("walked")
    walk.step("bulk-tag")
    walk.press("Enter")
    expect(page.locator(".bulk-toast")).to_contain_text("3 tickets have the tag walked now.")
    walk.step("tagged")
    walk.press("Escape")
    expect(page.locator("#bulk")).to_be_hidden()


def read_and_answer(walk: Walk) -> None:
    """A ticket: read, answered with a saved reply, taken back, sent and closed."""
    page = walk.page
    editor = page.locator(".editor")
    walk.press("o")
    expect(page.locator("#thread")).to_be_focused()
    walk.step("ticket")
    walk.press("r")
    expect(editor).to_be_focused()
    walk.type("#thank")
    expect(page.locator(".choices [role=option]").first).to_be_visible()
    walk.step("saved-reply")
    walk.press("Enter")
    walk.press("Enter")
    walk.type("Kind regards from the keys")  # at once, though the reply is still on its way
    expect(editor).to_contain_text("enjoy your knitting.")
    walk.press("Control+Enter")
    expect(editor).to_have_text("")
    expect(page.locator("undo-toast")).to_be_visible()
    walk.step("sent")
    walk.press("Control+z")
    expect(editor).to_contain_text("from the keys")
    walk.step("undone")
    before = number_of(walk)
    walk.press("Control+Shift+Enter")
    expect(page.locator("#ticket-head")).to_contain_text("Closed")
    walk.step("closed")
    walk.press("Escape", "]")
    expect(page.locator(f"#pane:not([data-number='{before}'])")).to_be_visible()


def write_note(walk: Walk) -> None:
    """The next ticket: a note that calls a colleague in, then it sleeps."""
    page = walk.page
    walk.press("n")
    expect(page.locator("mail-composer[data-kind=note] .editor")).to_be_focused()
    walk.type("Have we this in blue, @")
    expect(page.locator(".choices [role=option]").first).to_be_visible()
    walk.step("mention")
    walk.press("Enter")
    walk.press("Control+Enter")
    expect(page.locator("#thread .message.note").last).to_contain_text("in blue, @")
    walk.press("Escape", "z")
    expect(page.locator("#ticket-head details[open] .popover button").first).to_be_focused()
    walk.press("ArrowDown")
    walk.step("snooze")
    walk.press("Enter")
    expect(page.locator("#ticket-head .chip.warn")).to_contain_text("snoozed")
    walk.step("snoozed")


def keyboard(walk: Walk, program: Program) -> None:
    """At a desk: keys alone."""
    sign_in(walk, program)
    select_and_tag(walk)
    read_and_answer(walk)
    write_note(walk)


def walked(browser: Browser, program: Program, name: str, folder: Path) -> list[str]:
    """One walk; returns what was wrong."""
    context = browser.new_context(**(PHONE if name == "320" else WIDE), locale="en-GB", reduced_motion="reduce")  # type: ignore[arg-type]
    context.set_default_timeout(20_000)
    easel = browser.new_page()
    walk = Walk(context.new_page(), easel, name, folder)
    try:
        WALKS[name](walk, program)
    except Exception:
        walk.page.screenshot(path=folder / f"{name}-failed.png")
        print("\n".join(walk.wrong))
        raise
    easel.close()
    context.close()
    return walk.wrong


WALKS = {"keyboard": keyboard}


def take(browser: Browser, scratch: Path, folder: Path = FOLDER, names: tuple[str, ...] = tuple(WALKS)) -> list[str]:
    """Walk, each walk on a new demo desk; returns what was wrong."""
    wrong = []
    for name in names:
        with running(scratch / name, "--demo", env=HELD) as program:
            wrong += walked(browser, program, name, folder)
    return wrong


def main() -> None:
    """Both, or the one that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("walks", nargs="*", choices=[*WALKS, []], help="which (else both)")
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder for the pictures")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        wrong = take(browser, Path(name), given.out, tuple(given.walks or WALKS))
    print("\n".join(wrong) or "nothing is wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
