"""htmx: what a request says about itself, and answers that htmx understands.

htmx-flask 0.1 knows the headers of htmx 1; htmx 4 sends `HX-Source` and `HX-Request-Type`, and `HX-Target` as
`div#id`. The subclass adds those.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, make_response, redirect, request
from htmx_flask import Htmx
from htmx_flask.requests import HtmxHeaders


class HtmxRequest(HtmxHeaders):
    """`request.htmx`: true for a request that htmx makes."""

    @property
    def target_id(self) -> str | None:
        """The id of the element that will be swapped."""
        return _id_of(self._headers.get("HX-Target"))

    @property
    def source_id(self) -> str | None:
        """The id of the element that asked."""
        return _id_of(self._headers.get("HX-Source") or self._headers.get("HX-Trigger"))

    @property
    def partial(self) -> bool:
        """True when a part of the page is wanted, not the whole of it."""
        return (bool(self) and self._headers.get("HX-Request-Type", "partial") == "partial"
                and not self.history_restore_request and not self.boosted)


def _id_of(value: str | None) -> str | None:
    return value.split("#", 1)[1] if value and "#" in value else value


def wants_partial() -> bool:
    """True when the current request asks for a part of a page."""
    return bool(request.htmx.partial)  # type: ignore[attr-defined]


def go_to(address: str) -> Any:
    """Send the browser to another page, by htmx or plainly."""
    if request.htmx:  # type: ignore[attr-defined]
        response = make_response("", 204)
        response.headers["HX-Redirect"] = address
        return response
    return redirect(address, 303)


def _vary(response: Response) -> Response:
    response.vary.add("HX-Request")
    return response


def init(app: Flask) -> None:
    Htmx(app)  # replaces app.request_class; ours goes on top of it

    class Request(app.request_class):  # type: ignore[name-defined, misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.htmx = HtmxRequest(self.headers)

    app.request_class = Request
    app.after_request(_vary)
