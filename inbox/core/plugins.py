"""What the core does when a person changes which plugins there are: permission, audit event, forgetting settings."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from inbox.core import events, permissions, settings
from inbox.core.events import Actor
from inbox.core.models import Delivery
from inbox.db import session


def teller(by: Actor) -> Callable[[str, str, str], None]:
    """For the `tell=` of the plugin host's verbs: writes what was done into the event log, in its transaction.

    Raises NotAllowed when this person may not change plugins.
    """
    permissions.require(by, "manage_plugins")

    def tell(did: str, name: str, version: str) -> None:
        if did == "uninstalled":
            _forget(name)
        if did:
            events.record("plugin_changed", by=by, plugin=name, did=did, version=version)

    return tell


def _forget(name: str) -> None:
    """Delete what the core keeps for a plugin. Its own tables are the plugin host's business."""
    settings.forget_plugin(name)
    session().execute(sa.delete(Delivery).where(Delivery.plugin == name))
