"""A flight recorder: which plugins were being asked when a process ended without a word.

Each process maps a small file, INBOX_HOME/run/<process>.calls, and writes each call into it as it begins. That is
memory of the system, which outlives `os._exit`, a segmentation fault and `kill -9`. Another process, or the next one,
reads the files whose owners are gone (their lock is free) and blames.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inbox.plugin_host.running import Call

FOLDER = "run"
PLACES = 256
RECORD = struct.Struct("<?60s60sqqq4x")  # in use, plugin, hook, ticket, event, number of the call
HEADER = RECORD.size  # its first byte: the process was told to end
SIZE = HEADER + PLACES * RECORD.size


@dataclass(frozen=True)
class Record:
    """A call that never ended."""

    plugin: str
    hook: str
    ticket_id: int | None
    event_id: int | None
    number: int


class BlackBox:
    """The file of this process."""

    def __init__(self, home: Path) -> None:
        folder = home / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        self.path = folder / f"{os.getpid()}-{time.time_ns()}.calls"  # a dead process may have had our number
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        os.ftruncate(self._file, SIZE)
        self._map = mmap.mmap(self._file, SIZE)
        self._free = list(range(HEADER, SIZE, RECORD.size))
        self._names: dict[tuple[str, str], tuple[bytes, bytes]] = {}

    def write(self, call: Call) -> int:
        """Note a call that begins. Returns its place in the file; -1 when all are taken."""
        try:
            place = self._free.pop()
        except IndexError:
            return -1
        self.write_at(place, call)
        return place

    def write_at(self, place: int, call: Call) -> None:
        """Note a call in a place that is taken already: it goes on with another plugin."""
        names = self._names.get((call.plugin, call.hook)) or self._keep(call.plugin, call.hook)
        RECORD.pack_into(self._map, place, True, *names, call.ticket_id or 0, call.event_id or 0, call.number)

    def _keep(self, plugin: str, hook: str) -> tuple[bytes, bytes]:
        names = self._names[plugin, hook] = plugin.encode()[:60], hook.encode()[:60]
        return names

    def clear(self, place: int) -> None:
        """The call has ended."""
        self._map[place] = 0
        self._free.append(place)

    def ending(self) -> None:
        """The process was told to end: what is running then is nobody's fault."""
        self._map[0] = 1

    def die(self) -> None:
        """Let go of the file as the end of the process does (for tests)."""
        self._map.close()  # it has a descriptor of its own, which holds the lock, too
        os.close(self._file)

    def remove(self) -> None:
        """Nobody has to look at the file any more. Calls that still run go on writing into the memory."""
        self.ending()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()


def left_behind(home: Path) -> Iterator[list[Record]]:
    """For each process that has ended without a word: the calls that were running, the newest first.

    Each is told once, whichever process looks first.
    """
    for path in sorted((home / FOLDER).glob("*.calls")):
        if (records := _take(path)) is not None:
            yield records


def _take(path: Path) -> list[Record] | None:
    """What a dead process wrote, its file being removed; None when it lives."""
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file).st_nlink == 0:
            return None  # somebody else has just taken it
        data = os.pread(file, SIZE, 0)
        if len(data) < SIZE:
            return None  # its process is just making it
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return None
    finally:
        os.close(file)
    return [] if data[0] else sorted(_records(data), key=lambda each: -each.number)


def _records(data: bytes) -> Iterator[Record]:
    for place in range(PLACES):
        used, plugin, hook, ticket_id, event_id, number = RECORD.unpack_from(data, HEADER + place * RECORD.size)
        if used:
            yield Record(plugin.rstrip(b"\0").decode("utf-8", "replace"), hook.rstrip(b"\0").decode("utf-8", "replace"),
                         ticket_id or None, event_id or None, number)
