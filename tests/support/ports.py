"""Free ports on the loopback interface, and waiting for a server to listen."""

import os
import socket
import subprocess
import time
from pathlib import Path


def free_port() -> int:
    """Return a TCP port on 127.0.0.1 that nothing listens on.

    Ports below the kernel's range for outgoing connections are used, so that no connection made
    between this call and the server's start can take the port; parallel test workers start their
    search at different places.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    span = 1500
    start = 12000 + (worker % 8) * span
    for step in range(span):
        port = start + (free_port.tried + step + os.getpid()) % span
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        free_port.tried += step + 1
        return port
    raise RuntimeError(f"no free port between {start} and {start + span}")


free_port.tried = 0


def listens(port: int) -> bool:
    """Tell whether something accepts connections on 127.0.0.1:port."""
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
    except OSError:
        return False
    return True


def wait_until_listening(port: int, process: subprocess.Popen, log: Path, seconds: float = 20) -> None:
    """Wait for a server to accept connections on 127.0.0.1:port.

    Raises RuntimeError with the log's text if the process ends first or the time is over.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if listens(port):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    said = log.read_text(errors="replace")[-4000:] if log.exists() else "(no log)"
    raise RuntimeError(f"{process.args[0]} does not listen on port {port} (exit {process.poll()}):\n{said}")
