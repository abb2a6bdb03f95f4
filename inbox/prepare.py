"""What has to be done before the processes start: the key, the tables, the demo desk, the way in."""

from __future__ import annotations

import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from inbox import dev, migrate, secrets
from inbox.app import create_core_app
from inbox.backup import copy_sqlite, sqlite_path
from inbox.config import Config, ConfigError
from inbox.core import agents
from inbox.db import db, session, utcnow, work_context
from inbox.migrate import MigrationError
from inbox.plugin_host import bring, lifecycle, store
from inbox.plugin_host.models import Plugin
from inbox.processes import StartError

EMPTY = "There is no desk here yet. `inbox run` or `inbox init` makes one."
NEWER = "The database is of a newer version than this program. Install that version again."
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def open_desk(config: Config) -> Flask:
    """The core application on a database that fits this program. Raises StartError when it does not."""
    if config.is_sqlite and not sqlite_path(config).exists():  # connecting would make an empty one
        raise StartError(f"{EMPTY} (data folder: {config.home})")
    secrets.ensure_key(config)
    app = create_core_app(config)
    with work_context(app):
        state = database_state(db.engine)
    if state not in ("current", "ahead"):
        words = {"empty": EMPTY,
                 "old": "The database is of an older version. Run `inbox upgrade` first.",
                 "new": NEWER}
        raise StartError(f"{words[state]} (data folder: {config.home})")
    return app


def database_state(engine: sa.Engine) -> str:
    """`empty`, `old`, `current`, `ahead` (newer, and this program can work on it) or `new`.

    Raises StartError when the database does not answer.
    """
    try:
        revision = migrate.current(engine)
        fits = migrate.can_run_on(engine)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise StartError(f"The database cannot be opened: {reason}. Look at database_url, at whether its server "
                         "runs, and at the rights of the data folder.") from error
    if revision is None:
        return "empty"
    if revision == migrate.head():
        return "current"
    if fits:
        return "ahead"
    return "old" if migrate.knows(revision) else "new"


def make_tables(config: Config) -> Flask:
    """Make or update the tables. Raises StartError, ConfigError, MigrationError."""
    return _upgrade(config, True)[0]


def upgrade(config: Config, *, backup: bool = True) -> tuple[Path | None, bool]:
    """Bring the database and the tables of installed plugins to this version.

    An older SQLite database is copied first. Returns where to (None: not needed), and whether anything changed.
    Raises StartError, ConfigError, MigrationError, OSError.
    """
    return _upgrade(config, backup)[1:]


def _upgrade(config: Config, backup: bool) -> tuple[Flask, Path | None, bool]:
    secrets.ensure_key(config)
    app = create_core_app(config)
    with work_context(app):
        state, copy = database_state(db.engine), None
        if state == "new":
            raise StartError(NEWER)
        if state == "old" and config.is_sqlite and backup:
            copy = _set_aside(config)
        if state in ("empty", "old"):
            migrate.migrate(db.engine)
        store.mend(config)
        changed = _upgrade_plugins(config)
        if config.dev:
            dev.prepare(config)
    return app, copy, changed or state in ("empty", "old")


def _set_aside(config: Config) -> Path:
    """A copy of the database as it is before an upgrade."""
    folder = config.home / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    copy = folder / f"before-upgrade-{utcnow():%Y%m%d-%H%M%S}.db"
    copy_sqlite(sqlite_path(config), copy)
    return copy


def _upgrade_plugins(config: Config) -> bool:
    """Bring the tables of plugins to what their new code expects. One that cannot be is left for `plugin list`."""
    if config.safe_mode:
        return False
    newer = [each for each in lifecycle.plugins() if each.newer] if session().scalar(sa.select(Plugin.name)) else []
    changed = False
    for each in newer:
        try:
            bring.upgrade(each.name)
            changed = True
        except lifecycle.PluginError as error:
            print(f"Plugin {each.name} stays at {each.version}: {error}", file=sys.stderr)
    return changed


def greeting(app: Flask, config: Config) -> dict[str, Any]:
    """How to get in: the login of the demo desk, a one-time set-up code, or neither. Raises StartError."""
    from inbox import demo

    with work_context(app):
        seeded, owned = demo.is_seeded(), agents.has_owner()
        if seeded and not {config.host, config.smtp_host} <= LOOPBACK:
            raise StartError("This is the demo desk, whose password everybody knows: it listens on this machine only. "
                             "Leave host and smtp_host on 127.0.0.1, or choose another folder with --home.")
        if seeded:
            return {"login": list(demo.LOGIN), "mail_to": demo.MAIL_TO}
        if config.demo and owned:
            raise StartError(f"{config.home} holds a desk that is not the demo desk, or a demo desk that was never "
                             "finished. Choose another folder with --home, or start without --demo.")
        if not config.demo:
            return {} if owned else {"setup_code": agents.setup_code()}
    demo.seed(app)
    return {"login": list(demo.LOGIN), "mail_to": demo.MAIL_TO}


def tell(config: Config, mouth: Connection) -> None:
    """In a process of its own, since the supervisor opens no database: prepare, and send the greeting.

    What stands in the way is said on standard error, and the exit code is 1.
    """
    try:
        mouth.send(greeting(make_tables(config), config))
    except (StartError, ConfigError, MigrationError) as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(1) from error
