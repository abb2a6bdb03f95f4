"""granian with three changes: its workers share one socket, know which of them they are, and one is replaced without
a failed request.

granian gives each worker a socket of its own: what waits there when the worker ends is lost. It ends a worker while
browsers hold connections open: a request on its way then gets no answer. Here the new worker is ready before the old
one is told to leave; that one takes no new connection, closes each it has with an answer, and is ended when nobody
should be left.
A worker that dies is started anew on the same socket; meanwhile connections wait.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import stat
import sys
import threading
import time
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from granian import Granian
from granian.net import SocketSpec

log = logging.getLogger(__name__)
READY, REPLACE = "ready", "replace"
START_SECONDS = 60.0
LEAVE_SECONDS = 1.5  # between the first answer that closes its connection and the end
TRIES = 3  # workers that die before they are ready, this often in a row, end the whole


def turn_deaf(port: int) -> None:
    """Take no new connection in this process; the others that share the socket of `port` still do.

    A connection that is taken in the moment in which the process ends gets no answer. granian cannot be told to stop
    listening, and closing the socket makes it panic; so its number is given to a socket that nobody calls.
    """
    if sys.platform != "linux":
        return
    with socket.socket() as deaf:
        deaf.setblocking(False)
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        for number in [int(each.name) for each in Path("/proc/self/fd").iterdir()]:
            if number != deaf.fileno() and _listens(number, port):
                os.dup2(deaf.fileno(), number)


def _listens(number: int, port: int) -> bool:
    try:
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            return False
        each = socket.socket(fileno=number)
    except OSError:  # the one that listed the folder, or just closed
        return False
    try:
        return (each.family in (socket.AF_INET, socket.AF_INET6) and each.getsockname()[1] == port
                and bool(each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)))
    finally:
        each.detach()


class Server(Granian):  # type: ignore[misc,valid-type]
    """Workers tell by `ear`: (READY, pid, "") or (REPLACE, pid, reason)."""

    def __init__(self, ear: Connection, *words: Any, **options: Any) -> None:
        super().__init__(*words, **options)
        self._ear = ear
        self._ready: set[int] = set()
        self._asked: dict[int, str] = {}  # process id → why it wants to be replaced
        self._failures = 0
        self._leaving: list[threading.Thread] = []

    def _init_shared_socket(self) -> None:
        self._shd = SocketSpec(self.bind_addr, self.bind_port, self.backlog).build()
        self._sfd = self._shd.get_fd()
        self._sso = socket.socket(fileno=os.dup(self._sfd))
        self._sso.set_inheritable(True)
        self._ssp = None

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Any) -> Any:
        """A worker whose application is told which of the workers it is, counted from 0."""
        return super()._spawn_worker(idx=idx, target=target, callback_loader=partial(callback_loader, idx))

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        threading.Thread(target=self._hear, name="web-ear", daemon=True).start()
        while not self.interrupt_signal:
            self.main_loop_interrupt.wait()
            self.main_loop_interrupt.clear()
            self.reload_signal = False
            for index, worker in enumerate(list(self.wrks)):
                if self.interrupt_signal:
                    break
                if not worker.is_alive():
                    if not self._revive(index, spawn_target, target_loader):
                        self.interrupt_children = [index]  # granian then ends with code 1
                        return
                elif worker.inner.pid in self._asked:
                    self._replace(index, spawn_target, target_loader)
            self.interrupt_children.clear()

    def signal_handler_reload(self, *_: Any) -> None:
        """SIGHUP: replace every worker."""
        self._asked |= {worker.inner.pid: "SIGHUP" for worker in self.wrks}
        self.main_loop_interrupt.set()

    def shutdown(self, exit_code: int = 0) -> None:
        """End in order, those that are leaving included."""
        super().shutdown(exit_code)
        for each in self._leaving:
            each.join()

    def _hear(self) -> None:
        while True:
            try:
                what, pid, reason = self._ear.recv()
            except (EOFError, OSError):
                return
            if what == READY:
                self._ready.add(pid)
            else:
                self._asked.setdefault(pid, reason)
                self.main_loop_interrupt.set()

    # --- one worker ----------------------------------------------------------------------------------------------

    def _replace(self, index: int, spawn_target: Any, target_loader: Any) -> None:
        old = self.wrks[index]
        reason = self._asked.pop(old.inner.pid)
        new = self._spawn_worker(idx=index, target=spawn_target, callback_loader=target_loader)
        new.start()
        if not self._wait_until_ready(new):
            log.error("A new web process could not be started; process %s stays. (%s)", old.inner.pid, reason)
            new.kill()
            return
        self.wrks[index] = new
        log.info("Web process %s replaces %s: %s", new.inner.pid, old.inner.pid, reason)
        self._leaving = [each for each in self._leaving if each.is_alive()]
        self._leaving.append(threading.Thread(target=self._retire, args=(old,), name="web-retire", daemon=True))
        self._leaving[-1].start()

    def _wait_until_ready(self, worker: Any) -> bool:
        end = time.monotonic() + START_SECONDS
        while worker.is_alive() and not self.interrupt_signal and time.monotonic() < end:
            if worker.inner.pid in self._ready:
                return True
            time.sleep(0.05)
        return worker.inner.pid in self._ready and worker.is_alive()

    def _retire(self, worker: Any) -> None:
        """Let a worker answer what it has in hand, closing every connection, then end it."""
        with contextlib.suppress(ProcessLookupError):  # it has just died by itself
            os.kill(worker.inner.pid, signal.SIGUSR2)
        end = time.monotonic() + LEAVE_SECONDS
        while time.monotonic() < end and not self.interrupt_signal and worker.is_alive():
            time.sleep(0.05)
        worker.terminate()
        end = time.monotonic() + self.workers_kill_timeout
        while worker.is_alive() and time.monotonic() < end:  # join() may say so late: another thread waits as well
            time.sleep(0.05)
        if worker.is_alive():
            log.warning("Web process %s did not end in time and is killed.", worker.inner.pid)
            worker.kill()
            worker.join()
        self._ready.discard(worker.inner.pid)

    def _revive(self, index: int, spawn_target: Any, target_loader: Any) -> bool:
        """Start a worker in place of one that died. False when that is of no use."""
        dead = self.wrks[index]
        self._failures = 0 if dead.inner.pid in self._ready else self._failures + 1
        log.error("Web process %s ended with code %s.", dead.inner.pid, dead.inner.exitcode)
        if self._failures >= TRIES:
            return False
        self._ready.discard(dead.inner.pid)
        self._asked.pop(dead.inner.pid, None)
        self.wrks[index] = self._spawn_worker(idx=index, target=spawn_target, callback_loader=target_loader)
        self.wrks[index].start()
        return True
