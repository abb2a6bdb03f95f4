"""New code of plugins: every process looks once a second whether there is any, and lets itself be replaced then."""

from __future__ import annotations

import logging
import threading

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from inbox import processes
from inbox.db import session, work_context
from inbox.plugin_host.models import PluginRevision
from inbox.plugin_host.registry import EXTENSION, PluginHost

log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
PATIENCE = (20.0, 60.0, 300.0)  # before asking again, when no replacement came


def follow_code(app: Flask, *, brings_tables: bool = False) -> None:
    """Load what is installed, then watch for other code in a thread. In safe mode neither is done.

    One process of an installation `brings_tables` while somebody works on a plugin (`inbox run --dev`).
    """
    host: PluginHost = app.extensions[EXTENSION]
    if app.config["INBOX"].dev:
        from inbox import dev

        dev.watch(app, brings_tables=brings_tables)
    host.boot()
    if not app.config["INBOX"].safe_mode:
        threading.Thread(target=_watch, args=(app, host), name="code-watcher", daemon=True).start()


def _watch(app: Flask, host: PluginHost) -> None:
    pause, asked = threading.Event(), 0
    while True:
        pause.wait(LOOK_SECONDS if not asked else PATIENCE[min(asked, len(PATIENCE)) - 1])
        if has_new_code(app, host):
            processes.recycle_me("There is new code of plugins.")
            asked += 1


def has_new_code(app: Flask, host: PluginHost) -> bool:
    """True when plugins have other code than this process has read. A database that is gone says nothing."""
    try:
        with work_context(app):
            code = session().scalar(sa.select(PluginRevision.code))
    except SQLAlchemyError as error:
        log.debug("The database does not answer (%s).", error)
        return False
    return host.code is not None and code is not None and code != host.code
