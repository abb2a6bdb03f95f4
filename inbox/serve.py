"""`inbox run`: one supervisor with the children web, worker and smtp. It loads nothing but the settings.

A child that ends is started again, later each time it fails soon. SIGINT and SIGTERM end them all: each finishes
what it has in hand, within ten seconds. When the supervisor itself is killed, its children notice and end.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import inbox
from inbox import logs, processes
from inbox.config import Config
from inbox.processes import HomeLock, StartError

log = logging.getLogger(__name__)
CHILDREN = ("smtp", "worker", "web")
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
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    failures: int = 0
    due: float = 0.0  # when to start it (again)


def run(config: Config) -> int:
    """Run the whole desk until a signal. Returns the exit code. Raises StartError."""
    logs.init(config, "inbox")
    with HomeLock(config.home) as lock:
        patience = UNCLEAN_PATIENCE if lock.was_unclean else 0.0
        processes.require_port(config.host, config.port, "port", patience)
        processes.require_port(config.smtp_host, config.smtp_port, "smtp_port", patience)
        return Supervisor(config).run()


class Supervisor:
    """Starts the children, keeps them running, ends them."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._environment = processes.environment_for(config) | {processes.SUPERVISOR: str(os.getpid())}
        self._children = [Child(name) for name in CHILDREN]
        self._stopping = False
        self._ready = False
        self._wake, wake = os.pipe()
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
        code = 0
        while not self._stopping:
            now = time.monotonic()
            for child in self._children:
                if child.process is None and child.due <= now:
                    self._start(child)
                elif child.process is not None and child.process.poll() is not None:
                    self._ended(child, now)
            if not self._ready:
                if hopeless := next((each for each in self._children if each.failures >= TRIES_AT_START), None):
                    log.error("%s cannot be started; its last words are above.", hopeless.name)
                    code = 1
                    break
                self._ready = self._is_ready()
                if self._ready:
                    self._greet(greeting)
            self._wait()
        self._end_all()
        return code

    # --- starting ------------------------------------------------------------------------------------------------

    def _prepare(self) -> dict[str, Any]:
        """Tables, demo desk, set-up code: in a process of its own, which is not interrupted."""
        if self._config.demo and self._config.is_sqlite and not (self._config.home / "inbox.db").exists():
            print("Preparing the demo desk; the first time takes some seconds.", flush=True)
        done = subprocess.Popen(self._command("inbox.prepare"), env=self._environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, preexec_fn=processes.become_child)
        said, _ = done.communicate()
        if done.returncode:
            raise StartError("")  # it has said why
        answer: dict[str, Any] = json.loads(said)
        return answer

    @staticmethod
    def _command(module: str, *words: str) -> list[str]:
        """This Python, not looking for modules in the current folder unless we came from there ourselves."""
        from_here = Path.cwd() == Path(inbox.__file__).parent.parent
        return [sys.executable, *([] if from_here else ["-P"]), "-m", module, *words]

    def _start(self, child: Child) -> None:
        child.process = subprocess.Popen(self._command("inbox", child.name), env=self._environment,
                                         stdin=subprocess.DEVNULL, preexec_fn=processes.become_child)
        child.began = time.monotonic()

    def _ended(self, child: Child, now: float) -> None:
        assert child.process is not None
        code, child.process = child.process.returncode, None
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
            try:
                process.wait(max(end - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                log.warning("Process %s did not end in time and is killed.", process.pid)
                process.kill()
                process.wait()


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=0.5):
            return True
    except OSError:
        return False
