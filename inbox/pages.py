"""The web process: granian with few worker processes of many threads, since a live stream holds a thread."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import MutableSequence
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from granian.constants import Interfaces
from granian.log import LogLevels

from inbox import logs, preload, processes
from inbox.config import Config
from inbox.connections import Connections
from inbox.web_server import READY, REPLACE, Server

KILL_SECONDS = 8  # for requests in hand after SIGTERM
LOGGING: dict[str, Any] = {"formatters": {}, "handlers": {}, "loggers": {
    "_granian": {"level": "ERROR", "handlers": [], "propagate": True}, "granian.access": {"handlers": []}}}


def application(config: Config, mouth: Connection, busy: MutableSequence[int], place: int) -> Any:
    """Called in a worker process: the application, tied to the process above it, which hears from it by `mouth`.

    `busy` and `place` are those of `inbox.connections`.
    """
    logs.init(config, "web")
    from inbox.app import create_app
    from inbox.plugin_host import watchdog
    from inbox.recycling import follow_code

    app = create_app(config)
    if config.demo:
        from inbox.demo import shop

        shop.open_in(app, config)
    answer, watching = Connections(app, config.port, busy, place), watchdog.start(app, processes.recycle_me)

    def ending() -> None:
        watching.stop()
        app.extensions["inbox_live"].stop()  # requests in hand are waited for, streams never end

    processes.hear_signals(ending, {signal.SIGUSR2: answer.leave})
    processes.on_recycle(lambda reason: mouth.send((REPLACE, os.getpid(), reason)))
    follow_code(app)
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        processes.die_with_parent()
        processes.watch_parent(parent.pid)
    preload.settle()
    mouth.send((READY, os.getpid(), ""))
    return answer


def run_web(config: Config) -> int:
    """Answer requests until SIGTERM or SIGINT. Returns the exit code. Raises StartError."""
    is_child = processes.watch_supervisor()
    if not is_child:
        processes.require_port(config.host, config.port, "port")
    processes.hear_signals()
    if processes.FORKS:  # where a newer Python would start them afresh, without our socket
        multiprocessing.set_start_method("fork", force=True)
        if not is_child:  # the supervisor has read it
            preload.web()
    ear, mouth = multiprocessing.Pipe(duplex=False)
    server = Server(
        ear, "inbox", address=config.host, port=config.port, interface=Interfaces.WSGI, workers=config.web_processes,
        blocking_threads=config.web_threads, workers_kill_timeout=KILL_SECONDS, websockets=False,
        log_dictconfig=LOGGING, log_level=LogLevels.error)
    busy = multiprocessing.RawArray("H", config.web_processes)
    server.serve(target_loader=partial(application, config, mouth, busy), wrap_loader=False)
    return 0
