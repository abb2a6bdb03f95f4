"""Reads the program's own code in a process that others are forked from: they share it, and each starts sooner.

Never a plugin's: that is read anew in each new process. Nothing is opened: no database, no thread.
"""

from __future__ import annotations

import gc
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NEW_THINGS = 20_000  # objects; at Python's own 700 (or 2,000) it looks a dozen times at what one page has in hand


def everything() -> None:
    """The code of all processes."""
    _settled(_read_all)


def web() -> None:
    """The code of the pages."""
    _settled(_read_web)


@contextmanager
def at_rest() -> Iterator[None]:
    """Read code in this block: else the collector looks through all modules again and again meanwhile."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def settle() -> None:
    """The process is ready to work: let the collector leave alone what is there by now, which stays to the end and may
    be memory that processes share, and look less often at what is new. A fifth of the time of a page."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_THINGS, 10, 10)


def _settled(read: Callable[[], None]) -> None:
    with at_rest():
        read()
        settle()


def _read_all() -> None:
    _read_web()
    from inbox.jobs import worker
    from inbox.mail import fetcher, smtp_server  # noqa: F401

    worker.load_handlers()


def _read_web() -> None:
    from sqlalchemy.orm import configure_mappers

    import inbox.builtin
    import inbox.web
    from inbox import demo, recycling  # noqa: F401
    from inbox.plugin_host import watchdog  # noqa: F401

    for package in (inbox.web, inbox.builtin):
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(each.name)
    configure_mappers()
