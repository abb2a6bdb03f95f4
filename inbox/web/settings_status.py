"""The status page: is the desk at work, and what do plugins say of themselves."""

from __future__ import annotations

from typing import Any

from flask import render_template

from inbox import doctor
from inbox.core.errors import NotFound
from inbox.web.health import WORKER_SECONDS, worker_age
from inbox.web.settings import blueprint, page, require


@blueprint.get("/status")
def status() -> Any:
    """Signs of life; the checks of plugins may ask other servers, so each is loaded by itself."""
    require("manage_settings")
    age = worker_age()
    return page("status", worker_age=None if age is None else round(age),
                worker_is_well=age is not None and age < WORKER_SECONDS, nightly=doctor.last_check(),
                checks=list(doctor.plugin_health()))


@blueprint.get("/status/<name>")
def status_check(name: str) -> Any:
    """One check of a plugin."""
    require("manage_settings")
    for plugin, item in doctor.plugin_health():
        if item.name == name:
            return render_template("settings/_status_check.html", found=doctor.run_health_check(plugin, item))
    raise NotFound()
