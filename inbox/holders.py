"""Who holds a lease: names for processes, and whether the process behind a name has ended.

A lease protects what a process has in hand until it says so again. When the process was killed, others would have to
wait until the lease runs out. Where it ran on the same machine they need not: the name says which process it was.

Only what is certain counts. Process ids mean something within one process id namespace of one running kernel, so names
of other machines, other containers and times before a restart of the machine are never judged, even where two machines
call themselves by the same name; nor is anything where the system does not tell (it has to have /proc). An id that was
given to another process meanwhile is told apart by the time that process was started.
"""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from functools import lru_cache
from pathlib import Path

_given: set[str] = set()  # names in use in this process: others with our number and time are from before it began anew


def new_name() -> str:
    """A name for somebody in this process, for leases: machine, process, time of its start, a random part."""
    number = os.getpid()
    name = f"{_machine() or 'unknown'}:{number}:{_started(number) or 0}:{uuid.uuid4().hex[:12]}"
    _given.add(name)
    return name


def forget(name: str) -> None:
    """Nobody holds anything under this name any more."""
    _given.discard(name)


def this_process() -> str:
    """The name of this process itself."""
    return _name_of(os.getpid())


@lru_cache(maxsize=1)
def _name_of(_number: int) -> str:  # a forked child has another number, and so another name
    return new_name()


def has_ended(name: str) -> bool:
    """True when it is certain that nobody uses this name any more; False also for what cannot be judged from here."""
    machine, _, rest = name.partition(":")
    number, _, began = rest.partition(":")
    began = began.partition(":")[0]
    if not (number.isdigit() and began.isdigit()) or machine != _machine():
        return False
    started = _started(int(number))
    if started is None:
        return not _exists(int(number))
    if started != int(began):
        return True
    return int(number) == os.getpid() and name not in _given


@lru_cache(maxsize=1)
def _machine() -> str | None:
    """This kernel since its start, and our process ids in it; None where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        space = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return None
    return hashlib.sha256(f"{socket.gethostname()} {boot} {space}".encode()).hexdigest()[:20]


def _started(number: int) -> int | None:
    """When a process was started, in ticks of this kernel; None when that cannot be read."""
    try:
        return int(Path(f"/proc/{number}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19])
    except (OSError, IndexError):
        return None


def _exists(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
