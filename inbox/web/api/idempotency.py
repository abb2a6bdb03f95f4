"""`Idempotency-Key` on posts: the same key does the work once, and gives the same answer each time.

Answers are kept for two days (`inbox.jobs.schedule`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from flask import Response, json, request
from sqlalchemy.exc import IntegrityError

from inbox.core.errors import Invalid
from inbox.core.models import IdempotentAnswer
from inbox.db import session, transaction
from inbox.web.api.auth import agent

HEADER = "Idempotency-Key"

Work = Callable[[], tuple[dict[str, Any], str]]
"""Does it inside the transaction; returns the answer's body and the address of what was made."""


def answered_before() -> Response | None:
    """The answer given to this request earlier, if its key was used. Raises Invalid: used for another request."""
    key = _key()
    found = session().get(IdempotentAnswer, (agent().id, key), populate_existing=True) if key else None
    if found is None:
        return None
    if found.request_digest != _digest():
        raise Invalid(HEADER, "This Idempotency-Key was used for another request. Take a new one for each.")
    stored = json.loads(found.body)
    response = _response(stored["body"], found.status, stored["location"])
    response.headers["Idempotency-Replayed"] = "true"
    return response


def once(work: Work) -> Response:
    """Do the work and keep the answer in one transaction: after a crash either both are there or neither."""
    key = _key()
    try:
        with transaction() as current:
            before = answered_before()
            if before is not None:
                return before
            if key:  # first, so that a second request with the key waits here, not after the work
                row = IdempotentAnswer(agent_id=agent().id, key=key, request_digest=_digest())
                current.add(row)
                current.flush()
            body, location = work()
            if key:
                row.status, row.body = 201, json.dumps({"body": body, "location": location})
    except IntegrityError:
        before = answered_before()  # the other request was faster
        if before is None:
            raise
        return before
    return _response(body, 201, location)


def _response(body: dict[str, Any], status: int, location: str) -> Response:
    response = Response(json.dumps(body), status=status, mimetype="application/json")
    response.headers["Location"] = location
    return response


def _key() -> str | None:
    key = request.headers.get(HEADER)
    if key is not None and not (0 < len(key) <= 200 and key.isprintable()):
        raise Invalid(HEADER, "An Idempotency-Key has 1 to 200 printable characters.")
    return key


def _digest() -> str:
    seen = hashlib.sha256(f"{request.method} {request.path}\n".encode())
    seen.update(request.get_data(cache=True))
    return seen.hexdigest()
