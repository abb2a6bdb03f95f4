"""A browser without a window that fills in forms as a person would: it takes the page's hidden fields along."""

from __future__ import annotations

import contextvars
import datetime as dt
import re
from contextlib import nullcontext
from typing import Any

from flask import Flask, has_app_context
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from inbox.core.models import Agent
from inbox.db import at_time, session, standing_clock


class Visitor:
    """Keeps cookies. Every request has a context of its own: the test's would lend it the agent signed in before."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()

    def get(self, path: str, **options: Any) -> TestResponse:
        return self._open("GET", path, **options)

    def _open(self, method: str, path: str, **options: Any) -> TestResponse:
        options["headers"] = {"Accept-Language": "en", **dict(options.get("headers") or {})}  # tests read English
        answer = contextvars.Context().run(self._send, standing_clock(), path, method=method, **options)
        if has_app_context():
            session().rollback()  # the test sees what the request has stored
            session().expire_all()
        return answer

    def _send(self, moment: dt.datetime | None, path: str, **options: Any) -> TestResponse:
        with at_time(moment) if moment is not None else nullcontext():
            return self.client.open(path, **options)

    def token(self, path: str) -> str:
        """The CSRF token of a page."""
        found = re.search(r'name="csrf-token" content="([^"]+)"', self.get(path).text)
        assert found is not None, f"{path} has no token"
        return found[1]

    def post(self, path: str, data: dict[str, Any] | None = None, page: str = "", **options: Any) -> TestResponse:
        """Send a form of `page` (the same path when not given)."""
        return self._open("POST", path, data={"csrf_token": self.token(page or path), **(data or {})}, **options)

    def sign_in(self, agent: Agent) -> Visitor:
        """Be this agent from now on, without a password."""
        with self.client.session_transaction() as kept:
            kept["_user_id"] = f"{agent.id}.{agent.session_version}"
            kept["_fresh"] = True
        return self
