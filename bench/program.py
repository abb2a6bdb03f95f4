"""The running program, measured from outside: how soon it answers, how much memory it holds, what a page takes."""

from __future__ import annotations

import gzip
import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port

COMPILED = Path(".bench/pycache")  # the program's code, compiled as pip does when it installs
STARTS = 4
LINKED = re.compile(r"""(?:<script[^>]*\ssrc|<link[^>]*rel=["']stylesheet["'][^>]*\shref|"""
                    r"""<link[^>]*\shref)=["'](/[^"']+\.(?:js|css)[^"']*)["']""")


@dataclass
class Running:
    """A started `inbox run`."""

    pid: int
    port: int
    cold_start: float  # seconds from the start of the process to the first answered page

    def get(self, path: str, cookie: str = "") -> tuple[int, bytes]:
        """One request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def memory(self, of: str = "") -> float:
        """Proportional set size of its processes of that name, or of all, in MB (shared pages are counted once)."""
        total = 0
        for pid in family(self.pid):
            try:
                if of and Path(f"/proc/{pid}/comm").read_text().strip() != of:
                    continue
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total / 1024


@contextmanager
def running(home: Path, **settings: str | int) -> Iterator[Running]:
    """`inbox run` on a home, until the end of the block. `settings` are those of the program, by their names."""
    port, begun = free_port(), time.perf_counter()
    command = [sys.executable, "-m", "inbox", "run", "--home", str(home), "--port", str(port),
               "--smtp-port", str(free_port())]
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("INBOX_") and name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(COMPILED.absolute())
    environment |= {f"INBOX_{name.upper()}": str(value) for name, value in settings.items()}
    with (home / "program.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    found = Running(process.pid, port, 0.0)
    try:
        while True:
            if process.poll() is not None or time.perf_counter() - begun > 180:
                raise RuntimeError(f"The program did not start: {(home / 'program.log').read_text()[-2000:]}")
            try:
                if found.get("/sign-in")[0] == 200:
                    break
            except OSError:
                time.sleep(0.02)
        found.cold_start = time.perf_counter() - begun
        yield found
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def best_start(home: Path, **settings: str | int) -> float:
    """Seconds from the command to the first page, the best of some: the first of them reads files and compiles."""
    found = []
    for _ in range(STARTS):
        with running(home, **settings) as program:
            found.append(program.cold_start)
    return min(found)


def family(pid: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def linked(page: str) -> list[str]:
    """Addresses of the scripts and style sheets a page loads from its own server, each once."""
    return list(dict.fromkeys(LINKED.findall(page)))


def weight(port: int, path: str, cookie: str) -> tuple[int, int]:
    """Bytes and requests of a first visit: page, scripts and style sheets, as sent to a browser that takes gzip."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def get(address: str) -> tuple[int, bytes]:
        connection.request("GET", address, headers={"Cookie": cookie, "Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (address, answer.status)
        return len(body), gzip.decompress(body) if answer.getheader("Content-Encoding") == "gzip" else body

    size, page = get(path)
    found = linked(page.decode())
    size += sum(get(each)[0] for each in found)
    connection.close()
    return size, 1 + len(found)
