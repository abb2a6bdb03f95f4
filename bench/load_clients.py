"""Who loads the desk in `bench.load`: live streams, lists that follow them, agents at work, mail that comes in.

All of them are threads of one process; its share of the processors is told with the figures.
"""

from __future__ import annotations

import http.client
import json
import random
import re
import selectors
import smtplib
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from bench.words import letter

PAUSE = 2.0  # a page that is told of news asks for its list at most this often (static/js/live.js)
RETRY = 3.0  # seconds until a browser opens a broken stream again; the stream says so
LAST_CHUNK = b"0\r\n\r\n"  # of an answer that has ended on a connection that is kept
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
ROW = re.compile(r'data-number="(\d+)"')
GONE = (OSError, http.client.HTTPException)


@dataclass
class Seen:
    """What all clients saw; times are those of time.monotonic()."""

    accepted: dict[int, float] = field(default_factory=dict)  # by number of the message: when SMTP said 250
    hints: dict[int, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))  # ticket, stream: first told
    everything: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))  # stream: told to look at all
    opened: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))  # stream: when it began (again)
    ended: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))  # stream: when it ended
    listed: dict[int, float] = field(default_factory=dict)  # ticket: first in a list that was asked for again
    pages: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # seconds, by kind of page
    replies: dict[str, bool] = field(default_factory=dict)  # by words in it: whether the desk has confirmed it
    errors: Counter[str] = field(default_factory=Counter)
    gone: Counter[str] = field(default_factory=Counter)  # no answer: the process was away


class Browser:
    """One signed-in agent's requests over a kept connection. Asks the next process when one is away, as a balancer."""

    def __init__(self, ports: Sequence[int], first: int, cookie: str, seen: Seen) -> None:
        self._ports, self._at, self._seen = ports, first, seen
        self._cookies = dict([cookie.split("=", 1)])
        self._desk: http.client.HTTPConnection | None = None
        self.token = ""

    def ask(self, what: str, method: str, path: str, **form: str) -> str | None:
        """The page, or None; what went wrong is counted. Only a page that was asked for with GET is asked for again."""
        headers = {"Cookie": "; ".join(map("=".join, self._cookies.items())), **(HTMX if self.token else {})}
        body = None
        if method == "POST":
            body = urlencode({"csrf_token": self.token, **form})
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        for _ in range(4 if method == "GET" else 1):
            begun = time.monotonic()
            try:
                answer, text = self._once(method, path, body, headers)
            except GONE as error:
                self._seen.gone[f"{what}: {type(error).__name__}"] += 1
                self.close()
                self._at += 1
                time.sleep(0.1)
                continue
            self._seen.pages[what].append(time.monotonic() - begun)
            if answer.status >= 400:
                self._seen.errors[f"{what}: {answer.status}"] += 1
                return None
            return text
        return None

    def _once(self, method: str, path: str, body: str | None, headers: dict[str, str]
              ) -> tuple[http.client.HTTPResponse, str]:
        if self._desk is None:
            self._desk = http.client.HTTPConnection("127.0.0.1", self._ports[self._at % len(self._ports)], timeout=60)
        self._desk.request(method, path, body, headers)
        answer = self._desk.getresponse()
        text = answer.read().decode()
        for header in answer.headers.get_all("Set-Cookie") or ():  # the token for forms lies in it
            name, _, value = header.partition(";")[0].partition("=")
            self._cookies[name] = value
        if answer.getheader("connection") == "close":
            self.close()
        return answer, text

    def close(self) -> None:
        """Let the connection go."""
        if self._desk is not None:
            self._desk.close()
            self._desk = None

    def arrive(self) -> str:
        """The first page: gives the token for forms; returns how far the desk was when it was drawn."""
        page = self.ask("first page", "GET", "/views/open") or ""
        token, drawn = (re.search(pattern, page) for pattern in
                        (r'name="csrf-token" content="([^"]+)"', r'data-drawn-at="([^"]*)"'))
        if not token or not drawn:
            raise RuntimeError("The desk shows no list.")
        self.token = token[1]
        return drawn[1]


@dataclass(eq=False)
class Stream:
    """One open `/live`."""

    index: int
    department: int
    cookie: str
    first: int
    after: str
    link: socket.socket | None = None
    rest: bytes = b""
    tail: bytes = b""
    due: float = 0.0


def lines_of(rest: bytes, data: bytes) -> tuple[list[dict[str, Any]], bytes]:
    """The hints in what has come, and what of it is not complete yet."""
    *whole, rest = (rest + data).split(b"\n")
    return [json.loads(line[6:]) for line in whole if line.startswith(b"data: ")], rest


