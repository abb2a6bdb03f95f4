"""Looking into a PDF without fetching it first: a page with the file in a frame that has no origin."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from inbox.core import attachments, tickets
from inbox.core.errors import NotFound
from inbox.core.models import Attachment
from inbox.web.auth import me
from inbox.web.messages import send_blob

blueprint = Blueprint("previews", __name__)
PDF = "application/pdf"
MARK = b"%PDF-"
# The answer takes the origin away from the file itself, however it is opened. The frame bears no `sandbox` of its own:
# Chromium shows no PDF at all in such a frame, and the header does the same for what is in it.
HELD = "default-src 'none'; frame-ancestors 'self'; sandbox"


def has_preview(file: Attachment) -> bool:
    """Whether a page can show the file: one that calls itself a PDF. Its bytes are asked when it is opened."""
    return file.content_type == PDF or file.filename.lower().endswith(".pdf")


@blueprint.app_template_global("file_url")
def file_url(file: Attachment) -> str:
    """Where the name of a file in a ticket leads: to a page that shows it, else to the file."""
    where = "previews.show" if has_preview(file) else "messages.attachment"
    return url_for(where, attachment_id=file.id, filename=file.filename)


def _is_pdf(file: Attachment) -> bool:
    with attachments.open_blob(file.sha256) as data:
        return MARK in data.read(1024)  # where the format wants it; some programs write a line above it


@blueprint.get("/attachments/<int:attachment_id>/preview/<path:filename>")
def show(attachment_id: int, filename: str) -> Any:
    """The page around a PDF. What only calls itself one is a download, as every other file."""
    file = attachments.get(attachment_id, me())
    if not (has_preview(file) and _is_pdf(file)):
        return redirect(url_for("messages.attachment", attachment_id=file.id, filename=file.filename))
    ticket = tickets.by_id(file.message.ticket_id, me()) if file.message.ticket_id else None
    return render_template("ticket/preview.html", file=file, ticket=ticket)


@blueprint.get("/attachments/<int:attachment_id>/preview.pdf")
def framed(attachment_id: int) -> Any:
    """A PDF for the frame of its page. Opened in any other way, or by a browser that does not say how, it is a
    download: it never stands in a window as if it were ours."""
    file = attachments.get(attachment_id, me())
    if not (has_preview(file) and _is_pdf(file)):
        raise NotFound()
    inline = request.headers.get("Sec-Fetch-Dest") in ("iframe", "frame") and (
        request.headers.get("Sec-Fetch-Site") == "same-origin")
    response = send_blob(file.sha256, file.filename, PDF if inline else "application/octet-stream", inline=inline)
    response.headers["Content-Security-Policy"] = HELD
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Vary"] = "Sec-Fetch-Dest, Sec-Fetch-Site"
    return response
