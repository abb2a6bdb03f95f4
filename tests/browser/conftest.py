"""One running demo desk and one Chromium for all tests of this folder that meet in a process, and a signed-in page."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.screens import running, sign_in, view
from tests.support.browser import WHY_NOT, chromium, find_chromium
from tests.support.program import Program

expect.set_options(timeout=20_000)  # milliseconds: beside the other half of the suite a page takes its time


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium; nothing in this folder calls asyncio.run(), which is refused while Playwright runs."""
    if find_chromium() is None:
        pytest.skip(WHY_NOT)
    with chromium() as started:
        yield started


@pytest.fixture(scope="package")
def program(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The demo desk at work, on a copy of the one that was written for all. Tests put back what others would notice."""
    home = Path(shutil.copytree(demo_home, tmp_path_factory.mktemp("demo") / "home"))
    with running(home, "--demo") as started:
        yield started


@pytest.fixture(scope="package")
def state(program: Program, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cookies of the signed-in owner."""
    path = tmp_path_factory.mktemp("state") / "session.json"
    with view(browser, 1440, "light") as page:
        sign_in(page, program)
        page.context.storage_state(path=path)
    return path


@pytest.fixture
def desk(program: Program, browser: Browser, state: Path) -> Iterator[Page]:
    """A signed-in page; it fails the test when a script breaks or the policy of the page is violated."""
    with view(browser, 1440, "light", state) as page:
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(f"{page.url}: {error.stack or error}"))
        page.on("console", lambda message: said.append(message.text) if "Content Security" in message.text else None)
        page.goto(f"{program.url}/views/unassigned")
        yield page
        assert not said, said
