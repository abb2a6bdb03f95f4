"""The whole desk as one zip, written while it is read: nothing of it is held in memory or on disk.

Read in one snapshot, so that it fits together while people go on working. Passwords, tokens and what plugins keep in
tables of their own are not in it; `inbox backup` has all of that.
"""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

import inbox
from inbox import secrets
from inbox.config import ConfigError
from inbox.core import attachments, imports, settings
from inbox.core.errors import CoreError
from inbox.core.events import Actor
from inbox.core.models import Attachment, CaughtMail, Ledger, Message, SavedReply, Ticket
from inbox.db import is_sqlite, session, utcnow
from inbox.exchange.form import FORMAT, SECTIONS, VERSION, Section, path_of, written
from inbox.mail import compose, deliver, mime

log = logging.getLogger(__name__)
PAGE = 500
PIECE = 256 * 1024  # bytes handed on at once
WHEN = (1980, 1, 1, 0, 0, 0)  # zip's own clock has no zone; times stand in the rows


class _Pipe:
    """What zipfile writes into: the bytes are taken away again as they come."""

    def __init__(self) -> None:
        self._kept: list[bytes] = []
        self.size = 0

    def write(self, data: bytes) -> int:
        self._kept.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits anywhere."""

    def take(self) -> bytes:
        data, self._kept, self.size = b"".join(self._kept), [], 0
        return data


def stream(by: Actor) -> Iterator[bytes]:
    """The zip, piece by piece. Outside of a transaction. Raises NotAllowed before the first piece."""
    imports.exported(by=by)
    return _pieces()


def _pieces() -> Iterator[bytes]:
    session().rollback()
    if not is_sqlite():
        session().connection(execution_options={"isolation_level": "REPEATABLE READ"})
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, allowZip64=True, compresslevel=3) as archive:  # type: ignore[call-overload]
        for _ in _entries(archive):
            if pipe.size >= PIECE:
                yield pipe.take()
    yield pipe.take()
    session().rollback()


def _entries(archive: zipfile.ZipFile) -> Iterator[None]:
    """Write everything; a breath after each piece."""
    with _entry(archive, "desk.json") as file:
        file.write(json.dumps(_head(), indent=2).encode())
    for section in SECTIONS:
        with _entry(archive, path_of(section)) as file:
            for row in _rows(section):
                file.write(json.dumps(written(row), ensure_ascii=False).encode() + b"\n")
                yield
    of_replies = {each["sha256"] for files in session().scalars(sa.select(SavedReply.files)) for each in files}
    for digest in _digests(Attachment.sha256):
        of_replies.discard(digest)
        yield from _blob(archive, f"files/{digest}", digest)
    for digest in sorted(of_replies):
        yield from _blob(archive, f"files/{digest}", digest)
    for digest in _digests(Ledger.sha256, CaughtMail.sha256):
        yield from _blob(archive, f"mail/{digest}.eml", digest)
    yield from _sent(archive)


def _entry(archive: zipfile.ZipFile, name: str) -> Any:
    info = zipfile.ZipInfo(name, WHEN)
    info.compress_type = zipfile.ZIP_DEFLATED
    return archive.open(info, "w", force_zip64=True)


def _head() -> dict[str, Any]:
    count = sa.func.count()
    return {"format": FORMAT, "version": VERSION, "program": inbox.__version__, "made_at": utcnow().isoformat(),
            "name": settings.get("desk.name"),
            "counts": {each.name: session().scalar(sa.select(count).select_from(each.table)) for each in SECTIONS}}


def _rows(section: Section) -> Iterator[dict[str, Any]]:
    keys = list(section.table.primary_key.columns)
    last: tuple[Any, ...] | None = None
    while True:
        query = sa.select(*section.columns).order_by(*keys).limit(PAGE)
        if last is not None:
            query = query.where(sa.tuple_(*keys) > sa.tuple_(*(sa.literal(value, key.type)
                                                               for key, value in zip(keys, last, strict=True))))
        rows = session().execute(query).mappings().all()
        for row in rows:
            if section.name != "setting" or _is_shared(row):
                yield dict(row)
        if len(rows) < PAGE:
            return
        last = tuple(rows[-1][key.name] for key in keys)


def _is_shared(row: Any) -> bool:
    """Settings of the desk itself: those of plugins may hold keys, and belong to their plugin."""
    return row["scope"] == settings.SITE and row["key"] in settings.DECLARED


def _digests(*columns: Any) -> Iterable[str]:
    """Every content once, in order."""
    last = ""
    while True:
        found = [session().scalar(sa.select(sa.func.min(each)).where(each > last)) for each in columns]
        least = min((each for each in found if each is not None), default=None)
        if least is None:
            return
        yield least
        last = least


def _blob(archive: zipfile.ZipFile, name: str, digest: str) -> Iterator[None]:
    if not attachments.exists(digest):
        return  # purged, or lost: `inbox doctor` tells of it
    with attachments.open_blob(digest) as source, _entry(archive, name) as file:
        while data := source.read(PIECE):
            file.write(data)
            yield


def _sent(archive: zipfile.ZipFile) -> Iterator[None]:
    last = 0
    while True:
        found = session().execute(
            sa.select(Message.id, Ticket.number).join(Ticket, Ticket.id == Message.ticket_id)
            .where(Message.id > last, Message.kind.in_(("reply", "forward")), Message.state != "draft",
                   Message.ledger_id.is_(None)).order_by(Message.id).limit(PAGE)).all()
        for row in found:
            data = _letter(row.id)
            if data is not None:
                with _entry(archive, f"sent/{row.number}-{row.id}.eml") as file:
                    file.write(data)
                yield
        if len(found) < PAGE:
            return
        last = found[-1].id


def _letter(message_pk: int) -> bytes | None:
    """What went out, written anew; None where that is not possible any more (its mailbox or a file is gone)."""
    try:
        message = session().get_one(Message, message_pk)
        mailbox = deliver.mailbox_for(message)
        return compose.compose(deliver.letter_for(message, mailbox)).data if mailbox is not None else None
    except (CoreError, mime.AddressError, deliver.CannotSend, secrets.SecretLost, ConfigError, OSError) as error:
        log.info("Message %d is not written as a letter: %s", message_pk, error)
        return None
    finally:
        session().expunge_all()
