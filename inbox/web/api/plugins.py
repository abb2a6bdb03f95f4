"""Operations that plugins add, at `/api/v1/x/<plugin>/…`: tokens, abilities and errors as everywhere in the API."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Response, json, request
from werkzeug.exceptions import HTTPException

from inbox.core import permissions
from inbox.core.errors import CoreError, Invalid, NotAllowed
from inbox.plugin_host import call
from inbox.plugin_host.call import Rejected
from inbox.plugin_host.items import SETTING_TYPES, Endpoint
from inbox.web.api import auth, base, problems
from inbox.web.api.problems import problem

_PART = re.compile(r"<(?:(\w+):)?(\w+)>")  # <int:webhook_id>
_JSON = {str: "string", int: "integer", bool: "boolean"}


def mount(app: Flask, owner: str, short: str, endpoints: list[Endpoint]) -> None:
    """Put a plugin's operations at their addresses. `owner` names them all in the router."""
    for each in endpoints:
        name = f"{owner}.{each.name.partition('.')[2]}"
        view = _view(each)
        app.extensions["csrf"].exempt(view)  # a bearer token is no cookie: no other site's form has it
        app.add_url_rule(address(short, each), name, view, methods=[each.method])


def address(short: str, endpoint: Endpoint) -> str:
    return f"{base.PREFIX}/x/{short}{endpoint.path}"


def _view(endpoint: Endpoint) -> Callable[..., Any]:
    def plugin_operation(**path: Any) -> Any:
        return auth.authenticate() or _answer(endpoint, path)

    return plugin_operation


def _answer(endpoint: Endpoint, path: dict[str, Any]) -> Response:
    try:
        if endpoint.ability and not permissions.may(auth.agent(), endpoint.ability):
            raise NotAllowed()
        good, answer = call.guard(endpoint.plugin, f"endpoint {endpoint.name}"[:60], _run, endpoint,
                                  _values(endpoint.takes), path, may_write=True)
    except (CoreError, Rejected) as refusal:
        return problems.of_core(refusal)
    if not good:
        return problem(500, f"The plugin {endpoint.plugin} failed here. The fault was written down.")
    if isinstance(answer, HTTPException):
        return problems.of_http(answer)
    if isinstance(answer, (CoreError, Rejected)):
        return problems.of_core(answer)
    return Response(answer, mimetype="application/json") if isinstance(answer, bytes) else Response(status=204)


def _run(endpoint: Endpoint, values: dict[str, Any], path: dict[str, Any]) -> bytes | Exception | None:
    """What the plugin answers, as JSON: what cannot become JSON is its fault. A refusal is an answer."""
    try:
        answer = endpoint.run(auth.agent(), values, **path)
    except (CoreError, Rejected, HTTPException) as refusal:
        return refusal
    return None if answer is None else json.dumps(answer, default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot become JSON.")


def _values(takes: Mapping[str, str]) -> dict[str, Any]:
    """What was sent, checked against what the operation takes. Raises Invalid."""
    is_query = request.method == "GET"
    sent: Any = request.args.to_dict() if is_query else request.get_json(silent=True) if request.data else {}
    if not isinstance(sent, dict):
        raise Invalid("", "Send a JSON object.")
    for name in sent:
        if name not in takes:
            raise Invalid(name, "There is no such field.")
    values = {}
    for name, kind in takes.items():
        if sent.get(name) is None:
            if not kind.endswith("?"):
                raise Invalid(name, "This field is missing.")
            continue
        values[name] = _value(name, sent[name], SETTING_TYPES[kind.rstrip("?")], is_query)
    return values


def _value(name: str, value: Any, wanted: type, is_query: bool) -> Any:
    if is_query and wanted is int and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    if is_query and wanted is bool and value in ("true", "false"):
        return value == "true"
    if type(value) is not wanted:
        raise Invalid(name, f"This must be of type {_JSON[wanted]}.")
    if base.unfit(value):
        raise Invalid(name, "Text may hold neither NUL nor half a character.")
    return value


# --- the description --------------------------------------------------------------------------------------------


def paths() -> dict[str, dict[str, Any]]:
    """The operations of active plugins, as OpenAPI describes them."""
    found: dict[str, dict[str, Any]] = {}
    for plugin, endpoint in call.register("register_endpoints"):
        short = plugin.removeprefix("builtin.")
        path = _PART.sub(r"{\2}", address(short, endpoint))
        found.setdefault(path, {})[endpoint.method.lower()] = _operation(short, endpoint, path)
    return found


def _operation(short: str, endpoint: Endpoint, path: str) -> dict[str, Any]:
    inside = [{"name": name, "in": "path", "required": True,
               "schema": {"type": "integer", "minimum": 0} if kind == "int" else {"type": "string", "minLength": 1}}
              for kind, name in _PART.findall(endpoint.path)]
    fields = {name: {"type": _JSON[SETTING_TYPES[kind.rstrip("?")]]} for name, kind in endpoint.takes.items()}
    needed = [name for name, kind in endpoint.takes.items() if not kind.endswith("?")]
    method = endpoint.method.lower()
    operation: dict[str, Any] = {
        "tags": [short], "summary": endpoint.title, "operationId": endpoint.name.replace(".", "_"),
        "parameters": inside, "responses": {
            "200": {"description": "Done.", "content": {"application/json": {}}},
            "204": {"description": "Done; there is nothing to tell."},
            **{str(status): problems.reference(status) for status in (*problems.statuses_of(method, path), 422)}}}
    if method == "get":
        operation["parameters"] += [{"name": name, "in": "query", "required": name in needed, "schema": schema}
                                    for name, schema in fields.items()]
    elif fields:
        operation["requestBody"] = {"required": bool(needed), "content": {"application/json": {"schema": {
            "type": "object", "properties": fields, "required": needed, "additionalProperties": False}}}}
    return operation
