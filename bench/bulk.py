"""`python -m bench.bulk`: all open tickets of a large desk closed at once, and taken back, with the program running.

Meanwhile an agent works: lists, tickets, the rail, notes, a status, one request after the other over HTTP. What is
printed is how long the act took, and the slowest request of each kind.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import sqlite3
import statistics
import time
from collections import defaultdict
from itertools import cycle
from pathlib import Path
from urllib.parse import urlencode

from bench import desk, program
from bench.__main__ import machine, signed_in
from inbox.app import create_app
from inbox.config import Config
from inbox.db import db, work_context
from inbox.secrets import ensure_key

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


class Browser:
    """Requests of one signed-in agent; remembers how long each kind took."""

    def __init__(self, port: int, cookie: str) -> None:
        self._port, self._cookies = port, dict([cookie.split("=", 1)])
        self.times: dict[str, list[float]] = defaultdict(list)
        page = self.ask("first page", "GET", "/views/open")
        self._token = re.search(r'name="csrf-token" content="([^"]+)"', page)[1]  # type: ignore[index]
        self.times.clear()

    def ask(self, what: str, method: str, path: str, **form: str) -> str:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()), **HTMX}
        body = None
        if method == "POST":
            body = urlencode({"csrf_token": self._token, **form})
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        begun = time.perf_counter()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        self.times[what].append(time.perf_counter() - begun)
        for header in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = header.partition(";")[0].partition("=")
            self._cookies[name] = value
        connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]}")
        return text

    def work(self, numbers: cycle[int]) -> None:
        """One round of what an agent does."""
        number = next(numbers)
        self.ask("list", "GET", "/views/open?part=rows")
        self.ask("ticket", "GET", f"/tickets/{number}?in=open&part=pane")
        self.ask("rail", "GET", "/rail?in=open")
        self.ask("note", "POST", f"/tickets/{number}/messages", kind="note", text="Looked at it.")
        self.ask("status", "POST", f"/tickets/{number}/priority", priority="high")

    def until(self, state: str, numbers: cycle[int]) -> float:
        """Work until the act is in that state; seconds it took."""
        begun = time.perf_counter()
        while f'data-bulk-state="{state}"' not in (line := self.ask("progress", "GET", "/bulk/line")):
            print("  ", re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", line)).strip(), flush=True)
            self.work(numbers)
            if time.perf_counter() - begun > 1800:
                raise RuntimeError("It does not come to an end.")
        print("  ", re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", line)).strip(), flush=True)
        return time.perf_counter() - begun


def measure(tickets: int) -> list[str]:
    """The lines of the table."""
    with desk.home(tickets) as home:
        _open_all(home)
        config = Config(home=home)
        ensure_key(config)
        app = create_app(config)
        cookie = signed_in(app)[1]
        with work_context(app):
            db.engine.dispose()
        with program.running(home) as running:
            browser, lines = Browser(running.port, cookie), []
            numbers = cycle(range(tickets, tickets - 40, -1))
            for _ in range(10):
                browser.work(numbers)
            lines.append(_line("nothing else goes on", 0.0, browser))
            browser.ask("start", "POST", "/bulk/status", **{"in": "open", "all": "1", "value": "closed"})
            took = browser.until("done", numbers)
            lines.append(_line(f"{tickets:,} tickets are closed", took, browser))
            with sqlite3.connect(home / "inbox.db") as database:
                number = database.execute("SELECT max(id) FROM bulk_act").fetchone()[0]
            browser.ask("start", "POST", f"/bulk/{number}/undo")
            took = browser.until("undone", numbers)
            lines.append(_line("taken back", took, browser))
        return lines


def _open_all(home: Path) -> None:
    with sqlite3.connect(home / "inbox.db") as database:
        database.execute("UPDATE ticket SET status = 'open', shelf = 'open', is_spam = 0, trashed_at = NULL, "
                         "snoozed_until = NULL, closed_at = NULL, merged_into_id = NULL")


def _line(what: str, took: float, browser: Browser) -> str:
    every = sorted(each for times in browser.times.values() for each in times)
    slowest = ", ".join(f"{name} {max(times) * 1000:.0f}" for name, times in browser.times.items() if name != "start")
    browser.times.clear()
    return (f"| {what} | {f'{took:.0f} s' if took else ''} | {len(every)} | {statistics.median(every) * 1000:.0f} ms | "
            f"{every[int(len(every) * .95)] * 1000:.0f} ms | {every[-1] * 1000:.0f} ms | {slowest} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.bulk", description=__doc__)
    parser.add_argument("--size", type=int, default=10_000)
    size = parser.parse_args().size
    lines = measure(size)
    print(machine(), f"; load {os.getloadavg()[0]:.1f}")
    print("| while | in all | requests | median | 95th percentile | slowest | slowest of each kind, ms |\n"
          "|---|---|---|---|---|---|---|", *lines, sep="\n")


if __name__ == "__main__":
    main()
