"""The plugins of the demo desk: all that come along with the program are active and have something to show."""

from __future__ import annotations

import logging

from flask import Flask

from inbox.app import create_app
from inbox.db import current_config, work_context
from inbox.plugin_host import call, discover, lifecycle
from inbox.plugin_host.call import PluginFailure
from inbox.plugin_host.lifecycle import PluginError
from inbox.plugin_host.registry import EXTENSION

log = logging.getLogger(__name__)


def activate(app: Flask) -> None:
    """Activate every bundled plugin, those first that others need, and let each add its own data.

    One that fails is left out: a demo desk without it is better than none.
    """
    if EXTENSION not in app.extensions:  # the process that prepares an installation runs without plugins
        app = create_app(app.config["INBOX"])
    with work_context(app):
        waiting, before = _bundled(), None
        while waiting and waiting != before:
            before, waiting = waiting, [name for name in waiting if not _begin(name)]


def _bundled() -> list[str]:
    folders = [each for each in discover.plugin_folders(current_config())
               if each != current_config().plugin_folder.resolve()]
    return [each.name for each in lifecycle.plugins()
            if each.folder is not None and each.folder.parent.resolve() in folders and each.state == "discovered"]


def _begin(name: str) -> bool:
    try:
        lifecycle.activate(name)
        call.lifecycle(name, "demo_desk")
    except (PluginError, PluginFailure) as error:
        log.warning("The demo desk begins without the plugin %s: %s", name, error)
        return False
    return True
