"""One's own profile: name, signature, language, clock, appearance, password, API tokens."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from inbox.core import agents, notifications, quiet, settings
from inbox.core.errors import Invalid, RateLimited
from inbox.web.auth import actor, me, safe_next, start_session
from inbox.web.desk import sidebar
from inbox.web.i18n import gettext

blueprint = Blueprint("profile", __name__)
LAYOUTS = {"layout": ("panes", "list"), "density": ("comfortable", "compact")}


def time_zones() -> list[str]:
    """The zones to choose from, by name."""
    return sorted(zone for zone in settings.time_zones() if "/" in zone or zone == "UTC")


def _page(error: Invalid | None = None, status: int = 200) -> Any:
    wishes = [(item, {way: notifications.wants(me(), item.name, way) for way in notifications.WAYS})
              for item in notifications.types().values()]
    return render_template("profile/page.html", agent=me(), zones=time_zones(), wishes=wishes, error=error,
                           place=None, **sidebar()), status


@blueprint.get("/profile")
def show() -> Any:
    return _page()


@blueprint.post("/profile")
def save() -> Any:
    """Store the profile; what is wrong is said beside its field."""
    form = request.form
    try:
        agents.update_profile(me(), by=actor(), name=form.get("name"), signature=form.get("signature"),
                              locale=form.get("locale"), time_zone=form.get("time_zone"),
                              appearance=form.get("appearance"))
    except Invalid as problem:
        return _page(problem, 422)
    flash(gettext("Your profile is saved."))
    return redirect(url_for("profile.show"), 303)


@blueprint.post("/profile/notifications")
def notify() -> Any:
    """What one is told of, in the desk and by mail."""
    chosen = {name: {way: f"{name}:{way}" in request.form for way in notifications.WAYS}
              for name in notifications.types()}
    try:
        quiet_hours = quiet.wish(request.form.get("quiet_from", ""), request.form.get("quiet_to", ""))
    except Invalid as problem:
        return _page(problem, 422)
    agents.update_profile(me(), by=actor(), preferences={"notify": notifications.wishes(me(), chosen),
                                                         "quiet": quiet_hours})
    flash(gettext("Your profile is saved."))
    return redirect(url_for("profile.show"), 303)


@blueprint.post("/profile/keys")
def keys() -> Any:
    """Keys that are pressed alone can be switched off: by voice or with a tremor they are hit unmeant."""
    agents.update_profile(me(), by=actor(), preferences={"single_keys": "single_keys" in request.form})
    flash(gettext("Your profile is saved."))
    return redirect(url_for("profile.show"), 303)


@blueprint.post("/profile/layout")
def layout() -> Any:
    """How lists are shown: `list` at full width or `panes`, list and ticket side by side; rows `compact` or not."""
    chosen = {name: request.form[name] for name, values in LAYOUTS.items() if request.form.get(name) in values}
    agents.update_profile(me(), by=actor(), preferences=chosen)
    return redirect(safe_next(request.args.get("next")), 303)


@blueprint.post("/profile/password")
def password() -> Any:
    """A new password; every other session of the agent ends."""
    form = request.form
    try:
        if not agents.confirm_password(me(), form.get("current", ""), request.remote_addr or ""):
            raise Invalid("current", "This is not your password.")
        if form.get("password") != form.get("again"):
            raise Invalid("again", "The two passwords are not the same.")
        agents.set_password(me(), form.get("password", ""), by=actor())
    except RateLimited as limited:
        return _page(Invalid("current", str(limited)), 429)
    except Invalid as problem:
        return _page(problem, 422)
    start_session(me())
    flash(gettext("Your password is changed. Every other session of yours has ended."))
    return redirect(url_for("profile.show"), 303)
