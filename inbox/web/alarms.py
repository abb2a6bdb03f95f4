"""The red banners on every page: what keeps mail from coming in or going out, for those whom it concerns."""

from __future__ import annotations

import time

from flask import Blueprint, Flask, current_app, render_template
from flask_login import current_user

from inbox.core import alarms
from inbox.core.alarms import Alarms
from inbox.web.auth import me

FRESH_SECONDS = 5.0  # in each process; a page need not ask anew each time
blueprint = Blueprint("alarms", __name__)


def current() -> Alarms:
    """What concerns the signed-in agent now; nothing for a visitor."""
    if not current_user.is_authenticated:
        return Alarms()
    kept = current_app.extensions.setdefault("inbox_alarms", {})
    if not kept or time.monotonic() - kept["at"] >= FRESH_SECONDS:
        kept.update(found=alarms.look(), at=time.monotonic())
    return alarms.for_agent(kept["found"], me())


@blueprint.get("/alarms")
def show() -> str:
    """The banners alone, asked for once a minute."""
    return render_template("layout/_alarms.html")


def init(app: Flask) -> None:
    """Give the banners to every page."""
    app.jinja_env.globals.update(alarms=current)
