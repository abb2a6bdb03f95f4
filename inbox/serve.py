"""`inbox run`: one supervisor with the children web, smtp and worker.

It reads the program's code and opens nothing: no database, no thread, no plugin. Its children are forked from it: they
need not read the code again, and share its memory (docs/decisions/0007-forked.md).

A child that ends is started again, later each time it fails soon. SIGINT and SIGTERM end them all: each finishes
what it has in hand, within ten seconds. When the supervisor itself is killed, its children notice and end.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import select
import signal
import socket
import time
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Any

import inbox
from inbox import logs, preload, processes
from inbox.config import Config
from inbox.processes import HomeLock, StartError

log = logging.getLogger(__name__)
CHILDREN = ("web", "smtp", "worker")
STOP_SECONDS = 11.0  # each child takes 8 at most for itself
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
STEADY_SECONDS = 30.0  # alive for this long counts as well
TRIES_AT_START = 3  # a child that cannot even start ends the whole
UNCLEAN_PATIENCE = 12.0
USELESS_TO_RETRY = 2  # exit code of a child that was called wrongly


@dataclass
class Child:
    """One of the processes below us."""

    name: str
    process: BaseProcess | None = None
    began: float = 0.0
    failures: int = 0
    due: float = 0.0  # when to start it (again)


def run(config: Config) -> int:
    """Run the whole desk until a signal. Returns the exit code. Raises StartError."""
    logs.init(config, "inbox")
    processes.spare_memory()  # and that of the children
    with HomeLock(config.home) as lock:
        patience = UNCLEAN_PATIENCE if lock.was_unclean else 0.0
        processes.require_port(config.host, config.port, "port", patience)
        processes.require_port(config.smtp_host, config.smtp_port, "smtp_port", patience)
        return Supervisor(config, lock).run()


class Supervisor:
    """Starts the children, keeps them running, ends them."""

    def __init__(self, config: Config, lock: HomeLock) -> None:
        self._config = config
        self._environment = processes.environment_for(config) | {processes.SUPERVISOR: str(os.getpid())}
        self._children = [Child(name) for name in CHILDREN]
        self._stopping = False
        self._ready = False
        self._wake, wake = os.pipe()
        self._ours = (self._wake, wake, lock.fileno())  # open files that no child may keep
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _stop(self, *_: Any) -> None:
        self._stopping = True

    def run(self) -> int:
        """Prepare, then watch. Returns the exit code."""
        greeting = self._prepare()
        try:
            return self._watch(greeting)
        finally:
            self._end_all()

    def _watch(self, greeting: dict[str, Any]) -> int:
        while not self._stopping:
            now = time.monotonic()
            for child in self._children:
                if child.process is None and child.due <= now:
                    self._start(child)
                elif child.process is not None and child.process.exitcode is not None:
                    self._ended(child, now)
            if not self._ready:
                if hopeless := next((each for each in self._children if each.failures >= TRIES_AT_START), None):
                    log.error("%s cannot be started; its last words are above.", hopeless.name)
                    return 1
                self._ready = self._is_ready()
                if self._ready:
                    self._greet(greeting)
            self._wait()
        return 0

    # --- starting ------------------------------------------------------------------------------------------------

    def _prepare(self) -> dict[str, Any]:
        """Tables, demo desk, set-up code: in a process of its own, not interrupted. Meanwhile the code is read."""
        with preload.at_rest():
            from inbox import prepare  # not before the ports are known to be free
        if self._config.demo and self._config.is_sqlite and not (self._config.home / "inbox.db").exists():
            print("Preparing the demo desk; the first time takes some seconds.", flush=True)
        ear, mouth = multiprocessing.Pipe(duplex=False)
        child = processes.start_child(prepare.tell, self._config, mouth, leaving=self._ours)
        mouth.close()
        if processes.FORKS:
            preload.everything()
        try:
            greeting: dict[str, Any] = ear.recv()
        except EOFError:
            raise StartError("") from None  # it has said why
        child.join()
        return greeting

    def _start(self, child: Child) -> None:
        child.process = processes.start_child(_become, child.name, self._environment, leaving=self._ours)
        child.began = time.monotonic()

    def _ended(self, child: Child, now: float) -> None:
        assert child.process is not None
        code, child.process = child.process.exitcode or 0, None
        if code == processes.ANEW:
            return  # it has said why
        child.failures = 1 if now - child.began > STEADY_SECONDS else child.failures + 1
        if code == USELESS_TO_RETRY:
            child.failures = max(child.failures, TRIES_AT_START)
        pause = min(FIRST_PAUSE * 2 ** (child.failures - 1), LONGEST_PAUSE)
        child.due = now + pause
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        log.error("%s %s; it is started again in %.1f s.", child.name, how, pause)

    def _is_ready(self) -> bool:
        places = ((self._config.host, self._config.port), (self._config.smtp_host, self._config.smtp_port))
        return all(each.process is not None for each in self._children) and all(_answers(*each) for each in places)

    def _greet(self, greeting: dict[str, Any]) -> None:
        config = self._config
        lines = [f"Pluginbox {inbox.__version__} is ready.", ""]
        if code := greeting.get("setup_code"):
            lines.append(f"  Set up    {config.public_url}/setup?code={code}")
        else:
            lines.append(f"  Open      {config.public_url}/")
        if login := greeting.get("login"):
            lines.append(f"  Sign in   {login[0]}   password: {login[1]}")
        to = f", to {greeting['mail_to']} for example" if "mail_to" in greeting else ""
        lines += [f"  Mail in   {config.smtp_host}:{config.smtp_port} ({config.smtp_protocol.upper()}){to}",
                  f"  Data      {config.home}", "", "Ctrl-C ends it.", ""]
        print("\n".join(lines), flush=True)

    # --- waiting and ending --------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Until a signal (a child that ends is one), or until something is due."""
        now = time.monotonic()
        due = [each.due - now for each in self._children if each.process is None]
        pause = min([*due, 3600.0 if self._ready else 0.1])
        if select.select([self._wake], [], [], max(pause, 0.0))[0]:
            os.read(self._wake, 4096)

    def _end_all(self) -> None:
        alive = [each.process for each in self._children if each.process is not None]
        for process in alive:
            process.terminate()
        end = time.monotonic() + STOP_SECONDS
        for process in alive:
            process.join(max(end - time.monotonic(), 0.1))
            if process.exitcode is None:
                log.warning("Process %s did not end in time and is killed.", process.pid)
                process.kill()
                process.join()


def _become(name: str, environment: dict[str, str]) -> None:
    """In a child: be `inbox web`, `inbox smtp` or `inbox worker`."""
    from inbox.cli import main

    processes.set_name(f"inbox {name}")
    os.environ.update(environment)
    main([name], prog_name="inbox")


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=0.5):
            return True
    except OSError:
        return False
