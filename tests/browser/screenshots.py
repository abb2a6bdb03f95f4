"""`make screenshots`: pictures of the main screens, light and dark, wide and narrow, into docs/screenshots.

Starts the real program with its demo desk, and a second, new one for the set-up.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.browser import walks
from tests.browser.screens import (
    PLUGINS,
    SCHEMES,
    SIZES,
    choose_list,
    running,
    screens,
    settled,
    setup_address,
    show,
    sign_in,
    ticket_path,
    view,
)
from tests.support.browser import chromium
from tests.support.program import ROOT, Program

FOLDER = ROOT / "docs" / "screenshots"
LOADED = """![...document.querySelectorAll('.skeleton')].some(
    each => each.checkVisibility() && each.getBoundingClientRect().top < innerHeight)"""
# Pictures in the READMEs of plugins: plugin, name, address.
OF_PLUGINS = (("reports", "overview", "/x/reports/"), ("reports", "cards", "/views/unassigned"),
              ("sla", "service-level", "/x/sla/policies/1"), ("sla", "due-soon", "/views/sla.soon"))


def take(page: Page, name: str, scheme: str, width: int, folder: Path) -> None:
    """One picture, called `ticket.png`, `ticket-dark.png`, `ticket-390.png` or `ticket-390-dark.png`."""
    settled(page)
    end = time.monotonic() + 20
    while not page.evaluate(LOADED) and time.monotonic() < end:  # waiting inside of the page is what its policy forbids
        page.wait_for_timeout(100)
    parts = [name, "390" if width == 390 else "", "dark" if scheme == "dark" else ""]
    page.screenshot(path=folder / ("-".join(filter(None, parts)) + ".png"))


def demo_desk(browser: Browser, program: Program, folder: Path, scratch: Path) -> None:
    """Every screen of the demo desk."""
    state = scratch / "session.json"
    with view(browser, 1440, "light") as page:
        sign_in(page, program)
        page.context.storage_state(path=state)
        wanted = [each for each in screens(ticket_path(page, program)) if each.pictured]
        for wide in (False, True):
            choose_list(page, program, wide)
            for screen in (each for each in wanted if each.wide_list == wide):
                for width in SIZES:
                    for scheme in SCHEMES:
                        with view(browser, width, scheme, state if screen.signed_in else None) as shown:
                            show(shown, program, screen)
                            take(shown, screen.name, scheme, width, folder)


def of_plugins(browser: Browser, program: Program, scratch: Path) -> None:
    """Pictures for the READMEs of plugins, into the folders of these."""
    with view(browser, 1440, "light", scratch / "session.json") as page:
        choose_list(page, program, wide=False)
        for plugin, name, path in OF_PLUGINS:
            (PLUGINS / plugin / "screenshots").mkdir(exist_ok=True)
            page.goto(program.url + path)
            if name == "due-soon":  # with a ticket beside it, where its clocks are
                page.locator("#rows .tickets a").first.click()
                page.locator("#side .panel", has_text="Service levels").scroll_into_view_if_needed()
            page.wait_for_load_state("networkidle")
            settled(page)
            page.screenshot(path=PLUGINS / plugin / "screenshots" / f"{name}.png")


def new_desk(browser: Browser, program: Program, folder: Path, scratch: Path) -> None:
    """The set-up: the first step, and the mailbox."""
    state = scratch / "setup.json"
    with view(browser, 1440, "light") as page:
        page.goto(setup_address(program))
        page.context.storage_state(path=state)
        for width in SIZES:
            for scheme in SCHEMES:
                with view(browser, width, scheme, state) as shown:
                    shown.goto(f"{program.url}/setup")
                    take(shown, "setup", scheme, width, folder)
        page.get_by_label("Your name").fill("Ingrid Solberg")
        page.get_by_label("Mail address").fill("ingrid@fjordthread.example")
        page.get_by_label("Password").fill("warm wool from bergen")
        page.get_by_role("button", name="Continue").click()
        page.get_by_label("Name", exact=True).fill("Fjord & Thread")
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url("**/setup/mailbox")
        page.context.storage_state(path=state)
        for width in SIZES:
            for scheme in SCHEMES:
                with view(browser, width, scheme, state) as shown:
                    shown.goto(f"{program.url}/setup/mailbox")
                    take(shown, "setup-mailbox", scheme, width, folder)


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder for the pictures")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        scratch = Path(name)
        with running(scratch / "demo", "--demo") as program:
            demo_desk(browser, program, folder, scratch)
            of_plugins(browser, program, scratch)
        with running(scratch / "new") as program:
            new_desk(browser, program, folder, scratch)
        wrong = walks.take(browser, scratch, folder / "walk")
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")
    if wrong:
        raise SystemExit("\n".join(["The walks went wrong:", *wrong]))


if __name__ == "__main__":
    main()
