"""The worker process: jobs, events to plugins, the schedule, mail fetching."""

from __future__ import annotations

import logging
import signal
import threading

from inbox import processes
from inbox.config import Config

log = logging.getLogger(__name__)
STOP_SECONDS = 8.0


def run_worker(config: Config) -> int:
    """Work until SIGTERM or SIGINT, then finish what is in hand. Returns the exit code."""
    ended = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: ended.set())
    processes.hear_signals()
    processes.watch_supervisor()

    from inbox.app import create_app
    from inbox.jobs.worker import Worker
    from inbox.mail.imap import Fetcher

    app = create_app(config)
    app.extensions["inbox_plugins"].boot()
    if ended.is_set():
        return 0
    worker, fetcher = Worker(app), Fetcher(app)
    worker.start()
    fetcher.start()
    log.info("At work: jobs, events, schedule, mail fetching.")
    while not ended.wait(3600):
        log.debug("Still at work.")
    log.info("Ending: what is in hand is finished first.")
    closing = threading.Thread(target=fetcher.stop, args=(STOP_SECONDS,), name="imap-stop", daemon=True)
    closing.start()
    done = worker.stop(STOP_SECONDS)
    closing.join(STOP_SECONDS)
    return 0 if done else 1
