"""Every cross-site scripting vector of the corpus as the body of a real mail, opened in Chromium (in ``make corpus``).

The vectors arrive over SMTP, are taken in by the running program and shown by its ticket pages. No script may run and
no request may leave the desk. As a control the same vectors are opened as they are: there, scripts do run.
Exit code: 0 if all is well, 1 if not, 2 if the corpus or Chromium is missing.
"""

from __future__ import annotations

import importlib.util
import smtplib
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page

from tests.corpus.run import folder, missing
from tests.support.browser import WHY_NOT, chromium, find_chromium
from tests.support.program import Program, new_desk

OWNER, PASSWORD, ADDRESS = "ada@desk.example", "long-enough-secret", "support@desk.example"
TOGETHER = 25  # vectors in one ticket
PATIENCE = 600  # seconds until all is taken in
MARK = "a script ran"
TRAP = f"for (const name of ['alert', 'confirm', 'prompt', 'print']) window[name] = () => console.log('{MARK}');"


def vectors(corpus: Path) -> list[str]:
    """The hostile HTML of all sets, as the scorer beside them reads it."""
    spec = importlib.util.spec_from_file_location("check_html", corpus / "check_html.py")
    assert spec is not None and spec.loader is not None
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    return [html for _set, _name, html in scorer.vectors()]


class Watch:
    """A browser context that notes scripts that ran and requests to anybody but `home`."""

    def __init__(self, context: BrowserContext, home: str) -> None:
        self.ran: set[str] = set()
        self.asked: set[str] = set()
        self.place = ""
        context.add_init_script(TRAP)
        context.on("console", lambda said: self.ran.add(self.place) if said.text == MARK else None)
        context.on("dialog", lambda dialog: (self.ran.add(self.place), dialog.dismiss()))
        context.on("request", lambda request: None if request.url.startswith((home, "data:", "about:", "blob:"))
                   else self.asked.add(f"{self.place}: {request.url[:100]}"))
        self.page = context.new_page()

    def open(self, url: str) -> None:
        """Open a page, and give what is on it the time to do harm."""
        self.place = url
        self.page.goto(url)
        self.page.wait_for_load_state("load")
        self.page.wait_for_timeout(300)


def control(browser: Browser, found: list[str]) -> int:
    """In how many vectors something runs when nobody has cleaned them."""
    context = browser.new_context()
    watch = Watch(context, "about:")
    for number, html in enumerate(found):
        watch.place = str(number)
        watch.page.goto("about:blank")
        watch.page.set_content(html, wait_until="commit")
        watch.page.wait_for_timeout(60)
    context.close()
    return len(watch.ran)


def deliver(program: Program, found: list[str]) -> list[int]:
    """Send each as a mail, many to a ticket; returns the numbers of the tickets."""
    with smtplib.SMTP("127.0.0.1", program.smtp_port, timeout=60) as server:
        for number, html in enumerate(found):
            mail = EmailMessage()
            mail["From"], mail["To"], mail["Subject"] = "maja@example.com", ADDRESS, f"Vectors {number // TOGETHER}"
            mail["Message-ID"] = f"<{number}@example.com>"
            if number % TOGETHER:
                mail["In-Reply-To"] = f"<{number - number % TOGETHER}@example.com>"
            mail.set_content("Only HTML.")
            mail.set_content(html.encode("utf-8", "replace"), "text", "html", cte="base64")
            server.send_message(mail)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with closing(sqlite3.connect(program.home / "inbox.db")) as database:
            (done,) = database.execute("SELECT count(*) FROM ledger WHERE fate IN ('created', 'appended')").fetchone()
            if done == len(found):
                return [row[0] for row in database.execute("SELECT number FROM ticket ORDER BY number")]
        time.sleep(0.5)
    raise AssertionError(f"{done} of {len(found)} messages were taken in")


def _unfold(page: Page, count: int) -> None:
    """Show the earlier messages of a long thread, too: all `count` of them."""
    earlier = page.locator("[data-earlier]")
    if earlier.count():
        earlier.first.click()
    page.locator("article.message").nth(count - 1).wait_for(timeout=30_000)
    page.wait_for_timeout(300)


def run(corpus: Path) -> int:
    """Returns the exit code."""
    found = vectors(corpus)
    home = Path(tempfile.mkdtemp(prefix="pluginbox-xss-")) / "home"
    new_desk(home, ADDRESS, (OWNER, PASSWORD))
    with Program(home) as program, chromium() as browser:
        numbers = deliver(program, found)
        watch = Watch(browser.new_context(), program.url)
        page = watch.page
        page.goto(f"{program.url}/sign-in")
        page.get_by_label("Mail address").fill(OWNER)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/views/**")
        shown = frames = 0
        for place, number in enumerate(numbers):
            watch.open(f"{program.url}/tickets/{number}")
            _unfold(page, min(TOGETHER, len(found) - place * TOGETHER))
            shown += page.locator("article.message").count()
            frames += page.locator("iframe.mail-frame").count()
        armed = control(browser, found)
    print(f"\n{len(found)} vectors in {len(numbers)} tickets; {shown} messages shown, {frames} of them in frames")
    print(f"scripts run: {len(watch.ran)}; requests that left the desk: {len(watch.asked)}")
    print(f"control: as they are, {armed} of them run a script")
    for each in sorted(watch.ran | watch.asked):
        print(f"  {each}")
    return 1 if watch.ran or watch.asked or shown != len(found) or not armed else 0


def main() -> int:
    """Command line."""
    corpus = folder(sys.argv[1] if len(sys.argv) > 1 else None)
    problem = missing(corpus) or (WHY_NOT if find_chromium() is None else None)
    if problem:
        print(problem, file=sys.stderr)
        return 2
    return run(corpus)


if __name__ == "__main__":
    sys.exit(main())
