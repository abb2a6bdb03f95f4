"""A throw-away PostgreSQL cluster. `python -m tests.support.postgres` tells whether one can be made."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.ports import free_port, wait_until_listening

ROOM = 1024**3  # bytes
READY_SECONDS = 300
WHY_NOT = "PostgreSQL is not installed (Debian: apt install postgresql)"


def find_binaries() -> Path | None:
    """Return the folder of initdb and postgres, the newest version first, or None."""
    found = shutil.which("initdb")
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name), reverse=True
    )
    if found:
        folders.append(Path(found).resolve().parent)
    return next((f for f in folders if (f / "initdb").exists() and (f / "postgres").exists()), None)


def quick_folder() -> str | None:
    """Return a folder in memory if there is room for a cluster: copying its hundreds of files is then ten times
    quicker. None means the usual place for temporary files."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM:
        return str(memory)
    return None


class Postgres:
    """A running cluster on 127.0.0.1 that forgets everything when stopped and is fast for it (fsync off).

    durable: it works as one that must forget nothing, on the disk, for measurements. With `kept`, a folder, it lies
    there, is found again by the next one, and is stopped as it should be.
    """

    def __init__(self, *, durable: bool = False, kept: Path | None = None) -> None:
        binaries = find_binaries()
        if binaries is None:
            raise RuntimeError(WHY_NOT)
        self.is_kept = kept is not None
        if kept is not None:
            kept.mkdir(parents=True, exist_ok=True)
        self.folder = kept or Path(tempfile.mkdtemp(prefix="postgres-", dir=None if durable else quick_folder()))
        self.port = free_port()
        # PostgreSQL refuses to run as root: Debian's package brings the user "postgres".
        self._as: dict = {"cwd": self.folder}
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            self._as |= {"user": "postgres", "group": "postgres", "extra_groups": []}
        data = self.folder.absolute() / "data"
        if not data.exists():
            subprocess.run(
                [
                    binaries / "initdb",
                    "--no-sync",
                    "--auth=trust",
                    "--username=inbox",
                    "--encoding=UTF8",
                    "--locale=C.UTF-8",
                    "--pgdata",
                    data,
                ],
                check=True,
                capture_output=True,
                **self._as,
            )
        log = self.folder / "log"
        hasty = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off",
                 "min_wal_size": "32MB", "max_wal_size": "128MB"}
        settings = {
            **({"shared_buffers": "512MB"} if durable else hasty),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "port": self.port,
            "max_connections": 200,
            "dynamic_shared_memory_type": "mmap",  # in its own folder, so that nothing stays in /dev/shm
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [binaries / "postgres", "-D", data, *options],
                stdout=out,
                stderr=subprocess.STDOUT,
                **self._as,
            )
        wait_until_listening(self.port, self.process, log)
        self._wait_until_ready(binaries / "pg_isready", log)

    def _wait_until_ready(self, asks: Path, log: Path) -> None:
        """It listens before it answers: while it starts, and as long as it repairs what a killed one left."""
        words = [asks, "--quiet", "--host=127.0.0.1", f"--port={self.port}", "--timeout=60"]
        for _ in range(READY_SECONDS * 10):
            if subprocess.run(words, check=False).returncode == 0:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(f"PostgreSQL does not answer: {log.read_text(errors='replace')[-2000:]}")

    def url(self, database: str) -> str:
        """Return the SQLAlchemy address of a database of this cluster."""
        return f"postgresql+psycopg://inbox@127.0.0.1:{self.port}/{database}"

    def stop(self) -> None:
        """Stop at once and remove all files; a kept one writes what it holds and stays on the disk."""
        if self.is_kept:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(300)
            return
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)


if __name__ == "__main__":
    if find_binaries() is None:
        print(f"{WHY_NOT}: its round is left out.")
        sys.exit(1)
