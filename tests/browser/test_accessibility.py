"""axe finds nothing on the main screens, light and dark, wide and narrow, and nothing is wider than a small phone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser.screens import (
    SIZES,
    Screen,
    choose_list,
    complaints,
    screens,
    show,
    ticket_path,
    view,
)
from tests.support.program import Program

pytestmark = pytest.mark.once
COLOURS = ["color-contrast", "link-in-text-block"]
NARROW = ["target-size", "button-name", "link-name", "region", "landmark-one-main"]
SIGHTS = ((1440, "light", None), (1440, "dark", COLOURS), (390, "light", NARROW), (320, "light", []))
"""Widths, schemes, and the rules to ask (None: all): a scheme changes colours alone, a narrow page leaves out and moves
parts of the wide one, and 320 px is about the width alone."""
NAMES = [each.name for each in screens("")]


@dataclass(frozen=True)
class Desk:
    """A running demo desk, the cookies of its owner, and its screens by name."""

    program: Program
    state: Path
    screens: dict[str, Screen]


@pytest.fixture(scope="module")
def desk(browser: Browser, program: Program, state: Path) -> Desk:
    with view(browser, 1440, "light", state) as page:
        found = screens(ticket_path(page, program))
    return Desk(program, state, {each.name: each for each in found})


def check(browser: Browser, program: Program, screen: Screen, state: Path) -> list[str]:
    """All complaints about one screen, in every size and scheme."""
    found = []
    with view(browser, 1440, "light", state if screen.signed_in else None) as page:
        show(page, program, screen)
        for width, scheme, rules in SIGHTS:
            page.set_viewport_size({"width": width, "height": SIZES.get(width, 800)})
            page.emulate_media(color_scheme=scheme)
            found += complaints(page, f"{screen.name} at {width} px, {scheme}", rules)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_screen_of_the_demo_desk(browser: Browser, desk: Desk, name: str) -> None:
    screen = desk.screens[name]
    if screen.wide_list:
        with view(browser, 1440, "light", desk.state) as page:
            choose_list(page, desk.program, wide=True)
    found = check(browser, desk.program, screen, desk.state)
    if screen.wide_list:
        with view(browser, 1440, "light", desk.state) as page:
            choose_list(page, desk.program, wide=False)
    assert not found, "\n".join(found)


@contextmanager
def theme(browser: Browser, desk: Desk, title: str) -> Iterator[None]:
    """The desk looks so meanwhile."""
    for each in (title, "Our own look"):
        with view(browser, 1440, "light", desk.state) as page:
            page.goto(f"{desk.program.url}/settings/themes")
            page.locator("article", has_text=each).get_by_role("button", name="Activate").click()
            page.get_by_text(f"{each} is active.").wait_for()
        if each == title:
            yield


@pytest.mark.parametrize(("title", "rules"), [("Compact", None), ("High contrast", ["color-contrast-enhanced"])])
def test_a_bundled_theme(browser: Browser, desk: Desk, title: str, rules: list[str] | None) -> None:
    """As every screen; of high contrast every text is 7 to 1, as the browser has drawn it."""
    found = []
    with theme(browser, desk, title):
        for name, width, scheme in (("panes", 390, "light"), ("ticket", 1440, "dark"),
                                    ("outbox", 1440, "light")):
            with view(browser, width, scheme, desk.state) as page:
                page.goto(desk.program.url + desk.screens[name].path)
                where = f"{title}: {name} at {width} px, {scheme}"
                found += complaints(page, where, ["color-contrast"] if rules else None)
                for each in Axe().run(page, options={"runOnly": rules}).response["violations"] if rules else []:
                    found.append(f"{where}: {each['id']} at {[node['html'][:150] for node in each['nodes']][:5]}")
    assert not found, "\n".join(found)


def test_the_menus_of_a_ticket(browser: Browser, desk: Desk) -> None:
    found = []
    with view(browser, 1440, "dark", desk.state) as page:
        page.goto(desk.program.url + desk.screens["ticket"].path)
        for menu in page.locator("#ticket-head details.menu").all():
            menu.locator("summary").click()
            found += complaints(page, f"the menu {menu.inner_text()[:20]!r}")
    assert not found, "\n".join(found)
