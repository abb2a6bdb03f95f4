"""How many pages a second the running program answers: some signed-in agents ask one after the other, side by side.

What asks is a socket each, kept open for as long as the program wants it, which sends the same bytes again and looks at
nothing but status and length of the answer: it runs on the same processors, so its share of them is told.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence

from bench.figures import Figure, milliseconds, percentile

END_OF_HEAD = b"\r\n\r\n"
WARM_SECONDS = 2.0


class Asker(threading.Thread):
    """One browser: asks for a page, waits for the answer, asks again."""

    def __init__(self, port: int, path: str, cookie: str, seconds: float) -> None:
        super().__init__()
        self._request = (f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n"
                         "Accept-Encoding: gzip, br\r\n\r\n").encode()
        self._port = port
        self._seconds = seconds
        self._connect()
        self.took: list[float] = []  # milliseconds
        self.bytes = 0
        self.error: Exception | None = None

    def _connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self) -> None:
        """Ask for as long as was said; what is answered while all get warm is not counted."""
        begun = time.perf_counter()
        try:
            while (now := time.perf_counter()) < begun + WARM_SECONDS + self._seconds:
                size = self._ask()
                if now > begun + WARM_SECONDS:
                    self.took.append((time.perf_counter() - now) * 1000)
                    self.bytes += size
        except (OSError, ValueError) as error:
            self.error = error
        finally:
            self._socket.close()

    def _ask(self) -> int:
        """One page; its bytes as sent. Raises ValueError for any other answer than 200 with a length."""
        self._socket.sendall(self._request)
        answer = b""
        while END_OF_HEAD not in answer:
            answer += self._more()
        head, _, body = answer.partition(END_OF_HEAD)
        headers = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
        if not head.startswith(b"HTTP/1.1 200 ") or b"content-length" not in headers:
            raise ValueError(head.decode("latin-1")[:300])
        length = int(headers[b"content-length"])
        missing = length - len(body)
        while missing > 0:
            missing -= len(self._more())
        if headers.get(b"connection") == b"close":
            self._socket.close()
            self._connect()
        return length

    def _more(self) -> bytes:
        piece = self._socket.recv(262_144)
        if not piece:
            raise ValueError("the connection was closed")
        return piece


def pages_a_second(port: int, path: str, cookies: Sequence[str], seconds: float) -> Figure:
    """Ask for a page with each cookie side by side. Raises RuntimeError when one was not answered with 200."""
    askers = [Asker(port, path, cookie, seconds) for cookie in cookies]
    for each in askers:
        each.start()
    time.sleep(WARM_SECONDS)
    worked = time.process_time()
    for each in askers:
        each.join()
    share = (time.process_time() - worked) / seconds
    for each in askers:
        if each.error:
            raise RuntimeError(f"{path}: {each.error}")
    took = [value for each in askers for value in each.took]
    rate, size = len(took) / seconds, sum(each.bytes for each in askers) // len(took)
    return Figure(f"List: unassigned, {len(cookies)} signed-in agents side by side, two web processes "
                  f"(what asks takes {share:.0%} of one processor)", f"{rate:.0f} pages/s",
                  milliseconds(percentile(took, 0.95)), size=f"{size:,} compressed", rank=1 / rate)
