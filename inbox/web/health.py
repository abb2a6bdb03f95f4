"""For machines: /healthz (the process lives), /readyz (it can do its work), /metrics (Prometheus text).

Open to everybody who reaches the port; they tell numbers, never names. A proxy may keep them from the outside.
"""

from __future__ import annotations

import logging
import shutil
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, current_app, jsonify
from sqlalchemy.exc import SQLAlchemyError

import inbox
from inbox import migrate
from inbox.core.models import Circuit, Heartbeat, Job, Ledger, Mailbox, Message
from inbox.db import current_config, db, session, utcnow
from inbox.web.auth import public
from inbox.web.live import hub

log = logging.getLogger(__name__)
blueprint = Blueprint("health", __name__)
WORKER_SECONDS = 90  # a worker shows itself every 30 s
ON_THE_WAY = sa.text("state IN ('queued', 'sending')")  # word for word as the partial index has it
CAP = 10_000  # nothing is counted beyond, so that the answer stays quick


@blueprint.get("/healthz")
@public
def healthz() -> Response:
    """Always "ok": it asks nothing of the database, so that a slow one does not get the process killed."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
@public
def readyz() -> Any:
    """200 when pages can be answered: the database answers and its tables fit. Tells of the worker, too."""
    try:
        fits = migrate.can_run_on(db.engine)
        seen = worker_age()
    except SQLAlchemyError as error:
        log.warning("The database does not answer: %s", error)
        return jsonify(ready=False, database="does not answer"), 503
    age = None if seen is None else round(seen)
    worker = "none" if seen is None else "ok" if seen < WORKER_SECONDS else "silent"
    body = {"ready": fits, "database": "ok" if fits else "needs `inbox upgrade`", "worker": worker,
            "worker_seconds": age}
    return jsonify(body), 200 if fits else 503


def worker_age() -> float | None:
    """Seconds since any worker showed a sign of life; None when there was none."""
    at = session().scalar(sa.select(sa.func.max(Heartbeat.at)).where(Heartbeat.name.startswith("worker:")))
    return None if at is None else max(0.0, (utcnow() - at).total_seconds())


@blueprint.get("/metrics")
@public
def metrics() -> Response:
    """What to watch, in Prometheus' text format, version 0.0.4."""
    lines = [f'# HELP inbox_info The program.\n# TYPE inbox_info gauge\ninbox_info{{version="{inbox.__version__}"}} 1']
    for name, text, value in _gauges():
        lines.append(f"# HELP inbox_{name} {text}\n# TYPE inbox_{name} gauge\ninbox_{name} {value:.15g}")
    return Response("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


def _gauges() -> list[tuple[str, str, float]]:
    now = utcnow()
    age = worker_age()
    due = sa.and_(Job.state == "queued", Job.run_at <= now)
    return [
        ("live_streams", "Open live streams of this process.", hub().count()),
        ("jobs_due", "Jobs that could run now.", _count(Job.id, due)),
        ("jobs_failed", "Jobs that were given up.", _count(Job.id, Job.state == "failed")),
        ("mail_waiting", "Messages that arrived and have no fate yet.", _count(Ledger.id, Ledger.fate == "waiting")),
        ("mail_quarantined", "Messages held for a person.", _count(Ledger.id, Ledger.fate == "quarantined")),
        ("mail_unsent", "Replies and forwards on their way out.", _count(Message.id, ON_THE_WAY)),
        ("circuits_open", "Reasons for which automatic mail is held back.",
         _count(Circuit.id, sa.and_(Circuit.closed_at.is_(None), Circuit.until > now))),
        ("mailbox_errors", "Mailboxes that cannot be fetched just now.",
         _count(Mailbox.id, sa.and_(Mailbox.is_active, Mailbox.fetch_error.is_not(None)))),
        ("worker_seconds", "Seconds since a worker showed a sign of life; -1: never.", -1 if age is None else age),
        ("disk_free_bytes", "Free space where the data folder lies.",
         shutil.disk_usage(current_config().home).free),
        ("safe_mode", "1 while no plugin is loaded.", int(current_app.config["INBOX"].safe_mode)),
    ]


def _count(column: Any, condition: sa.ColumnElement[bool] | sa.TextClause) -> int:
    some = sa.select(column).where(condition).limit(CAP).subquery()
    return session().scalar(sa.select(sa.func.count()).select_from(some)) or 0
