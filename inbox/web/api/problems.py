"""Errors of the API as problem details (RFC 9457), whoever raised them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import marshmallow as ma
from flask import Flask, Response, current_app, json, request
from flask_babel import gettext
from flask_smorest import Blueprint
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from inbox.core.errors import CoreError, Invalid, NotAllowed, NotFound, RateLimited, Stale
from inbox.plugin_host.call import Rejected

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
STATUS = {NotFound: 404, NotAllowed: 403, Invalid: 422, Rejected: 422, Stale: 409, RateLimited: 429}
CODES = (400, 401, 403, 404, 405, 406, 408, 409, 411, 412, 413, 414, 415, 422, 428, 429, 431, 500, 503)
COMMON = (400, 401, 403, 404, 409, 413, 415, 422, 429)
DETAILS = {
    401: "Send a token: Authorization: Bearer … (`inbox token create` makes one).",
    404: "There is nothing here.",
    405: "This method is not allowed here.",
    413: "The request is too big.",
    415: "Send JSON, with Content-Type: application/json.",
    422: "The request holds something that cannot be taken.",
    503: "The database is busy or cannot be reached. Nothing was changed; try again soon.",
    500: "Something went wrong on our side. It has been written to the log.",
}


class Shown(ma.Schema):
    """A schema of what we show. More fields may come within a version, so a client must not refuse them."""

    class Meta:
        unknown = ma.INCLUDE


class FieldProblem(Shown):
    """What is wrong with one field: `pointer` names one of the body (RFC 6901), `parameter` one of the query."""

    detail = ma.fields.String(required=True)
    pointer = ma.fields.String()
    parameter = ma.fields.String()


class Problem(Shown):
    """An error, as RFC 9457 writes it."""

    type = ma.fields.String(required=True, metadata={"example": "about:blank"})
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    detail = ma.fields.String()
    errors = ma.fields.List(ma.fields.Nested(FieldProblem))


def problem(status: int, detail: str = "", *, errors: list[dict[str, str]] | None = None,
            headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """An error response; `more` are members of its own (RFC 9457, 3.2)."""
    body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    detail = detail or DETAILS.get(status, "")
    if detail:
        body["detail"] = _words(detail)
    if errors:
        body["errors"] = errors
    response = Response(json.dumps(body | more), status=status, mimetype=MEDIA_TYPE)
    response.headers.update(headers or {})
    return response


def describe(spec: Any) -> None:
    """Name these answers in an OpenAPI description, one for each status, as flask-smorest expects them."""
    content = {MEDIA_TYPE: {"schema": Problem}}
    for status in HTTPStatus:
        if status >= 400:
            spec.components.response(status.name, {"description": status.phrase, "content": content},
                                     lazy=status not in COMMON)
    spec.components.response("DEFAULT_ERROR", {"description": "Any other error.", "content": content}, lazy=True)


def reference(status: int) -> dict[str, str]:
    """What an operation of the description says for a status."""
    return {"$ref": f"#/components/responses/{HTTPStatus(status).name}"}


def statuses_of(method: str, path: str) -> tuple[int, ...]:
    """The errors an operation can answer with."""
    found = (401, 403, 429) + ((404,) if "{" in path else ())
    return found if method == "get" else (*found, 400, 409, 413, 415, 422)


def register(blueprint: Blueprint) -> None:
    """Let a blueprint answer every error with problem details; a page's own error handlers come after these."""
    blueprint.register_error_handler(CoreError, of_core)
    blueprint.register_error_handler(Rejected, of_core)
    blueprint.register_error_handler(OperationalError, of_database)
    for code in CODES:
        blueprint.register_error_handler(code, of_http)


def cover(app: Flask, prefix: str) -> None:
    """Errors below `prefix` that no blueprint saw (no such address, wrong method) become problem details, too."""

    @app.after_request
    def translate(response: Response) -> Response:
        if (response.status_code < 400 or response.mimetype == MEDIA_TYPE
                or not request.path.startswith(prefix + "/")):
            return response
        kept = {name: response.headers[name] for name in ("Allow", "Retry-After") if name in response.headers}
        return problem(response.status_code, headers=kept)


def of_core(error: CoreError | Rejected) -> Response:
    """What the core refuses, or a plugin."""
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
    errors = [_of_field(error.field, str(error))] if isinstance(error, Invalid) else None
    headers = {"Retry-After": str(error.seconds)} if isinstance(error, RateLimited) else {}
    return problem(status, str(error), errors=errors, headers=headers)


def of_database(error: OperationalError) -> Response:
    """The database is locked, gone or full: nothing was changed."""
    log.error("The database did not answer: %s", error)
    return problem(503, headers={"Retry-After": "5"})


def of_http(error: HTTPException) -> Response:
    """What Flask and the argument parser refuse."""
    data = getattr(error, "data", None) or {}
    errors = list(_flattened(data.get("messages", {})))
    headers = {}
    if error.code == 405 and getattr(error, "valid_methods", None):
        headers["Allow"] = ", ".join(sorted(error.valid_methods))  # type: ignore[attr-defined]
    return problem(error.code or 500, errors=errors, headers=headers)


def _of_field(field: str, detail: str) -> dict[str, str]:
    return ({"parameter": field, "detail": _words(detail)} if request.method in ("GET", "HEAD")
            else {"pointer": f"#/{field}", "detail": _words(detail)})


def _flattened(messages: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The nested messages of the argument parser as a flat list."""
    for location, found in messages.items():
        for path, detail in _leaves(found, ()):
            if location == "json":
                yield {"pointer": "#" + "".join(f"/{each}" for each in path), "detail": detail}
            else:
                yield {"parameter": path[0] if path else "", "detail": detail}


def _leaves(found: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(found, Mapping):
        for key, value in found.items():
            yield from _leaves(value, path if key == "_schema" else (*path, str(key)))
    elif isinstance(found, list):
        for each in found:
            yield from _leaves(each, path)
    else:
        yield path, str(found)


def _words(text: str) -> str:
    return str(gettext(text)) if "babel" in current_app.extensions else text
