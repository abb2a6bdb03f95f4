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


def select_and_tag(walk: Walk) -> None:
    """The list: moved through, a range selected, tagged in bulk."""
    page = walk.page
    walk.step("list", loaded=True)
    walk.press("j", "j")
    expect(page.locator("#pane[data-number] .editor")).to_be_visible()
    walk.step("rows")
    walk.press("x", "j", "j", "X")
    expect(page.locator("#bulk output")).to_have_text("3 selected")
    expect(page.locator("#rows li:focus-within a")).to_have_attribute("aria-current", "true")  # of fast keys the last
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
    expect(editor).to_be_focused()
    walk.step("undone")
    walk.press("Control+Shift+Enter")
    page.wait_for_url("**/views/unassigned")
    expect(page.locator("#pane.empty")).to_be_visible()
    walk.step("closed", loaded=True)
    walk.press("j")
    expect(page.locator("#pane[data-number] .editor")).to_be_visible()


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


def search_and_keep(walk: Walk) -> None:
    """The search with its completion, and what it finds kept as a view."""
    page = walk.page
    walk.press("Escape", "/")
    expect(page.locator("#search")).to_be_focused()
    walk.type("tag:wal")
    expect(page.locator(".choices [role=option]").first).to_be_visible()
    walk.step("completion")
    walk.press("ArrowDown", "Enter", "Enter")
    page.wait_for_url("**/search?q=tag*")
    expect(page.locator("#rows li, #rows tr").first).to_be_visible()
    walk.step("found", loaded=True)
    walk.press("Control+k")
    expect(page.locator("#palette input")).to_be_focused()
    expect(page.locator("#palette [data-always] [role=option]").first).to_be_visible()
    walk.step("palette")
    walk.press("Escape")
    walk.use(page.get_by_role("link", name="Keep this search as a view"))
    page.wait_for_url("**/own-views/new*")
    walk.tab_to(page.get_by_label("Name"))
    walk.type("Walked")
    walk.tab_to(page.get_by_role("button", name="Condition").first)
    walk.step("view")
    walk.use(page.get_by_role("button", name="Save the view"))
    page.wait_for_url("**/views/*")
    expect(page.locator("h1", has_text="Walked")).to_be_attached()
    walk.step("view-saved", loaded=True)


def know_the_customer(walk: Walk) -> None:
    """A customer's page, and two tickets merged."""
    page = walk.page
    walk.press("Control+k")
    expect(page.locator("#palette input")).to_be_focused()
    walk.type("@nilsen")
    expect(page.locator("#palette [aria-selected=true]")).to_contain_text("Nilsen")
    walk.press("Enter")
    page.wait_for_url("**/customers/*")
    walk.step("customer", loaded=True)
    walk.use(page.locator("main").get_by_role("link", name="Gift wrapping?").first)
    page.wait_for_url("**/tickets/*")
    expect(page.locator("body.js")).to_be_attached()
    walk.press("m")
    expect(page.locator("#ticket-dialog")).to_be_visible()
    walk.step("merge")
    walk.press("Escape")
    expect(page.locator("#ticket-dialog")).to_be_hidden()


def change_in_place(walk: Walk) -> None:
    """Subject, assignee and tags of the ticket, where they stand."""
    page = walk.page
    walk.tab_to(page.locator(".subject-edit > summary"), back=True)
    walk.press("Enter")
    expect(page.locator(".subject-edit [name=subject]")).to_be_focused()
    walk.write("Gift wrapping, and a card")
    walk.step("subject")
    walk.press("Enter")
    expect(page.locator("#ticket-head h1")).to_have_text("Gift wrapping, and a card")
    walk.press("a")
    expect(page.locator("#ticket-head details[open] .popover :focus")).to_be_visible()
    walk.step("assignee")
    walk.press("Enter")
    expect(page.locator("#ticket-head details[open]")).to_have_count(0)
    expect(page.locator("#ticket-head summary[data-key=a]")).to_be_focused()  # the answer has come
    walk.press("t")
    expect(page.locator("#new-tag")).to_be_focused()
    walk.type("card")
    walk.press("Enter")
    expect(page.locator("#ticket-tags")).to_contain_text("card")
    walk.step("changed")


