"""Attachments and the blob store beneath them: bytes by SHA-256 on disk, the database holds none."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa

from inbox.core import permissions
from inbox.core.errors import NotFound
from inbox.core.models import Agent, Attachment, CaughtMail, Ledger, SavedReply
from inbox.db import current_config, session

PACKED = ".gz"
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
    """Write bytes to disk, synced, and return their SHA-256. Call it before a transaction, never inside one.

    The same bytes are stored once. Raises OSError (disk full, read-only …); nothing half-written stays behind.
    """
    digest = hashlib.sha256(data).hexdigest()
    folder = _folder(digest)
    for name in (digest, digest + PACKED):
        if (folder / name).exists():
            os.utime(folder / name)  # the sweep spares what was stored again a moment ago
            return digest
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / (digest + PACKED if compress else digest)
    _write_synced(target, gzip.compress(data, 3, mtime=0) if compress else data)
    return digest


def _write_synced(target: Path, data: bytes) -> None:
    scratch = target.with_name(f".{target.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        with scratch.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(sha256: str) -> bytes:
    """The bytes of a blob. Raises NotFound."""
    with open_blob(sha256) as file:
        return file.read()


def open_blob(sha256: str) -> BinaryIO:
    """A blob as a readable file, unpacked on the way. Raises NotFound."""
    folder = _folder(sha256)
    if (folder / sha256).is_file():
        return (folder / sha256).open("rb")
    if (folder / (sha256 + PACKED)).is_file():
        return gzip.open(folder / (sha256 + PACKED), "rb")  # type: ignore[return-value]
    raise NotFound("The file is no longer in the store.")


def exists(sha256: str) -> bool:
    folder = _folder(sha256)
    return (folder / sha256).is_file() or (folder / (sha256 + PACKED)).is_file()


def _folder(sha256: str) -> Path:
    if not _SHA256.fullmatch(sha256):
        raise NotFound("The file is no longer in the store.")
    return current_config().blob_folder / sha256[:2] / sha256[2:4]


def get(attachment_id: int, agent: Agent) -> Attachment:
    """An attachment the agent may see. Raises NotFound."""
    attachment = session().get(Attachment, attachment_id)
    if attachment is None or not permissions.sees(agent, attachment):
        raise NotFound()
    return attachment


def all_blobs() -> Iterator[Path]:
    """Every blob file, for backup and the sweep."""
    root = current_config().blob_folder
    return (path for path in root.glob("??/??/*") if not path.name.startswith(".")) if root.is_dir() else iter(())


def sweep(grace_seconds: float = GRACE_SECONDS) -> int:
    """Delete blobs that nothing refers to and that are older than the grace time. Returns how many went."""
    oldest = time.time() - grace_seconds
    gone = 0
    for path in all_blobs():
        if path.stat().st_mtime < oldest and not _is_used(path.name.removesuffix(PACKED)):
            path.unlink(missing_ok=True)
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
