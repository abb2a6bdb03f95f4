"""The worker process: jobs, events to plugins, the schedule, mail fetching."""

from __future__ import annotations

import logging
import signal
import threading

from inbox import preload, processes
from inbox.config import Config

log = logging.getLogger(__name__)
STOP_SECONDS = 8.0


def run_worker(config: Config) -> int:
    """Work until SIGTERM or SIGINT, then finish what is in hand. Returns the exit code.

    Asked to be replaced, it finishes what it has in hand. Below our supervisor it then asks for a successor by its exit
    code; else it starts anew under the same process id, so that a service manager need not know.
    """
    ended, again = threading.Event(), threading.Event()
    turn = threading.Event()  # one of the two

    def end(*_: object) -> None:
        ended.set()
        turn.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, end)
    processes.hear_signals()
    processes.step_back()
    is_child = processes.watch_supervisor()

    from inbox.app import create_app
    from inbox.jobs.worker import Worker
    from inbox.mail.fetcher import Fetcher
    from inbox.plugin_host import watchdog
    from inbox.recycling import follow_code

    def replace(reason: str) -> None:
        log.info("Starting anew: %s", reason)
        again.set()
        turn.set()

    app = create_app(config)
    processes.on_recycle(replace)
    watching = watchdog.start(app, processes.recycle_me)
    follow_code(app, brings_tables=True)
    if ended.is_set():
        return 0
    worker, fetcher = Worker(app), Fetcher(app)
    preload.settle()
    worker.start()
    fetcher.start()
    log.info("At work: jobs, events, schedule, mail fetching.")
    while not turn.wait(3600):
        log.debug("Still at work.")
    log.info("Ending: what is in hand is finished first.")
    watching.ending()
    closing = threading.Thread(target=fetcher.stop, args=(STOP_SECONDS,), name="imap-stop", daemon=True)
    closing.start()
    done = worker.stop(STOP_SECONDS)
    closing.join(STOP_SECONDS)
    watching.stop()
    if again.is_set() and not ended.is_set():
        if is_child:
            return processes.ANEW
        processes.start_anew()
    return 0 if done else 1
