"""Attachments and the blob store beneath them: bytes by SHA-256, the database holds none."""

from __future__ import annotations

import gzip
import hashlib
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import sqlalchemy as sa

from inbox import blobs
from inbox.blobs import PACKED
from inbox.core import permissions
from inbox.core.errors import NotFound
from inbox.core.models import Agent, Attachment, CaughtMail, Ledger, SavedReply
from inbox.db import current_config, session

GRACE_SECONDS = 24 * 3600
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class StoredFile:
    """A file that lies in the blob store and can be attached to a message. `size` is in bytes."""

    filename: str
    content_type: str
    size: int
    sha256: str
    is_inline: bool = False
    content_id: str | None = None


def store(data: bytes, *, compress: bool = False) -> str:
    """Keep bytes for good and return their SHA-256. Call it before a transaction, never inside one.

    When it returns they are durable: synced to the disk, or acknowledged by the storage. The same bytes are stored
    once. Raises OSError (disk full, storage away …); nothing half-written stays behind.
    """
    digest = hashlib.sha256(data).hexdigest()
    if not _store().renew(digest):
        if compress:
            _store().put(digest + PACKED, gzip.compress(data, 3, mtime=0))
        else:
            _store().put(digest, data)
    return digest


def read(sha256: str, *, packed: bool = False) -> bytes:
    """The bytes of a blob. Raises NotFound, OSError (the storage is away)."""
    with open_blob(sha256, packed=packed) as file:
        return file.read()


def open_blob(sha256: str, *, packed: bool = False) -> BinaryIO:
    """A blob as a readable file, unpacked on the way. `packed` says how it probably lies there: messages as they
    came are packed, files are not; a wrong guess costs one question. Raises NotFound, OSError (the storage is away).
    """
    for name in _names(sha256, packed):
        try:
            file = _store().open(name)
        except FileNotFoundError:
            continue
        return _unpacked(file) if name.endswith(PACKED) else file
    raise NotFound("The file is no longer in the store.")


def _unpacked(file: BinaryIO) -> BinaryIO:
    unpacked = gzip.GzipFile(fileobj=file, mode="rb")
    unpacked.myfileobj = file  # type: ignore[assignment]  # closed together
    return unpacked  # type: ignore[return-value]


def exists(sha256: str, *, packed: bool = False) -> bool:
    """Whether a blob is in the store. Raises OSError (the storage is away)."""
    try:
        names = _names(sha256, packed)
    except NotFound:
        return False
    return any(_store().stat(name) is not None for name in names)


def _names(sha256: str, packed: bool) -> tuple[str, str]:
    if not _SHA256.fullmatch(sha256):
        raise NotFound("The file is no longer in the store.")
    return (sha256 + PACKED, sha256) if packed else (sha256, sha256 + PACKED)


def _store() -> blobs.BlobStore:
    return blobs.open_store(current_config())


def store_problem() -> str:
    """Why the store of files cannot be used just now, in words; "" when all is well. It may ask another machine."""
    return _store().problem()


def get(attachment_id: int, agent: Agent) -> Attachment:
    """An attachment the agent may see. Raises NotFound."""
    attachment = session().get(Attachment, attachment_id)
    if attachment is None or not permissions.sees(agent, attachment):
        raise NotFound()
    return attachment


def all_blobs() -> Iterator[blobs.Stored]:
    """Every blob, in the order of the digests: for the nightly check and the sweep."""
    return _store().walk()


def missing(digests: Iterable[str]) -> Iterator[str]:
    """Those of `digests`, which come in order, that are not in the store. Reads its list once beside them."""
    there = (each.name.removesuffix(PACKED) for each in all_blobs())
    place = ""
    for digest in digests:
        while place is not None and place < digest:
            place = next(there, None)  # type: ignore[assignment]
        if place != digest and not exists(digest):  # asked again: the list may be older than the row
            yield digest


def sweep(grace_seconds: float = GRACE_SECONDS) -> int:
    """Delete blobs that nothing refers to and that are older than the grace time. Returns how many went."""
    oldest = time.time() - grace_seconds
    gone = 0
    for each in all_blobs():
        if each.modified < oldest and not _is_used(each.name.removesuffix(PACKED)):
            now = _store().stat(each.name)  # a list may be minutes old, and the same bytes have come again
            if now is not None and now.modified < oldest:
                _store().delete(each.name)
                gone += 1
    return gone


def _is_used(sha256: str) -> bool:
    for query in (
        sa.select(Attachment.id).where(Attachment.sha256 == sha256),
        sa.select(Ledger.id).where(Ledger.sha256 == sha256, Ledger.raw_purged_at.is_(None)),
        sa.select(CaughtMail.id).where(CaughtMail.sha256 == sha256),
        sa.select(SavedReply.id).where(sa.cast(SavedReply.files, sa.Text).contains(sha256)),  # there are few of them
    ):
        if session().scalar(query.limit(1)) is not None:
            return True
    return False
