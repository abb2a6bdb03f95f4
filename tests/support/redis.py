"""A throw-away Redis that keeps nothing."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.support.ports import free_port, wait_until_listening

WHY_NOT = "Redis is not installed (Debian: apt install redis-server)"


def find_program() -> str | None:
    """Return the path of redis-server or valkey-server, or None."""
    return shutil.which("redis-server") or shutil.which("valkey-server")


class Redis:
    """A running server; `url` is its address."""

    def __init__(self) -> None:
        program = find_program()
        if program is None:
            raise RuntimeError(WHY_NOT)
        self.folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        options = ["--port", self.port, "--bind", "127.0.0.1", "--save", "", "--dir", self.folder]
        log = self.folder / "log"
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [program, *map(str, options)], stdout=out, stderr=subprocess.STDOUT
            )
        wait_until_listening(self.port, self.process, log)

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)
