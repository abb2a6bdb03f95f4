"""How often something may be tried: counted in the database, so that it holds for several processes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from inbox.core.errors import RateLimited
from inbox.core.models import Attempt
from inbox.db import session, transaction, utcnow

WINDOW = dt.timedelta(minutes=15)


def check(keys: Mapping[str, int]) -> None:
    """Pass in silence while each key was noted fewer times within the window than it may. Raises RateLimited."""
    since = utcnow() - WINDOW
    for key, limit in keys.items():
        row = session().execute(sa.select(sa.func.count(), sa.func.min(Attempt.at)).where(
            Attempt.key == key[:120], Attempt.at > since)).one()
        if row[0] >= limit:
            oldest = row[1] if isinstance(row[1], dt.datetime) else utcnow()
            raise RateLimited(max(1, int((oldest + WINDOW - utcnow()).total_seconds())))


def note(keys: Iterable[str]) -> None:
    """Count a try of each key."""
    with transaction() as current:
        current.add_all(Attempt(key=key[:120]) for key in keys)
