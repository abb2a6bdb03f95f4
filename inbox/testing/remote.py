"""Servers that stand for the shop, the CRM, the chat: on loopback, well or ill as a test wants them.

    shop = remote()                        a server that answers {} to everything
    shop.answers["/orders"] = [{"id": 7}]  … and this to that
    shop.mode = "slow"                     one of MODES
    shop.requests[-1].json                 what was asked
"""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODES = ("ok", "slow", "401", "404", "429", "500", "broken", "dead")
DRIBBLE_SECONDS = 0.1


@dataclass(frozen=True)
class Asked:
    """A request that reached a server."""

    method: str
    path: str  # with the query
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Remote:
    """A web server on a free port of this machine.

    slow: its answer comes letter by letter and never ends; broken: JSON that stops half way; dead: nobody listens.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}  # path without the query → what becomes JSON (bytes stay as they are)
        self.headers: dict[str, str] = {}  # sent with every answer
        self.requests: list[Asked] = []
        self.stopping = threading.Event()
        self._mode = "ok"
        self._placeholder: socket.socket | None = None
        self._server = self._listen(0)
        self.port: int = self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def mode(self) -> str:
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        if mode not in MODES:
            raise ValueError(f"The mode of a remote server is one of {', '.join(MODES)}, not {mode!r}.")
        if mode == "dead" and self._placeholder is None:
            self._close()
            self._placeholder = hold(self.port)
        elif mode != "dead" and self._placeholder is not None:
            self._placeholder.close()
            self._placeholder = None
            self._server = self._listen(self.port)
        self._mode = mode

    def stop(self) -> None:
        self.stopping.set()
        if self._placeholder is not None:
            self._placeholder.close()
        else:
            self._close()

    def _listen(self, port: int) -> ThreadingHTTPServer:
        server = _Server(("127.0.0.1", port), _Handler)
        server.remote = self
        threading.Thread(target=server.serve_forever, args=(0.02,), name="remote", daemon=True).start()
        return server

    def _close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def hold(port: int) -> socket.socket:
    """A socket that keeps a port from others and refuses connections: it does not listen.

    Somebody's outgoing connection may have the port for a moment after it was given back.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    end = time.monotonic() + 10
    while True:
        try:
            holder.bind(("127.0.0.1", port))
            return holder
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False
    remote: Remote


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _answer(self) -> None:
        remote = self.server.remote
        length = int(self.headers.get("content-length") or 0)
        remote.requests.append(Asked(self.command, self.path, {name.lower(): value for name, value
                                                               in self.headers.items()}, self.rfile.read(length)))
        self.close_connection = True
        value = remote.answers.get(self.path.partition("?")[0], {})
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        if remote.mode == "slow":
            self._dribble()
        elif remote.mode == "broken":
            self._send(200, b'{"half": [1, 2')
        elif remote.mode == "ok":
            self._send(200, body)
        else:
            self._send(int(remote.mode), b'{"error": "as the test wants it"}')

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # as http.server calls them

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Connection", "close")  # said, not only done: who keeps connections would use this one again
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)),
                            **self.server.remote.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _dribble(self) -> None:
        """A byte at a time: a limit on each read would never notice."""
        try:
            for letter in "HTTP/1.1 200 OK\r\nX-Slow: " + "." * 3000:
                self.wfile.write(letter.encode())
                if self.server.remote.stopping.wait(DRIBBLE_SECONDS):
                    return
        except OSError:
            return  # who asked has gone

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
