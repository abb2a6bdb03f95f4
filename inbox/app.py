"""create_app(): start-up as a readable list of steps."""

from __future__ import annotations

from flask import Flask

from inbox.blobs import open_store
from inbox.config import Config
from inbox.db import init_database


def create_core_app(config: Config) -> Flask:
    """The least that can touch the database: no web, no plugins, no parser. The arrival process uses this alone."""
    app = Flask("inbox", static_folder=None)
    app.config["INBOX"] = config
    app.config["TESTING"] = config.testing
    app.config["TEMPLATES_AUTO_RELOAD"] = config.dev
    import inbox.core.models  # noqa: F401  (every table is known before the first query)

    init_database(app, config)
    open_store(config)  # a setting that cannot be used is told at the start
    return app


def create_app(config: Config) -> Flask:
    """The whole program for a web or worker process: database, plugins, web."""
    app = create_core_app(config)
    from inbox import secrets  # here and below: the arrival process must not load them
    from inbox.core import plugins
    from inbox.plugin_host import registry
    from inbox.web import api, init_web, plugin_pages

    secrets.ensure_key(config)
    app.config["SECRET_KEY"] = secrets.derived_key("session", config)
    registry.init_app(app, config).on_pause.append(plugins.paused)
    init_web(app, config)
    api.init_app(app)
    plugin_pages.init_app(app)
    return app
