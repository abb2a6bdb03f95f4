"""What has to be done before the processes start: the key, the tables, the demo desk, the way in.

`python -m inbox.prepare` does it in a process of its own and prints the greeting as JSON, so that the supervisor
stays small: it never loads the database layer.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from inbox import migrate, secrets
from inbox.app import create_core_app
from inbox.config import Config, ConfigError, load_config
from inbox.core import agents
from inbox.db import db, work_context
from inbox.migrate import MigrationError
from inbox.processes import StartError

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def open_desk(config: Config) -> Flask:
    """The core application on a database that fits this program. Raises StartError when it does not."""
    secrets.ensure_key(config)
    app = create_core_app(config)
    with work_context(app):
        state = database_state(db.engine)
    if state != "current":
        words = {"empty": "There is no desk here yet. `inbox run` or `inbox init` makes one.",
                 "old": "The database is of an older version. Run `inbox upgrade` first.",
                 "new": "The database is of a newer version than this program. Install that version again."}
        raise StartError(f"{words[state]} (data folder: {config.home})")
    return app


def database_state(engine: sa.Engine) -> str:
    """`empty`, `old`, `current` or `new`. Raises StartError when the database does not answer."""
    try:
        revision = migrate.current(engine)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise StartError(f"The database cannot be opened: {reason}. Look at database_url, at whether its server "
                         "runs, and at the rights of the data folder.") from error
    if revision is None:
        return "empty"
    if revision == migrate.head():
        return "current"
    return "old" if migrate.knows(revision) else "new"


def make_tables(config: Config) -> Flask:
    """Make or update the tables. Raises StartError, ConfigError, MigrationError."""
    secrets.ensure_key(config)
    app = create_core_app(config)
    with work_context(app):
        state = database_state(db.engine)
        if state == "new":
            raise StartError("The database is of a newer version than this program. Install that version again.")
        if state != "current":
            migrate.migrate(db.engine)
    return app


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


def main() -> int:
    """Prepare the installation the environment names. Returns the exit code."""
    try:
        config = load_config()
        print(json.dumps(greeting(make_tables(config), config)))
    except (StartError, ConfigError, MigrationError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
