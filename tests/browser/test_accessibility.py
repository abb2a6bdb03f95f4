"""axe finds nothing on the main screens, light and dark, wide and narrow, and nothing is wider than a small phone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.screens import (
    SCHEMES,
    Screen,
    choose_list,
    running,
    screens,
    settled,
    setup_address,
    sign_in,
    ticket_path,
    view,
)
from tests.support.program import Program

pytestmark = pytest.mark.once
WIDTHS = (1440, 390, 320)


def complaints(page: Page, where: str) -> list[str]:
    """What axe says about a page, and whether it can be scrolled sideways."""
    settled(page)
    found = [f"{where}: {each['id']} ({each['impact']}) at {[node['target'] for node in each['nodes']][:3]}"
             for each in Axe().run(page).response["violations"]]
    beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [*found, f"{where}: {beyond} px wider than the screen"] if beyond > 0 else found


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with running(tmp_path_factory.mktemp("demo"), "--demo") as program:
        yield program


def check(browser: Browser, program: Program, screen: Screen, state: Path) -> list[str]:
    found = []
    for width in WIDTHS:
        for scheme in SCHEMES:
            with view(browser, width, scheme, state if screen.signed_in else None) as page:
                page.goto(program.url + screen.path)
                found += complaints(page, f"{screen.name} at {width} px, {scheme}")
    return found


def test_the_demo_desk(browser: Browser, desk: Program, tmp_path: Path) -> None:
    state, found = tmp_path / "session.json", []
    with view(browser, 1440, "light") as page:
        sign_in(page, desk)
        page.context.storage_state(path=state)
        wanted = screens(ticket_path(page, desk))
        for wide in (False, True):
            choose_list(page, desk, wide)
            for screen in (each for each in wanted if each.wide_list == wide):
                found += check(browser, desk, screen, state)
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(desk.url + next(each.path for each in wanted if each.name == "ticket"))
        for menu in page.locator("#ticket-head details.menu").all():
            menu.locator("summary").click()
            found += complaints(page, f"the menu {menu.inner_text()[:20]!r}")
    assert not found, "\n".join(found)


def test_the_set_up(browser: Browser, tmp_path: Path) -> None:
    found = []
    with running(tmp_path / "new") as program, view(browser, 1440, "light") as page:
        page.goto(setup_address(program))
        state = tmp_path / "setup.json"
        page.context.storage_state(path=state)
        found += check(browser, program, Screen("setup", "/setup"), state)
    assert not found, "\n".join(found)
