"""The Outbox: mail the built-in catcher kept, shown as the customer would get it. Nothing here left the machine."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, render_template, request, url_for
from markupsafe import Markup

from inbox.core import attachments, tickets
from inbox.core.errors import NotFound
from inbox.core.models import CaughtMail
from inbox.mail import body as bodies
from inbox.mail import catcher, parse, sanitise
from inbox.web.auth import me
from inbox.web.desk import Place, sidebar
from inbox.web.htmx import wants_partial
from inbox.web.messages import HELD, SANDBOX, SHOWN_INLINE, send_blob

blueprint = Blueprint("outbox", __name__)
LAST = 2**63 - 1  # the largest id a database can hold


@blueprint.get("/outbox")
def index() -> Any:
    """What was caught, newest first."""
    before = request.args.get("before", type=int)
    rows, following = catcher.page(me(), before=min(before, LAST) if before else None)
    found = {"rows": rows, "next": following, "numbers": tickets.numbers(row.ticket_id for row in rows)}
    if wants_partial():  # a reply was sent meanwhile: the live stream asks for the rows
        return render_template("outbox/_rows.html", **found)
    return render_template("outbox/list.html", place=Place(None), **found, **sidebar())


@blueprint.get("/outbox/<int:caught_id>")
def show(caught_id: int) -> Any:
    """One message: its headers, its body in a frame, its files."""
    caught, parsed = _read(caught_id)
    number = tickets.numbers([caught.ticket_id]).get(caught.ticket_id or 0)
    return render_template("outbox/page.html", caught=caught, parsed=parsed, number=number, place=Place(None),
                           **sidebar())


@blueprint.get("/outbox/<int:caught_id>/body")
def body(caught_id: int) -> Any:
    """The body for its sandboxed frame: sanitised like mail from anybody, under a policy of its own."""
    _caught, parsed = _read(caught_id)
    made = bodies.build(parsed)
    urls = {each.content_id: url_for("outbox.file", caught_id=caught_id, number=number, filename=each.filename)
            for number, each in enumerate(parsed.attachments) if each.content_id}
    html = _markup(made.html, urls) if made.html else Markup("<pre>{}</pre>").format(made.text)
    page = render_template("ticket/body.html", message=parsed, html=html, quoted=_markup(made.html_quoted, urls),
                           signature=_markup(made.html_signature, urls))
    response = Response(page, mimetype="text/html")
    response.headers["Content-Security-Policy"] = HELD.format(SANDBOX)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _markup(html: str | None, urls: dict[str, str]) -> Markup:
    return Markup(sanitise.fill_cids(html or "", urls))  # noqa: S704 (sanitised by bodies.build)


@blueprint.get("/outbox/<int:caught_id>/raw")
def raw(caught_id: int) -> Any:
    """The message exactly as it would have been sent."""
    caught = catcher.get(caught_id, me())
    return send_blob(caught.sha256, f"outbox-{caught.id}.eml", "application/octet-stream")


@blueprint.get("/outbox/<int:caught_id>/files/<int:number>/<path:filename>")
def file(caught_id: int, number: int, filename: str) -> Any:
    """One file of a message. Pictures of four harmless kinds are shown; everything else is only downloaded."""
    _caught, parsed = _read(caught_id)
    if number >= len(parsed.attachments):
        raise NotFound()
    found = parsed.attachments[number]
    inline = found.content_type in SHOWN_INLINE and request.args.get("download") is None
    response = Response(found.data, mimetype=found.content_type if inline else "application/octet-stream")
    how = "inline" if inline else "attachment"
    response.headers["Content-Disposition"] = f"{how}; filename*=UTF-8''{quote(filename)}"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _read(caught_id: int) -> tuple[CaughtMail, parse.ParsedMessage]:
    caught = catcher.get(caught_id, me())
    return caught, parse.parse(attachments.read(caught.sha256, packed=True))
