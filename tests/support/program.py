"""The real program as a subprocess: its own INBOX_HOME, free ports, `kill -9` when a test wants it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from inbox.testing.netguard import MARK
from tests.support.ports import free_port

ROOT = Path(__file__).parent.parent.parent


def environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for a started program: ours without INBOX_*, with the network guard."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("INBOX_")}
    guard = ROOT / "tests" / "support" / "guard"
    clean["PYTHONPATH"] = os.pathsep.join([str(guard), str(ROOT)])
    clean["PYTHONUNBUFFERED"] = "1"
    clean["INBOX_HOME"] = str(home)
    clean["INBOX_MAX_HOLD"] = "0"  # what agents send goes out at once, unless a test is about undoing it
    return clean | dict(extra or {})


def inbox(
    home: Path,
    *arguments: str,
    input: bytes | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 60,
) -> subprocess.CompletedProcess[bytes]:
    """Run one `inbox …` command to its end; a failing one does not raise."""
    return subprocess.run(
        [sys.executable, "-m", "inbox", *arguments],
        input=input,
        capture_output=True,
        env=environment(home, env),
        cwd=ROOT,
        timeout=timeout,
    )


def new_desk(home: Path, address: str, login: tuple[str, str]) -> None:
    """A desk made by commands: the department Support with a mailbox, and an owner with this address and password."""
    for words, given in (
        (("init",), None),
        (("department", "create", "Support"), None),
        (("mailbox", "create", address, "--department", "Support"), None),
        (("agent", "create", login[0], "--name", "Ada", "--role", "owner", "--department", "Support",
          "--password-stdin"), f"{login[1]}\n".encode()),
    ):
        done = inbox(home, *words, input=given)
        assert done.returncode == 0, done.stderr.decode()


class Program:
    """A running `inbox run` (or any long-running subcommand).

    `port` and `smtp_port` are passed on for `run`; `url` is the address of the pages. Everything
    printed goes to `log`. Use as a context manager, or call `stop`.
    """

    def __init__(
        self,
        home: Path,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> None:
        self.home = home
        self.arguments = arguments or ("run",)
        self.env = dict(env or {})
        self.port, self.smtp_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        home.mkdir(parents=True, exist_ok=True)
        self.log = home / "program.log"
        self.process = self._start()
        if wait:
            try:
                self.wait_until_ready()
            except RuntimeError:
                self.kill()
                raise

    def _start(self) -> subprocess.Popen[bytes]:
        ports: list[str] = []
        if self.arguments[0] == "run":
            ports = ["--port", str(self.port), "--smtp-port", str(self.smtp_port)]
        with self.log.open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "inbox", *self.arguments, *ports],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment(self.home, self.env),
                cwd=ROOT,
                start_new_session=True,  # so that one signal can reach its children too
            )

    def output(self) -> str:
        """Return everything printed so far, over all starts."""
        return self.log.read_text(errors="replace")

    def wait_until_ready(self, seconds: float = 180) -> None:
        """Wait until /readyz answers 200. Raises RuntimeError with the output otherwise."""
        end = time.monotonic() + seconds
        last = "no answer"
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except urllib.error.HTTPError as error:
                last = f"{error.code} {error.read(500)!r}"
            except OSError as error:
                last = str(error)
            time.sleep(0.1)
        raise RuntimeError(f"not ready ({last}; exit {self.process.poll()}):\n{self.output()[-6000:]}")

    def wait_for_output(self, text: str, seconds: float = 20) -> str:
        """Wait until `text` was printed; return the whole output."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if text in self.output():
                return self.output()
            if self.process.poll() is not None and text not in self.output():
                break
            time.sleep(0.05)
        raise AssertionError(f"{text!r} was not printed:\n{self.output()[-6000:]}")

    def kill(self) -> None:
        """`kill -9` the program and its children, as a power cut would."""
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    def kill_parent(self) -> None:
        """`kill -9` the first process only; its children must notice and end."""
        self.process.kill()
        self.process.wait(20)

    def members(self) -> list[int]:
        """Return the process ids that still belong to this program (its session), the first included."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                except OSError:
                    continue  # it ended while we looked
                if int(fields[3]) == self.process.pid and fields[0] != "Z":
                    found.append(int(entry.name))
        return found

    def start_again(self) -> None:
        """Start again on the same data and ports after `stop` or `kill`; does not wait."""
        self.process = self._start()

    def restart(self) -> None:
        """Start again, and wait until its pages answer."""
        self.start_again()
        self.wait_until_ready()

    def stop(self, seconds: float = 30) -> int:
        """Ask the program to end (SIGTERM), wait, and return its exit code.

        Kills it and fails when it does not end in time, or when it tried to leave this machine.
        """
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"did not stop in {seconds} s:\n{self.output()[-6000:]}") from None
        assert MARK not in self.output(), self.output()
        return self.process.returncode

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *exc: object) -> None:
        if exc[0] is None:
            self.stop()
        elif self.process.poll() is None:
            self.kill()
