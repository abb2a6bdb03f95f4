"""Static files: each under an address that holds a hash of its content, so that browsers keep it for good."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, send_from_directory
from werkzeug.utils import safe_join

from inbox.web import bundles, compression

FOLDER = Path(__file__).parent.parent / "static"
FOR_EVER = 365 * 24 * 3600  # seconds
BUNDLE = "bundle/"
TEXTS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

blueprint = Blueprint("assets", __name__)


@lru_cache(maxsize=512)
def fingerprint(name: str) -> str:
    """The beginning of a file's SHA-256. Raises FileNotFoundError, so that a misspelt name is noticed."""
    return hashlib.sha256(_content(name)).hexdigest()[:12]


@lru_cache(maxsize=512)
def _content(name: str) -> bytes:
    """The bytes of a file, or of one that is put together of several: `bundle/app.js`. Raises FileNotFoundError."""
    if name.startswith(BUNDLE):
        found = bundles.content(name.removeprefix(BUNDLE))
        if found is None:
            raise FileNotFoundError(name)
        return found
    return (FOLDER / name).read_bytes()


def static_url(name: str) -> str:
    """The address of a static file, e.g. `/static/3f2a…/inbox.css`.

    Modules import each other by relative names; they get the hash of the whole folder, so that one that changed
    is never mixed with an old one.
    """
    is_module = name.endswith(".js") and name.startswith(("js/", BUNDLE))
    return f"/static/{modules_fingerprint() if is_module else fingerprint(name)}/{name}"


@lru_cache(maxsize=1)
def modules_fingerprint() -> str:
    """One hash over all our own modules and what they import."""
    whole = hashlib.sha256()
    for path in sorted([*FOLDER.glob("js/*.js"), *FOLDER.glob("vendor/*.js")]):
        whole.update(path.read_bytes())
    return whole.hexdigest()[:12]


def kept(response: Response, for_ever: bool = True) -> Response:
    """Tell browsers to keep an answer and never to ask again: its address changes with its content. Else to ask each
    time, which Flask says of every file by itself.
    """
    told = response.cache_control
    told.public = True
    if for_ever:
        told.max_age, told.immutable, told.no_cache = FOR_EVER, True, None
    else:
        told.no_cache = True
    return response


@blueprint.get("/static/<version>/<path:name>")
def static_file(version: str, name: str) -> Response:
    """A static file. An address with an old hash still answers, but is not kept."""
    kind = TEXTS.get(name.rpartition(".")[2])
    if kind is None or safe_join(str(FOLDER), name) is None:
        response = send_from_directory(FOLDER, name)
    else:
        try:
            response = _text(_content(name), kind)
        except (OSError, ValueError):  # not there, below a file, or no name that a file can have
            abort(404)
    return kept(response, version in (fingerprint(name), modules_fingerprint()))


def _text(data: bytes, kind: str) -> Response:
    how = compression.wanted()
    response = Response(compression.packed(data, how) if how else data, mimetype=kind)
    response.vary.add("Accept-Encoding")
    if how:
        response.headers["Content-Encoding"] = how
    return response


@blueprint.get("/favicon.ico")
def favicon() -> Response:
    return send_from_directory(FOLDER, "favicon.svg", mimetype="image/svg+xml")


def init(app: Flask) -> None:
    app.register_blueprint(blueprint)
    app.jinja_env.globals["static_url"] = static_url
