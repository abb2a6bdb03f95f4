"""Stores what went wrong in plugins, and pauses one that fails again and again."""

from __future__ import annotations

import datetime as dt
import logging
import traceback
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from inbox.db import session, transaction, utcnow, work_context
from inbox.plugin_host.models import Plugin, PluginFault, PluginRevision

if TYPE_CHECKING:
    from inbox.plugin_host.registry import PluginHost

log = logging.getLogger(__name__)
PAUSE_AFTER = 10  # faults …
PAUSE_WITHIN = dt.timedelta(minutes=10)  # … within this time


class PluginFailure(Exception):
    """A plugin failed. Raised only where faults are to be seen at once: in tests, and for events (to be retried)."""

    def __init__(self, plugin: str, hook: str, problem: str) -> None:
        super().__init__(f"Plugin {plugin}, hook {hook}: {problem}")
        self.plugin, self.problem = plugin, problem


def store(host: PluginHost, plugin: str, hook: str, problem: str, *, error: BaseException | None = None,
          ticket_id: int | None = None, event_id: int | None = None, trace: str = "", weight: int = 1) -> None:
    """Write down a fault in a work context of its own, so that the caller's session is left alone. Never raises.

    `weight` says how much it counts toward pausing; 0 makes it a note that is shown and is no fault.
    """
    log.log(logging.ERROR if weight else logging.WARNING, "Plugin %s%s in %s: %s", plugin,
            " failed" if weight else "", hook, problem, exc_info=error)
    trace = "".join(traceback.format_exception(error)) if error else trace
    weight = getattr(error, "weighs", weight)  # an error of the core can say how grave it is
    try:
        with work_context(host.app), transaction() as current:
            current.add(PluginFault(plugin=plugin, hook=hook[:60], ticket_id=ticket_id, event_id=event_id,
                                    summary=problem[:1000], trace=trace[-20_000:], weight=weight))
            current.flush()
            if weight:
                _pause_if_it_keeps_failing(host, plugin)
    except SQLAlchemyError:
        log.exception("The fault of plugin %s could not be stored.", plugin)


def _pause_if_it_keeps_failing(host: PluginHost, plugin: str) -> None:
    row = session().get(Plugin, plugin)
    if row is None or row.state != "active":
        return
    since = max(utcnow() - PAUSE_WITHIN, row.changed_at)  # a person who resumed it gave it a new chance
    count, weight = session().execute(sa.select(sa.func.count(), sa.func.sum(PluginFault.weight)).where(
        PluginFault.plugin == plugin, PluginFault.at >= since, PluginFault.weight > 0)).one()
    if (weight or 0) >= PAUSE_AFTER:
        latest = session().scalar(sa.select(PluginFault.summary).where(
            PluginFault.plugin == plugin, PluginFault.weight > 0).order_by(PluginFault.id.desc()).limit(1)) or ""
        pause(host, plugin, f"It failed once, and gravely: {latest}" if count == 1 else
              f"It failed {count} times within {PAUSE_WITHIN.seconds // 60} minutes, at last so: {latest}")


def pause(host: PluginHost, plugin: str, reason: str) -> None:
    """Stop calling a plugin until a person resumes it; its events wait. Inside a transaction."""
    changed = session().execute(
        sa.update(Plugin).where(Plugin.name == plugin, Plugin.state == "active")
        .values(state="paused", reason=reason, changed_at=utcnow()).returning(Plugin.name)
        .execution_options(synchronize_session=False)).all()
    if changed:  # another process may have done so at the same moment
        move_revision()
        for told in host.on_pause:
            told(plugin, reason)
        log.warning("Plugin %s is paused: %s", plugin, reason)


def move_revision(*, code: bool = False) -> None:
    """Tell every process that a state changed, or that there is other code to be read. Inside a transaction."""
    moved = {"value": PluginRevision.value + 1} | ({"code": PluginRevision.code + 1} if code else {})
    session().execute(sa.update(PluginRevision).values(moved))


def sweep(older_than: dt.datetime) -> int:
    """Delete old faults. Returns how many."""
    with transaction() as current:
        return len(current.execute(
            sa.delete(PluginFault).where(PluginFault.at < older_than).returning(PluginFault.id)).all())
