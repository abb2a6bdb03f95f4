"""What the search box offers while one types a filter: names and values, fetched once when the box is first used."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify

from inbox.web import view_builder
from inbox.web.auth import me
from inbox.web.i18n import gettext

blueprint = Blueprint("completion", __name__)
COMPARED = ("time", "day", "number")  # kinds of fields: what their values are compared by belongs to the value


@blueprint.get("/search/words")
def show() -> Any:
    """Every filter with the values that are known of it; `sign` is what follows the name, if that is certain."""
    fields = [{"name": each.name, "title": each.title, "values": _values(each), "compared": each.kind in COMPARED,
               "several": each.kind == "several", "sign": "" if each.kind in COMPARED else ":"}
              for each in view_builder.known(me()).values()]
    group = {"name": "any:(", "title": gettext("at least one of several"), "values": [], "sign": ""}
    return jsonify([*fields, group])


def _values(field: view_builder.Field) -> list[tuple[str, str]]:
    if field.kind == "time":
        return [(">24h", gettext("within the last 24 hours")), (">7d", gettext("within the last 7 days")),
                ("<24h", gettext("more than 24 hours ago")), ("<7d", gettext("more than 7 days ago")),
                (">=today", gettext("since today began"))]
    return list(field.choices)
