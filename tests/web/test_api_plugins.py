"""Operations that plugins add to the REST API."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import api_tokens
from inbox.core.errors import NotFound
from inbox.plugin_host.items import Endpoint
from inbox.plugin_host.models import PluginFault
from inbox.testing.factories import make_agent
from inbox.testing.plugins import host_of, plug

URL = "/api/v1/x/stamps/cards"


@pytest.fixture
def cards(app: Flask, session: Session) -> dict[str, Any]:
    """What the plugin's operations were given last."""
    seen: dict[str, Any] = {}

    def make(agent, values):  # type: ignore[no-untyped-def]
        seen.update(agent=agent.name, values=values)
        return {"id": 7, **values}

    def remove(agent, values, card_id):  # type: ignore[no-untyped-def]
        if card_id != 7:
            raise NotFound()

    def fail(agent, values):  # type: ignore[no-untyped-def]
        raise ValueError("torn")

    def register_endpoints() -> list[Endpoint]:
        return [
            Endpoint("stamps.list_cards", "GET", "/cards", "Cards, newest first",
                     lambda agent, values: {"items": [values]}, takes={"limit": "number?", "q": "text?"}),
            Endpoint("stamps.make_card", "POST", "/cards", "A new card", make,
                     takes={"name": "text", "is_gold": "yes_no?"}, ability="manage_settings"),
            Endpoint("stamps.remove_card", "DELETE", "/cards/<int:card_id>", "Throw a card away", remove),
            Endpoint("stamps.fail", "GET", "/fail", "Fails", fail),
        ]

    plug(app, "stamps", register_endpoints)
    return seen


@pytest.fixture
def ask(app: Flask, session: Session):  # type: ignore[no-untyped-def]
    """Ask the API as an owner: `ask("GET", path)`."""
    _, secret = api_tokens.create(make_agent("Kari", role="owner"), "test")

    def send(method: str, path: str, token: str = secret, **options: Any) -> Any:
        return app.test_client().open(path, method=method, headers={"Authorization": f"Bearer {token}"}, **options)

    return send


def test_register_endpoints_adds_operations(cards, ask) -> None:
    made = ask("POST", URL, json={"name": "Ada", "is_gold": True})
    assert (made.status_code, made.json) == (200, {"id": 7, "name": "Ada", "is_gold": True})
    assert cards == {"agent": "Kari", "values": {"name": "Ada", "is_gold": True}}
    assert ask("GET", f"{URL}?limit=3").json == {"items": [{"limit": 3}]}
    assert ask("DELETE", f"{URL}/7").status_code == 204


@pytest.mark.parametrize(("method", "path", "options", "status", "words"), [
    ("POST", URL, {"json": {}}, 422, "missing"),
    ("POST", URL, {"json": {"name": 3}}, 422, "string"),
    ("POST", URL, {"json": {"name": "a", "color": "red"}}, 422, "no such field"),
    ("POST", URL, {"json": {"name": "a\0"}}, 422, "NUL"),
    ("POST", URL, {"json": ["name"]}, 422, "object"),
    ("POST", URL, {"data": "name=a"}, 415, "JSON"),
    ("GET", f"{URL}?limit=many", {}, 422, "integer"),
    ("DELETE", f"{URL}/8", {}, 404, "nothing here"),
])
def test_what_cannot_be_taken_is_a_problem(cards, ask, method, path, options, status, words) -> None:
    answer = ask(method, path, **options)
    assert answer.status_code == status and answer.mimetype == "application/problem+json"
    assert words in answer.text


def test_a_token_is_needed(cards, app: Flask) -> None:
    answer = app.test_client().get(URL)
    assert answer.status_code == 401 and answer.mimetype == "application/problem+json"


def test_an_ability_is_needed(cards, ask, session: Session) -> None:
    _, secret = api_tokens.create(make_agent(), "test")
    assert ask("POST", URL, secret, json={"name": "Ada"}).status_code == 403
    assert ask("GET", URL, secret).status_code == 200


def test_an_operation_that_fails_is_a_fault(cards, ask, app: Flask, session: Session) -> None:
    host_of(app).raise_faults = False
    answer = ask("GET", "/api/v1/x/stamps/fail")
    assert answer.status_code == 500 and "The plugin stamps failed here" in answer.json["detail"]
    assert session.scalars(sa.select(PluginFault.hook)).all() == ["endpoint stamps.fail"]


def test_operations_are_described_and_there_only_while_the_plugin_is_active(cards, ask, app: Flask) -> None:
    paths = ask("GET", "/api/v1/openapi.json").json["paths"]
    assert paths[URL]["post"]["requestBody"]["content"]["application/json"]["schema"]["required"] == ["name"]
    assert paths[f"{URL}/{{card_id}}"]["delete"]["parameters"][0]["name"] == "card_id"
    assert "/api/v1/tickets" in paths
    host_of(app).builtins -= {"stamps"}
    assert ask("GET", URL).status_code == 404
    assert URL not in ask("GET", "/api/v1/openapi.json").json["paths"]
