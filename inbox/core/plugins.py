"""What the core does when plugins come, go or fail: permission, audit event, forgetting settings, mail to admins."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from inbox.core import circuits, events, mailboxes, permissions, settings, words
from inbox.core.events import Actor
from inbox.core.models import Agent, Delivery
from inbox.db import current_config, session


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


def paused(name: str, reason: str) -> None:
    """The plugin host has paused a plugin: an event, and mail to everybody who can do something about it.

    Not by a hook: it must reach them however plugins are. Inside the transaction that pauses it.
    """
    event = events.record("plugin_paused", by=Actor.system("plugins"), plugin=name, reason=reason)
    ours = mailboxes.own_addresses()  # mail to ourselves would open a ticket
    for agent in session().scalars(sa.select(Agent).where(Agent.is_active).order_by(Agent.id)):
        if permissions.may(agent, "manage_plugins") and agent.email not in ours:
            subject, text = _told(agent, name, reason)
            circuits.post(agent.email, subject, text, name=agent.name, key=f"paused:{event.id}:{agent.id}")


def _told(agent: Agent, name: str, reason: str) -> tuple[str, str]:
    _ = words.for_agent(agent).gettext
    parts = [
        _("The plugin %(name)s failed again and again, so it is not asked any more. Mail and tickets go on without "
          "it; its events wait until you resume it.") % {"name": name},
        reason,
        _("What went wrong is on its page, where you can resume or deactivate it:"),
        f"{current_config().public_url}/settings/plugins/{name}"]
    return _("The plugin %(name)s is paused") % {"name": name}, "\n\n".join(parts) + "\n"


def _forget(name: str) -> None:
    """Delete what the core keeps for a plugin. Its own tables are the plugin host's business."""
    settings.forget_plugin(name)
    permissions.forget_plugin(name)
    session().execute(sa.delete(Delivery).where(Delivery.plugin == name))
