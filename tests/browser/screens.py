"""The screens a person meets first, for the pictures in the documents and for the test of their accessibility."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from inbox.demo import LOGIN
from tests.support.program import Program

SIZES = {1440: 900, 390: 844}
SCHEMES = ("light", "dark")
PLUGINS = Path(__file__).parents[2] / "plugins"
TICKET = "Wrong size, can I swap order #10482?"


@dataclass(frozen=True)
class Screen:
    """A screen of the demo desk: what its pictures are called, and where it is."""

    name: str
    path: str
    wide_list: bool = False
    signed_in: bool = True
    pictured: bool = True
    press: str = ""  # the key that opens it
    opened: str = ""  # what is there then


KNOWLEDGE_BASE = (
    Screen("help-centre", "/help/en/", signed_in=False),
    Screen("help-article", "/help/en/swap-a-size", signed_in=False),
    Screen("articles", "/x/kb/?lang=en", pictured=False),
    Screen("article-editor", "/x/kb/articles/1"),
)


def screens(ticket: str) -> list[Screen]:
    """All of the demo desk; `ticket` is the address of the ticket to show."""
    return [
        Screen("sign-in", "/sign-in", signed_in=False, pictured=False),
        Screen("list", "/views/open", wide_list=True),
        Screen("panes", "/views/unassigned"),
        Screen("ticket", ticket),
        Screen("new-ticket", "/tickets/new", pictured=False),
        Screen("search", "/search?q=size", pictured=False),
        Screen("palette", "/views/unassigned", press="Control+k", opened=".finder-box [role=option]"),
        Screen("keys", "/views/unassigned", press="?", opened="dialog[open] kbd", pictured=False),
        Screen("view-builder", "/own-views/new"),
        Screen("snooze", ticket, press="z", opened="#ticket-head details[open] .popover", pictured=False),
        Screen("merge", ticket, press="m", opened="dialog[open]", pictured=False),
        Screen("many", "/bulk/", pictured=False),
        Screen("quarantine", "/ledger?fate=quarantined"),
        Screen("outbox", "/outbox"),
        Screen("profile", "/profile", pictured=False),
        Screen("plugins", "/settings/plugins"),
        Screen("add-plugins", "/settings/plugins-add", pictured=False),
        Screen("plugin-settings", "/settings/plugins/auto_reply"),
        Screen("themes", "/settings/themes"),
        Screen("go-live", "/settings/start"),
        Screen("audit", "/settings/audit", pictured=False),
        Screen("invite", "/settings/agents/invite", pictured=False),
        Screen("ticket-fields", "/settings/ticket-fields", pictured=False),
        *(KNOWLEDGE_BASE if (PLUGINS / "kb").is_dir() else ()),
    ]


@contextmanager
def running(home: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[Program]:
    """The real program; the demo desk is written on its first start, which takes its time on a busy machine."""
    with Program(home, "run", *arguments, env=env, wait=False) as program:
        program.wait_until_ready(240)
        yield program


def sign_in(page: Page, program: Program) -> None:
    """Sign in as the owner of the demo desk."""
    page.goto(f"{program.url}/sign-in")
    page.get_by_label("Mail address").fill(LOGIN.email)
    page.get_by_label("Password").fill(LOGIN.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/views/**")


def ticket_path(page: Page, program: Program) -> str:
    """The address of the ticket that the pictures show."""
    page.goto(f"{program.url}/search?q=10482")
    found = page.locator("#rows a", has_text=TICKET).first.get_attribute("href")
    assert found is not None
    number = re.search(r"/tickets/(\d+)", found)
    assert number is not None
    return f"/tickets/{number[1]}?in=open"


def show(page: Page, program: Program, screen: Screen) -> None:
    """Open a screen, with its key where it has one."""
    page.goto(program.url + screen.path)
    if screen.press:
        settled(page)
        page.keyboard.press(screen.press)
        page.locator(screen.opened).first.wait_for()


def switch_off_and_on(page: Page, program: Program, title: str, path: str) -> None:
    """Deactivate a plugin and activate it again on the plugins page; its page at `path` is gone meanwhile."""
    for on in (False, True):
        page.goto(f"{program.url}/settings/plugins")
        page.get_by_role("switch", name=title).click()
        expect(page.get_by_role("switch", name=title)).to_have_attribute("aria-checked", "true" if on else "false")
        if not on:
            answer = page.goto(program.url + path)
            assert answer is not None and answer.status == 404


def choose_list(page: Page, program: Program, wide: bool) -> None:
    """Lists at full width, or beside the ticket. On a wide screen: the choice is not offered on a phone."""
    page.goto(f"{program.url}/views/open")
    with page.expect_navigation():
        page.get_by_role("button", name="List" if wide else "List and ticket", exact=True).click()


def settled(page: Page) -> None:
    """Wait until what a page loads by itself is there."""
    page.wait_for_load_state("load")
    page.wait_for_timeout(350)


def complaints(page: Page, where: str, rules: list[str] | None = None) -> list[str]:
    """What axe says about a page (None: by all its rules), and whether it can be scrolled sideways."""
    settled(page)
    options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
    violations = [] if rules == [] else Axe().run(page, options=options).response["violations"]
    found = [f"{where}: {each['id']} ({each['impact']}) at {[node['target'] for node in each['nodes']][:3]}"
             for each in violations]
    beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [*found, f"{where}: {beyond} px wider than the screen"] if beyond > 0 else found


@contextmanager
def view(browser: Browser, width: int, scheme: str, state: Path | None = None) -> Iterator[Page]:
    """A page in a context of its own, of a size and colour scheme; `state` holds the cookies of a session."""
    context = browser.new_context(viewport={"width": width, "height": SIZES.get(width, 800)}, color_scheme=scheme,
                                  locale="en-GB", storage_state=state, reduced_motion="reduce")
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


def setup_address(program: Program) -> str:
    """The printed address of a new desk, with its one-time code."""
    end = time.monotonic() + 15
    while time.monotonic() < end:
        if found := re.search(r"\S+/setup\?code=\S+", program.output()):
            return found[0]
        time.sleep(0.2)
    raise AssertionError(program.output())
