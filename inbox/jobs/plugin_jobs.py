"""The timetables of plugins: one row a job, so that it runs once at a time in all processes together."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from inbox.core import queue
from inbox.core.models import Job
from inbox.db import session, transaction
from inbox.jobs.engine import handler
from inbox.plugin_host import call

KIND = "plugin.job"
LONGEST = 15 * 60.0  # seconds; after that it is a fault that it still runs


def look() -> None:
    """See to it that every job of an active plugin has a row, and no other. Writes only when something changed."""
    wanted = {f"plugin:{item.name}": {"name": item.name, "every": int(item.every.total_seconds())}
              for _plugin, item in call.register("register_jobs")}
    rows = session().execute(sa.select(Job.id, Job.key, Job.state, Job.args).where(
        Job.kind == KIND, Job.state.in_(("queued", "running")))).all()
    gone = [row.id for row in rows if row.state == "queued" and wanted.get(row.key) != row.args]
    new = {key: args for key, args in wanted.items() if key not in {row.key for row in rows if row.id not in gone}}
    if not gone and not new:
        return
    with transaction() as current:
        current.execute(sa.delete(Job).where(Job.id.in_(gone), Job.state == "queued")
                        .execution_options(synchronize_session=False))
        for key, args in new.items():
            queue.enqueue(KIND, args, key=key)


@handler(KIND, lane="plugins", retries=0)
def run(args: dict[str, Any]) -> None:
    """Run one job under the caller's rules. One whose plugin was deactivated meanwhile is left out."""
    for plugin, item in call.register("register_jobs"):
        if item.name == args["name"]:
            call.guard(plugin, f"job {item.name}"[:60], item.run, may_write=True, longest=LONGEST)
