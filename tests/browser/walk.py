"""A walk through the desk in Chromium: keys (and on a phone taps), a picture at every step, and what must hold there.

What is wrong is gathered, so that one walk tells all of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from tests.browser.pictures import reduced
from tests.browser.screens import settled

MOST_TABS = 150
LOOK = Path(__file__).with_name("look.js").read_text("utf-8")


@dataclass
class Walk:
    """One walk: `page` is walked, `easel` reduces its pictures, which are `folder`/`name`-01-….png."""

    page: Page
    easel: Page
    name: str
    folder: Path
    at: int = 0
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.glob(f"{self.name}-*.png"):
            old.unlink()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(f"{self._where}: {error}"))

    @property
    def _where(self) -> str:
        return f"{self.name}-{self.at:02}"

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.wrong.append(f"{self._where}: console: {message.text} {message.location}")

    def press(self, *keys: str) -> None:
        """Keys, one after the other."""
        for each in keys:
            self.page.keyboard.press(each)

    def type(self, words: str) -> None:
        """Words, letter by letter, into what has the focus."""
        self.page.keyboard.type(words)

    def write(self, words: str) -> None:
        """The same, in the place of what stands there."""
        self.press("Control+a")
        self.type(words)

    def tab_to(self, target: Locator, back: bool = False) -> None:
        """Tab until it has the focus; it must be reached."""
        expect(target).to_be_visible()
        for _ in range(MOST_TABS):
            if target.evaluate("each => each === document.activeElement"):
                return
            self.press("Shift+Tab" if back else "Tab")
        raise AssertionError(f"{self._where}: {target} is not reached by Tab")

    def use(self, target: Locator, key: str = "Enter") -> None:
        """Tab to a control and press it."""
        self.tab_to(target)
        self.press(key)

    def tap(self, target: Locator) -> None:
        """A finger on the middle of it; what is over it takes the tap, and then this fails."""
        target.tap()

    def go(self, words: str, address: str) -> None:
        """To another page by the palette."""
        self.press("Control+k")
        box = self.page.locator("#palette")
        expect(box.locator("input")).to_be_focused()
        expect(box.locator("[data-always] [role=option]").first).to_be_attached()
        self.type(words)
        expect(box.locator("[role=option][aria-selected=true]")).to_contain_text(words, ignore_case=True)
        self.press("Enter")
        self.page.wait_for_url(address)

    def step(self, what: str, loaded: bool = False) -> None:
        """A picture of how it stands, and what is wrong with it; a page just `loaded` has the focus nowhere yet."""
        settled(self.page)
        self.at += 1
        picture = self.page.screenshot(caret="initial")  # to hide it, Playwright would write styles; the policy refuses
        (self.folder / f"{self._where}-{what}.png").write_bytes(reduced(self.easel, picture))
        self.wrong += [f"{self._where} {what}: {each}" for each in self.page.evaluate(LOOK, loaded)]
