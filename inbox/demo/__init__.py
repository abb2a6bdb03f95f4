"""The demo desk "Fjord & Thread", a yarn and knitwear shop in Bergen: four departments, four agents, sixty tickets.

What customers wrote lies in `messages/` as mail, what the agents did in `stories/`. The mail goes through the real
ledger and intake, the answers go through the real sender to the catcher, at the times the stories say.
"""

from __future__ import annotations

from typing import NamedTuple

from flask import Flask

from inbox.core import agents, settings
from inbox.core.events import Actor
from inbox.db import current_config, work_context
from inbox.secrets import ensure_key


class Login(NamedTuple):
    """What a person types to sign in."""

    email: str
    password: str


PASSWORD = "warm-wool-from-bergen"  # noqa: S105  (printed on start; the demo desk listens on this machine only)
LOGIN = Login("ingrid@fjordthread.example", PASSWORD)
MAIL_TO = "support@fjordthread.example"  # where a newcomer can write to
BY = Actor.system("demo")


def is_seeded() -> bool:
    """True when this database holds the whole demo desk. Needs a work context."""
    return bool(settings.get("demo.seeded"))


def seed(app: Flask) -> None:
    """Fill an empty database with the demo desk. One that has an owner already is left as it is.

    Takes some seconds. Call it before any job runs, in one process.
    """
    from inbox.demo import desk, plugins, story  # only here: they bring the parser along

    with work_context(app):
        if agents.has_owner():
            return
        ensure_key(current_config())
        desk.build()
    story.play(app)
    plugins.activate(app)
    with work_context(app):
        settings.put("demo.seeded", True, by=BY)
