"""One file a screen: parse the request, call the core, render."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from jinja2 import FileSystemBytecodeCache
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map, Rule

from inbox.config import Config


class Id(IntegerConverter):
    """`<int:…>` in our addresses: a number a database can hold; a longer one names nothing and is a 404."""

    def __init__(self, map: Map, **options: Any) -> None:
        super().__init__(map, **{"max": 2**63 - 1, **options})


class Address(Rule):
    """A route. What builds its address is compiled when first asked for: a process uses few of all, and each takes
    a millisecond at every start.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compile_now = super()._compile_builder
        compiled: list[Callable[..., tuple[str, str]]] = []

        def build(rule: Rule, **values: Any) -> tuple[str, str]:
            if not compiled:
                compiled.append(compile_now(append_unknown))
            return compiled[0](rule, **values)

        return build


def init_web(app: Flask, config: Config) -> None:
    """Add everything a browser meets to the application, as a readable list of steps."""
    from inbox.web import (
        addresses,
        alarms,
        assets,
        auth,
        bulk,
        compression,
        errors,
        field_parts,
        forms,
        htmx,
        i18n,
        icons,
        keys,
        live,
        pieces,
        rail,
        rows,
        security,
        theming,
    )

    app.jinja_environment = theming.ThemedEnvironment

    app.template_folder = "templates"
    app.url_rule_class = Address
    app.url_map.converters["int"] = Id
    app.config.update(
        SESSION_COOKIE_NAME="pluginbox", SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=config.is_https, PERMANENT_SESSION_LIFETIME=config.session_days * 86400,
        MAX_CONTENT_LENGTH=config.max_message_bytes + 1024 * 1024, MAX_FORM_MEMORY_SIZE=5 * 1024 * 1024,
        MAX_FORM_PARTS=1000, WTF_CSRF_TIME_LIMIT=None, WTF_CSRF_SSL_STRICT=config.is_https)
    app.jinja_options = {**app.jinja_options, "trim_blocks": True, "lstrip_blocks": True}
    if not config.testing:
        app.jinja_options["bytecode_cache"] = _compiled_templates(config)
    if config.trusted_proxies:
        count = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    compression.init(app)
    addresses.init(app)
    assets.init(app)
    icons.init(app)
    htmx.init(app)
    i18n.init(app)
    security.init(app)
    auth.init(app)
    forms.init(app)
    keys.init(app)
    bulk.init(app)
    field_parts.init(app)
    errors.init(app)
    live.init(app)
    alarms.init(app)
    pieces.init(app)
    rail.init(app)
    rows.init(app)
    _register_screens(app)


def _compiled_templates(config: Config) -> FileSystemBytecodeCache | None:
    """Where templates lie compiled, so that a new process need not do it again; None where nothing can be written."""
    folder = config.home / "cache" / "templates"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return FileSystemBytecodeCache(str(folder))


def _register_screens(app: Flask) -> None:
    from inbox.web import (
        alarms,
        auth,
        availability,
        bulk,
        colleague_drafts,
        completion,
        composer,
        customers,
        desk,
        following,
        health,
        keys,
        ledger,
        live,
        macros,
        marks,
        messages,
        new_ticket,
        outbox,
        own_views,
        palette,
        presence,
        previews,
        profile,
        recipients,
        replies,
        sending,
        settings,
        setup,
        snooze,
        theming,
        ticket_details,
        ticket_merge,
        ticket_print,
        tickets,
        welcome,
        writing,
    )

    settings.load_pages()
    for screen in (keys, palette, own_views, completion, bulk):
        app.register_blueprint(screen.blueprint)
    for screen in (auth, setup, profile, desk, tickets, new_ticket, composer, messages, customers, settings, ledger,
                   outbox, live, health, theming, marks, alarms, previews, welcome,
                   snooze, sending, replies, recipients, writing, macros,
                   presence, following, availability, colleague_drafts,
                   ticket_merge, ticket_details, ticket_print):
        app.register_blueprint(screen.blueprint)
