"""Import and export, for owners: old mail, a whole desk, and how far it is."""

from __future__ import annotations

import contextvars
import datetime as dt
import os
import zipfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, render_template, request
from werkzeug.utils import secure_filename

from inbox.core import imports, mailboxes
from inbox.core.errors import Invalid
from inbox.core.models import Mailbox
from inbox.db import current_config, release, utcnow, work_context
from inbox.exchange import export
from inbox.mail import import_mail, import_sources
from inbox.web.auth import actor
from inbox.web.i18n import gettext
from inbox.web.settings import blueprint, page, require, saved

ABILITY = "manage_owners"


def folder() -> Path:
    """Where files lie that are too large to be uploaded; what is uploaded goes there, too."""
    return current_config().home / "imports"


def _there() -> list[str]:
    return sorted(each.name for each in folder().iterdir() if not each.name.startswith(".")) if (
        folder().is_dir()) else []


@blueprint.get("/exchange")
def exchange() -> Any:
    """What can be brought in and taken out, and the last imports."""
    require(ABILITY)
    return _page()


def _page(error: Invalid | None = None, status: int = 200) -> Any:
    return page("exchange", status, error=error, files=_there(), folder=folder(), imports=imports.newest(),
                mailboxes=mailboxes.all_mailboxes(), percent=imports.progress_of, form=request.form,
                limit=current_config().max_message_bytes // 1_000_000)


@blueprint.get("/exchange/progress")
def import_progress() -> Any:
    """The list of imports alone; asked again while one is under way."""
    require(ABILITY)
    return render_template("settings/_imports.html", imports=imports.newest(), percent=imports.progress_of)


@blueprint.post("/exchange/export")
def export_desk() -> Any:
    """The whole desk as one file, written while it is sent."""
    require(ABILITY)
    pieces = in_a_context_of_its_own(current_app._get_current_object(),  # type: ignore[attr-defined]
                                      export.stream(actor()))
    name = f"desk-{utcnow():%Y-%m-%d}.zip"
    return Response(pieces, mimetype="application/zip", headers={
        "Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"})


def in_a_context_of_its_own(app: Flask, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """It is read after the request has ended, and with it the request's session."""

    def read() -> Generator[bytes, None, None]:
        with work_context(app):
            yield from pieces

    inner, context = read(), contextvars.Context()
    try:
        while (piece := context.run(next, inner, None)) is not None:
            yield piece
    finally:
        context.run(inner.close)


@blueprint.post("/exchange/import")
def begin_import() -> Any:
    """Ask for an import; the worker does it."""
    require(ABILITY)
    try:
        kind, source = _source()
        imports.begin(by=actor(), kind=kind, source=source, mailbox=None if kind == "desk" else _mailbox(),
                      since=_since(), is_closed=request.form.get("state") != "open")
    except Invalid as problem:
        return _page(problem, 422)
    return saved("settings.exchange", gettext("The import has begun. You may leave this page."))


def _source() -> tuple[str, str]:
    """What is to be brought in: an uploaded file, one that lies in the folder, or a folder of the account."""
    name, imap_folder = request.form.get("name", ""), request.form.get("imap_folder", "").strip()
    upload = request.files.get("file")
    if imap_folder:
        return "imap", imap_folder
    if upload is not None and upload.filename:
        path = _keep(upload.filename, _chunks(upload.stream))
    elif name in _there():
        path = folder() / name
    else:
        raise Invalid("file", "Choose a file, or a folder of the account.")
    try:
        return import_sources.kind_of(path), str(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise Invalid("file", "This file cannot be read.") from error


def _chunks(stream: Any) -> Iterator[bytes]:
    while data := stream.read(1_000_000):
        yield data


def _keep(name: str, data: Iterator[bytes]) -> Path:
    folder().mkdir(mode=0o700, exist_ok=True)
    path = folder() / f"{import_mail.UPLOADED}{utcnow():%Y%m%d-%H%M%S}-{secure_filename(name) or 'mail'}"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        for piece in data:
            file.write(piece)
    release()
    return path


def _mailbox() -> Mailbox:
    number = request.form.get("mailbox_id", "")
    if not number.isdecimal():
        raise Invalid("mailbox_id", "Choose the mailbox whose old mail this is.")
    return mailboxes.get(int(number))


def _since() -> dt.date | None:
    day = request.form.get("since", "").strip()
    try:
        return dt.date.fromisoformat(day) if day else None
    except ValueError:
        raise Invalid("since", "Write a day like 2025-01-31, or nothing.") from None


@blueprint.post("/exchange/<int:import_id>/stop")
def stop_import(import_id: int) -> Any:
    """End it after the message in hand."""
    imports.stop(imports.get(import_id), by=actor())
    return saved("settings.exchange", gettext("The import is stopped. It can go on later."))


@blueprint.post("/exchange/<int:import_id>/go-on")
def go_on_import(import_id: int) -> Any:
    """Go on where it was."""
    require(ABILITY)
    try:
        imports.go_on(imports.get(import_id), by=actor())
    except Invalid as problem:
        return _page(problem, 422)
    return saved("settings.exchange", gettext("The import goes on where it was."))