class Streams(threading.Thread):
    """All live streams, in one thread. `lists` hear of each hint for their department."""

    def __init__(self, ports: Sequence[int], streams: list[Stream], lists: dict[int, threading.Event],
                 seen: Seen, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._ports, self._streams, self._lists, self._seen, self._stop_ = ports, streams, lists, seen, stop
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Until the end: open what is due, read what has come."""
        while not self._stop_.is_set():
            now = time.monotonic()
            for each in self._streams:
                if each.link is None and each.due <= now:
                    self._open(each)
            for key, _ in self._selector.select(0.2):
                self._read(key.data)
        for each in self._streams:
            if each.link is not None:
                each.link.close()

    def _open(self, stream: Stream) -> None:
        stream.first += 1
        stream.rest = stream.tail = b""
        try:
            stream.link = socket.create_connection(
                ("127.0.0.1", self._ports[stream.first % len(self._ports)]), timeout=10)
            stream.link.sendall((f"GET /live?after={stream.after} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                                 f"Accept: text/event-stream\r\nCookie: {stream.cookie}\r\n\r\n").encode())
        except OSError as error:
            self._broken(stream, type(error).__name__)
            return
        stream.link.setblocking(False)
        self._selector.register(stream.link, selectors.EVENT_READ, stream)

    def _read(self, stream: Stream) -> None:
        assert stream.link is not None
        try:
            data = stream.link.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(stream.link)
            self._broken(stream, "ended")
            return
        now = time.monotonic()
        if data.startswith(b"HTTP/1.1"):
            status = data.split(b" ", 2)[1].decode()
            if status != "200":
                self._seen.errors[f"stream: {status}"] += 1
            self._seen.opened[stream.index].append(now)
        hints, stream.rest = lines_of(stream.rest, data)
        for hint in hints:
            self._told(stream, hint, now)
        stream.tail = (stream.tail + data)[-len(LAST_CHUNK):]
        if stream.tail == LAST_CHUNK:  # as after ten minutes
            self._selector.unregister(stream.link)
            self._over(stream)

    def _told(self, stream: Stream, hint: dict[str, Any], now: float) -> None:
        if hint.get("all"):
            self._seen.everything[stream.index].append(now)
        for number in hint.get("tickets", ()):
            self._seen.hints[number].setdefault(stream.index, now)
        if ("all" in hint or "tickets" in hint) and stream.department in self._lists:
            self._lists[stream.department].set()

    def _broken(self, stream: Stream, why: str) -> None:
        self._seen.gone[f"stream: {why}"] += 1
        self._over(stream)

    def _over(self, stream: Stream) -> None:
        self._seen.ended[stream.index].append(time.monotonic())
        if stream.link is not None:
            stream.link.close()
        stream.link, stream.due = None, time.monotonic() + RETRY


def follow(browser: Browser, told: threading.Event, seen: Seen, stop: threading.Event) -> None:
    """A page in front: asks for its list and the rail as soon as it is told of news, at most every two seconds."""
    last = 0.0
    while not stop.is_set():
        if not told.wait(0.5):
            continue
        wait = last + PAUSE - time.monotonic()
        if stop.wait(random.uniform(0, 0.15) if wait <= 0 else wait + random.uniform(0, 0.25)):
            return
        told.clear()
        last = time.monotonic()
        rows = browser.ask("list, told of news", "GET", "/views/open?part=rows")
        now = time.monotonic()
        for number in ROW.findall(rows or ""):
            seen.listed.setdefault(int(number), now)
        browser.ask("rail, told of news", "GET", "/rail?in=open")


def work(browser: Browser, name: str, pace: float, seen: Seen, stop: threading.Event) -> None:
    """An agent: a list, a ticket of it, a reply to every second one, and a rest between."""
    browser.arrive()
    turn = 0
    while not stop.wait(random.uniform(0.5, 1.5) * pace):
        turn += 1
        rows = ROW.findall(browser.ask("list", "GET", "/views/open?part=rows") or "")
        if not rows:
            continue
        number = random.choice(rows)
        browser.ask("ticket", "GET", f"/tickets/{number}?in=open&part=pane")
        if turn % 2:
            words = f"reply-{name}-{turn}-end"
            seen.replies[words] = False
            seen.replies[words] = browser.ask("reply", "POST", f"/tickets/{number}/messages", kind="reply",
                                              text=f"It is on its way. {words}") is not None


def post(numbers: range, first: float, every: float, port: int, addresses: Sequence[str], seen: Seen,
         stop: threading.Event) -> None:
    """A mail server: one message at its time, one connection each; what was not acknowledged is sent again."""
    for place, number in enumerate(numbers):
        if stop.wait(max(0.0, first + place * every - time.monotonic())):
            return
        address = addresses[number % len(addresses)]
        raw = letter(number, "load").replace(b"support@desk.example", address.encode())
        begun = time.monotonic()
        while not stop.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", port, timeout=60) as server:
                    server.sendmail(f"customer{number}@mail.example", [address], raw)
                    seen.accepted[number] = time.monotonic()
                    seen.pages["SMTP, until 250"].append(seen.accepted[number] - begun)
                    break
            except (OSError, smtplib.SMTPException) as error:
                said = getattr(error, "smtp_code", "")
                seen.gone[f"SMTP: {type(error).__name__} {said}".strip()] += 1
                time.sleep(0.5)
