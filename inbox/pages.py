"""The web process: granian with one worker process and many threads, since a live stream holds a thread."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from functools import partial
from typing import Any

from granian import Granian
from granian.constants import Interfaces

from inbox import logs, processes
from inbox.config import Config

KILL_SECONDS = 8  # for requests in hand after SIGTERM
LOGGING: dict[str, Any] = {"formatters": {}, "handlers": {}, "loggers": {
    "_granian": {"level": "ERROR", "handlers": [], "propagate": True}, "granian.access": {"handlers": []}}}


class Server(Granian):  # type: ignore[misc, valid-type]
    """Granian, which tells its worker to end the live streams before it waits for requests in hand."""

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        for worker in self.wrks:
            if worker.is_alive():
                os.kill(worker.inner.pid, signal.SIGUSR1)
        super().signal_handler_interrupt(*args, **kwargs)


def application(config: Config) -> Any:
    """Called in the worker process: the application, tied to the process above it."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    logs.init(config, "web")
    from inbox.app import create_app

    app = create_app(config)
    live = app.extensions["inbox_live"]
    signal.signal(signal.SIGUSR1, lambda *_: threading.Thread(target=live.stop, name="end-streams").start())
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        processes.die_with_parent()
        processes.watch_parent(parent.pid, live.stop)
    return app


def run_web(config: Config) -> int:
    """Answer requests until SIGTERM or SIGINT. Returns the exit code. Raises StartError."""
    if not processes.watch_supervisor():
        processes.require_port(config.host, config.port, "port")
    server = Server(
        "inbox", address=config.host, port=config.port, interface=Interfaces.WSGI, workers=1,
        blocking_threads=config.web_threads, workers_kill_timeout=KILL_SECONDS, websockets=False,
        log_dictconfig=LOGGING, log_level="error")
    server.serve(target_loader=partial(application, config), wrap_loader=False)
    return 0
