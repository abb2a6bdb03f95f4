"""The REST API, version 1: the same core functions and permissions as the pages, by bearer token."""

from __future__ import annotations

import threading
from typing import Any

import flask_smorest
from flask import Flask, Response, json

from inbox.db import work_context
from inbox.web.api import base, customers, idempotency, ledger, messages, plugins, problems, tickets

OPENAPI = "3.1.0"
SECURITY = "bearer"


class Api(flask_smorest.Api):  # type: ignore[misc]
    """flask-smorest, with problem details, and without its hold on the errors of ordinary pages.

    The description is made when first asked for: most processes never are, and it would take half of their start.
    """

    def __init__(self, app: Flask) -> None:
        self._parts: list[flask_smorest.Blueprint] = []
        self._described, self._lock = False, threading.Lock()
        super().__init__(app)

    def register_blueprint(self, blueprint: flask_smorest.Blueprint) -> None:
        """Put a part of the API at its address."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blueprint.name] = self
        self._app.register_blueprint(blueprint)
        self._parts.append(blueprint)

    def description(self) -> dict[str, Any]:
        """All of it, as OpenAPI: ours, and what active plugins add now. Within a work context."""
        with self._lock:
            if not self._described:
                self._describe()
                self._described = True
        found: dict[str, Any] = dict(self.spec.to_dict())
        return {**found, "paths": {**found["paths"], **plugins.paths()}}

    def _describe(self) -> None:
        problems.describe(self.spec)
        for each in self._parts:
            each.register_views_in_doc(self, self._app, self.spec, name=each.name, parameters=None)
            self.spec.tag({"name": each.name, "description": each.description})
        _complete(self.spec)

    def _register_error_handlers(self) -> None:
        problems.cover(self._app, "/api")

    def _register_responses(self) -> None:
        """With the rest of the description."""

    def _openapi_json(self) -> Response:
        return Response(json.dumps(self.description(), indent=2), mimetype="application/json")


def init_app(app: Flask) -> None:
    """Put the API at /api/v1 and its description at /api/v1/openapi.json. After the pages, for their CSRF guard."""
    app.config.update(
        API_TITLE="Pluginbox", API_VERSION="v1", OPENAPI_VERSION=OPENAPI, OPENAPI_URL_PREFIX=base.PREFIX,
        OPENAPI_JSON_PATH="openapi.json", API_SPEC_OPTIONS={
            "info": {"description": "The help desk by HTTP. Times are ISO 8601 with an offset; lists are paged by "
                                    "`cursor`; errors are problem details (RFC 9457)."},
            "components": {"securitySchemes": {SECURITY: {"type": "http", "scheme": "bearer"}}},
            "security": [{SECURITY: []}]})
    api = Api(app)
    for part in (tickets, messages, customers, ledger):
        api.register_blueprint(part.blueprint)
        _spare_csrf(app, part.blueprint)


def _spare_csrf(app: Flask, blueprint: flask_smorest.Blueprint) -> None:
    """These addresses take a bearer token and nothing else: a form of another site can do nothing with them."""
    guard = app.extensions.get("csrf")
    if guard is not None:
        guard.exempt(blueprint)


def export_openapi(app: Flask) -> dict[str, Any]:
    """The description of the API, as OpenAPI 3.1."""
    api: Api = app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
    with work_context(app):
        return api.description()


def _complete(spec: Any) -> None:
    """Put to each operation what flask-smorest cannot know: which errors it has, and the key of posts."""
    for path, operations in spec._paths.items():
        for method, operation in operations.items():
            if "responses" not in operation:
                continue
            operation["tags"] = [each.removeprefix("api_") for each in operation["tags"]]
            operation["operationId"] = f"{method}{path.removeprefix(base.PREFIX).replace('/', '_')}".translate(
                str.maketrans("", "", "{}"))
            for status in problems.statuses_of(method, path):
                operation["responses"].setdefault(str(status), problems.reference(status))
            if method == "post":
                operation.setdefault("parameters", []).append({
                    "in": "header", "name": idempotency.HEADER, "required": False,
                    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
                    "description": "Any text of your own: sent again with it, the request is not done again."})
    for tag in spec._tags:
        tag["name"] = tag["name"].removeprefix("api_")