def set_up(walk: Walk) -> None:
    """The profile with its switch for keys, and settings."""
    page = walk.page
    walk.go("Profile", "**/profile")
    box = page.get_by_label("Keys pressed alone")
    for words, is_on in (("keys-off", False), ("keys-on", True)):
        walk.use(box, "Space")
        walk.use(page.locator("#keys").get_by_role("button", name="Save"))
        expect(page.locator("meta[name=single-keys]")).to_have_count(int(not is_on))
        walk.step(words, loaded=True)
    walk.go("Mailboxes", "**/settings/mailboxes")
    walk.use(page.locator("main table a, main .card a").first)
    page.wait_for_url("**/settings/mailboxes/*")
    walk.step("mailbox", loaded=True)
    walk.go("Plugins", "**/settings/plugins")
    walk.step("plugins", loaded=True)
    walk.go("Go live", "**/settings/start")
    walk.step("go-live", loaded=True)


def leave(walk: Walk) -> None:
    """Sign out."""
    page = walk.page
    walk.go("Unassigned", "**/views/unassigned")
    expect(page.locator("body.js")).to_be_attached()
    walk.tab_to(page.get_by_role("button", name="Sign out"))
    walk.step("sign-out")
    walk.press("Enter")
    page.wait_for_url("**/sign-in*")


def keyboard(walk: Walk, program: Program) -> None:
    """At a desk: keys alone."""
    sign_in(walk, program)
    select_and_tag(walk)
    read_and_answer(walk)
    write_note(walk)
    search_and_keep(walk)
    know_the_customer(walk)
    change_in_place(walk)
    set_up(walk)
    leave(walk)


# --- on a phone of 320 px -------------------------------------------------------------------------------------------


def select_by_finger(walk: Walk) -> None:
    """The list, its menu of views, some rows selected and tagged."""
    page = walk.page
    walk.step("list", loaded=True)
    walk.tap(page.locator(".views-menu summary"))
    walk.step("views")
    walk.press("Escape")
    for at in (1, 2):
        walk.tap(page.locator("#rows .pick").nth(at))
    walk.step("bar")
    walk.tap(page.locator("#bulk summary[data-key=t]"))
    expect(page.locator("#bulk-tag")).to_be_visible()
    walk.step("bulk-tag")
    walk.tap(page.locator("#bulk-tag"))
    walk.type("walked")
    walk.press("Enter")
    expect(page.locator(".bulk-toast")).to_contain_text("2 tickets have the tag walked now.")
    walk.step("tagged")
    walk.tap(page.locator("#bulk [data-clear]"))


def answer_by_finger(walk: Walk) -> None:
    """A ticket: read, its menus, the composer with recipients and saved replies, sent and taken back."""
    page = walk.page
    editor = page.locator(".editor")
    walk.tap(page.locator("#rows .tickets a", has_text="URGENT"))
    expect(editor).to_be_attached()
    page.evaluate("scrollTo(0, 0)")
    walk.step("ticket")
    for key, words in (("a", "assign"), ("z", "snooze")):
        walk.tap(page.locator(f"#ticket-head summary[data-key={key}]"))
        expect(page.locator("#ticket-head details[open] .popover button").first).to_be_visible()
        walk.step(words)
        walk.press("Escape")
    walk.tap(page.locator("#ticket-head details.menu summary").last)
    walk.step("more")
    walk.press("Escape")
    walk.tap(page.locator(".side-phone > summary, .side-phone summary").first)
    walk.step("facts")
    walk.tap(page.locator(".side-phone > summary, .side-phone summary").first)
    walk.tap(page.locator("[data-toggle-recipients]"))
    walk.tap(page.locator(".recipients input:visible").nth(1))
    walk.type("new@somewhere.example,")
    walk.step("recipients")
    walk.tap(editor)
    walk.type("#thank")
    expect(page.locator(".choices [role=option]").first).to_be_visible()
    walk.step("saved-reply")
    walk.tap(page.locator(".choices [role=option]").first)
    expect(editor).to_contain_text("enjoy your knitting.")
    walk.tap(page.locator("[data-send-more] summary"))
    walk.step("ways-to-send")
    walk.press("Escape")
    walk.tap(page.locator("[data-send]"))
    expect(page.locator("undo-toast")).to_be_visible()
    walk.step("sent")
    walk.tap(page.locator("undo-toast button"))
    expect(editor).to_contain_text("enjoy your knitting.")
    walk.step("undone")
    walk.tap(page.locator("[data-tab=note]"))
    expect(page.locator("mail-composer[data-kind=note] .editor")).to_be_focused()
    walk.type("Who knows this? @")
    expect(page.locator(".choices [role=option]").first).to_be_visible()
    walk.step("mention")
    walk.tap(page.locator(".choices [role=option]").first)
    walk.tap(page.locator("[data-send]"))
    expect(page.locator("#thread .message.note").last).to_contain_text("Who knows this? @")
    page.evaluate("scrollTo(0, 0)")
    walk.tap(page.locator(".subject-edit > summary"))
    walk.step("subject")
    walk.press("Escape")
    walk.press("m")
    expect(page.locator("#ticket-dialog")).to_be_visible()
    walk.step("merge")
    walk.tap(page.locator("#ticket-dialog [data-close]"))


