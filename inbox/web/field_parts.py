"""How the values of fields are shown, and read from a form with `fields/_input.html`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from flask import Flask
from flask_babel import format_currency, format_date, format_decimal

from inbox.core import fields
from inbox.core.fields import Money


def field_text(value: Any) -> str:
    """The value of a field for people to read, in their language."""
    if isinstance(value, Money):
        return str(format_currency(value.amount, value.currency))
    if isinstance(value, Decimal):
        return str(format_decimal(value))
    if isinstance(value, list):
        return ", ".join(value)
    return str(format_date(value, "medium")) if isinstance(value, dt.date) else str(value or "")


def fields_from_form(items: Sequence[Any], form: Any) -> dict[int, Any]:
    """What a form with `fields/_input.html` says, by field id; fields that are not in it are left out."""
    found: dict[int, Any] = {}
    for item in items:
        name = f"field-{item.id}"
        if name in form:
            found[item.id] = [each for each in form.getlist(name) if each] if item.type == "multi" else form[name]
    return found


def init(app: Flask) -> None:
    app.jinja_env.globals.update(field_text=field_text, typed_value=fields.typed)
