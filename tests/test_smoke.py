"""The fastest signs of life (seconds in all); run before every merge."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

import inbox
from inbox.core.models import Role


def test_there_is_a_version() -> None:
    assert inbox.__version__.count(".") == 2


def test_application_builds_on_a_migrated_database(session: Session) -> None:
    assert "admin" in session.scalars(select(Role.name)).all()


def test_sign_in_page_answers(app: Flask, client: FlaskClient) -> None:
    if "/sign-in" not in {rule.rule for rule in app.url_map.iter_rules()}:
        pytest.skip("the pages are not there yet")
    assert client.get("/sign-in").status_code in (200, 302)
