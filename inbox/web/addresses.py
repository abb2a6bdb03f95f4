"""Addresses of our own pages, for templates: built once, since a page names sixty and most are always the same."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import flask
from flask import Flask, request

KEPT = 5000


def url_for(endpoint: str, **values: Any) -> str:
    """Flask's `url_for`. Raises BuildError when there is no such page."""
    if not endpoint.startswith(".") and all(type(each) in (str, int) or each is None for each in values.values()):
        return _built(endpoint, request.root_path, tuple(values.items()))
    return flask.url_for(endpoint, **values)


@lru_cache(maxsize=KEPT)
def _built(endpoint: str, _root: str, values: tuple[tuple[str, str | int | None], ...]) -> str:
    """`_root` is where a proxy has put the desk: it stands before the address."""
    return flask.url_for(endpoint, **dict(values))  # type: ignore[arg-type]


def init(app: Flask) -> None:
    app.jinja_env.globals["url_for"] = url_for
