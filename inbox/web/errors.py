"""Error pages in plain words: what happened, what was kept, what to do. The same for whole pages and for parts."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, OperationalError
from werkzeug.exceptions import HTTPException

from inbox.blobs import StoreAway
from inbox.core.errors import CoreError, Invalid, NotAllowed, NotFound, RateLimited, Stale
from inbox.plugin_host.call import Rejected
from inbox.web.api import problems
from inbox.web.i18n import gettext

log = logging.getLogger(__name__)
STATUS: dict[type[Exception], int] = {NotFound: 404, NotAllowed: 403, Stale: 409, RateLimited: 429, Invalid: 422,
                                      Rejected: 422}


def _page(status: int, message: str, **headers: str) -> Any:
    if request.htmx and request.htmx.partial:  # type: ignore[attr-defined]
        response = render_template("errors/_alert.html", message=message)
        return response, status, {"HX-Retarget": "#problem", "HX-Reswap": "innerHTML", **headers}
    return render_template("errors/page.html", status=status, message=message), status, headers


def _core(error: CoreError | Rejected) -> Any:
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
    return _page(status, gettext(str(error)))


def _http(error: HTTPException) -> Any:
    if request.path.startswith("/api/"):
        return problems.of_http(error)
    messages = {
        404: gettext("There is nothing here. It may have been moved, or you may not be allowed to see it."),
        405: gettext("This address cannot be used that way."),
        413: gettext("That is too large for this desk. Nothing was sent."),
    }
    code = error.code or 500
    allowed = getattr(error, "valid_methods", None)  # of a 405, which has to name them (RFC 9110, 15.5.6)
    headers = {"Allow": ", ".join(sorted(allowed))} if allowed else {}
    return _page(code, messages.get(code) or error.description or gettext("That did not work."), **headers)


def _csrf(error: CSRFError) -> Any:
    return _page(400, gettext("This page is too old to be sent. Reload it, then try again; your draft is kept."))


def _busy(error: OperationalError) -> Any:
    """The database is locked, gone or full: nothing was changed."""
    log.error("The database did not answer: %s", error)
    words = gettext("The database is busy or cannot be reached. Nothing was changed; try again soon.")
    return _page(503, words, **{"Retry-After": "5"})


def _store_away(error: StoreAway) -> Any:
    """The storage of the files does not answer: what was uploaded is not kept, what was asked for is not here."""
    log.error("The store of files did not answer: %s", error)
    words = gettext("The store of files cannot be reached. Nothing was changed; try again soon.")
    return _page(503, words, **{"Retry-After": "5"})


def _out_of_range(error: OverflowError | DataError) -> Any:
    """Somebody typed an id or a time into an address or a form that no database can hold."""
    log.warning("A value was out of range: %s %s: %s", request.method, request.path, error)
    return _page(422, gettext("A number or a time in this request is out of range. Nothing was changed."))


def _unexpected(error: Exception) -> Any:
    log.exception("A page failed: %s %s", request.method, request.path)
    return _page(500, gettext("Something in the program failed. It was written to the log; "
                              "nothing you typed was sent."))


def init(app: Flask) -> None:
    app.register_error_handler(CoreError, _core)
    app.register_error_handler(Rejected, _core)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(OperationalError, _busy)
    app.register_error_handler(StoreAway, _store_away)
    app.register_error_handler(OverflowError, _out_of_range)
    app.register_error_handler(DataError, _out_of_range)
    app.register_error_handler(HTTPException, _http)
    if not app.testing:
        app.register_error_handler(Exception, _unexpected)
