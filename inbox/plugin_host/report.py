"""What is known of a plugin's doings, for its page and for the list: faults, notes, how long its answers take.

How many events wait for it is the dispatcher's to say: `inbox.jobs.deliveries.waiting()`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import sqlalchemy as sa

from inbox.db import session, utcnow
from inbox.plugin_host.models import PluginFault, PluginTiming
from inbox.plugin_host.timing import PAGE_TIME

DAYS = 7  # what the figures are about
LATEST = 50


@dataclass(frozen=True)
class HookTime:
    """One hook's answers of the last days. `mean_ms` is of all calls, the failed ones included."""

    hook: str
    kind: str
    calls: int
    errors: int
    mean_ms: float
    slowest_ms: float


@dataclass(frozen=True)
class Report:
    """One plugin. `faults` are the latest, newest first; `notes` tell of what was slow or left out, and are no faults.

    `fault_count` counts the last days. A fault has hook, at, ticket_id, event_id, summary and trace.
    """

    plugin: str
    faults: list[PluginFault] = field(default_factory=list)
    notes: list[PluginFault] = field(default_factory=list)
    fault_count: int = 0
    times: list[HookTime] = field(default_factory=list)  # the most costly first

    @property
    def ms_per_event(self) -> float | None:
        """What an event costs on average; None when there was none."""
        return _mean([each for each in self.times if each.kind == "event"])

    @property
    def ms_per_page_call(self) -> float | None:
        """What an answer costs that somebody waits for; None when there was none."""
        return _mean([each for each in self.times if each.kind in (*PAGE_TIME, "item")])

    @property
    def ms_per_look_up(self) -> float | None:
        """What one of its own pages and lazy panels costs; None when nobody has opened any."""
        return _mean([each for each in self.times if each.kind == "page"])

    @property
    def calls(self) -> int:
        """How often it was asked in the last days."""
        return sum(each.calls for each in self.times)


def report(plugin: str, *, latest: int = LATEST) -> Report:
    """All that is known of one plugin."""
    found = sa.select(PluginFault).where(PluginFault.plugin == plugin).order_by(PluginFault.at.desc(),
                                                                               PluginFault.id.desc()).limit(latest)
    return Report(
        plugin,
        list(session().scalars(found.where(PluginFault.weight > 0))),
        list(session().scalars(found.where(PluginFault.weight == 0))),
        fault_counts().get(plugin, 0),
        times(plugin).get(plugin, []))


def overview() -> dict[str, Report]:
    """For the list of plugins: counts and times of all, without the faults themselves."""
    counts, all_times = fault_counts(), times()
    return {plugin: Report(plugin, fault_count=counts.get(plugin, 0), times=all_times.get(plugin, []))
            for plugin in counts.keys() | all_times.keys()}


def fault(fault_id: int) -> PluginFault | None:
    """One fault, with its traceback."""
    return session().get(PluginFault, fault_id)


def fault_counts() -> dict[str, int]:
    """Faults of the last days by plugin."""
    since = utcnow() - dt.timedelta(days=DAYS)
    rows = session().execute(sa.select(PluginFault.plugin, sa.func.count().label("faults")).where(
        PluginFault.at >= since, PluginFault.weight > 0).group_by(PluginFault.plugin))
    return {row.plugin: row.faults for row in rows}


def times(plugin: str | None = None) -> dict[str, list[HookTime]]:
    """How long the answers of one plugin, or of all, took in the last days; the most costly first."""
    since, table = (utcnow() - dt.timedelta(days=DAYS)).date(), PluginTiming
    total = sa.func.sum(table.total_ms)
    query = sa.select(table.plugin, table.hook, sa.func.max(table.kind), sa.func.sum(table.calls),
                      sa.func.sum(table.errors), total, sa.func.max(table.slowest_ms)).where(
        table.day >= since).group_by(table.plugin, table.hook).order_by(total.desc())
    if plugin is not None:
        query = query.where(table.plugin == plugin)
    found: dict[str, list[HookTime]] = {}
    for name, hook, kind, calls, errors, milliseconds, slowest in session().execute(query):
        found.setdefault(name, []).append(
            HookTime(hook, kind, int(calls), int(errors), milliseconds / int(calls), slowest))
    return found


def _mean(times: list[HookTime]) -> float | None:
    calls = sum(each.calls for each in times)
    return sum(each.mean_ms * each.calls for each in times) / calls if calls else None
