"""What fifty plugins that have nothing to say add to a page: `python -m bench.idle` (part of `make bench`).

Each answers the hooks that plugins mostly answer (a link in the menu, badges of a list, a panel beside a ticket, the
timeline, events), with nothing. The same application is asked with and without them by turns, in a process of its own.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from inbox import preload
from inbox.app import create_app
from inbox.config import Config
from inbox.core.models import Agent
from inbox.db import db, session, work_context
from inbox.plugin_host import watchdog
from inbox.plugin_host.registry import EXTENSION, PluginHost
from inbox.prepare import make_tables
from inbox.testing.factories import make_agent, make_message, make_ticket
from inbox.testing.plugins import plug
from inbox.web.auth import SignedIn

PLUGINS, ROUNDS = 50, 200
TICKETS, MESSAGES = 50, 10  # on the list, and in the ticket
PAGES = {"List: all tickets": "/views/all", "Ticket with its list": "/tickets/1?in=all",
         "Ticket, the pane alone": "/tickets/1?part=pane"}


def answers() -> list[Callable[..., Any]]:
    """What an idle plugin says."""

    def main_menu_links(agent: Any) -> None: ...

    def inbox_row_badges(tickets: Any, agent: Any) -> None: ...

    def ticket_sidebar_panels(ticket: Any, agent: Any) -> None: ...

    def timeline_entries(ticket: Any, agent: Any) -> None: ...

    def ticket_created(ticket: Any, event: Any) -> None: ...

    def message_received(ticket: Any, message: Any, event: Any) -> None: ...

    return [main_menu_links, inbox_row_badges, ticket_sidebar_panels, timeline_entries, ticket_created,
            message_received]


class Desk:
    """A small desk, and a browser of its owner."""

    def __init__(self, app: Flask) -> None:
        self.host: PluginHost = app.extensions[EXTENSION]
        self.calls = 0
        self._builtins = self.host.builtins
        with work_context(app):
            make_agent(role="owner")
            tickets = [make_ticket() for _ in range(TICKETS)]
            for _ in range(MESSAGES - 1):
                make_message(tickets[0])
            for number in range(PLUGINS):
                plug(app, f"idle{number}", *answers())
        self._all = self.host.builtins
        self._client: FlaskClient = app.test_client()
        with work_context(app), self._client.session_transaction() as cookie:
            cookie["_user_id"] = SignedIn(session().get_one(Agent, 1)).get_id()
            cookie["_fresh"] = True

    def get(self, path: str, *, idle: bool) -> float:
        """Ask for a page. Returns what the processor worked for it, in milliseconds."""
        self.host.builtins = self._all if idle else self._builtins
        begun = time.process_time()
        answer = self._client.get(path)
        took = (time.process_time() - begun) * 1000
        assert answer.status_code == 200, (path, answer.status)
        return took

    def count(self, path: str) -> int:
        """How many calls a page makes to them."""
        found, note = 0, self.host.timing.note

        def counted(plugin: str, *about: Any, **more: Any) -> bool:
            nonlocal found
            found += plugin.startswith("idle")
            return note(plugin, *about, **more)

        self.host.timing.note = counted  # type: ignore[method-assign]
        self.get(path, idle=True)
        del self.host.timing.note
        return found


def table() -> str:
    """Pages with and without them, in Markdown: medians of the processor's time."""
    lines = [f"### {PLUGINS} idle plugins", "",
             "| page | without | added | calls of their hooks |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        config = Config(home=Path(folder))
        make_tables(config)
        app = create_app(config)
        preload.settle()  # as in a web process
        desk, watching = Desk(app), watchdog.start(app, print)  # as in a web process: calls are noted and weighed
        try:
            for what, path in PAGES.items():
                calls = desk.count(path)
                pairs = [(desk.get(path, idle=False), desk.get(path, idle=True)) for _ in range(ROUNDS)]
                without, with_them = (statistics.median(each) for each in zip(*pairs, strict=True))
                lines.append(f"| {what} | {without:.1f} ms | {with_them - without:+.2f} ms | {calls} |")
        finally:
            watching.stop()
            with work_context(app):
                db.engine.dispose()
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
