"""Single messages: a body in its frame, its pictures, attachments, the raw mail, sending again."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, current_app, flash, render_template, request, url_for
from markupsafe import Markup

from inbox.core import attachments, attribution, messages, moving, permissions, sending, tickets
from inbox.core.errors import Invalid, NotFound
from inbox.core.models import Attachment, Ledger, Message
from inbox.db import session, transaction
from inbox.http import Failed
from inbox.mail import filenames, pictures, sanitise, targets
from inbox.web.auth import actor, me
from inbox.web.desk import Place
from inbox.web.forms import linked
from inbox.web.htmx import go_to
from inbox.web.i18n import gettext
from inbox.web.message_links import find_links, with_links
from inbox.web.tickets import answer

blueprint = Blueprint("messages", __name__)
SHOWN_INLINE = {"image/png", "image/jpeg", "image/gif", "image/webp"}
HELD = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'; sandbox {}"
SANDBOX = "allow-same-origin allow-popups allow-popups-to-escape-sandbox"


def inline_urls(message: Message) -> dict[str, str]:
    """Where the inline images of a message lie, by Content-ID."""
    return {each.content_id: url_for("messages.attachment", attachment_id=each.id, filename=each.filename)
            for each in message.attachments if each.content_id}


def body_html(message: Message) -> Markup:
    """A stored, sanitised body, ready for the page."""
    return folded_html(message, message.html)


def folded_html(message: Message, html: str | None, released: bool = False) -> Markup:
    """A part of a stored, sanitised body, ready for the page."""
    filled = targets.tell(sanitise.fill_cids(html or "", inline_urls(message)))
    if released:
        filled = sanitise.show_remote(filled, url_for("messages.picture", message_pk=message.id) + "?at=")
    return Markup(filled)  # noqa: S704 (sanitised on arrival)


def _all_html(message: Message) -> str:
    return (message.html or "") + (message.html_signature or "") + (message.html_quoted or "")


def files_of(message: Message) -> list[Attachment]:
    """The attachments to list: not the images that are shown in the body."""
    body = _all_html(message)
    return [each for each in message.attachments
            if not (each.is_inline and each.content_id and each.content_id in body)]


@blueprint.get("/messages/<int:message_pk>/body")
def body(message_pk: int) -> Any:
    """The HTML of a message, for its sandboxed frame. `?images=1` shows remote images, fetched by us."""
    message = messages.get(message_pk, me())
    released = request.args.get("images") == "1"
    shown, quoted, signature = (folded_html(message, part, released)
                                for part in (message.html, message.html_quoted, message.html_signature))
    find_links([message])
    page = render_template("ticket/body.html", html=with_links(shown, message), quoted=with_links(quoted, message),
                           signature=with_links(signature, message), message=message)
    response = Response(page, mimetype="text/html")
    response.headers["Content-Security-Policy"] = HELD.format(SANDBOX)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


@blueprint.get("/messages/<int:message_pk>/picture")
def picture(message_pk: int) -> Any:
    """A picture from elsewhere that this very message shows (`?at=` its address), fetched by the desk."""
    message, address = messages.get(message_pk, me()), request.args.get("at", "")
    if address not in sanitise.remote_images(_all_html(message)):
        raise NotFound("This message shows no such picture.")
    try:
        found = pictures.get(address)
    except Failed as error:
        return Response(str(error), 502, mimetype="text/plain")
    response = Response(found.data, mimetype=found.content_type)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


@blueprint.post("/messages/<int:message_pk>/height")
def height(message_pk: int) -> Any:
    """The height of a frame once shown, in CSS pixels, so that it does not jump the next time."""
    message = messages.get(message_pk, me())
    pixels = request.form.get("height", 0, type=int)
    if 0 < pixels <= 20_000 and message.frame_height != pixels:
        with transaction():
            message.frame_height = pixels
    return "", 204


@blueprint.get("/attachments/<int:attachment_id>/<path:filename>")
def attachment(attachment_id: int, filename: str) -> Any:
    """A file. Pictures of four harmless kinds are shown; everything else is only downloaded."""
    found = attachments.get(attachment_id, me())
    inline = found.content_type in SHOWN_INLINE and request.args.get("download") is None
    return send_blob(found.sha256, found.filename, found.content_type if inline else "application/octet-stream",
                     inline=inline)


def send_blob(sha256: str, filename: str, content_type: str, *, inline: bool = False) -> Response:
    """The bytes of a blob under a name (RFC 6266), streamed."""
    file = attachments.open_blob(sha256)

    def pieces() -> Any:
        with file:
            while piece := file.read(256 * 1024):
                yield piece

    response = current_app.response_class(pieces(), mimetype=content_type, direct_passthrough=True)
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in filename)
    how = "inline" if inline else "attachment"
    response.headers["Content-Disposition"] = f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(filename)}"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "private, max-age=86400, immutable"
    response.set_etag(sha256)
    response.make_conditional(request)
    return response


@blueprint.get("/messages/<int:message_pk>/raw")
def raw(message_pk: int) -> Any:
    """The message exactly as it came."""
    message = messages.get(message_pk, me())
    row = session().get(Ledger, message.ledger_id) if message.ledger_id else None
    if row is None or row.raw_purged_at is not None:
        raise NotFound("The original of this message is not kept.")
    return send_blob(row.sha256, f"message-{message.id}.eml", "application/octet-stream")


@blueprint.get("/messages/<int:message_pk>/why")
def why(message_pk: int) -> Any:
    """Why a message is in its ticket."""
    message = messages.get(message_pk, me())
    can_move = permissions.may(me(), "change") and message.state not in moving.ON_ITS_WAY
    passed_on = attribution.suggestions(message) if can_move and message.kind == "received" else None
    return render_template("ticket/_why.html", message=message, why=message.why or {}, can_move=can_move,
                           passed_on=passed_on, place=Place.from_request())


@blueprint.post("/messages/<int:message_pk>/move")
def move(message_pk: int) -> Any:
    """Put a message into another ticket (`number`), or into one of its own."""
    message, number = messages.get(message_pk, me()), request.form.get("number", "").strip().lstrip("#")
    if number and not (number.isdecimal() and len(number) < 16):
        raise Invalid("number", "Write the number of a ticket.")
    target = moving.move(message, tickets.get(int(number), me()) if number else None, by=actor(),
                         subject=request.form.get("subject", ""))
    flash(gettext("The message is in ticket %(number)s now.", number=target.number))
    return go_to(Place.from_request().ticket_url(target.number))


@blueprint.post("/messages/<int:message_pk>/move-back")
def move_back(message_pk: int) -> Any:
    """Undo the last move of a message."""
    target = moving.move_back(messages.get(message_pk, me()), by=actor())
    flash(gettext("The message is in ticket %(number)s again.", number=target.number))
    return go_to(Place.from_request().ticket_url(target.number))


@blueprint.post("/messages/<int:message_pk>/written-for")
def written_for(message_pk: int) -> Any:
    """Say whose a message is that somebody passed on; without an address: take that back."""
    message, address = messages.get(message_pk, me()), request.form.get("address", "").strip()
    if address:
        attribution.attribute(message, address, by=actor())
    else:
        attribution.take_back(message, by=actor())
    return go_to(Place.from_request().ticket_url(tickets.by_id(message.ticket_id or 0, me()).number))


@blueprint.post("/messages/<int:message_pk>/retry")
def retry(message_pk: int) -> Any:
    """Send a failed message again."""
    message = messages.get(message_pk, me())
    sending.retry(message, by=actor())
    return answer(tickets.by_id(message.ticket_id or 0, me()))


@blueprint.post("/messages/<int:message_pk>/mark-sent")
def mark_sent(message_pk: int) -> Any:
    """A person knows that the message arrived."""
    message = messages.get(message_pk, me())
    sending.mark_sent(message, by=actor())
    return answer(tickets.by_id(message.ticket_id or 0, me()))


@blueprint.app_template_global("message_parts")
def message_parts(message: Message) -> dict[str, Any]:
    """What a template needs of a message's body and files."""
    plain = not message.html
    return {"html": with_links(linked(message.text) if plain else body_html(message), message),
            "quoted": with_links(linked(message.text_quoted or "") if plain
                                 else folded_html(message, message.html_quoted), message),
            "signature": with_links(linked(message.text_signature or "") if plain
                                    else folded_html(message, message.html_signature), message),
            "files": files_of(message),
            "remote": "data-remote-src" in _all_html(message),
            "can_run": {each.id for each in message.attachments if filenames.can_run(each.filename)},
            "can_retry": permissions.may(me(), "reply")}