def look_around(walk: Walk) -> None:
    """Search, palette, a view, a customer, the profile and settings."""
    page = walk.page
    walk.tap(page.locator(".tabbar a").nth(1))
    page.wait_for_url("**/search*")
    walk.tap(page.locator("#search"))
    walk.type("is:o")
    expect(page.locator(".choices [role=option]").first).to_be_visible()
    walk.step("completion")
    walk.press("Escape", "Control+a")
    walk.type("size")
    walk.press("Enter")
    page.wait_for_url("**/search?q=size*")
    expect(page.locator("body.js")).to_be_attached()
    walk.tap(page.get_by_role("link", name="Keep this search as a view"))
    page.wait_for_url("**/own-views/new*")
    walk.step("view", loaded=True)
    walk.press("Control+k")
    expect(page.locator("#palette input")).to_be_focused()
    expect(page.locator("#palette [data-always] [role=option]").first).to_be_visible()
    walk.type("@chlo")
    expect(page.locator("#palette [aria-selected=true]")).to_contain_text("Chlo")
    walk.step("palette")
    walk.tap(page.locator("#palette [aria-selected=true]"))
    page.wait_for_url("**/customers/*")
    walk.step("customer", loaded=True)
    walk.tap(page.locator(".tabbar a").nth(2))
    page.wait_for_url("**/tickets/new")
    walk.step("new-ticket", loaded=True)
    walk.tap(page.locator(".tabbar a").nth(3))
    page.wait_for_url("**/profile")
    walk.step("profile", loaded=True)
    page.locator("#keys").scroll_into_view_if_needed()
    walk.tap(page.get_by_label("Keys pressed alone"))
    walk.step("keys")
    for words, address in (("Mailboxes", "**/settings/mailboxes"), ("Agents", "**/settings/agents"),
                           ("Plugins", "**/settings/plugins"), ("Go live", "**/settings/start")):
        walk.go(words, address)
        walk.step(words.lower().replace(" ", "-"), loaded=True)


def phone(walk: Walk, program: Program) -> None:
    """On a phone: taps, and keys where there is no other way."""
    sign_in(walk, program)
    select_by_finger(walk)
    answer_by_finger(walk)
    look_around(walk)


def walked(browser: Browser, program: Program, name: str, folder: Path) -> list[str]:
    """One walk; returns what was wrong."""
    shape = PHONE if name == "320" else WIDE
    context = browser.new_context(**shape, locale="en-GB", reduced_motion="reduce")  # type: ignore[arg-type]
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


WALKS = {"keyboard": keyboard, "320": phone}


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
    parser.add_argument("walks", nargs="*", help=f"of {', '.join(WALKS)} (else both)")
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder for the pictures")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        wrong = take(browser, Path(name), given.out, tuple(given.walks or WALKS))
    print("\n".join(wrong) or "nothing is wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
