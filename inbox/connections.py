"""Which web process a browser's connection stays with.

All web processes of one machine share a listening socket, and a connection stays open with whichever took it first: one
process may have all browsers that are busy, and the other none. So each says how many requests it works on; one that
has two more than another asks the browser, with its answer, to come back on a new connection. The same way one that
is about to end gets rid of those it has.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, MutableSequence
from typing import Any

from inbox.web_server import turn_deaf

UNEVEN = 2  # requests more than the process with the fewest; with one more they would only change places


class Connections:
    """A WSGI application around another one, in one of several processes.

    `busy` is memory that all of them share, with the number of requests each works on; this one writes at `place`.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], port: int, busy: MutableSequence[int], place: int) -> None:
        self._app, self._port = app, port
        self._busy, self._place = busy, place
        self._lock = threading.Lock()
        self._working = 0
        self._leaving = False
        busy[place] = 0  # whoever had it before may have been killed at work

    def leave(self) -> None:
        """From now on every answer closes its connection, and there are no new ones."""
        self._leaving = True
        turn_deaf(self._port)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            if self._leaving or self._working - min(self._busy) >= UNEVEN:
                headers = [*headers, ("Connection", "close")]
            return start_response(status, headers, *more)

        self._count(1)
        try:
            return self._app(environ, start)  # a live stream is not work: it comes back from here at once
        finally:
            self._count(-1)

    def _count(self, more: int) -> None:
        with self._lock:
            self._working += more
            self._busy[self._place] = self._working
