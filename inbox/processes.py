"""What the processes of one installation owe each other: one supervisor a home, no orphans, ports known to be free."""

from __future__ import annotations

import ctypes
import dataclasses
import fcntl
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any

from inbox.config import Config

LOCK_FILE = "inbox.lock"
SUPERVISOR = "INBOX_SUPERVISOR"  # process id, in the environment of a supervisor's children
LOOK_SECONDS = 1.0
NICENESS = 5  # of workers: where both have work, a page gets three times as much of a processor
LAST_SECONDS = 12.0  # how long an orphan may take to end what it has in hand
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
LARGE_BYTES = 256 * 1024  # a piece of memory of this size is given back as soon as it is freed
ANEW = 75  # exit code of a supervisor's child that wants to be replaced by a new process
FORKS = sys.platform == "linux"  # elsewhere libraries do not bear it
_context: Any = multiprocessing.get_context("fork" if FORKS else "spawn")
FOR_THE_PARENT = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
# No option sets them: children read them as we did.
NOT_PASSED_ON = ("home", "database_url", "secret_key", "blobs_key_id", "blobs_secret", "testing")


class StartError(Exception):
    """The program cannot start; the message says why and what to do."""


class HomeLock:
    """Held by the one supervisor of a home for as long as it lives, however it ends."""

    def __init__(self, home: Path) -> None:
        self.path = home / LOCK_FILE
        self.was_unclean = False  # the one before us was killed; its children may still be ending

    def __enter__(self) -> HomeLock:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StartError(f"{self.path} cannot be written: {error.strerror}. Choose another folder with --home, "
                             "or give this user the right to write there.") from error
        before = os.read(self._file, 100).decode("ascii", "replace").strip()
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise StartError(f"Pluginbox runs on {self.path.parent} already (process {before or 'unknown'}). "
                             "Stop that one, or choose another folder with --home.") from None
        self.was_unclean = bool(before)
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        os.ftruncate(self._file, 0)
        os.close(self._file)

    def fileno(self) -> int:
        """The open file that is locked; a forked child has to close its copy, or it would hold the lock, too."""
        return self._file


def is_running(home: Path) -> bool:
    """True while a supervisor holds the lock of this home."""
    try:
        file = os.open(home / LOCK_FILE, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def require_port(host: str, port: int, setting: str, patience: float = 0.0) -> None:
    """Raise StartError when `host:port` cannot be listened on, after trying for `patience` seconds."""
    end = time.monotonic() + patience
    while (problem := _port_problem(host, port)) is not None:
        if time.monotonic() >= end:
            option = f"--{setting.replace('_', '-')}"
            raise StartError(f"Port {port} on {host} cannot be used: {problem}. Choose another one with {option} or "
                             f"the setting {setting}, or end the program that has it.")
        time.sleep(0.2)


def _port_problem(host: str, port: int) -> str | None:
    try:
        kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
            trial.listen(1)  # the granian of another desk shares its port with whoever only binds
    except OSError as error:
        return error.strerror or str(error)
    except OverflowError:
        return "a port is a number between 1 and 65535"
    return None


def environment_for(config: Config) -> dict[str, str]:
    """The environment in which a child reads the same settings, those from the command line included."""
    passed = {f"INBOX_{spec.name.upper()}": _text(getattr(config, spec.name))
              for spec in dataclasses.fields(config) if spec.name not in NOT_PASSED_ON}
    return {**os.environ, **passed, "INBOX_HOME": str(config.home)}


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


# --- replacing a process ----------------------------------------------------------------------------------------

_replace: Callable[[str], None] | None = None


def on_recycle(function: Callable[[str], None]) -> None:
    """Say how this process lets itself be replaced. `function` is given the reason and returns at once."""
    global _replace
    _replace = function


def recycle_me(reason: str) -> bool:
    """Ask for a new process in place of this one: it finishes what it has in hand, and no request fails.

    Returns at once, True when the process can be replaced (web and worker), False when it cannot (a command, a test).
    May be called from any thread, any number of times.
    """
    if _replace is None:
        return False
    _replace(reason)
    return True


def start_anew() -> None:
    """Replace this process by a new one with the same words, environment and process id. Does not return."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 (the words are our own)


# --- no orphans -------------------------------------------------------------------------------------------------


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent ends (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def start_child(function: Callable[..., None], *args: Any, leaving: tuple[int, ...] = ()) -> BaseProcess:
    """Call a function in a new process that ends with this one, hears its own signals only, and leaves Ctrl-C to us.

    Where it is forked, it has all the code that was read here, and closes the open files `leaving`. Call it before
    this process has a thread.
    """
    process: BaseProcess = _context.Process(target=_child, args=(function, args, leaving if FORKS else ()))
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, FOR_THE_PARENT)  # until the child has handlers of its own
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, heard)
    return process


def _child(function: Callable[..., None], args: tuple[Any, ...], leaving: tuple[int, ...]) -> None:
    signal.set_wakeup_fd(-1)
    for each in FOR_THE_PARENT:
        signal.signal(each, signal.SIG_IGN if each == signal.SIGINT else signal.SIG_DFL)
    die_with_parent()
    for file in leaving:
        os.close(file)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FOR_THE_PARENT)
    function(*args)


def spare_memory() -> None:
    """Let the C library give back what is freed (glibc). Call it before this process has threads.

    By itself it keeps a heap for each of many threads, and after one large message it keeps large pieces for ever.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 2)
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)


def set_name(name: str) -> None:
    """What `top`, `ps -e` and `pstree` call this process, 15 bytes at most (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode())


def watch_parent(parent: int) -> None:
    """End this process, as SIGTERM would, soon after its parent has gone; for certain after a while."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(LAST_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def watch_supervisor() -> bool:
    """In a supervisor's child, watch it. False when this process was started by itself."""
    parent = os.environ.get(SUPERVISOR, "")
    if not parent.isdigit():
        return False
    watch_parent(int(parent))
    return True


def step_back() -> None:
    """Let other processes of the desk go first where processors are scarce: people wait for pages, and a worker's jobs
    and events wait in rows."""
    if os.getpriority(os.PRIO_PROCESS, 0) < NICENESS:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)


def hear_signals(on_end: Callable[[], None] | None = None,
                 others: dict[signal.Signals, Callable[[], None]] | None = None) -> None:
    """See to it that Python's handlers of SIGTERM and SIGINT run, whichever thread the signal was given to.

    They run in the main thread. When the system interrupts another one instead, a main thread that waits for a lock
    sleeps on, and the signal has no effect. A thread that hears of every signal wakes the main one (by SIGUSR1). In
    that thread `on_end` is called first, and what `others` say for their signals. Call it in the main thread.
    """
    ear, mouth = os.pipe()
    os.set_blocking(mouth, False)
    signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    for each in (signal.SIGUSR1, *(others or {})):
        signal.signal(each, lambda *_: None)
    sleeper = threading.main_thread().ident
    assert sleeper is not None

    def listen() -> None:
        heard: set[int] = set()
        while not {signal.SIGTERM, signal.SIGINT} & heard:
            heard = set(os.read(ear, 256))
            for number, call in (others or {}).items():
                if number in heard:
                    call()
        if on_end is not None:
            on_end()
        while threading.main_thread().is_alive():
            signal.pthread_kill(sleeper, signal.SIGUSR1)
            time.sleep(LOOK_SECONDS / 5)

    threading.Thread(target=listen, name="signals", daemon=True).start()
