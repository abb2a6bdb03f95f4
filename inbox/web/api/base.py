"""What every part of the API shares: blueprints that ask for a token, strict schemas, cursors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from flask_smorest import Blueprint

from inbox.core.errors import Invalid
from inbox.web.api import auth, problems

PREFIX = "/api/v1"
LARGEST_PAGE = 100
ID = "int(max=9223372036854775807)"  # a longer number is no id, and databases refuse to compare it
SMALL_ID = 2**31 - 1


class Strict(ma.Schema):
    """A schema of what is sent to us: a field it does not know is an error, not silence."""

    class Meta:
        unknown = ma.RAISE

    @ma.pre_load
    def _text_a_database_can_hold(self, data: Any, **options: Any) -> Any:
        if isinstance(data, Mapping):
            wrong = {str(name): ["Text may hold neither NUL nor half a character."] for name, value in data.items()
                     if any(unfit(each) for each in (value if isinstance(value, list) else [value]))}
            if wrong:
                raise ma.ValidationError(wrong)
        return data


def unfit(value: Any) -> bool:
    """True for text that a database cannot hold."""
    return isinstance(value, str) and ("\0" in value or any("\ud800" <= each <= "\udfff" for each in value))


class PageQuery(Strict):
    """Which page of a list."""

    cursor = ma.fields.String(metadata={"description": "`next` of the page before."})
    limit = ma.fields.Integer(load_default=50, validate=ma.validate.Range(1, LARGEST_PAGE))


def part(name: str, description: str) -> Blueprint:
    """A blueprint of the API: by token only, errors as problem details."""
    blueprint = Blueprint(f"api_{name}", __name__, url_prefix=PREFIX, description=description)
    blueprint.before_request(auth.authenticate)
    problems.register(blueprint)
    return blueprint


def page_of(schema: type[ma.Schema], name: str) -> type[ma.Schema]:
    """The schema of a page of `schema`."""
    fields: Mapping[str, Any] = {
        "items": ma.fields.List(ma.fields.Nested(schema), required=True),
        "next": ma.fields.String(required=True, allow_none=True,
                                 metadata={"description": "Give it as `cursor`; null at the end."}),
    }
    return problems.Shown.from_dict(dict(fields), name=name)


def key_of(cursor: str | None) -> int | None:
    """A cursor that is the id of the last row. Raises Invalid."""
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise Invalid("cursor", "This page is no longer there. Start from the first one.")
    return int(cursor)
