"""The web process: granian with one worker process and many threads, since a live stream holds a thread."""

from __future__ import annotations

import multiprocessing
from functools import partial
from typing import Any

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from inbox import logs, processes
from inbox.config import Config

KILL_SECONDS = 8  # for requests in hand after SIGTERM
LOGGING: dict[str, Any] = {"formatters": {}, "handlers": {}, "loggers": {
    "_granian": {"level": "ERROR", "handlers": [], "propagate": True}, "granian.access": {"handlers": []}}}


def application(config: Config) -> Any:
    """Called in the worker process: the application, tied to the process above it."""
    logs.init(config, "web")
    from inbox.app import create_app

    app = create_app(config)
    app.extensions["inbox_plugins"].boot()
    processes.hear_signals(app.extensions["inbox_live"].stop)  # requests in hand are waited for, streams never end
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        processes.die_with_parent()
        processes.watch_parent(parent.pid)
    return app


def run_web(config: Config) -> int:
    """Answer requests until SIGTERM or SIGINT. Returns the exit code. Raises StartError."""
    if not processes.watch_supervisor():
        processes.require_port(config.host, config.port, "port")
    processes.hear_signals()
    server = Granian(
        "inbox", address=config.host, port=config.port, interface=Interfaces.WSGI, workers=1,
        blocking_threads=config.web_threads, workers_kill_timeout=KILL_SECONDS, websockets=False,
        log_dictconfig=LOGGING, log_level=LogLevels.error)
    server.serve(target_loader=partial(application, config), wrap_loader=False)
    return 0
